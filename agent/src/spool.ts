import { existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { Acknowledgement } from "./acknowledgement.ts";

/** What the spool keeps: measurements are routine, events are not. */
export type RecordKind = "sample" | "event";

/** One thing to tell the server. */
export interface SpoolRecord {
  readonly id: number;
  readonly kind: RecordKind;
  readonly measuredAtMs: number;
  /** JSON of an object without its timestamp. */
  readonly body: string;
}

export interface SpoolStats {
  readonly records: number;
  readonly bytes: number;
  /** Removed unsent by the policy, since the spool was made. */
  readonly dropped: { readonly sample: number; readonly event: number };
  /** Removed because the server refused them for good. */
  readonly refused: number;
}

export interface SpoolLimits {
  readonly maxBytes: number;
  readonly maxRecords: number;
}

/** A record costs this much beside its text: row, index, page slack. */
const overheadBytes = 80;

/** How the last run ended. */
export interface SpoolHistory {
  /** `undefined` at the very first start. */
  readonly endedCleanly: boolean | undefined;
  /** Where a damaged spool was put aside, if that happened now. */
  readonly damagedFile?: string;
}

/** What waits on disk until the server has it; survives kills and power cuts. */
export interface Spool {
  readonly history: SpoolHistory;
  /**
   * Keeps a record: on disk, synced, when this returns. Where it does not fit, the oldest samples go first, then the oldest events,
   * and each is counted; what is on its way to the server stays.
   *
   * @returns `undefined` when it was itself dropped: a sample among events only.
   * @throws what SQLite says when the disk is full or broken; the record is then not kept.
   */
  add(kind: RecordKind, measuredAtMs: number, body: string): SpoolRecord | undefined;
  /** The oldest records of a kind that are not on their way, up to both limits. */
  oldest(kind: RecordKind, maxRecords: number, maxBytes: number): SpoolRecord[];
  /** Marks records as on their way. */
  sending(recordIds: readonly number[]): void;
  /** Takes the mark off: no answer came. */
  unsent(recordIds: readonly number[]): void;
  /**
   * Removes what the server has for good. Where the disk takes not even that, it is done later, and nothing of it is sent again
   * in this run; a later run may, and the server knows it already.
   */
  remove(acknowledgement: Acknowledgement): void;
  /** Removes one that the server will never take, and counts it. */
  refuse(recordId: number): void;
  /** Mends the stamps of records from `fromId` on that were never sent: the clock was put forward after they were measured. */
  shift(fromId: number, byMs: number): number;
  stats(): SpoolStats;
  /** Marks the end as clean. */
  close(): void;
}

const schema = `
  create table if not exists records (
    id integer primary key autoincrement, kind text not null, measured_at_ms integer not null, body text not null, bytes integer not null
  ) strict;
  create index if not exists records_kind_idx on records (kind, id);
  create table if not exists counters (name text primary key, value integer not null) strict, without rowid;`;

const corrupt = 11;
const notADatabase = 26;

function open(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  try {
    // FULL: what was confirmed is on the disk, also after a power cut; WAL: one sync per record.
    db.exec("pragma journal_mode = wal; pragma synchronous = full; pragma journal_size_limit = 4194304;");
    db.exec(schema);
    const { value: endedCleanly } = (db.prepare("select value from counters where name = 'ended_cleanly'").get() ?? {}) as {
      value?: number;
    };
    if (endedCleanly !== 1) {
      const { quick_check: verdict } = db.prepare("pragma quick_check(1)").get() as { quick_check: string };
      if (verdict !== "ok") throw Object.assign(new Error(verdict), { errcode: corrupt });
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A damaged spool is put aside, never deleted: measuring goes on, and somebody may save what is in it. */
function openOrPutAside(file: string, nowMs: number): { db: DatabaseSync; damagedFile?: string } {
  try {
    return { db: open(file) };
  } catch (error) {
    const { errcode } = error as { errcode?: number };
    if (errcode === undefined || ![corrupt, notADatabase].includes(errcode & 0xff)) throw error;
    const damagedFile = `${file}.damaged-${nowMs}`;
    for (const suffix of ["", "-wal", "-shm"]) {
      if (existsSync(file + suffix)) renameSync(file + suffix, damagedFile + suffix);
    }
    return { db: open(file), damagedFile };
  }
}

interface Row {
  id: number;
  kind: RecordKind;
  measured_at_ms: number;
  body: string;
  bytes: number;
}

/** Opens the spool, makes it at the first start; `:memory:` for one that ends with the process. */
export function openSpool({ file, limits, nowMs }: { file: string; limits: SpoolLimits; nowMs: number }): Spool {
  if (file !== ":memory:") mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const { db, damagedFile } = openOrPutAside(file, nowMs);
  const insert = db.prepare("insert into records (kind, measured_at_ms, body, bytes) values (?, ?, ?, ?)");
  const select = db.prepare("select id, kind, measured_at_ms, body, bytes from records where kind = ? and id > ? order by id limit ?");
  const remove = db.prepare("delete from records where id = ? returning bytes");
  const count = db.prepare(
    "insert into counters (name, value) values (?, ?) on conflict (name) do update set value = value + excluded.value",
  );
  const put = db.prepare("insert into counters (name, value) values (?, ?) on conflict (name) do update set value = excluded.value");
  const counter = db.prepare("select value from counters where name = ?");
  const counted = (name: string) => (counter.get(name) as { value: number } | undefined)?.value;
  const inFlight = new Set<number>();
  const settled = new Map<number, "delivered" | "refused">();
  const total = db.prepare("select count(*) as records, coalesce(sum(bytes), 0) as bytes from records").get() as {
    records: number;
    bytes: number;
  };

  const lastEnd = counted("ended_cleanly");
  noteEnd(0);

  /** Best effort: on a full disk the next start merely takes this end for an unclean one. */
  function noteEnd(value: 0 | 1): void {
    try {
      put.run("ended_cleanly", value);
    } catch {
      // What cannot be written will be said by the first record that cannot.
    }
  }

  /** All or nothing; `total` follows only what was committed. */
  function write<Result>(work: (change: { records: number; bytes: number }) => Result): Result {
    const change = { records: 0, bytes: 0 };
    db.exec("begin immediate");
    try {
      const result = work(change);
      db.exec("commit");
      total.records += change.records;
      total.bytes += change.bytes;
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec("rollback");
      throw error;
    }
  }

  function take(id: number, change: { records: number; bytes: number }): boolean {
    const row = remove.get(id) as { bytes: number } | undefined;
    if (row === undefined) return false;
    change.records -= 1;
    change.bytes -= row.bytes;
    return true;
  }

  function* waiting(kind: RecordKind): Generator<Row> {
    let after = 0;
    for (;;) {
      const rows = select.all(kind, after, 500) as unknown as Row[];
      if (rows.length === 0) return;
      for (const row of rows) {
        after = row.id;
        if (!inFlight.has(row.id)) yield row;
      }
    }
  }

  function fits(change: { records: number; bytes: number }, bytes: number): boolean {
    return total.records + change.records < limits.maxRecords && total.bytes + change.bytes + bytes <= limits.maxBytes;
  }

  /** Makes room for a record of the kind; false when only more important ones are left to drop. */
  function makeRoom(kind: RecordKind, bytes: number, change: { records: number; bytes: number }): boolean {
    for (const victim of kind === "event" ? (["sample", "event"] as const) : (["sample"] as const)) {
      let dropped = 0;
      for (const row of waiting(victim)) {
        if (fits(change, bytes)) break;
        if (take(row.id, change)) dropped += 1;
      }
      if (dropped > 0) count.run(`dropped_${victim}`, dropped);
    }
    return fits(change, bytes);
  }

  /** Removes what is settled; a full disk takes no deletion either. */
  function settle(): void {
    try {
      write((change) => {
        for (const [id, outcome] of settled) if (take(id, change) && outcome === "refused") count.run("refused", 1);
      });
    } catch {
      for (const id of settled.keys()) inFlight.add(id);
      return;
    }
    for (const id of settled.keys()) inFlight.delete(id);
    settled.clear();
  }

  return {
    history: {
      endedCleanly: lastEnd === undefined ? undefined : lastEnd === 1,
      ...(damagedFile === undefined ? {} : { damagedFile }),
    },
    add(kind, measuredAtMs, body) {
      const added = write((change) => {
        const bytes = Buffer.byteLength(body) + overheadBytes;
        if (!fits(change, bytes) && !makeRoom(kind, bytes, change)) {
          count.run(`dropped_${kind}`, 1);
          return undefined;
        }
        const { lastInsertRowid } = insert.run(kind, measuredAtMs, body, bytes);
        change.records += 1;
        change.bytes += bytes;
        return { id: Number(lastInsertRowid), kind, measuredAtMs, body };
      });
      if (settled.size > 0) settle();
      return added;
    },
    oldest(kind, maxRecords, maxBytes) {
      const records: SpoolRecord[] = [];
      let bytes = 0;
      for (const row of waiting(kind)) {
        bytes += row.bytes;
        if (records.length > 0 && bytes > maxBytes) break;
        records.push({ id: row.id, kind: row.kind, measuredAtMs: row.measured_at_ms, body: row.body });
        if (records.length >= maxRecords) break;
      }
      return records;
    },
    sending(recordIds) {
      for (const id of recordIds) inFlight.add(id);
    },
    unsent(recordIds) {
      for (const id of recordIds) inFlight.delete(id);
    },
    remove(acknowledgement) {
      for (const id of acknowledgement.recordIds) settled.set(id, "delivered");
      settle();
    },
    refuse(recordId) {
      settled.set(recordId, "refused");
      settle();
    },
    shift: (fromId, byMs) =>
      write(() => Number(db.prepare("update records set measured_at_ms = measured_at_ms + ? where id >= ?").run(byMs, fromId).changes)),
    stats: () => ({
      records: total.records,
      bytes: total.bytes,
      dropped: { sample: counted("dropped_sample") ?? 0, event: counted("dropped_event") ?? 0 },
      refused: counted("refused") ?? 0,
    }),
    close() {
      noteEnd(1);
      db.close();
    },
  };
}
