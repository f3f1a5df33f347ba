import { createHash } from "node:crypto";

import type { Clock } from "./clock.ts";
import type { Queryable } from "./db.ts";
import { rateRules, readRateTable } from "./http/limits.ts";
import type { RateName, RateTable } from "./http/limits.ts";
import type { Metrics } from "./http/metrics.ts";
import type { Log } from "./log.ts";
import { addCounts, addGuess, removeGuess, removeOld } from "./rate-limit-store.ts";
import { inReach, turnTo, waitSeconds } from "./rate.ts";
import type { Rate, WindowCount } from "./rate.ts";

export interface RateLimitsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where the nodes count together. Absent: each node counts alone. */
  readonly db?: Queryable | undefined;
  readonly rates?: RateTable | undefined;
  /** Keys remembered at once per rule; the one that was quiet for longest is forgotten first. */
  readonly maxKeys?: number;
}

/** What came of one try. */
export interface Verdict {
  readonly rule: RateName;
  /** 0 when it passes, else seconds to wait, at least 1. */
  readonly waitSeconds: number;
  /** Of the rule's rates the one that has least left. */
  readonly rate: Rate;
  readonly remaining: number;
  /** Until the window ends that counts now; where nothing passes, as long as the wait. */
  readonly resetSeconds: number;
}

