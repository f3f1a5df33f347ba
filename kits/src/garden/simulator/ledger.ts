import type { MessageKind, NodeMessage, Reading } from "./node-script.ts";

/** What happened so far, over all nodes. */
export interface Summary {
  readonly connected: number;
  readonly connects: number;
  /** Links that broke. */
  readonly cuts: number;
  /** Readings, by what their messages were meant to be. */
  readonly sent: Readonly<Partial<Record<MessageKind, number>>>;
  readonly readings: number;
  readonly acknowledged: number;
  /** Readings of messages that were not taken, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly waiting: number;
  /** How often a wrong password was refused. */
  readonly knocksRefused: number;
}

/** A line of the journal: one reading that was acknowledged. */
export interface JournalLine {
  readonly deviceId: string;
  /** What it has to be found under; absent: the time it was received. */
  readonly measuredMs?: number;
  readonly values: Readonly<Record<string, number>>;
}

/** The simulator's own books: what it sent and what was acknowledged, to be compared with what is stored. */
export function createLedger(onAcknowledged: (line: JournalLine) => void = () => undefined) {
  const counts = { connected: 0, connects: 0, cuts: 0, readings: 0, acknowledged: 0, refused: 0, knocksRefused: 0 };
  const sent: Partial<Record<MessageKind, number>> = {};
  const refused: Record<string, number> = {};
  /** By node, by metric: values that were acknowledged. */
  const due = new Map<string, Map<string, number>>();

  function note(deviceId: string, { measuredMs, kept, values }: Reading): void {
    let metrics = due.get(deviceId);
    if (metrics === undefined) due.set(deviceId, (metrics = new Map()));
    for (const metric of Object.keys(values)) metrics.set(metric, (metrics.get(metric) ?? 0) + 1);
    onAcknowledged({ deviceId, values, ...(kept === "own time" ? { measuredMs } : {}) });
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
    knocked(refusals: number): void {
      counts.knocksRefused += refusals;
    },
    /** Follows a message from sending to its answer. */
    async follow(deviceId: string, { kind, readings }: Pick<NodeMessage, "kind" | "readings">, answer: Promise<string | undefined>) {
      const n = readings.length;
      sent[kind] = (sent[kind] ?? 0) + Math.max(n, 1);
      counts.readings += n;
      const refusal = await answer;
      if (refusal === undefined) {
        counts.acknowledged += n;
        for (const reading of readings) note(deviceId, reading);
      } else if (n > 0) {
        counts.refused += n;
        refused[refusal] = (refused[refusal] ?? 0) + n;
      }
    },
    /** Values that must be stored of a node, by metric. */
    dueOf: (deviceId: string): ReadonlyMap<string, number> => due.get(deviceId) ?? new Map<string, number>(),
    summary: (): Summary => ({
      connected: counts.connected,
      connects: counts.connects,
      cuts: counts.cuts,
      sent: { ...sent },
      readings: counts.readings,
      acknowledged: counts.acknowledged,
      refused: { ...refused },
      waiting: counts.readings - counts.acknowledged - counts.refused,
      knocksRefused: counts.knocksRefused,
    }),
  };
}

export type Ledger = ReturnType<typeof createLedger>;
