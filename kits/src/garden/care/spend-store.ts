import type { KitQueryable, KitTransaction } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import type { CareMonth } from "../contract/care.ts";
import type { CareTokens } from "./care-model.ts";

/** Millionths of a dollar in a cent. */
export const microPerCent = 10_000;

/** The month that a moment belongs to, by UTC. */
export function monthOf(at: Date): string {
  return at.toISOString().slice(0, 7);
}

/** When the next month begins, by UTC. */
export function nextMonth(at: Date): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));
}

export interface CallToMake {
  readonly id: string;
  readonly organisationId: string;
  readonly plantId?: string | undefined;
  readonly provider: string;
  readonly model: string;
  readonly at: Date;
  /** The most it can cost, in millionths of a dollar; absent: nobody knows the price. */
  readonly most?: number | undefined;
}

/** What counts against the cap of a month, in millionths of a dollar: reservations whole, until it is known what a call cost. */
export async function spentIn(db: KitQueryable, organisationId: string, month: string): Promise<number> {
  const [row] = await db.query<{ spent: number }>(sql`
    select coalesce(sum(coalesce(c.cost, c.reserved)), 0)::bigint as spent from kit_garden.care_calls c
    where c.organisation_id = ${organisationId} and c.month = ${month}`);
  return row?.spent ?? 0;
}

/** Puts a call on record before it is made. Under the lock of the settings, so that two cannot reserve the same money. */
export async function insertCall(
  tx: KitTransaction,
  { id, organisationId, plantId, provider, model, at, most }: CallToMake,
): Promise<void> {
  await tx.query(sql`
    insert into kit_garden.care_calls (id, organisation_id, plant_id, month, provider, model, started_at, reserved)
    values (${id}, ${organisationId}, ${plantId ?? null}, ${monthOf(at)}, ${provider}, ${model}, ${at}, ${most ?? null})`);
}

export interface CallEnd {
  readonly id: string;
  readonly at: Date;
  readonly outcome: string;
  readonly tokens?: CareTokens | undefined;
  /** Absent: nobody knows, the reservation goes on counting. */
  readonly cost?: number | undefined;
}

export async function settleCall(db: KitQueryable, { id, at, outcome, tokens, cost }: CallEnd): Promise<void> {
  await db.query(sql`
    update kit_garden.care_calls set ended_at = ${at}, outcome = ${outcome}, input_tokens = ${tokens?.inputTokens ?? null},
      output_tokens = ${tokens?.outputTokens ?? null}, cost = ${cost ?? null}
    where id = ${id}`);
}

/** The last twelve months with calls, the newest first. */
export async function selectMonths(db: KitQueryable, organisationId: string): Promise<CareMonth[]> {
  const rows = await db.query<{
    month: string;
    spent: number;
    reserved: number;
    calls: number;
    failed: number;
    input_tokens: number;
    output_tokens: number;
    unpriced: number;
  }>(sql`
    select c.month, coalesce(sum(coalesce(c.cost, c.reserved)), 0)::bigint as spent,
      coalesce(sum(c.reserved) filter (where c.cost is null), 0)::bigint as reserved, count(*)::int as calls,
      (count(*) filter (where c.ended_at is not null and c.outcome <> 'answered'))::int as failed,
      coalesce(sum(c.input_tokens), 0)::bigint as input_tokens, coalesce(sum(c.output_tokens), 0)::bigint as output_tokens,
      (count(*) filter (where c.reserved is null))::int as unpriced
    from kit_garden.care_calls c where c.organisation_id = ${organisationId} group by c.month order by c.month desc limit 12`);
  return rows.map((row) => ({
    month: row.month,
    spentCents: row.spent / microPerCent,
    reservedCents: row.reserved / microPerCent,
    calls: row.calls,
    failedCalls: row.failed,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    callsOfUnknownPrice: row.unpriced,
  }));
}
