import { sql } from "@roost/contract/sql";

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

export async function selectEscalations(tx: Queryable, alarmId: string): Promise<Escalation[]> {
  return (await tx.query<Row>(sql`select e.* from escalations e where e.alarm_id = ${alarmId}`)).map(toEscalation);
}

/** Those whose next step is due, the longest overdue first. */
export async function selectDueEscalations(db: Queryable, now: Date, limit: number): Promise<Escalation[]> {
  const rows = await db.query<Row>(
    sql`select e.* from escalations e where e.state = 'running' and e.due_at <= ${now} order by e.due_at limit ${limit}`,
  );
  return rows.map(toEscalation);
}

export async function saveEscalation(tx: Transaction, one: Escalation): Promise<void> {
  await tx.query(sql`
    insert into escalations (alarm_id, chain_id, organisation_id, state, step, round, due_at)
    select ${one.alarmId}::uuid, c.id, ${one.organisationId}::uuid, ${one.state}, ${one.step}, ${one.round}, ${new Date(one.dueMs)}
    from escalation_chains c where c.id = ${one.chainId}::uuid
    on conflict (alarm_id, chain_id) do update set state = excluded.state, step = excluded.step, round = excluded.round, due_at = excluded.due_at`);
}

/** Nothing of this alarm goes on for now. */
export async function stopEscalations(tx: Transaction, alarmId: string): Promise<void> {
  await tx.query(sql`update escalations set state = 'stopped' where alarm_id = ${alarmId} and state = 'running'`);
}

/** It is over for good. */
export async function endEscalations(tx: Transaction, alarmId: string): Promise<void> {
  await tx.query(sql`delete from escalations where alarm_id = ${alarmId}`);
}
