import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { clusterConnection, createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { pause, until } from "@roost/testbed/waiting";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createRotatingConnection } from "./database-password.ts";
import { createDb } from "./db.ts";
import type { Db } from "./db.ts";
import { createLog } from "./log.ts";

const log = createLog({ level: "silent", pretty: false });
const user = `keeper_${randomBytes(4).toString("hex")}`;

describe("a database whose password is rotated while we run", () => {
  let database: TestDatabase;
  let admin: pg.Client;
  let hbaFile: string;
  let hbaBefore: string;
  let file: string;
  let password: string;

  const urlWith = (secret: string) => {
    const { host, database: name } = database.connection;
    return `postgresql://${user}:${encodeURIComponent(secret)}@localhost/${name ?? ""}?host=${encodeURIComponent(host ?? "")}`;
  };
  const inDatabase = async (secret: string) => admin.query(`alter role ${user} password '${secret}'`);
  const newPassword = () => randomBytes(18).toString("base64url");

  async function writeHba(text: string): Promise<void> {
    await admin.query(`copy (select unnest(string_to_array($hba$${text}$hba$, E'\\n'))) to '${hbaFile}'`);
    await admin.query("select pg_reload_conf()");
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    admin = new pg.Client(clusterConnection());
    await admin.connect();
    password = newPassword();
    await admin.query(`create role ${user} login password '${password}'`);
    hbaFile = (await admin.query<{ hba_file: string }>("show hba_file")).rows[0]?.hba_file ?? "";
    hbaBefore = (await admin.query<{ text: string }>("select pg_read_file($1) as text", [hbaFile])).rows[0]?.text ?? "";
    // Others of the run's cluster keep their way in.
    await writeHba(`local all ${user} scram-sha-256\n${hbaBefore}`);
    file = urlWith(password);
    await until("the database asks for the password", () => isRefused("wrong-password"));
  });
  afterAll(async () => {
    await writeHba(hbaBefore);
    await database.drop();
    await admin.query(`drop role ${user}`);
    await admin.end();
  });

  async function isRefused(secret: string): Promise<boolean> {
    const client = new pg.Client({ connectionString: urlWith(secret) });
    return client.connect().then(
      async () => client.end().then(() => false),
      (error: { code?: string }) => error.code === "28P01",
    );
  }

  const connection = () => ({ connectionString: file });
  function open(rotating = createRotatingConnection(() => file)): Db {
    return createDb({ connection: connection(), rotating, log, statementTimeoutMs: 60_000 });
  }

  /** Asks again and again, mostly by fresh connections, until told to end. Any failure is thrown. */
  function load() {
    let over = false;
    const rounds = [0, 0, 0];
    // Between the two steps lies what the machine makes of a third of a second.
    const rotating = createRotatingConnection(() => file, { patienceMs: 60_000 });
    const lasting = open(rotating);
    const one = async (index: number) => {
      while (!over) {
        await lasting.query(sql`select 1 as one`);
        // A pool keeps its connections and would notice nothing: this one signs in anew.
        const fresh = open(rotating);
        await Promise.all([fresh.query(sql`select 1 as one`), fresh.transaction((tx) => tx.query(sql`select 1 as one`))]);
        await (await fresh.connect("a test")).end();
        await fresh.close();
        rounds[index] = (rounds[index] ?? 0) + 1;
      }
    };
    const all = Promise.all(rounds.map((_, index) => one(index)));
    return {
      /** Each has begun a round after now, and ended it well. */
      async goesOn(): Promise<void> {
        const before = [...rounds];
        const isOn = () => before.every((count, index) => (rounds[index] ?? 0) >= count + 2);
        await Promise.race([all, until("all go on", isOn)]);
      },
      async end(): Promise<void> {
        over = true;
        await all;
        await lasting.close();
      },
    };
  }

  it.each(["the database first, then the file", "the file first, then the database"])("N-F29: fails no request: %s", async (order) => {
    const asking = load();
    await asking.goesOn();
    for (let turn = 0; turn < 3; turn += 1) {
      const next = newPassword();
      const steps = [() => inDatabase(next), async () => void (file = urlWith(next))];
      for (const step of order.startsWith("the database") ? steps : steps.toReversed()) {
        await step();
        await pause(300);
      }
      password = next;
      await asking.goesOn();
    }
    await asking.end();
    expect(await isRefused("wrong-password")).toBe(true);
  });

  it("gives up on a password that nobody mends", async () => {
    await inDatabase(newPassword());
    const db = open();
    await expect(db.query(sql`select 1 as one`)).rejects.toMatchObject({ code: "http.unavailable", cause: { code: "28P01" } });
    await inDatabase(password);
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }]);
    await db.close();
  });
});
