import type { MessageKind } from "./script.ts";

/** What happened so far, over all devices. */
export interface Summary {
  readonly connected: number;
  readonly connects: number;
  /** Links that were broken on purpose, or by others. */
  readonly cuts: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly waiting: number;
  /** By MQTT reason code, such as `0x99`. */
  readonly refused: Readonly<Record<string, number>>;
  /** Not sent because too much waited for its acknowledgement already. */
  readonly skipped: number;
  readonly kinds: Readonly<Partial<Record<MessageKind, number>>>;
  /** From sending to acknowledgement, in milliseconds; absent before the first one. */
  readonly acknowledgementMs?: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
}

// Buckets a tenth wider each: a percentile is off by a twentieth at most, and a day's run takes no more memory than a minute's.
const growth = 1.1;

/** Counts. */
export function createTally() {
  const counts = { connected: 0, connects: 0, cuts: 0, sent: 0, acknowledged: 0, skipped: 0 };
  const refused: Record<string, number> = {};
  const kinds: Partial<Record<MessageKind, number>> = {};
  const buckets: number[] = [];
  let answered = 0;
  let maxMs = 0;

  function percentile(share: number): number {
    const total = buckets.reduce((sum, n) => sum + (n ?? 0), 0);
    let below = 0;
    for (const [index, n] of buckets.entries()) {
      below += n ?? 0;
      if (below >= total * share) return Math.min(maxMs, Math.round(growth ** index * 100) / 1000);
    }
    return maxMs;
  }

  return {
    connected(): void {
      counts.connected += 1;
      counts.connects += 1;
    },
    disconnected(): void {
      counts.connected -= 1;
      counts.cuts += 1;
    },
    sent(kind: MessageKind): void {
      counts.sent += 1;
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    },
    skipped(): void {
      counts.skipped += 1;
    },
    acknowledged(afterMs: number): void {
      answered += 1;
      counts.acknowledged += 1;
      const index = Math.max(0, Math.ceil(Math.log(Math.max(afterMs, 0.001) * 10) / Math.log(growth)));
      buckets[index] = (buckets[index] ?? 0) + 1;
      maxMs = Math.max(maxMs, Math.round(afterMs * 1000) / 1000);
    },
    refused(reason: string): void {
      answered += 1;
      refused[reason] = (refused[reason] ?? 0) + 1;
    },
    summary(): Summary {
      return {
        ...counts,
        waiting: counts.sent - answered,
        refused: { ...refused },
        kinds: { ...kinds },
        ...(counts.acknowledged === 0
          ? {}
          : { acknowledgementMs: { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99), max: maxMs } }),
      };
    },
  };
}

export type Tally = ReturnType<typeof createTally>;
