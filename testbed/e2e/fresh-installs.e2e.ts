import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { addApiToken } from "@roost/contract/auth";
import { addNotificationTarget } from "@roost/contract/notifications";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

/** Everything an installation made that somebody could be let in by: what it keeps in files and rows, and what it handed out. */
async function secretsOf(server: ServerProcess): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const keeper = await setUpAdministrator(server);
  found.set("set-up code", server.ready.setupCode ?? "");
  found.set("session cookie", keeper.cookie);
  // The same names and words on both: whatever is derived from them alone would be the same.
  const { credentials } = await addClaimedDevice(server, keeper, "same-device");
  found.set("device password", credentials.mqtt.password);
  const token = await keeper.call(addApiToken, { body: { name: "same token", permissions: ["devices:read"] } });
  found.set("API token", token.secret);
  const target = await keeper
    .call(addNotificationTarget, { body: { kind: "webhook", name: "Hook", url: "https://203.0.113.7/same" } })
    .catch(() => undefined);
  if (target?.signingSecret !== undefined) found.set("signing secret", target.signingSecret);

  for (const file of ["installation.key", "certificates/authority.pem", "certificates/server.pem"]) {
    const path = join(server.dataDir, file);
    expect([file, statSync(path).mode & 0o077]).toEqual([file, 0]);
    found.set(file, readFileSync(path, "utf8"));
  }
  const client = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
  await client.connect();
  // Every column of bytes there is, and what the sign-in library keeps as text.
  const { rows: columns } = await client.query<{ table: string; column: string }>(
    `select c.table_name as table, c.column_name as column from information_schema.columns c
     where c.table_schema = 'public' and (c.data_type = 'bytea' or (c.table_name, c.column_name) in (('accounts', 'password'), ('sessions', 'token')))`,
  );
  for (const { table, column } of columns) {
    const { rows } = await client.query<{ value: string }>(
      `select t."${column}"::text as value from "${table}" t where t."${column}" is not null`,
    );
    // Zeros are where a chain begins, and nobody's secret.
    rows.forEach(({ value }, index) => /^\\x0*$/.test(value) || found.set(`${table}.${column} ${index}`, value));
  }
  await client.end();
  return found;
}

describe("two fresh installs", () => {
  const folders = [createDataDir(), createDataDir()] as const;
  const servers: ServerProcess[] = [];
  beforeAll(async () => {
    for (const { dataDir } of folders) servers.push(await startServer({ dataDir }));
  });
  afterAll(async () => {
    for (const server of servers) await server.terminate();
    for (const folder of folders) folder.remove();
  });

  it("S3: have no secret in common, though everything in them is called the same", async () => {
    const [one, other] = await Promise.all(servers.map(secretsOf));
    if (one === undefined || other === undefined) throw new Error("There are two servers.");
    const values = new Map([...other].map(([name, value]) => [value, name]));
    const shared = [...one].filter(([, value]) => values.has(value)).map(([name, value]) => [name, values.get(value)]);
    expect(shared).toEqual([]);
    expect(one.size).toBeGreaterThan(12);
    for (const name of ["data_keys.wrapped 0", "auth_keys.sealed 0", "session_keys.sealed 0", "audit_keys.sealed 0"])
      expect(one.has(name)).toBe(true);
  });

  it("S3: leave nothing readable for others in the data folder", () => {
    for (const { dataDir } of folders) {
      const open = readdirSync(dataDir, { recursive: true, encoding: "utf8" }).filter((name) => {
        if (name.startsWith("postgres") || name.startsWith("compiled") || name.endsWith("ca.pem")) return false;
        const found = statSync(join(dataDir, name));
        return found.isFile() && (found.mode & 0o077) !== 0;
      });
      expect(open).toEqual([]);
    }
  });
});
