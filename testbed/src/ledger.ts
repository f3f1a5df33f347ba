import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";

import type { ClaimReply } from "@roost/contract/claim";
import { deviceTopics } from "@roost/contract/topics";
import type { MqttClient } from "mqtt";

import { connect } from "./device.ts";

/** What a check of the ledger against the store found; all zero means: clean. */
export interface LedgerVerdict {
  readonly acknowledged: number;
  readonly stored: number;
  readonly lost: number;
  readonly duplicate: number;
  readonly phantom: number;
  readonly altered: number;
}

/** A stored sample, as read back: one row per metric. */
export interface StoredRow {
  readonly deviceId: string;
  readonly metric: string;
  readonly measuredAtMs: number;
  readonly value: number;
}

const metrics = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;

interface Sent {
  readonly values: readonly number[];
  acknowledged: boolean;
}

interface Member {
  readonly deviceId: string;
  readonly client: MqttClient;
  /** How far back its readings may lie: a device that catches up, in no order. 0: they come as they are measured. */
  readonly lateByMs: number;
  lastMs: number;
  timer?: NodeJS.Timeout;
}

/**
 * An independent client that keeps its own books: it notes what it sends, and what was acknowledged in a file
 * that is on disk before the note counts. After a fault it compares the books with the store.
 */
export class Ledger {
  readonly #sent = new Map<string, Sent>();
  readonly #file: number;
  readonly #clients: Member[] = [];
  readonly #trips: { readonly startedMs: number; readonly tookMs: number }[] = [];
  #pendingLines: string[] = [];
  #pendingSettles: (() => void)[] = [];
  #stopped = false;
  #acknowledged = 0;
  /** When the newest acknowledgement came, on the monotonic clock. */
  lastAcknowledgedMs = -Infinity;
  /** Bytes of a payload, about. */
  static readonly payloadBytes = 256;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /**
   * Milliseconds from publish to acknowledgement of the messages that were under way in none of the spans.
   *
   * @param spans - On the monotonic clock: when something was broken on purpose.
   */
  latenciesOutside(spans: readonly { readonly fromMs: number; readonly toMs: number }[] = []): number[] {
    const met = ({ startedMs, tookMs }: { startedMs: number; tookMs: number }) =>
      spans.some(({ fromMs, toMs }) => startedMs < toMs && startedMs + tookMs > fromMs);
    return this.#trips.filter((trip) => !met(trip)).map(({ tookMs }) => tookMs);
  }

  async join(deviceId: string, credentials: ClaimReply, { lateByMs = 0 }: { lateByMs?: number } = {}): Promise<MqttClient> {
    const client = await connect(credentials, { clean: false, properties: { sessionExpiryInterval: 3600 } });
    client.on("error", () => undefined);
    this.#clients.push({ deviceId, client, lateByMs, lastMs: 0 });
    return client;
  }

  /** Publishes with `perSecond` messages over all devices until stopped; a device that is cut off stops and goes on by itself. */
  start(perSecond: number): void {
    this.#stopped = false;
    const tickMs = 10;
    const perTick = (perSecond * tickMs) / 1_000 / this.#clients.length;
    for (const member of this.#clients) {
      let due = 0;
      member.timer = setInterval(() => {
        due = Math.min(due + perTick, 50);
        while (due >= 1) {
          due -= 1;
          // What the client would queue without bound while it is cut off is not published at all.
          if (member.client.connected) this.#publish(member);
        }
      }, tickMs);
    }
  }

