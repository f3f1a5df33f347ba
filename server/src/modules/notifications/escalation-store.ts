import { prepared, sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { Position } from "./escalation.ts";

/** An alarm on its way through a chain. */
export interface Escalation extends Position {
  readonly alarmId: string;
  readonly chainId: string;
  readonly organisationId: string;
  readonly state: "running" | "stopped" | "done";
}

interface Row {
  alarm_id: string;
  chain_id: string;
  organisation_id: string;
  state: Escalation["state"];
  step: number;
  round: number;
  due_at: Date;
}

const toEscalation = (row: Row): Escalation => ({
  alarmId: row.alarm_id,
  chainId: row.chain_id,
  organisationId: row.organisation_id,
  state: row.state,
  step: row.step,
  round: row.round,
  dueMs: row.due_at.getTime(),
});

/** Where some alarms stand in their chains. */
export async function selectEscalationsOf(tx: Queryable, alarmIds: readonly string[]): Promise<Escalation[]> {
  if (alarmIds.length === 0) return [];
  return (
    await tx.query<Row>(prepared("plan_escalations", sql`select e.* from escalations e where e.alarm_id = any(${[...alarmIds]}::uuid[])`))
  ).map(toEscalation);
}

/** Those whose next step is due, the longest overdue first. */
export async function selectDueEscalations(db: Queryable, now: Date, limit: number): Promise<Escalation[]> {
  const rows = await db.query<Row>(
    sql`select e.* from escalations e where e.state = 'running' and e.due_at <= ${now} and roost_is_open(e.organisation_id) order by e.due_at limit ${limit}`,
  );
  return rows.map(toEscalation);
}

export async function saveEscalations(tx: Transaction, all: readonly Escalation[]): Promise<void> {
  if (all.length === 0) return;
  const rows = all.map((one) => ({ ...one, dueAt: new Date(one.dueMs) }));
  await tx.query(sql`
    insert into escalations (alarm_id, chain_id, organisation_id, state, step, round, due_at)
    select r."alarmId", c.id, r."organisationId", r.state, r.step, r.round, r."dueAt"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r ("alarmId" uuid, "chainId" uuid, "organisationId" uuid, state text, step integer,
      round integer, "dueAt" timestamptz)
    join planned_alarms p on p.alarm_id = r."alarmId" join escalation_chains c on c.id = r."chainId"
    on conflict (alarm_id, chain_id) do update set state = excluded.state, step = excluded.step, round = excluded.round, due_at = excluded.due_at`);
}

/** Nothing of these alarms goes on. */
export async function endEscalations(tx: Transaction, alarmIds: readonly string[]): Promise<void> {
  if (alarmIds.length === 0) return;
  await tx.query(sql`delete from escalations where alarm_id = any(${[...alarmIds]}::uuid[])`);
}
