import type { KitQueryable, KitTransaction } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import type { CarePrice, CareProvider } from "../contract/care.ts";

/** Settings as they are kept. */
export interface StoredSettings {
  readonly provider: CareProvider;
  /** Absent: the provider's default. */
  readonly model?: string | undefined;
  readonly baseUrl?: string | undefined;
  readonly keySealed?: Uint8Array | undefined;
  readonly keyMasked?: string | undefined;
  readonly price?: CarePrice | undefined;
  readonly monthlyCapCents: number;
  readonly weekly: boolean;
  readonly onStrongChange: boolean;
  readonly blocked?: { readonly reason: string; readonly until: Date } | undefined;
  readonly updatedAt?: Date | undefined;
}

interface SettingsRow {
  provider: CareProvider;
  model: string | null;
  base_url: string | null;
  key_sealed: Uint8Array | null;
  key_masked: string | null;
  input_price: number | null;
  output_price: number | null;
  monthly_cap_cents: number;
  weekly: boolean;
  on_strong_change: boolean;
  blocked_reason: string | null;
  blocked_until: Date | null;
  updated_at: Date;
}

/** What an organisation has before it sets anything. */
export const defaultSettings: StoredSettings = { provider: "anthropic", monthlyCapCents: 500, weekly: true, onStrongChange: true };

const columns = sql`s.provider, s.model, s.base_url, s.key_sealed, s.key_masked, s.input_price, s.output_price, s.monthly_cap_cents, s.weekly,
  s.on_strong_change, s.blocked_reason, s.blocked_until, s.updated_at`;

function settingsOf(row: SettingsRow): StoredSettings {
  return {
    provider: row.provider,
    model: row.model ?? undefined,
    baseUrl: row.base_url ?? undefined,
    keySealed: row.key_sealed ?? undefined,
    keyMasked: row.key_masked ?? undefined,
    price:
      row.input_price === null || row.output_price === null
        ? undefined
        : { inputPerMillion: row.input_price, outputPerMillion: row.output_price },
    monthlyCapCents: row.monthly_cap_cents,
    weekly: row.weekly,
    onStrongChange: row.on_strong_change,
    blocked:
      row.blocked_reason === null || row.blocked_until === null ? undefined : { reason: row.blocked_reason, until: row.blocked_until },
    updatedAt: row.updated_at,
  };
}

export async function selectSettings(db: KitQueryable, organisationId: string): Promise<StoredSettings> {
  const [row] = await db.query<SettingsRow>(
    sql`select ${columns} from kit_garden.care_settings s where s.organisation_id = ${organisationId}`,
  );
  return row === undefined ? defaultSettings : settingsOf(row);
}

/** Holds an organisation's settings, made where there were none: also what keeps two calls from reserving the same money. */
export async function lockSettings(tx: KitTransaction, organisationId: string): Promise<StoredSettings> {
  const { provider, monthlyCapCents, weekly, onStrongChange } = defaultSettings;
  await tx.query(sql`
    insert into kit_garden.care_settings (organisation_id, provider, monthly_cap_cents, weekly, on_strong_change)
    values (${organisationId}, ${provider}, ${monthlyCapCents}, ${weekly}, ${onStrongChange}) on conflict do nothing`);
  const [row] = await tx.query<SettingsRow>(
    sql`select ${columns} from kit_garden.care_settings s where s.organisation_id = ${organisationId} for update`,
  );
  if (row === undefined) throw new TypeError("A row that was just made is there.");
  return settingsOf(row);
}

export async function saveSettings(tx: KitTransaction, organisationId: string, settings: StoredSettings, at: Date): Promise<void> {
  const { provider, model, baseUrl, keySealed, keyMasked, price, monthlyCapCents, weekly, onStrongChange } = settings;
  await tx.query(sql`
    update kit_garden.care_settings set provider = ${provider}, model = ${model ?? null}, base_url = ${baseUrl ?? null},
      key_sealed = ${keySealed ?? null}, key_masked = ${keyMasked ?? null}, input_price = ${price?.inputPerMillion ?? null},
      output_price = ${price?.outputPerMillion ?? null}, monthly_cap_cents = ${monthlyCapCents}, weekly = ${weekly},
      on_strong_change = ${onStrongChange}, blocked_reason = null, blocked_until = null, updated_at = ${at}
    where organisation_id = ${organisationId}`);
}

/** Keeps an organisation from calling anybody until then; `undefined` lets it again. */
export async function blockCalls(
  db: KitQueryable,
  organisationId: string,
  blocked: { reason: string; until: Date } | undefined,
): Promise<void> {
  await db.query(sql`
    update kit_garden.care_settings set blocked_reason = ${blocked?.reason ?? null}, blocked_until = ${blocked?.until ?? null}
    where organisation_id = ${organisationId}`);
}
