import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** A stay outside that has not raised yet. Instants in epoch microseconds. */
export interface KeptStay {
  readonly ruleId: string;
  /** Of the rule: a rule that is another now begins to count anew. */
  readonly version: number;
  readonly deviceId: string;
  readonly kind: string;
  readonly outsideSinceUs: number;
  readonly inARow: number;
  readonly judgedUs: number;
}

const toInstant = (us: Sql): Sql => sql`timestamptz 'epoch' + ${us} * interval '1 microsecond'`;

/** Writes stays that began or went on. Rules and devices that are gone meanwhile have none. */
export async function saveStays(db: Queryable, stays: readonly KeptStay[]): Promise<void> {
  if (stays.length === 0) return;
  await db.query(sql`
    insert into rule_memory (rule_id, version, device_id, kind, outside_since, in_a_row, judged_at)
    select r.id, r.version, d.id, n.kind, ${toInstant(sql`n.since`)}, n.in_a_row, ${toInstant(sql`n.judged`)}
    from unnest(${stays.map((one) => one.ruleId)}::uuid[], ${stays.map((one) => one.version)}::integer[],
      ${stays.map((one) => one.deviceId)}::text[], ${stays.map((one) => one.kind)}::text[], ${stays.map((one) => one.outsideSinceUs)}::bigint[], ${stays.map((one) => one.inARow)}::integer[], ${stays.map((one) => one.judgedUs)}::bigint[])
      as n (rule_id, version, device_id, kind, since, in_a_row, judged)
    join alarm_rules r on r.id = n.rule_id and r.version = n.version join devices d on d.id = n.device_id
    order by r.id, d.id, n.kind
    on conflict (rule_id, device_id, kind) do update set version = excluded.version, outside_since = excluded.outside_since, in_a_row = excluded.in_a_row, judged_at = excluded.judged_at`);
}

export async function dropStays(db: Queryable, stays: readonly Pick<KeptStay, "ruleId" | "deviceId" | "kind">[]): Promise<void> {
  if (stays.length === 0) return;
  await db.query(sql`
    delete from rule_memory m using unnest(${stays.map((one) => one.ruleId)}::uuid[], ${stays.map((one) => one.deviceId)}::text[],
      ${stays.map((one) => one.kind)}::text[]) as n (rule_id, device_id, kind)
    where m.rule_id = n.rule_id and m.device_id = n.device_id and m.kind = n.kind`);
}

/** All stays that are kept; of one rule, where one is named. */
export async function selectStays(db: Queryable, ruleId?: string): Promise<KeptStay[]> {
  return db.query<KeptStay>(sql`
    select m.rule_id as "ruleId", m.version, m.device_id as "deviceId", m.kind, round(date_part('epoch', m.outside_since) * 1000000)::bigint as "outsideSinceUs",
      m.in_a_row as "inARow", round(date_part('epoch', m.judged_at) * 1000000)::bigint as "judgedUs"
    from rule_memory m join alarm_rules r on r.id = m.rule_id and r.version = m.version
    where ${ruleId ?? null}::uuid is null or m.rule_id = ${ruleId ?? null}::uuid`);
}

/** What a rule is about, of the devices' metrics that are known. */
export interface SeriesOfDevice {
  readonly deviceId: string;
  readonly metric: string;
}

/** Metrics that devices have sent, by device and metric, behind `after`; hidden devices aside. */
export async function selectSeries(
  db: Queryable,
  where: {
    organisationId?: string | undefined;
    deviceIds?: readonly string[] | undefined;
    metrics?: readonly string[] | undefined;
    after: SeriesOfDevice | undefined;
    limit: number;
  },
): Promise<SeriesOfDevice[]> {
  const { organisationId = null, deviceIds = null, metrics = null, after, limit } = where;
  return db.query<SeriesOfDevice>(sql`
    select d.id as "deviceId", s.metric from series s join devices d on d.key = s.device_key
    where not d.hidden and (${organisationId}::uuid is null or d.organisation_id = ${organisationId}::uuid)
      and (${deviceIds}::text[] is null or d.id = any(${deviceIds}::text[])) and (${metrics}::text[] is null or s.metric = any(${metrics}::text[]))
      and (${after?.deviceId ?? null}::text is null or (d.id, s.metric) > (${after?.deviceId ?? null}::text, ${after?.metric ?? null}::text))
    order by d.id, s.metric limit ${limit}`);
}