/** Bounds how often somebody may ask, over all nodes, in bounded memory and without a question to the database for each try. */
export interface RateLimits {
  /**
   * Takes one try. What does not pass is not counted.
   *
   * Each node lets pass what its own count and the last known count of all leave. It tells the others when a tenth of a bound is used, at
   * the latest after five seconds: n nodes together let pass at most the bound, a tenth of it for each of them, and what comes in while
   * one statement is on its way.
   */
  take(rule: RateName, key: string): Verdict;
  /**
   * Takes one guess at a secret, counted exactly over all nodes by one statement. Without the database each node holds the bound alone.
   *
   * @returns `giveBack` takes it back: it was no guess after all.
   */
  guess(rule: RateName, key: string): Promise<{ readonly waitSeconds: number; giveBack(): Promise<void> }>;
  /** Tells the other nodes all that they have not heard; for a node that stops, and for tests. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

interface Counter {
  readonly stored: string;
  readonly counts: readonly WindowCount[];
  changedMs: number;
}

const settleAfterMs = 5_000;
const atOnce = 2_000;
const tickMs = 1_000;
const cleanEveryMs = 60_000;

export function createRateLimits(options: RateLimitsOptions): RateLimits {
  const { clock, log, metrics, db, rates = readRateTable(), maxKeys = 50_000 } = options;
  const counters = new Map<RateName, Map<string, Counter>>();
  const guesses = new Map<string, number[]>();
  const waiting = new Map<Counter, RateName>();
  const refusals = metrics.counter({
    name: "roost_rate_limit_refusals_total",
    help: "Tries that were refused because they came too often.",
    labels: ["rule"],
  });
  const failures = metrics.counter({
    name: "roost_rate_limit_store_failures_total",
    help: "Times the nodes could not count together; each of them went on by itself.",
  });
  const isTogether = metrics.gauge({ name: "roost_rate_limit_store_up", help: "1 while the nodes count together." });
  isTogether.set(db === undefined ? 0 : 1);
  // Wall time so that nodes share windows, but as it was at the start: a clock that is put right later opens no window anew.
  const baseMs = clock.nowMs() - clock.monotonicMs();
  const nowMs = () => baseMs + clock.monotonicMs();
  let alone = false;
  let settling: Promise<void> | undefined;
  let soon: NodeJS.Timeout | undefined;
  let cleanedMs = nowMs();

  function storeWorks(): void {
    if (alone) log.info({}, "the nodes count requests together again");
    alone = false;
    isTogether.set(1);
  }
  function storeFails(error: unknown): void {
    failures.add();
    isTogether.set(0);
    // Once per outage: the metric tells how often.
    if (!alone) log.warn({ err: error }, "the nodes cannot count requests together; each holds the limits by itself until they can");
    alone = true;
  }

  function counterOf(rule: RateName, key: string): Counter {
    let ofRule = counters.get(rule);
    if (ofRule === undefined) counters.set(rule, (ofRule = new Map()));
    const known = ofRule.get(key);
    // Deleting first moves the key to the end: a Map keeps the order of insertion, so its first key is the quietest.
    ofRule.delete(key);
    const counter = known ?? {
      stored: storedKey(rule, key),
      counts: rates[rule].map(() => ({ number: 0, current: 0, previous: 0, unsettled: 0 })),
      changedMs: 0,
    };
    ofRule.set(key, counter);
    if (ofRule.size > maxKeys) {
      for (const [quietest, { stored }] of ofRule) {
        ofRule.delete(quietest);
        log.debug({ rule, stored }, "a rate limit forgot its quietest key");
        break;
      }
    }
    return counter;
  }

  function take(rule: RateName, key: string): Verdict {
    const atMs = nowMs();
    const counter = counterOf(rule, key);
    let verdict: Verdict | undefined;
    for (const [index, rate] of rates[rule].entries()) {
      const count = counter.counts[index] as WindowCount;
      const at = atMs / 1_000 / rate.seconds;
      const number = Math.floor(at);
      turnTo(count, number);
      const part = at - number;
      const left = rate.quantity - inReach(count, part);
      // Parts of windows that are numbered by the million are exact to a few nanoseconds.
      const wait = left >= 1 - 1e-6 ? 0 : waitSeconds(count, rate, part);
      // Of several that refuse the longest wait counts; else the one that has the smallest share left.
      const remaining = wait > 0 ? 0 : Math.max(0, Math.floor(left - 1));
      if (
        verdict === undefined ||
        wait > verdict.waitSeconds ||
        (verdict.waitSeconds === 0 && remaining / rate.quantity < verdict.remaining / verdict.rate.quantity)
      )
        verdict = { rule, waitSeconds: wait, rate, remaining, resetSeconds: wait > 0 ? wait : Math.ceil((1 - part) * rate.seconds) };
    }
    if (verdict === undefined) throw new TypeError(`The rule ${rule} has no rates.`);
    if (verdict.waitSeconds > 0) refusals.add(1, { rule });
    else count(rule, counter, atMs);
    return verdict;
  }

  function count(rule: RateName, counter: Counter, atMs: number): void {
    let much = false;
    for (const [index, rate] of rates[rule].entries()) {
      const one = counter.counts[index] as WindowCount;
      one.current += 1;
      one.unsettled += 1;
      if (isSettled(rate) && one.unsettled * 10 >= rate.quantity) much = true;
    }
    if (db === undefined || !rateRules[rule].shared) return;
    if (!waiting.has(counter)) {
      counter.changedMs = atMs;
      waiting.set(counter, rule);
    }
    // Those that come within a moment go out together. While the store is away only the tick tries it.
    if (much && !alone) soon ??= setTimeout(() => void settle(false), 10);
  }

  async function settle(all: boolean): Promise<void> {
    while (settling !== undefined) await settling;
    clearTimeout(soon);
    soon = undefined;
    settling = settleOnce(all).finally(() => (settling = undefined));
    await settling;
  }

  async function settleOnce(all: boolean): Promise<void> {
    if (db === undefined) return;
    const sent: { count: WindowCount; stored: string; seconds: number; number: number; taken: number }[] = [];
    const dueMs = nowMs() - settleAfterMs;
    for (const [counter, rule] of waiting) {
      if (sent.length >= atOnce) break;
      const isDue =
        all || counter.changedMs <= dueMs || rates[rule].some((rate, index) => isMuch(rate, counter.counts[index] as WindowCount));
      if (!isDue) continue;
      waiting.delete(counter);
      for (const [index, rate] of rates[rule].entries()) {
        const one = counter.counts[index] as WindowCount;
        if (!isSettled(rate) || one.unsettled === 0) continue;
        sent.push({ count: one, stored: counter.stored, seconds: rate.seconds, number: one.number, taken: one.unsettled });
        one.unsettled = 0;
      }
    }
    if (sent.length === 0) return;
    try {
      const settled = await addCounts(
        db,
        sent.map(({ stored, seconds, number, taken }) => ({ key: stored, seconds, number, taken })),
      );
      const byKey = new Map(settled.map((one) => [`${one.key} ${one.seconds} ${one.number}`, one]));
      for (const { count: one, stored, seconds, number } of sent) {
        const known = byKey.get(`${stored} ${seconds} ${number}`);
        if (known === undefined || one.number !== number) continue;
        one.current = known.taken + one.unsettled;
        one.previous = Math.max(one.previous, known.before);
      }
      storeWorks();
    } catch (error) {
      // Whether it was written is not known; counting twice is the safe side.
      for (const { count: one, number, taken } of sent) if (one.number === number) one.unsettled += taken;
      storeFails(error);
    }
  }

  async function tick(): Promise<void> {
    await settle(false);
    // What could not be told is tried again by what comes next; keys that stay quiet need nobody to know.
    if (db === undefined || alone || nowMs() - cleanedMs < cleanEveryMs) return;
    cleanedMs = nowMs();
    await removeOld(db, cleanedMs).catch(storeFails);
  }
  const timer = setInterval(() => void tick(), tickMs).unref();

  function guessHere(stored: string, { quantity, seconds }: Rate, atUs: number): number {
    const sinceUs = atUs - seconds * 1e6;
    const made = (guesses.get(stored) ?? []).filter((us) => us > sinceUs);
    guesses.delete(stored);
    guesses.set(stored, made);
    if (guesses.size > maxKeys) {
      for (const quietest of guesses.keys()) {
        guesses.delete(quietest);
        break;
      }
    }
    if (made.length >= quantity) return made[0] ?? atUs;
    made.push(atUs);
    return 0;
  }

  async function guess(rule: RateName, key: string) {
    const [rate] = rates[rule];
    if (rate === undefined) throw new TypeError(`The rule ${rule} has no rates.`);
    const stored = storedKey(rule, key);
    // A guess is named by its moment; the fraction keeps two of one millisecond apart.
    const atUs = Math.floor(nowMs() * 1_000) + Math.floor(Math.random() * 1_000);
    const untilUs = atUs + rate.seconds * 1e6;
    const takeBack = () => {
      const made = guesses.get(stored);
      const at = made?.indexOf(atUs) ?? -1;
      if (at >= 0) made?.splice(at, 1);
    };
    const refused = (oldestUs: number) => {
      refusals.add(1, { rule });
      // Less than the fraction that keeps two moments apart is no second more.
      const wait = Math.max(1, Math.ceil((oldestUs + rate.seconds * 1e6 - atUs - 1_000) / 1e6));
      return { waitSeconds: wait, giveBack: async () => undefined };
    };
    const oldestHereUs = guessHere(stored, rate, atUs);
    if (oldestHereUs > 0) return refused(oldestHereUs);
    if (db !== undefined) {
      try {
        const sinceUs = atUs - rate.seconds * 1e6;
        const oldestUs = await addGuess(db, { key: stored, atUs, sinceUs, untilUs, most: rate.quantity });
        storeWorks();
        if (oldestUs > 0) {
          takeBack();
          return refused(oldestUs);
        }
      } catch (error) {
        storeFails(error);
      }
    }
    return {
      waitSeconds: 0,
      async giveBack() {
        takeBack();
        if (db !== undefined) await removeGuess(db, stored, atUs).catch(storeFails);
      },
    };
  }

  return {
    take,
    guess,
    settle: () => settle(true),
    async close() {
      clearInterval(timer);
      clearTimeout(soon);
      await settle(true);
    },
  };
}

/** Windows shorter than a minute are over before the others could hear of them. */
function isSettled({ seconds }: Rate): boolean {
  return seconds >= 60;
}

function isMuch(rate: Rate, { unsettled }: WindowCount): boolean {
  return isSettled(rate) && unsettled * 10 >= rate.quantity;
}

/** Keys are addresses, e-mails, ids: in the table they are digests of one length. */
function storedKey(rule: RateName, key: string): string {
  return `${rule}:${createHash("sha256").update(key).digest("base64url").slice(0, 22)}`;
}
