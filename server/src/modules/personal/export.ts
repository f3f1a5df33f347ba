import type { Sql } from "@roost/contract/sql";

import type { Db } from "../../platform/db.ts";
import type { Within } from "../../platform/tenancy.ts";
import { zip } from "../../platform/zip.ts";
import type { ZipFile } from "../../platform/zip.ts";
import type { DeviceSubject, PersonSubject, TableShare } from "./personal-share.ts";
import { openReader } from "./personal-store.ts";
import type { Reader } from "./personal-store.ts";

/** What of whom is read: one picture of the database each. */
interface Part {
  /** Before the names of its files; empty or with a slash at its end. */
  readonly folder: string;
  /** Absent: rows that belong to no organisation. */
  readonly within: Within | undefined;
  readonly tables: readonly { readonly share: TableShare; readonly where: Sql }[];
}

/** What an export is of, for its manifest. */
export interface ExportHead {
  readonly subject: { readonly kind: "person" | "device"; readonly id: string };
  readonly asked: string;
  readonly madeAt: Date;
  readonly left: readonly string[];
}

export interface ExportSource {
  readonly head: ExportHead;
  readonly parts: readonly Part[];
  /** Values of a device, as CSV. */
  readonly samples?: () => Promise<AsyncIterable<string>>;
}

/** Everything of a person that belongs to themselves alone. */
export function accountPart(shares: readonly TableShare[], subject: PersonSubject): Part {
  return {
    folder: "account/",
    within: undefined,
    tables: shares.flatMap((share) => (share.account === undefined ? [] : [{ share, where: share.account.rows(subject) }])),
  };
}

/** What an organisation may have of somebody's account. */
export function sharedAccountPart(shares: readonly TableShare[], subject: PersonSubject): Part {
  return {
    folder: "account/",
    within: undefined,
    tables: shares.flatMap((share) =>
      share.account?.inOrganisation === undefined ? [] : [{ share, where: share.account.inOrganisation(subject) }],
    ),
  };
}

/** What one organisation keeps of a person. */
export function personPart(shares: readonly TableShare[], subject: PersonSubject, within: Within, folder: string): Part {
  return {
    folder,
    within,
    tables: shares.flatMap((share) => (share.person === undefined ? [] : [{ share, where: share.person.rows(subject) }])),
  };
}

export function devicePart(shares: readonly TableShare[], subject: DeviceSubject, within: Within): Part {
  return {
    folder: "",
    within,
    tables: shares.flatMap((share) =>
      share.device === undefined || share.device.notExported !== undefined ? [] : [{ share, where: share.device.rows(subject) }],
    ),
  };
}

interface FileNote {
  readonly file: string;
  readonly about: string;
  readonly rows: number;
  readonly leftOut?: readonly string[];
}

// A file of an archive ends below 4 GiB; another one goes on.
const mostFileBytes = 2 * 1024 ** 3;

/**
 * A ZIP archive of all that is kept about somebody: JSON per table, samples as CSV, and last `manifest.json`, which says what each file is,
 * why it is kept, how many rows it has and what was left out of it. An archive without a manifest was cut off.
 */
export async function* exportArchive(db: Db, source: ExportSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = await openReader(db);
  const end = () => void reader.close();
  signal.addEventListener("abort", end, { once: true });
  try {
    yield* zip(filesOf(reader, source));
  } finally {
    signal.removeEventListener("abort", end);
    await reader.close();
  }
}

async function* filesOf(reader: Reader, { head, parts, samples }: ExportSource): AsyncGenerator<ZipFile> {
  const notes: FileNote[] = [];
  yield { name: "README.txt", content: [readme(head)] };
  for (const part of parts) {
    await reader.begin(part.within);
    for (const { share, where } of part.tables) {
      const name = `${part.folder}${share.table}.json`;
      const counted = { rows: 0 };
      yield { name, content: jsonRows(reader.rows(share, where), counted) };
      notes.push({
        file: name,
        about: share.about,
        rows: counted.rows,
        ...(share.withheld === undefined ? {} : { leftOut: share.withheld }),
      });
    }
    await reader.end();
  }
  if (samples !== undefined) yield* sampleFiles(await samples(), notes);
  const { subject, asked, madeAt, left } = head;
  const manifest = { format: "roost-personal-data/1", subject, asked, madeAt: madeAt.toISOString(), files: notes, notIncluded: left };
  yield { name: "manifest.json", content: [`${JSON.stringify(manifest, undefined, 2)}\n`] };
}

async function* jsonRows(steps: AsyncIterable<object[]>, counted: { rows: number }): AsyncGenerator<string> {
  for await (const rows of steps) {
    const text = rows.map((row) => JSON.stringify(row)).join(",\n");
    yield counted.rows === 0 ? `[\n${text}` : `,\n${text}`;
    counted.rows += rows.length;
  }
  yield counted.rows === 0 ? "[]\n" : "\n]\n";
}

async function* sampleFiles(lines: AsyncIterable<string>, notes: FileNote[]): AsyncGenerator<ZipFile> {
  const about =
    "Every value the device measured and Roost still has, oldest first: measured_at, received_at, metric, value, unit, quality.";
  const iterator = lines[Symbol.asyncIterator]();
  let next = await iterator.next();
  // The heading comes in a step of its own.
  const heading = next.done === true ? "" : next.value;
  if (next.done !== true) next = await iterator.next();
  for (let number = 1; number === 1 || next.done !== true; number += 1) {
    const name = number === 1 ? "samples.csv" : `samples-${number}.csv`;
    const counted = { rows: 0 };
    async function* content(): AsyncGenerator<string> {
      yield heading;
      for (let bytes = 0; next.done !== true && bytes < mostFileBytes; next = await iterator.next()) {
        bytes += next.value.length;
        counted.rows += next.value.split("\n").length - 1;
        yield next.value;
      }
    }
    yield { name, content: content() };
    notes.push({ file: name, about, rows: counted.rows });
  }
}

function readme({ subject, asked, madeAt }: ExportHead): string {
  return `${asked}

Made by Roost at ${madeAt.toISOString()} for ${subject.kind} ${subject.id}.
Each file is a table of the database as JSON; values of a device are CSV. Times are UTC. manifest.json, the last file, says what each
one is, why it is kept and how many rows it has. Where manifest.json is missing, the archive was cut off: ask for it again.
`;
}
