import type { DeviceConfiguration, ReportedConfiguration } from "@roost/contract/configuration";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { emit, emitAll } from "../../platform/events.ts";
import type { WantedConfiguration } from "./configuration-state.ts";

/** What is wanted and what was reported, as it is kept. */
export interface StoredConfiguration {
  readonly wanted: WantedConfiguration;
  readonly changedBy: string | undefined;
  readonly changedAt: Date | undefined;
  readonly reported: ReportedConfiguration | undefined;
  readonly reportedAt: Date | undefined;
}

interface ConfigurationRow {
  heartbeat_seconds: number;
  version: number | null;
  sample_seconds: number | null;
  settings: DeviceConfiguration["settings"] | null;
  changed_by: string | null;
  changed_at: Date | null;
  reported: ReportedConfiguration | null;
  reported_at: Date | null;
}

/** A device's configuration; the first version is what it was told when it was claimed. */
export async function findConfiguration(db: Queryable, organisationId: string, id: string): Promise<StoredConfiguration | undefined> {
  const [row] = await db.query<ConfigurationRow>(sql`
    select d.heartbeat_seconds, c.version, c.sample_seconds, c.settings, c.changed_by, c.changed_at, c.reported, c.reported_at
    from devices d left join device_configurations c on c.device_id = d.id
    where d.id = ${id} and d.organisation_id = ${organisationId} and not d.hidden`);
  if (row === undefined) return undefined;
  return {
    wanted: {
      version: row.version ?? 1,
      heartbeatSeconds: row.heartbeat_seconds,
      sampleSeconds: row.sample_seconds ?? row.heartbeat_seconds,
      settings: row.settings ?? {},
    },
    changedBy: row.changed_by ?? undefined,
    changedAt: row.changed_at ?? undefined,
    reported: row.reported ?? undefined,
    reportedAt: row.reported_at ?? undefined,
  };
}

/** Makes the next version of a device's configuration; the device's row is locked and has its heartbeat already. */
export async function makeVersion(
  tx: Transaction,
  { organisationId, id, by }: { organisationId: string; id: string; by: string },
  change: { sampleSeconds?: number | null | undefined; settings?: DeviceConfiguration["settings"] | undefined } = {},
): Promise<void> {
  const { sampleSeconds, settings } = change;
  const document = settings === undefined ? null : JSON.stringify(settings);
  await tx.query(sql`
    insert into device_configurations as c (device_id, organisation_id, version, sample_seconds, settings, changed_by)
    values (${id}, ${organisationId}, 2, ${sampleSeconds ?? null}, coalesce(${document}::jsonb, '{}'), ${by})
    on conflict (device_id) do update set version = c.version + 1,
      sample_seconds = case when ${sampleSeconds !== undefined} then excluded.sample_seconds else c.sample_seconds end,
      settings = coalesce(${document}::jsonb, c.settings), changed_by = excluded.changed_by, changed_at = now()`);
  await emit(tx, { organisationId, type: "device.configured", nounId: id });
}

interface PublishedRow {
  id: string;
  heartbeat_seconds: number;
  version: number;
  sample_seconds: number | null;
  settings: DeviceConfiguration["settings"];
}

/**
 * What the door shows devices that ask, of all devices or one. What nobody ever set is not published: the device has it from its claim. A device
 * without credentials is shown nothing.
 */
export async function loadPublished(db: Queryable, id?: string): Promise<{ deviceId: string; wanted: WantedConfiguration }[]> {
  const rows = await db.query<PublishedRow>(sql`
    select d.id, d.heartbeat_seconds, c.version, c.sample_seconds, c.settings
    from device_configurations c join devices d on d.id = c.device_id
    where c.version > 1 and d.state <> 'revoked' ${id === undefined ? sql`` : sql`and d.id = ${id}`}`);
  return rows.map((row) => ({
    deviceId: row.id,
    wanted: {
      version: row.version,
      heartbeatSeconds: row.heartbeat_seconds,
      sampleSeconds: row.sample_seconds ?? row.heartbeat_seconds,
      settings: row.settings,
    },
  }));
}

/** What a device said it is set to. */
export interface ReportRow {
  readonly deviceId: string;
  readonly reported: ReportedConfiguration;
}

/** Keeps what devices say they are set to, in the transaction of the batch it came with; of several of one device the last one stands. */
export async function reportConfigurations(tx: Transaction, rows: readonly ReportRow[]): Promise<void> {
  if (rows.length === 0) return;
  const newest = [...new Map(rows.map((row) => [row.deviceId, row])).values()].sort((one, other) =>
    one.deviceId < other.deviceId ? -1 : 1,
  );
  const changed = await tx.query<{ device_id: string; organisation_id: string }>(sql`
    insert into device_configurations as c (device_id, organisation_id, version, reported_version, reported, reported_at)
    select d.id, d.organisation_id, 1, (n.reported ->> 'version')::int, n.reported, now()
    from unnest(${newest.map((row) => row.deviceId)}::text[], ${newest.map((row) => JSON.stringify(row.reported))}::jsonb[]) as n (device_id, reported)
    join devices d on d.id = n.device_id
    on conflict (device_id) do update set reported_version = excluded.reported_version, reported = excluded.reported, reported_at = now()
    where c.reported is distinct from excluded.reported
    returning c.device_id, c.organisation_id`);
  await emitAll(
    tx,
    changed.map((row) => ({ organisationId: row.organisation_id, type: "device.configuration_reported", nounId: row.device_id })),
  );
}
