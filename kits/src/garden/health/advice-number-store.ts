import type { KitQueryable, KitTransaction } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import { ownAdviceNumbers } from "../contract/health.ts";
import type { OwnAdviceNumbers } from "../contract/health.ts";

/** Whom numbers were set for: one plant, or all of a species. */
export interface NumbersSubject {
  readonly kind: "species" | "plant";
  readonly id: string;
}

/** In the order asked for; none were set for what has no row. */
export async function selectNumbers(
  db: KitQueryable,
  organisationId: string,
  subjects: readonly NumbersSubject[],
): Promise<OwnAdviceNumbers[]> {
  const rows = await db.query<{ kind: string; subject: string; numbers: unknown }>(sql`
    select n.kind, n.subject, n.numbers from kit_garden.advice_numbers n
    where n.organisation_id = ${organisationId} and n.subject = any(${subjects.map(({ id }) => id)})`);
  return subjects.map(({ kind, id }) => ownAdviceNumbers.parse(rows.find((row) => row.kind === kind && row.subject === id)?.numbers ?? {}));
}

/** Makes the row if there is none, and holds it until the transaction ends, so that two changes at once both count. */
export async function lockNumbers(
  tx: KitTransaction,
  organisationId: string,
  { kind, id }: NumbersSubject,
  at: Date,
): Promise<OwnAdviceNumbers> {
  await tx.query(sql`
    insert into kit_garden.advice_numbers (organisation_id, kind, subject, numbers, changed_at)
    values (${organisationId}, ${kind}, ${id}, '{}', ${at}) on conflict do nothing`);
  const [row] = await tx.query<{ numbers: unknown }>(sql`
    select n.numbers from kit_garden.advice_numbers n
    where n.organisation_id = ${organisationId} and n.kind = ${kind} and n.subject = ${id} for update`);
  return ownAdviceNumbers.parse(row?.numbers ?? {});
}

export async function saveNumbers(
  tx: KitTransaction,
  organisationId: string,
  { kind, id }: NumbersSubject,
  numbers: OwnAdviceNumbers,
  at: Date,
): Promise<void> {
  await tx.query(sql`
    update kit_garden.advice_numbers set numbers = ${JSON.stringify(numbers)}, changed_at = ${at}
    where organisation_id = ${organisationId} and kind = ${kind} and subject = ${id}`);
}
