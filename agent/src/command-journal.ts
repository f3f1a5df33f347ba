import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { CommandAck } from "@roost/contract/commands";

/** What the server has to be told of a command. */
export interface Answer {
  readonly id: string;
  readonly ack: CommandAck;
}

/** What is known of a command: begun and not ended, or how it ended. */
export type Known = { readonly state: "begun" } | { readonly state: "answered"; readonly ack: CommandAck };

/** Which commands this device has ever begun; on disk before they begin, so that no restart begins one twice. */
export interface CommandJournal {
  find(id: string): Known | undefined;
  /** Notes that it begins: synced to disk when this returns. @throws what SQLite says when the disk takes nothing. */
  begin(id: string, nowMs: number): void;
  /** Notes how it ended; from then on the server is to be told. */
  end(id: string, ack: CommandAck, nowMs: number): void;
  /** Answers the server has not confirmed, the oldest first. */
  untold(): Answer[];
  told(id: string): void;
  close(): void;
}

const schema = `
  create table if not exists commands (
    turn integer primary key autoincrement, id text not null unique, ack text, told integer not null default 0, at_ms integer not null
  ) strict;`;
/** The server gives up on a command after 30 days; none is sent again after that. Counted, for clocks of boards jump. */
const kept = 10_000;
/** The device stopped in the middle; whether it had an effect nobody knows. */
const interrupted: CommandAck = { state: "failed", code: "interrupted" };

/**
 * Opens the journal, and ends what was begun when the last run ended: it is not begun again.
 *
 * @throws what SQLite says of a disk that takes nothing, or a damaged file.
 */
export function openCommandJournal(file: string): CommandJournal {
  if (file !== ":memory:") mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(file, { timeout: 5_000 });
  // FULL: a command that is noted stays noted, also after a power cut.
  db.exec("pragma journal_mode = wal; pragma synchronous = full;");
  db.exec(schema);
  db.prepare("update commands set ack = ? where ack is null").run(JSON.stringify(interrupted));
  const find = db.prepare("select ack from commands where id = ?");
  const insert = db.prepare(
    "insert into commands (id, ack, at_ms) values (?, ?, ?) on conflict (id) do update set ack = excluded.ack, told = 0",
  );
  const forget = db.prepare("delete from commands where turn <= (select max(turn) from commands) - ? and told = 1");
  const untold = db.prepare("select id, ack from commands where ack is not null and told = 0 order by turn");
  const tell = db.prepare("update commands set told = 1 where id = ?");
  return {
    find(id) {
      const row = find.get(id) as { ack: string | null } | undefined;
      if (row === undefined) return undefined;
      return row.ack === null ? { state: "begun" } : { state: "answered", ack: JSON.parse(row.ack) as CommandAck };
    },
    begin(id, nowMs) {
      insert.run(id, null, nowMs);
      forget.run(kept);
    },
    end: (id, ack, nowMs) => void insert.run(id, JSON.stringify(ack), nowMs),
    untold: () => (untold.all() as { id: string; ack: string }[]).map(({ id, ack }) => ({ id, ack: JSON.parse(ack) as CommandAck })),
    told: (id) => void tell.run(id),
    close: () => db.close(),
  };
}
