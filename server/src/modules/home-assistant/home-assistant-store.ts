import type { HomeAssistantBridge } from "@roost/contract/home-assistant";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { TakenDevice } from "./inlet.ts";
import type { TakenMetric } from "./readings.ts";

/** A bridge as it is kept. */
export interface KeptBridge extends Omit<HomeAssistantBridge, "hasPassword"> {
  readonly organisationId: string;
  readonly passwordSealed?: Buffer | undefined;
}

interface BridgeRow {
  organisation_id: string;
  host: string;
  port: number;
  tls: boolean;
  ca_pem: string | null;
  username: string | null;
  password_sealed: Buffer | null;
  discovery_prefix: string;
  state_prefix: string;
  publish: boolean;
  take_in: boolean;
}

const columns = sql`b.organisation_id, b.host, b.port, b.tls, b.ca_pem, b.username, b.password_sealed, b.discovery_prefix, b.state_prefix, b.publish, b.take_in`;

/** An organisation that is closed has no bridge. */
const isAtWork = sql`roost_is_open(b.organisation_id)`;

function toBridge(row: BridgeRow): KeptBridge {
  return {
    organisationId: row.organisation_id,
    host: row.host,
    port: row.port,
    tls: row.tls,
    ...(row.ca_pem === null ? {} : { caPem: row.ca_pem }),
    ...(row.username === null ? {} : { username: row.username }),
    ...(row.password_sealed === null ? {} : { passwordSealed: row.password_sealed }),
    discoveryPrefix: row.discovery_prefix,
    statePrefix: row.state_prefix,
    publish: row.publish,
    takeIn: row.take_in,
  };
}

export async function selectBridges(db: Queryable): Promise<KeptBridge[]> {
  return (await db.query<BridgeRow>(sql`select ${columns} from home_assistant_bridges b where ${isAtWork}`)).map(toBridge);
}

export async function selectBridge(db: Queryable, organisationId: string): Promise<KeptBridge | undefined> {
  const [row] = await db.query<BridgeRow>(
    sql`select ${columns} from home_assistant_bridges b where b.organisation_id = ${organisationId} and ${isAtWork}`,
  );
  return row === undefined ? undefined : toBridge(row);
}

/** Holds the bridge, so that one device is taken in by one person alone. */
export async function lockBridge(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`select 1 from home_assistant_bridges b where b.organisation_id = ${organisationId} for update`);
}

export async function saveBridge(tx: Transaction, b: KeptBridge): Promise<void> {
  await tx.query(sql`
    insert into home_assistant_bridges (organisation_id, host, port, tls, ca_pem, username, password_sealed, discovery_prefix, state_prefix, publish, take_in)
    values (${b.organisationId}, ${b.host}, ${b.port}, ${b.tls}, ${b.caPem ?? null}, ${b.username ?? null}, ${b.passwordSealed ?? null},
      ${b.discoveryPrefix}, ${b.statePrefix}, ${b.publish}, ${b.takeIn})
    on conflict (organisation_id) do update set host = excluded.host, port = excluded.port, tls = excluded.tls, ca_pem = excluded.ca_pem,
      username = excluded.username, password_sealed = excluded.password_sealed, discovery_prefix = excluded.discovery_prefix,
      state_prefix = excluded.state_prefix, publish = excluded.publish, take_in = excluded.take_in, changed_at = now()`);
}

export async function deleteBridge(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`delete from home_assistant_bridges where organisation_id = ${organisationId}`);
}

export async function selectTaken(db: Queryable, organisationId: string): Promise<TakenDevice[]> {
  const rows = await db.query<{ device_id: string; found_id: string; metrics: TakenMetric[] }>(sql`
    select t.device_id, t.found_id, t.metrics from home_assistant_devices t where t.organisation_id = ${organisationId} order by t.device_id`);
  return rows.map((row) => ({ deviceId: row.device_id, foundId: row.found_id, metrics: row.metrics }));
}

export async function isTaken(db: Queryable, organisationId: string, foundId: string): Promise<boolean> {
  const rows = await db.query(
    sql`select 1 from home_assistant_devices t where t.organisation_id = ${organisationId} and t.found_id = ${foundId}`,
  );
  return rows.length > 0;
}

export async function insertTaken(tx: Transaction, organisationId: string, { deviceId, foundId, metrics }: TakenDevice): Promise<void> {
  await tx.query(sql`
    insert into home_assistant_devices (device_id, organisation_id, found_id, metrics)
    values (${deviceId}, ${organisationId}, ${foundId}, ${JSON.stringify(metrics)}::jsonb)`);
}
