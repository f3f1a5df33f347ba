import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import pg from "pg";

/** What benchmarks use of the telemetry store; the programs load it from the server, as it runs there. */
export interface TelemetryUnderTest {
  compact(options: { force?: boolean }): Promise<{ values: number }>;
  query(query: {
    readonly within?: { readonly organisationId: string };
    deviceKey: number;
    metric: string;
    from: Date;
    to: Date;
    resolutionSeconds?: number;
    maxPoints: number;
    timeZone: string;
  }): Promise<{ at: number[]; resolutionSeconds: number }>;
}

/** A throw-away PostgreSQL with the migrated schema, the telemetry store on it, and a connection of our own. */
export interface StoreUnderTest {
  readonly client: pg.Client;
  readonly telemetry: TelemetryUnderTest;
  /** Opens a segment, which closes the one before; answers its table. */
  openSegment(): Promise<string>;
  close(): Promise<void>;
}

const from = (path: string): string => new URL(`../../server/src/${path}`, import.meta.url).href;

/** A durable throw-away PostgreSQL with any number of stores, each in a database of its own. */
export interface ClusterUnderTest {
  openStore(database: string): Promise<StoreUnderTest>;
  close(): Promise<void>;
}

/** Starts a durable throw-away PostgreSQL; it ends with this process. */
export async function openCluster(): Promise<ClusterUnderTest> {
  const program = fileURLToPath(from("platform/postgres-throwaway.ts"));
  const child = spawn(process.execPath, [program, "--durable"], { stdio: ["pipe", "pipe", "inherit"] });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`The throw-away PostgreSQL did not start (exit ${code}).`)));
  });
  const cluster = JSON.parse(line) as pg.PoolConfig;
  return {
    async openStore(database) {
      const admin = new pg.Client(cluster);
      await admin.connect();
      await admin.query(`create database ${database}`);
      await admin.end();
      return openStoreIn({ ...cluster, database });
    },
    async close() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      await gone;
    },
  };
}

async function openStoreIn(connection: pg.PoolConfig): Promise<StoreUnderTest> {
  const client = new pg.Client(connection);
  await client.connect();
  const folder = fileURLToPath(new URL("../../server/migrations/", import.meta.url));
  for (const file of readdirSync(folder).sort()) await client.query(readFileSync(folder + file, "utf8"));

  const { createDb } = (await import(from("platform/db.ts"))) as { createDb: (options: object) => Db };
  const { createLog } = (await import(from("platform/log.ts"))) as { createLog: (options: object) => object };
  const { systemClock } = (await import(from("platform/clock.ts"))) as { systemClock: object };
  const { createTelemetry } = (await import(from("modules/telemetry/telemetry.ts"))) as {
    createTelemetry: (deps: object) => TelemetryUnderTest;
  };
  // Nothing that benchmarks do is on record.
  const audit = { record: async () => undefined };
  const { openSegment } = (await import(from("modules/telemetry/segment-store.ts"))) as {
    openSegment: (tx: object) => Promise<{ table: string }>;
  };
  const log = createLog({ level: "warn", pretty: false });
  const db = createDb({ connection, log, statementTimeoutMs: 60_000 });
  return {
    client,
    telemetry: createTelemetry({ audit, db, clock: systemClock, log }),
    async openSegment() {
      // Nobody else writes here.
      await client.query("update segment_writers set closed = true; update hot_segments set closed_at = now() where closed_at is null");
      return (await db.transaction(openSegment)).table;
    },
    async close() {
      await db.close();
      await client.end();
    },
  };
}

interface Db {
  transaction<Result>(work: (tx: object) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** Whose everything is in a benchmark. */
export const benchOrganisation = "01900000-0000-7000-8000-000000000000";

/** Adds an organisation and devices with keys 1 to `devices`, each with the metrics; series keys count up device by device. */
export async function addDevices(client: pg.Client, devices: number, metrics: readonly string[]): Promise<void> {
  await client.query("truncate organisations, devices, series restart identity cascade");
  await client.query("insert into organisations (id, name, slug) values ($1, 'Bench', 'bench')", [benchOrganisation]);
  await client.query(
    "insert into devices (id, organisation_id, name, kind) select 'device-' || i, $1, 'Device', 'generic' from generate_series(1, $2::integer) i order by i",
    [benchOrganisation, devices],
  );
  await client.query(
    "insert into series (device_key, organisation_id, metric) select d.key, $1, m.metric from devices d cross join unnest($2::text[]) with ordinality m (metric, i) order by d.key, m.i",
    [benchOrganisation, metrics],
  );
}

/** The value below which a share of the measurements lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