  #publish(member: Member): void {
    const measuredAtMs = this.#nextInstant(member);
    const values = metrics.map(() => Math.round(Math.random() * 1e12) / 1e6);
    const key = `${member.deviceId} ${measuredAtMs}`;
    const sent: Sent = { values, acknowledged: false };
    this.#sent.set(key, sent);
    const body = Object.fromEntries(metrics.map((metric, index) => [metric, values[index]]));
    const startedMs = performance.now();
    member.client.publish(
      deviceTopics(member.deviceId).telemetry,
      JSON.stringify({ timestamp: measuredAtMs, ...body }),
      { qos: 1 },
      (error, packet) => {
        const reason = (packet as { reasonCode?: number } | undefined)?.reasonCode ?? 0;
        if ((error !== undefined && error !== null) || reason >= 0x80) return;
        this.#trips.push({ startedMs, tookMs: performance.now() - startedMs });
        this.lastAcknowledgedMs = performance.now();
        this.#note(key, sent);
      },
    );
  }

  #nextInstant(member: Member): number {
    if (member.lateByMs === 0) return (member.lastMs = Math.max(Date.now(), member.lastMs + 1));
    for (;;) {
      const atMs = Date.now() - Math.floor(Math.random() * member.lateByMs);
      if (!this.#sent.has(`${member.deviceId} ${atMs}`)) return atMs;
    }
  }

  // One fsync covers all acknowledgements of a turn of the event loop; none counts before it.
  #note(key: string, sent: Sent): void {
    this.#pendingLines.push(key);
    this.#pendingSettles.push(() => {
      sent.acknowledged = true;
      this.#acknowledged += 1;
    });
    if (this.#pendingLines.length > 1) return;
    setImmediate(() => {
      const lines = this.#pendingLines;
      const settles = this.#pendingSettles;
      this.#pendingLines = [];
      this.#pendingSettles = [];
      writeSync(this.#file, `${lines.join("\n")}\n`);
      fsyncSync(this.#file);
      for (const settle of settles) settle();
    });
  }

  /** Stops publishing; what is under way may still be acknowledged. */
  stop(): void {
    this.#stopped = true;
    for (const member of this.#clients) clearInterval(member.timer);
  }

  /** Waits until nothing is under way any more; what is never acknowledged is waited for as long as anything that never comes. */
  async quiet(): Promise<void> {
    const endMs = performance.now() + 60_000;
    while (performance.now() < endMs) {
      if ([...this.#sent.values()].every((sent) => sent.acknowledged)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    if (!this.#stopped) this.stop();
    await Promise.all(this.#clients.map(({ client }) => client.endAsync(true).catch(() => undefined)));
    closeSync(this.#file);
  }

  /** What is acknowledged now: taken before a read, it is what that read must show. */
  acknowledgedKeys(): ReadonlySet<string> {
    return new Set([...this.#sent].filter(([, sent]) => sent.acknowledged).map(([key]) => key));
  }

  /**
   * Compares the books with what the store holds.
   *
   * @param due - What must be there: acknowledged before the rows were read, since what is acknowledged meanwhile may be missing in them.
   */
  check(rows: Iterable<StoredRow>, due: ReadonlySet<string>): LedgerVerdict {
    const found = new Map<string, (number | undefined)[]>();
    let duplicate = 0;
    let phantom = 0;
    let altered = 0;
    let stored = 0;
    for (const row of rows) {
      const index = metrics.indexOf(row.metric as (typeof metrics)[number]);
      if (index < 0) continue;
      const key = `${row.deviceId} ${row.measuredAtMs}`;
      const sent = this.#sent.get(key);
      if (sent === undefined) {
        phantom += 1;
        continue;
      }
      let values = found.get(key);
      if (values === undefined) {
        values = Array.from<number | undefined>({ length: metrics.length });
        found.set(key, values);
        stored += 1;
      }
      if (values[index] !== undefined) duplicate += 1;
      else if (!Object.is(row.value, sent.values[index])) altered += 1;
      values[index] = row.value;
    }
    let lost = 0;
    for (const key of due) {
      const values = found.get(key);
      if (values === undefined || values.includes(undefined)) lost += 1;
    }
    return { acknowledged: due.size, stored, lost, duplicate, phantom, altered };
  }
}

/** The p-th percentile of numbers, by rank; `undefined` of none. */
export function percentile(numbers: readonly number[], p: number): number | undefined {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))];
}
