import type { EscalationChain, NotificationRoute, NotificationSettings } from "@roost/contract/routing";
import { prepared, sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

interface RouteRow {
  id: string;
  position: number;
  name: string;
  enabled: boolean;
  match: NotificationRoute["match"];
  destinations: NotificationRoute["to"];
  stop: boolean;
  remind_minutes: number | null;
}

/** Routes in their order. */
export async function selectRoutes(db: Queryable, organisationId: string): Promise<NotificationRoute[]> {
  const rows = await db.query<RouteRow>(
    prepared(
      "notification_routes",
      sql`
    select r.id, r.position, r.name, r.enabled, r.match, r.destinations, r.stop, r.remind_minutes from notification_routes r
    where r.organisation_id = ${organisationId} order by r.position, r.id`,
    ),
  );
  return rows.map((row) => ({
    id: row.id,
    position: row.position,
    name: row.name,
    enabled: row.enabled,
    match: row.match,
    to: row.destinations,
    stop: row.stop,
    ...(row.remind_minutes === null ? {} : { remindMinutes: row.remind_minutes }),
  }));
}

/** Two people who change at once wait for each other here. */
export async function lockOrganisation(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`select 1 from organisations o where o.id = ${organisationId} for no key update`);
}

/** Puts a route there, or in the place of the one with its id. */
export async function saveRoute(tx: Transaction, organisationId: string, route: NotificationRoute): Promise<void> {
  await tx.query(sql`
    insert into notification_routes (id, organisation_id, position, name, enabled, match, destinations, stop, remind_minutes)
    values (${route.id}, ${organisationId}, ${route.position}, ${route.name}, ${route.enabled}, ${JSON.stringify(route.match)}::jsonb,
      ${JSON.stringify(route.to)}::jsonb, ${route.stop}, ${route.remindMinutes ?? null})
    on conflict (id) do update set position = excluded.position, name = excluded.name, enabled = excluded.enabled, match = excluded.match,
      destinations = excluded.destinations, stop = excluded.stop, remind_minutes = excluded.remind_minutes`);
}

export async function deleteRoute(tx: Transaction, organisationId: string, id: string): Promise<void> {
  await tx.query(sql`delete from notification_routes where id = ${id} and organisation_id = ${organisationId}`);
}

/** Gives each route the place it has in `ids`. */
export async function savePositions(tx: Transaction, organisationId: string, ids: readonly string[]): Promise<void> {
  await tx.query(sql`
    update notification_routes r set position = n.position from unnest(${[...ids]}::uuid[]) with ordinality as n (id, position)
    where r.id = n.id and r.organisation_id = ${organisationId}`);
}

interface ChainRow {
  id: string;
  name: string;
  steps: EscalationChain["steps"];
  repeat: EscalationChain["repeat"] | null;
}

/** Chains by name. */
export async function selectChains(db: Queryable, organisationId: string): Promise<EscalationChain[]> {
  const rows = await db.query<ChainRow>(
    prepared(
      "notification_chains",
      sql`
    select c.id, c.name, c.steps, c.repeat from escalation_chains c where c.organisation_id = ${organisationId} order by lower(c.name), c.id`,
    ),
  );
  return rows.map(({ repeat, ...row }) => ({ ...row, ...(repeat === null || repeat === undefined ? {} : { repeat }) }));
}

export async function saveChain(tx: Transaction, organisationId: string, chain: EscalationChain): Promise<void> {
  const repeat = chain.repeat === undefined ? null : JSON.stringify(chain.repeat);
  await tx.query(sql`
    insert into escalation_chains (id, organisation_id, name, steps, repeat)
    values (${chain.id}, ${organisationId}, ${chain.name}, ${JSON.stringify(chain.steps)}::jsonb, ${repeat}::jsonb)
    on conflict (id) do update set name = excluded.name, steps = excluded.steps, repeat = excluded.repeat`);
}

export async function deleteChain(tx: Transaction, organisationId: string, id: string): Promise<void> {
  await tx.query(sql`delete from escalation_chains where id = ${id} and organisation_id = ${organisationId}`);
}

/** What holds where nobody said otherwise. */
export const defaultSettings: NotificationSettings = {
  debounceSeconds: 60,
  cooldownMinutes: 60,
  parentWaitSeconds: 10,
  lateAfterSeconds: 300,
  ringForPast: false,
};

interface SettingsRow {
  debounce_seconds: number;
  cooldown_minutes: number;
  parent_wait_seconds: number;
  late_after_seconds: number;
  ring_for_past: boolean;
}

export async function findSettings(db: Queryable, organisationId: string): Promise<NotificationSettings> {
  const [row] = await db.query<SettingsRow>(
    prepared("notification_settings", sql`select s.* from notification_settings s where s.organisation_id = ${organisationId}`),
  );
  if (row === undefined) return defaultSettings;
  return {
    debounceSeconds: row.debounce_seconds,
    cooldownMinutes: row.cooldown_minutes,
    parentWaitSeconds: row.parent_wait_seconds,
    lateAfterSeconds: row.late_after_seconds,
    ringForPast: row.ring_for_past,
  };
}

export async function saveSettings(tx: Transaction, organisationId: string, settings: NotificationSettings): Promise<void> {
  await tx.query(sql`
    insert into notification_settings (organisation_id, debounce_seconds, cooldown_minutes, parent_wait_seconds, late_after_seconds, ring_for_past)
    values (${organisationId}, ${settings.debounceSeconds}, ${settings.cooldownMinutes}, ${settings.parentWaitSeconds},
      ${settings.lateAfterSeconds}, ${settings.ringForPast})
    on conflict (organisation_id) do update set debounce_seconds = excluded.debounce_seconds, cooldown_minutes = excluded.cooldown_minutes,
      parent_wait_seconds = excluded.parent_wait_seconds, late_after_seconds = excluded.late_after_seconds, ring_for_past = excluded.ring_for_past`);
}

/** Ids of the organisation's own targets, those that are switched off too. */
export async function selectOwnTargets(db: Queryable, organisationId: string): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ id: string }>(sql`
    select t.id from notification_targets t
    where t.organisation_id = ${organisationId} and t.person_id is null and t.subscription_id is null`);
  return new Set(rows.map(({ id }) => id));
}
