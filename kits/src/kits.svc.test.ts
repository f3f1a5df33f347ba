import type { KitServerFace, KitTableShare } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";
import { createKitDatabase } from "@roost/testbed/kit-database";
import type { TestKitDatabase } from "@roost/testbed/kit-database";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { serverFaces } from "./server-faces.ts";

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

const kept = serverFaces.filter((face): face is KitServerFace & { migrations: URL } => face.migrations !== undefined);

describe.each(kept.map((face) => ({ id: face.kit.id, face })))("the tables of the kit $id", ({ id, face }) => {
  let db: TestKitDatabase;
  let columns: readonly Column[];
  beforeAll(async () => {
    db = await createKitDatabase(id, face.migrations);
    columns = await db.query<Column>(sql`
      select n.nspname || '.' || c.relname as "table", a.attname as "column", format_type(a.atttypid, null) as type
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
      where n.nspname = ${`kit_${id}`} and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped order by 1, a.attnum`);
  });
  afterAll(async () => db.drop());

  const shares = face.personal ?? [];
  const shareOf = (table: string): KitTableShare | undefined => shares.find((share) => share.table === table);
  const named = (found: readonly Column[]) => found.map(({ table, column }) => `${table}.${column}`);

  it("S15, T-F12: are all declared, with what of them is of a person or a device", () => {
    const tables = [...new Set(columns.map(({ table }) => table))];
    expect(tables.length).toBeGreaterThan(0);
    expect(shares.map(({ table }) => table).toSorted()).toEqual(tables.toSorted());
    expect(tables.filter((table) => !columns.some((column) => column.table === table && column.column === "organisation_id"))).toEqual([]);
    expect(shares.filter(({ about }) => about.length < 20)).toEqual([]);
  });

  it("S15: have every column declared that names a person or a device", () => {
    const people = columns.filter(
      ({ column, type }) => type === "text" && /(?:^|_)(?:by|by_name|email|ip_address|user_agent)$/.test(column),
    );
    expect(named(people.filter(({ table, column }) => shareOf(table)?.people?.includes(column) !== true))).toEqual([]);
    const devices = columns.filter(({ column }) => /^device_(?:id|key)$/.test(column));
    expect(named(devices.filter(({ table, column }) => shareOf(table)?.device?.column !== column))).toEqual([]);
    const texts = columns.filter(({ column }) => /^(?:name|title|text|place|notes?|device_name|species|body)$/.test(column));
    expect(named(texts.filter(({ table, column }) => shareOf(table)?.words?.includes(column) !== true))).toEqual([]);
  });

  it("S15, GA-19: hand out no secret, and declare no column that is not there", () => {
    const known = new Set(named(columns));
    const told = shares.flatMap(({ table, people = [], words = [], withheld = [], device }) =>
      [...people, ...words, ...withheld, ...(device === undefined ? [] : [device.column])].map((column) => `${table}.${column}`),
    );
    const sealed = (face.sealedColumns ?? []).map(({ table, column }) => `${table}.${column}`);
    expect([...told, ...sealed].filter((name) => !known.has(name))).toEqual([]);
    const bytes = columns.filter(({ type }) => type === "bytea");
    // What is kept as bytes is sealed: the rotation of the key walks it, and no export has it.
    expect(named(bytes).filter((name) => !sealed.includes(name))).toEqual([]);
    expect(named(bytes.filter(({ table, column }) => shareOf(table)?.withheld?.includes(column) !== true))).toEqual([]);
  });
});
