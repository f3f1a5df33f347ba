import type { Acknowledgement } from "./acknowledgement.ts";
import type { Log } from "./log.ts";
import type { RecordKind, Spool, SpoolRecord, SpoolStats } from "./spool.ts";

/** Records that are kept in memory while the disk takes none; the newest stay. */
const memoryLimit = 500;

export interface OutboxStats extends SpoolStats {
  /** Kept in memory only, because the disk took none. */
  readonly inMemory: number;
  /** Lost from memory: pushed out by newer ones, while the disk took none. */
  readonly lostFromMemory: number;
  /** The disk takes nothing at present. */
  readonly fault: string | undefined;
}

/**
 * What is to be told to the server: on disk, and, while the disk is full or broken, in a small memory, so that measuring and showing
 * live go on; whoever reads the log or the event of it knows that the promise is weaker then.
 */
export function createOutbox({ spool, log }: { spool: Spool; log: Log }) {
  let memory: SpoolRecord[] = [];
  let [fault, lostFromMemory, lastMemoryId, lastSentId] = [undefined as string | undefined, 0, 0, 0];
  const inFlight = new Set<number>();

  function keepInMemory(kind: RecordKind, measuredAtMs: number, body: string): SpoolRecord {
    // Below zero: never the id of a record on disk.
    const record = { id: --lastMemoryId, kind, measuredAtMs, body };
    memory.push(record);
    if (memory.length > memoryLimit) {
      memory.shift();
      lostFromMemory += 1;
    }
    return record;
  }

  /** After the disk came back, what was in memory goes there too. */
  function recover(): void {
    const kept = memory.filter((record) => !inFlight.has(record.id));
    memory = memory.filter((record) => inFlight.has(record.id));
    for (const record of kept) spool.add(record.kind, record.measuredAtMs, record.body);
  }

  return {
    /** Keeps something to tell; `undefined` when the spool is full of more important things. */
    keep(kind: RecordKind, measuredAtMs: number, body: string): SpoolRecord | undefined {
      try {
        const record = spool.add(kind, measuredAtMs, body);
        if (fault !== undefined) {
          log.info({ inMemory: memory.length, lostFromMemory }, "the spool takes records again");
          fault = undefined;
          recover();
          spool.add("event", measuredAtMs, JSON.stringify({ type: "spool_fault_over", data: { lost: lostFromMemory } }));
        }
        return record;
      } catch (error) {
        const { errcode, errstr } = error as { errcode?: number; errstr?: string };
        if (fault === undefined) log.error({ errcode, errstr }, "the spool takes no records: what is measured now is kept in memory only");
        fault = errstr ?? "unknown";
        return keepInMemory(kind, measuredAtMs, body);
      }
    },
    /** The next to send: events before samples, oldest first, memory last; nothing that is on its way. */
    next(maxRecords: number, maxBytes: number): SpoolRecord[] {
      const events = spool.oldest("event", 1, maxBytes);
      if (events.length > 0) return events;
      const samples = spool.oldest("sample", maxRecords, maxBytes);
      if (samples.length > 0) return samples;
      const first = memory.find((record) => !inFlight.has(record.id));
      if (first === undefined || first.kind === "event") return first === undefined ? [] : [first];
      return memory.filter((record) => record.kind === "sample" && !inFlight.has(record.id)).slice(0, maxRecords);
    },
    sending(records: readonly SpoolRecord[]): void {
      for (const { id } of records) {
        if (id < 0) inFlight.add(id);
        lastSentId = Math.max(lastSentId, id);
      }
      spool.sending(records.map(({ id }) => id));
    },
    unsent(records: readonly SpoolRecord[]): void {
      for (const { id } of records) inFlight.delete(id);
      spool.unsent(records.map(({ id }) => id));
    },
    remove(acknowledgement: Acknowledgement): void {
      const gone = new Set(acknowledgement.recordIds);
      memory = memory.filter((record) => !gone.has(record.id));
      for (const id of gone) inFlight.delete(id);
      spool.remove(acknowledgement);
    },
    refuse(record: SpoolRecord): void {
      memory = memory.filter((one) => one.id !== record.id);
      inFlight.delete(record.id);
      spool.refuse(record.id);
    },
    /** The clock was put forward: what this run measured before and never sent gets the time it was really measured. */
    shift(byMs: number, firstIdOfRun: number): number {
      memory = memory.map((record) => (inFlight.has(record.id) ? record : { ...record, measuredAtMs: record.measuredAtMs + byMs }));
      return spool.shift(Math.max(firstIdOfRun, lastSentId + 1), byMs);
    },
    stats: (): OutboxStats => ({ ...spool.stats(), inMemory: memory.length, lostFromMemory, fault }),
  };
}
export type Outbox = ReturnType<typeof createOutbox>;
