import { httpErrors } from "@roost/contract/errors";

import type { RateLimits, Verdict } from "../rate-limits.ts";
import type { Rate } from "../rate.ts";
import type { RateName, RateTable } from "./limits.ts";

/** What the rules said to one request so far: the one that has least left is told to the client. */
export interface RateNote {
  tightest?: Verdict;
}

/** Counts requests by the rules, and tells clients where they stand. */
export interface RateGate {
  /** @throws {AppError} `http.too_many_requests` */
  take(note: RateNote, rule: RateName, key: string): void;
  /** `X-RateLimit-*`, the fields of the IETF's draft (`RateLimit`, `RateLimit-Policy`) and, where it was refused, `Retry-After`. */
  fieldsOf(note: RateNote): Readonly<Record<string, string>>;
}

export function createRateGate(limits: RateLimits, rates: RateTable): RateGate {
  const policies = new Map(Object.entries(rates).map(([rule, list]) => [rule, list.map((rate) => policyOf(rule, rate)).join(", ")]));
  return {
    take(note, rule, key) {
      const verdict = limits.take(rule, key);
      if (note.tightest === undefined || isTighter(verdict, note.tightest)) note.tightest = verdict;
      if (verdict.waitSeconds > 0) throw httpErrors.too_many_requests({ limit: rule, retryAfterSeconds: verdict.waitSeconds });
    },
    fieldsOf({ tightest }) {
      if (tightest === undefined) return {};
      const { rule, rate, remaining, resetSeconds, waitSeconds } = tightest;
      return {
        "x-ratelimit-limit": String(rate.quantity),
        "x-ratelimit-remaining": String(remaining),
        "x-ratelimit-reset": String(resetSeconds),
        "ratelimit-policy": policies.get(rule) ?? "",
        ratelimit: `"${nameOf(rule, rate)}";r=${remaining};t=${resetSeconds}`,
        ...(waitSeconds > 0 ? { "retry-after": String(waitSeconds) } : {}),
      };
    },
  };
}

function isTighter(one: Verdict, other: Verdict): boolean {
  if (one.waitSeconds !== other.waitSeconds) return one.waitSeconds > other.waitSeconds;
  return one.remaining / one.rate.quantity < other.remaining / other.rate.quantity;
}

function nameOf(rule: string, { seconds }: Rate): string {
  return `${rule}-${seconds}`;
}

function policyOf(rule: string, rate: Rate): string {
  return `"${nameOf(rule, rate)}";q=${rate.quantity};w=${rate.seconds}`;
}
