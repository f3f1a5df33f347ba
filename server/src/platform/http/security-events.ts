import type { Clock } from "../clock.ts";
import type { Actor } from "../tenancy.ts";
import { addressKey } from "./client-address.ts";

export const securityEventKinds = [
  "rate_limited",
  "foreign_origin",
  "wrong_host",
  "bad_credential",
  "forbidden",
  // Asked for what is not there, or is somebody else's: the answer is the same, and so is the record.
  "not_there",
  "faulty_requests",
  "too_many_connections",
] as const;
export type SecurityEventKind = (typeof securityEventKinds)[number];

/** What was refused to somebody within a minute, in one piece: a flood of requests is no flood of records. */
export interface SecurityEvent {
  readonly kind: SecurityEventKind;
  /** An address that took part; `many` where there were more than are kept apart. */
  readonly remoteAddress: string;
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Whose; absent where nobody knows. */
  readonly organisationId?: string | undefined;
  /** Who; absent where nobody knows. */
  readonly by?: Actor | undefined;
  /** Operations that were asked for, a few of them. */
  readonly operations: readonly string[];
}

export interface Refusal {
  readonly kind: SecurityEventKind;
  readonly remoteAddress: string;
  readonly operation?: string | undefined;
  readonly organisationId?: string | undefined;
  readonly by?: Actor | undefined;
}

/** Gathers refusals into events. */
export interface SecurityEvents {
  note(refusal: Refusal): void;
  /** Reports what is gathered, at once. */
  flush(): void;
  close(): void;
}

const reportEveryMs = 60_000;
const maxApart = 500;
const maxOperations = 5;
/** Faulty requests of an address in a minute that are more than a mistyped form. */
const faultsThatCount = 20;

type Gathering = { -readonly [Name in keyof SecurityEvent]: SecurityEvent[Name] } & { readonly names: Set<string> };

/** Gathers in bounded memory: at most {@link maxApart} rows a minute, and one more of each kind for all the rest. */
export function createSecurityEvents({ clock, report }: { clock: Clock; report: (event: SecurityEvent) => void }): SecurityEvents {
  let gathered = new Map<string, Gathering>();

  function flush(): void {
    const all = gathered;
    gathered = new Map();
    for (const { names, ...event } of all.values()) {
      if (event.kind === "faulty_requests" && event.count < faultsThatCount) continue;
      report({ ...event, operations: [...names] });
    }
  }
  const timer = setInterval(flush, reportEveryMs).unref();

  return {
    note({ kind, remoteAddress, operation, organisationId, by }) {
      const at = new Date(clock.nowMs());
      let key = `${kind} ${addressKey(remoteAddress)} ${by?.kind ?? ""} ${by?.id ?? ""}`;
      const isApart = gathered.has(key) || gathered.size < maxApart;
      if (!isApart) key = kind;
      let event = gathered.get(key);
      if (event === undefined) {
        const who = isApart ? { remoteAddress, organisationId, by } : { remoteAddress: "many" };
        event = { kind, ...who, count: 0, firstAt: at, lastAt: at, operations: [], names: new Set() };
        gathered.set(key, event);
      }
      event.count += 1;
      event.lastAt = at;
      if (operation !== undefined && event.names.size < maxOperations) event.names.add(operation);
    },
    flush,
    close() {
      clearInterval(timer);
      flush();
    },
  };
}
