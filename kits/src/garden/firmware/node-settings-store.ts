import type { KitQueryable } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import type { NodeSettings } from "../contract/firmware.ts";

/** Columns of `kit_garden.node_settings` that people see. */
export type StoredSettings = Omit<NodeSettings, "deviceId">;

export interface SealedSecrets {
  readonly portalPassword: Uint8Array;
  readonly updateKey: Uint8Array;
  readonly signingKey: Uint8Array;
}

interface Row {
  readonly sample_seconds: number;
  readonly sleep_seconds: number;
  readonly has_battery: boolean;
  readonly signed_updates: boolean;
  readonly soil_dry_volts: number;
  readonly soil_wet_volts: number;
  readonly soil_dry_at: Date | null;
  readonly soil_wet_at: Date | null;
  readonly credentials_made_at: Date | null;
}

/** @param lock - Holds the row until the end of the transaction. */
export async function findSettings(db: KitQueryable, deviceId: string, lock = false): Promise<StoredSettings | undefined> {
  const [row] = await db.query<Row>(sql`
    select s.sample_seconds, s.sleep_seconds, s.has_battery, s.signed_updates, s.soil_dry_volts, s.soil_wet_volts, s.soil_dry_at, s.soil_wet_at, s.credentials_made_at
    from kit_garden.node_settings s
    where s.device_id = ${deviceId}
    ${lock ? sql`for update` : sql``}
  `);
  if (row === undefined) return undefined;
  return {
    sampleSeconds: row.sample_seconds,
    sleepSeconds: row.sleep_seconds,
    hasBattery: row.has_battery,
    signedUpdates: row.signed_updates,
    soilDryVolts: row.soil_dry_volts,
    soilWetVolts: row.soil_wet_volts,
    ...(row.soil_dry_at === null ? {} : { soilDryAt: row.soil_dry_at }),
    ...(row.soil_wet_at === null ? {} : { soilWetAt: row.soil_wet_at }),
    ...(row.credentials_made_at === null ? {} : { credentialsMadeAt: row.credentials_made_at }),
  };
}

/** A row for a node that has none; two at once make one. */
export async function ensureSettings(db: KitQueryable, organisationId: string, deviceId: string, usual: StoredSettings): Promise<void> {
  await db.query(sql`
    insert into kit_garden.node_settings (device_id, organisation_id, sample_seconds, sleep_seconds, has_battery, signed_updates,
      soil_dry_volts, soil_wet_volts)
    values (${deviceId}, ${organisationId}, ${usual.sampleSeconds}, ${usual.sleepSeconds}, ${usual.hasBattery}, ${usual.signedUpdates}, ${usual.soilDryVolts},
      ${usual.soilWetVolts})
    on conflict (device_id) do nothing
  `);
}

/**
 * Takes over what another organisation set of a node that is this one's now: how it measures goes along. The secrets are those that the giver knows, so
 * the next program gets new ones.
 */
export async function takeOver(db: KitQueryable, organisationId: string, deviceId: string): Promise<void> {
  await db.query(sql`
    update kit_garden.node_settings set organisation_id = ${organisationId}, portal_password = null, update_key = null, signing_key = null,
      credentials_made_at = null
    where device_id = ${deviceId} and organisation_id <> ${organisationId}`);
}

export async function saveSettings(db: KitQueryable, deviceId: string, settings: StoredSettings): Promise<void> {
  await db.query(sql`
    update kit_garden.node_settings s
    set sample_seconds = ${settings.sampleSeconds}, sleep_seconds = ${settings.sleepSeconds}, has_battery = ${settings.hasBattery},
      signed_updates = ${settings.signedUpdates},
      soil_dry_volts = ${settings.soilDryVolts}, soil_wet_volts = ${settings.soilWetVolts}, soil_dry_at = ${settings.soilDryAt ?? null},
      soil_wet_at = ${settings.soilWetAt ?? null}, credentials_made_at = ${settings.credentialsMadeAt ?? null}, changed_at = now()
    where s.device_id = ${deviceId}
  `);
}

export async function findSecrets(db: KitQueryable, deviceId: string): Promise<SealedSecrets | undefined> {
  const [row] = await db.query<{ portal_password: Uint8Array | null; update_key: Uint8Array | null; signing_key: Uint8Array | null }>(sql`
    select s.portal_password, s.update_key, s.signing_key from kit_garden.node_settings s where s.device_id = ${deviceId}
  `);
  if (row === undefined || row.portal_password === null || row.update_key === null || row.signing_key === null) return undefined;
  return { portalPassword: row.portal_password, updateKey: row.update_key, signingKey: row.signing_key };
}

export async function saveSecrets(
  db: KitQueryable,
  deviceId: string,
  { portalPassword, updateKey, signingKey }: SealedSecrets,
): Promise<void> {
  await db.query(sql`
    update kit_garden.node_settings s set portal_password = ${portalPassword}, update_key = ${updateKey}, signing_key = ${signingKey}
    where s.device_id = ${deviceId}
  `);
}
