import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { deviceTopics } from "@roost/contract/topics";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { connect } from "../src/device.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import { scratchFolder } from "../src/scratch.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import { readBySql } from "../src/stored-rows.ts";
import { until } from "../src/waiting.ts";

const program = fileURLToPath(new URL("../../server/src/platform/postgres-throwaway.ts", import.meta.url));

/** A PostgreSQL that is not Roost's own: durable, in a process of its own. */
async function startForeignPostgres(): Promise<{ host: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [program, "--durable"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: scratchFolder() },
  });
  const first = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`PostgreSQL did not start (exit ${code}).`)));
  });
  return {
    host: (JSON.parse(first) as { host: string }).host,
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      await gone;
    },
  };
}

describe("an own PostgreSQL by ROOST_DATABASE_URL", () => {
  let foreign: { host: string; stop(): Promise<void> };
  const folder = createDataDir();
  beforeAll(async () => {
    foreign = await startForeignPostgres();
    const admin = new pg.Client({ host: foreign.host, user: "roost", database: "postgres" });
    await admin.connect();
    await admin.query("create database roost");
    await admin.query("create database careless");
    await admin.query("alter database careless set synchronous_commit = off");
    await admin.end();
  });
  afterAll(async () => {
    await foreign?.stop();
    folder.remove();
  });
  const urlOf = (database: string) => `postgresql://roost@localhost/${database}?host=${encodeURIComponent(foreign.host)}`;

  it("carries the whole way, and a restart finds everything there", async () => {
    const env = { ROOST_DATABASE_URL: urlOf("roost") };
    const first = await startServer({ dataDir: folder.dataDir, env });
    expect(first.ready.databaseSocketDir).toBeUndefined();
    const administrator = await setUpAdministrator(first);
    const { device, credentials } = await addClaimedDevice(first, administrator, "outside-1");
    const client = await connect(credentials, { reconnectPeriod: 0 });
    await client.publishAsync(deviceTopics(device.id).telemetry, '{"temperature":21.5}', { qos: 1 });
    await client.endAsync();
    expect((await first.terminate()).code).toBe(0);
    const second = await first.restart();
    await until("ready", async () => (await fetch(`${second.ready.url}/ready`)).status === 200);
    const rows = await readBySql({ ...second.ready, databaseSocketDir: foreign.host }, [device.id]);
    expect(rows.map((row) => [row.metric, row.value])).toEqual([["temperature", 21.5]]);
    await second.terminate();
  });

  it("R5: is refused where it confirms commits that are not on disk", async () => {
    const careless = createDataDir();
    await expect(startServer({ dataDir: careless.dataDir, env: { ROOST_DATABASE_URL: urlOf("careless") } })).rejects.toThrow(
      "postgres.not_durable",
    );
    careless.remove();
  });
});
