import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import type { Span } from "./spans.ts";

/** A device that carries a service, as it stands now. */
export interface Carrier {
  readonly serviceId: string;
  readonly id: string;
  readonly name: string;
  readonly siteId: string | undefined;
  readonly groupIds: ReadonlySet<string>;
  readonly createdMs: number;
  readonly state: "waiting" | "online" | "offline" | "revoked";
  readonly stateSinceMs: number;
}

/** All that carries these services. */
export async function selectCarriers(db: Queryable, serviceIds: readonly string[]): Promise<Carrier[]> {
  const rows = await db.query<{
    service_id: string;
    id: string;
    name: string;
    site_id: string | null;
    group_ids: string[];
    created_at: Date;
    state: Carrier["state"];
    state_since: Date;
  }>(sql`
    select s.id as service_id, d.id, d.name, d.site_id, d.created_at, d.state, d.state_since,
      array(select m.group_id from device_group_members m where m.device_id = d.id) as group_ids
    from services s join devices d on d.organisation_id = s.organisation_id and not d.hidden
    where s.id = any(${serviceIds}::uuid[]) and (d.id = any(s.device_ids) or d.site_id = any(s.site_ids)
      or exists (select from device_group_members m where m.device_id = d.id and m.group_id = any(s.group_ids)))
    order by s.id, d.id`);
  return rows.map((row) => ({
    serviceId: row.service_id,
    id: row.id,
    name: row.name,
    siteId: row.site_id ?? undefined,
    groupIds: new Set(row.group_ids),
    createdMs: row.created_at.getTime(),
    state: row.state,
    stateSinceMs: row.state_since.getTime(),
  }));
}

/** How many of these devices are there for the reader of `db`. */
export async function selectSeen(db: Queryable, deviceIds: readonly string[]): Promise<Set<string>> {
  const rows = await db.query<{ id: string }>(sql`select d.id from devices d where d.id = any(${deviceIds}::text[])`);
  return new Set(rows.map(({ id }) => id));
}

/** An alarm that may be an outage. */
export interface OutageAlarm {
  readonly id: string;
  readonly deviceId: string;
  readonly kind: AlarmKind;
  /** As bad as it became. */
  readonly severity: Severity;
  readonly title: string | undefined;
  readonly raisedMs: number;
  readonly clearedMs: number | undefined;
  readonly acknowledgedMs: number | undefined;
}

/** Alarms about devices that were open in a stretch of time, oldest first. */
export async function selectAlarms(
  db: Queryable,
  where: {
    readonly organisationId: string;
    readonly deviceIds: readonly string[];
    readonly severities: readonly Severity[];
    readonly kinds: readonly AlarmKind[];
    readonly from: Date;
    readonly to: Date;
  },
): Promise<OutageAlarm[]> {
  const rows = await db.query<{
    id: string;
    device_id: string;
    kind: AlarmKind;
    worst_severity: Severity;
    title: string | null;
    raised_at: Date;
    cleared_at: Date | null;
    acknowledged_at: Date | null;
  }>(sql`
    select a.id, a.device_id, a.kind, a.worst_severity, a.title, a.raised_at, a.cleared_at, a.acknowledged_at from alarms a
    where a.organisation_id = ${where.organisationId} and a.device_id = any(${where.deviceIds}::text[]) and not a.kept_back
      and a.raised_at < ${where.to} and (a.cleared_at is null or a.cleared_at > ${where.from})
      and (a.worst_severity = any(${where.severities}::text[]) or a.kind = any(${where.kinds}::text[]))
    order by a.raised_at, a.id`);
  return rows.map((row) => ({
    id: row.id,
    deviceId: row.device_id,
    kind: row.kind,
    severity: row.worst_severity,
    title: row.title ?? undefined,
    raisedMs: row.raised_at.getTime(),
    clearedMs: row.cleared_at?.getTime(),
    acknowledgedMs: row.acknowledged_at?.getTime(),
  }));
}

/** A time in which a maintenance window was in force, and about what. */
export interface PlannedTime extends Span {
  readonly siteIds: ReadonlySet<string>;
  readonly groupIds: ReadonlySet<string>;
  readonly deviceIds: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

/**
 * When maintenance windows were in force, as it is on record; what goes on has no end yet. A window holds from when it was planned: nothing that
 * was down before becomes planned afterwards. A silence plans nothing.
 */
export async function selectPlannedTimes(db: Queryable, organisationId: string, { fromMs, toMs }: Span): Promise<PlannedTime[]> {
  const rows = await db.query<{
    from_at: Date;
    to_at: Date | null;
    site_ids: string[];
    group_ids: string[];
    device_ids: string[];
    kinds: string[];
  }>(sql`
    select * from (
      select greatest(o.began_at, w.created_at) as from_at, case when o.ended_at is not null then least(o.ends_at, o.cut_at, o.ended_at) end as to_at,
        w.site_ids, w.group_ids, w.device_ids, w.kinds
      from window_occurrences o join maintenance_windows w on w.id = o.window_id
      where w.organisation_id = ${organisationId} and not w.silence
    ) p
    where p.from_at < ${new Date(toMs)} and (p.to_at is null or p.to_at > ${new Date(fromMs)})`);
  return rows.map((row) => ({
    fromMs: row.from_at.getTime(),
    toMs: row.to_at?.getTime() ?? Infinity,
    siteIds: new Set(row.site_ids),
    groupIds: new Set(row.group_ids),
    deviceIds: new Set(row.device_ids),
    kinds: new Set(row.kinds),
  }));
}

/** A look is due every minute. What is missed for longer than this was watched by nobody. */
const watchGapMs = 5 * 60_000;

/** When this installation watched, up to now: the end of the stretch. Who looked a moment ago watches still. */
export async function selectWatched(db: Queryable, { fromMs, toMs }: Span): Promise<Span[]> {
  const rows = await db.query<{ began_at: Date; until_at: Date }>(sql`
    select w.began_at, w.until_at from watched_spans w where w.until_at > ${new Date(fromMs)} and w.began_at < ${new Date(toMs)}
    order by w.began_at`);
  return rows.map((row) => {
    const untilMs = row.until_at.getTime();
    return { fromMs: row.began_at.getTime(), toMs: untilMs >= toMs - watchGapMs ? Math.max(toMs, untilMs) : untilMs };
  });
}

/** Notes that this installation watches now. After a longer silence it begins anew: what lies between, nobody saw. */
export async function noteWatched(db: Queryable, nowMs: number): Promise<void> {
  const now = new Date(nowMs);
  await db.query(sql`
    with last as (
      update watched_spans w set until_at = greatest(w.until_at, ${now}::timestamptz)
      where w.began_at = (select v.began_at from watched_spans v where v.began_at <= ${now}::timestamptz order by v.began_at desc limit 1)
        and w.until_at >= ${new Date(nowMs - watchGapMs)}::timestamptz
      returning w.began_at
    )
    insert into watched_spans (began_at, until_at) select ${now}::timestamptz, ${now}::timestamptz where not exists (select from last)
    on conflict (began_at) do nothing`);
}
