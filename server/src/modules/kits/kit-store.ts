import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** What an organisation switched and set of a kit. */
export interface KitSwitch {
  readonly organisationId: string;
  readonly kit: string;
  readonly isOn: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly rulesMade: readonly string[];
}

interface SwitchRow {
  organisation_id: string;
  kit: string;
  is_on: boolean;
  settings: Record<string, unknown>;
  rules_made: string[];
}

function switchOf(row: SwitchRow): KitSwitch {
  const { organisation_id: organisationId, kit, is_on: isOn, settings, rules_made: rulesMade } = row;
  return { organisationId, kit, isOn, settings, rulesMade };
}

/** Every switch of the organisations that are at work; those that are closed have no kit on. */
export async function selectSwitches(db: Queryable): Promise<KitSwitch[]> {
  const rows = await db.query<SwitchRow>(sql`select s.organisation_id, s.kit, s.is_on, s.settings, s.rules_made from kit_switches s
    where roost_is_open(s.organisation_id)`);
  return rows.map(switchOf);
}

/** Holds an organisation's switch of a kit, made where there was none. */
export async function lockSwitch(tx: Transaction, organisationId: string, kit: string): Promise<KitSwitch> {
  await tx.query(sql`insert into kit_switches (organisation_id, kit) values (${organisationId}, ${kit}) on conflict do nothing`);
  const [row] = await tx.query<SwitchRow>(sql`
    select s.organisation_id, s.kit, s.is_on, s.settings, s.rules_made from kit_switches s
    where s.organisation_id = ${organisationId} and s.kit = ${kit} for update`);
  if (row === undefined) throw new TypeError("A row that was just made is there.");
  return switchOf(row);
}

export async function saveSwitch(tx: Transaction, { organisationId, kit, isOn, settings, rulesMade }: KitSwitch): Promise<void> {
  await tx.query(sql`
    update kit_switches set is_on = ${isOn}, settings = ${JSON.stringify(settings)}, rules_made = ${rulesMade}::text[], changed_at = now()
    where organisation_id = ${organisationId} and kit = ${kit}`);
}
