import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";
import type { MaintenanceWindow, WindowScope } from "@roost/contract/windows";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { Cut, FixedPlan } from "./window.ts";

/** A window as it is kept. */
export interface StoredWindow {
  readonly id: string;
  readonly organisationId: string;
  readonly title: string;
  readonly note: string | undefined;
  readonly silence: boolean;
  readonly plan: FixedPlan;
  readonly scope: WindowScope;
  readonly record: boolean;
  readonly notify: boolean;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly changedAt: Date;
  readonly cancelledAt: Date | undefined;
  readonly cancelledBy: string | undefined;
  readonly version: number;
}

interface WindowRow {
  id: string;
  organisation_id: string;
  title: string;
  note: string | null;
  silence: boolean;
  zone: string;
  begins_at: Date;
  ends_at: Date | null;
  rrule: string | null;
  cron: string | null;
  duration_seconds: number | null;
  everything: boolean;
  site_ids: string[];
  group_ids: string[];
  device_ids: string[];
  kinds: string[];
  record: boolean;
  notify: boolean;
  created_by: string;
  created_at: Date;
  changed_at: Date;
  cancelled_at: Date | null;
  cancelled_by: string | null;
  version: number;
}

const columns = sql`w.id, w.organisation_id, w.title, w.note, w.silence, w.zone, w.begins_at, w.ends_at, w.rrule, w.cron, w.duration_seconds,
  w.everything, w.site_ids, w.group_ids, w.device_ids, w.kinds, w.record, w.notify, w.created_by, w.created_at, w.changed_at, w.cancelled_at,
  w.cancelled_by, w.version`;

function planOf(row: WindowRow): FixedPlan {
  if (row.duration_seconds === null) return { kind: "once", from: row.begins_at, to: row.ends_at ?? row.begins_at, zone: row.zone };
  return {
    kind: "recurring",
    ...(row.rrule === null ? {} : { rrule: row.rrule }),
    ...(row.cron === null ? {} : { cron: row.cron }),
    durationSeconds: row.duration_seconds,
    zone: row.zone,
    from: row.begins_at,
    ...(row.ends_at === null ? {} : { until: row.ends_at }),
  };
}

function scopeOf(row: WindowRow): WindowScope {
  const some = (ids: string[]) => (ids.length === 0 ? undefined : ids);
  const scope = {
    everything: row.everything ? true : undefined,
    siteIds: some(row.site_ids),
    groupIds: some(row.group_ids),
    deviceIds: some(row.device_ids),
    kinds: some(row.kinds),
  };
  return Object.fromEntries(Object.entries(scope).filter(([, value]) => value !== undefined));
}

function windowOf(row: WindowRow): StoredWindow {
  return {
    id: row.id,
    organisationId: row.organisation_id,
    title: row.title,
    note: row.note ?? undefined,
    silence: row.silence,
    plan: planOf(row),
    scope: scopeOf(row),
    record: row.record,
    notify: row.notify,
    createdBy: row.created_by,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    cancelledAt: row.cancelled_at ?? undefined,
    cancelledBy: row.cancelled_by ?? undefined,
    version: row.version,
  };
}

function planColumns(plan: FixedPlan) {
  return plan.kind === "once"
    ? { endsAt: plan.to, rrule: null, cron: null, durationSeconds: null, overAt: plan.to }
    : {
        endsAt: plan.until ?? null,
        rrule: plan.rrule ?? null,
        cron: plan.cron ?? null,
        durationSeconds: plan.durationSeconds,
        overAt: null,
      };
}

export async function insertWindow(tx: Transaction, window: StoredWindow): Promise<void> {
  const { plan, scope } = window;
  const { endsAt, rrule, cron, durationSeconds, overAt } = planColumns(plan);
  await tx.query(sql`
    insert into maintenance_windows (id, organisation_id, title, note, silence, zone, begins_at, ends_at, rrule, cron, duration_seconds,
      everything, site_ids, group_ids, device_ids, kinds, record, notify, created_by, created_at, changed_at, over_at)
    values (${window.id}, ${window.organisationId}, ${window.title}, ${window.note ?? null}, ${window.silence}, ${plan.zone}, ${plan.from},
      ${endsAt}, ${rrule}, ${cron}, ${durationSeconds}, ${scope.everything ?? false}, ${scope.siteIds ?? []}::uuid[],
      ${scope.groupIds ?? []}::uuid[], ${scope.deviceIds ?? []}::text[], ${scope.kinds ?? []}::text[], ${window.record}, ${window.notify},
      ${window.createdBy}, ${window.createdAt}, ${window.changedAt}, ${overAt})`);
}

export async function updateWindow(tx: Transaction, window: StoredWindow): Promise<void> {
  const { plan, scope } = window;
  const { endsAt, rrule, cron, durationSeconds, overAt } = planColumns(plan);
  await tx.query(sql`
    update maintenance_windows set title = ${window.title}, note = ${window.note ?? null}, zone = ${plan.zone}, begins_at = ${plan.from},
      ends_at = ${endsAt}, rrule = ${rrule}, cron = ${cron}, duration_seconds = ${durationSeconds}, everything = ${scope.everything ?? false},
      site_ids = ${scope.siteIds ?? []}::uuid[], group_ids = ${scope.groupIds ?? []}::uuid[], device_ids = ${scope.deviceIds ?? []}::text[],
      kinds = ${scope.kinds ?? []}::text[], record = ${window.record}, notify = ${window.notify}, changed_at = ${window.changedAt},
      cancelled_at = ${window.cancelledAt ?? null}, cancelled_by = ${window.cancelledBy ?? null},
      over_at = coalesce(${window.cancelledAt ?? null}::timestamptz, ${overAt}), version = version + 1
    where id = ${window.id}`);
}

/** Notes that these have no occurrence any more. */
export async function markOver(db: Queryable, ids: readonly string[], at: Date): Promise<void> {
  if (ids.length === 0) return;
  await db.query(sql`update maintenance_windows set over_at = ${at} where id = any(${ids}::uuid[]) and over_at is null`);
}

type OwnIds = { readonly only: readonly string[] } | { readonly except: readonly string[] };

/** Sites and groups that are somebody's by themselves. Devices are told by the rows that are there for them. */
export interface OwnParts {
  readonly siteIds: OwnIds;
  readonly groupIds: OwnIds;
}

function namesOwn(column: Sql, own: OwnIds): Sql {
  if ("only" in own) return sql`${column} && ${own.only}::uuid[]`;
  return sql`exists (select from unnest(${column}) as n (id) where n.id <> all(${own.except}::uuid[]))`;
}

/** Those that mean every place, and those that name something of theirs; without `own`, all. */
function seenBy(own: OwnParts | undefined): Sql {
  if (own === undefined) return sql`true`;
  return sql`((w.site_ids = '{}' and w.group_ids = '{}' and w.device_ids = '{}')
    or ${namesOwn(sql`w.site_ids`, own.siteIds)} or ${namesOwn(sql`w.group_ids`, own.groupIds)}
    or exists (select from devices d where d.id = any(w.device_ids)))`;
}

export async function findWindow(
  db: Queryable,
  organisationId: string,
  id: string,
  own: OwnParts | undefined,
): Promise<StoredWindow | undefined> {
  const [row] = await db.query<WindowRow>(sql`
    select ${columns} from maintenance_windows w where w.id = ${id} and w.organisation_id = ${organisationId} and ${seenBy(own)}`);
  return row === undefined ? undefined : windowOf(row);
}

/** The same, locked until the transaction ends. */
export async function lockWindow(
  tx: Transaction,
  organisationId: string,
  id: string,
  own: OwnParts | undefined,
): Promise<StoredWindow | undefined> {
  const [row] = await tx.query<WindowRow>(sql`
    select ${columns} from maintenance_windows w
    where w.id = ${id} and w.organisation_id = ${organisationId} and ${seenBy(own)} for update`);
  return row === undefined ? undefined : windowOf(row);
}

export interface WindowFilter {
  readonly organisationId: string;
  readonly own: OwnParts | undefined;
  readonly show: "current" | "over" | "all";
  readonly now: Date;
  readonly deviceId: string | undefined;
  readonly after: readonly string[] | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function selectWindows(db: Queryable, filter: WindowFilter): Promise<StoredWindow[]> {
  const { show, now, deviceId, after } = filter;
  const over = sql`coalesce(w.over_at <= ${now}, false)`;
  const ofDevice =
    deviceId === undefined
      ? sql``
      : sql`and exists (select from devices d where d.id = ${deviceId} and d.organisation_id = w.organisation_id and (
          (w.site_ids = '{}' and w.group_ids = '{}' and w.device_ids = '{}') or d.id = any(w.device_ids) or d.site_id = any(w.site_ids)
          or exists (select from device_group_members m where m.device_id = d.id and m.group_id = any(w.group_ids))))`;
  const rows = await db.query<WindowRow>(sql`
    select ${columns} from maintenance_windows w
    where w.organisation_id = ${filter.organisationId} and ${seenBy(filter.own)} ${ofDevice}
      ${show === "all" ? sql`` : show === "over" ? sql`and ${over}` : sql`and not ${over}`}
      ${after === undefined ? sql`` : sql`and (w.created_at, w.id) < (${after[0]}::timestamptz, ${after[1]}::uuid)`}
    order by w.created_at desc, w.id desc limit ${filter.limit}`);
  return rows.map(windowOf);
}

export async function countCurrent(db: Queryable, organisationId: string, now: Date): Promise<number> {
  const [row] = await db.query<{ n: number }>(sql`
    select count(*)::int as n from maintenance_windows w
    where w.organisation_id = ${organisationId} and (w.over_at is null or w.over_at > ${now})`);
  return row?.n ?? 0;
}

/** Windows that may still be in force, or those named whatever they are; with what was cut off of them. */
export async function loadWindows(
  db: Queryable,
  { now, ids }: { now: Date; ids?: readonly string[] },
): Promise<(StoredWindow & { readonly cuts: readonly Cut[] })[]> {
  const rows = await db.query<WindowRow & { cuts_began: Date[] | null; cuts_at: Date[] | null }>(sql`
    select ${columns}, c.cuts_began, c.cuts_at from maintenance_windows w
    left join lateral (
      select array_agg(o.began_at) as cuts_began, array_agg(o.cut_at) as cuts_at from window_occurrences o
      where o.window_id = w.id and o.cut_at is not null and o.ends_at > ${now}
    ) c on true
    where roost_is_open(w.organisation_id) and (${ids === undefined ? sql`w.over_at is null or w.over_at > ${now}` : sql`w.id = any(${ids}::uuid[])`})`);
  return rows.map((row) => ({
    ...windowOf(row),
    cuts: (row.cuts_began ?? []).flatMap((beganAt, at) => {
      const cutAt = row.cuts_at?.[at];
      return cutAt === undefined ? [] : [{ beganAt, cutAt }];
    }),
  }));
}

/** Which of the places that a scope names are there, as the reader of `db` sees it. */
export async function findPlaces(
  db: Queryable,
  organisationId: string,
  { siteIds = [], groupIds = [], deviceIds = [] }: WindowScope,
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ id: string }>(sql`
    select s.id::text from sites s where s.organisation_id = ${organisationId} and s.id = any(${siteIds}::uuid[])
    union all
    select g.id::text from device_groups g where g.organisation_id = ${organisationId} and g.id = any(${groupIds}::uuid[])
    union all
    select d.id from devices d where d.organisation_id = ${organisationId} and not d.hidden and d.id = any(${deviceIds}::text[])`);
  return new Set(rows.map(({ id }) => id));
}

export interface OpenOccurrence {
  readonly windowId: string;
  readonly beganAt: Date;
  readonly endsAt: Date;
}

export async function selectOpenOccurrences(db: Queryable): Promise<OpenOccurrence[]> {
  const rows = await db.query<{ window_id: string; began_at: Date; ends_at: Date }>(
    sql`select o.window_id, o.began_at, o.ends_at from window_occurrences o where o.ended_at is null`,
  );
  return rows.map((row) => ({ windowId: row.window_id, beganAt: row.began_at, endsAt: row.ends_at }));
}

/** False where another server, or this one before, wrote it already. */
export async function insertOccurrence(
  tx: Transaction,
  occurrence: { windowId: string; organisationId: string; from: Date; to: Date },
): Promise<boolean> {
  const rows = await tx.query(sql`
    insert into window_occurrences (window_id, organisation_id, began_at, ends_at)
    values (${occurrence.windowId}, ${occurrence.organisationId}, ${occurrence.from}, ${occurrence.to})
    on conflict do nothing returning 1`);
  return rows.length > 0;
}

export async function moveOccurrenceEnd(db: Queryable, { windowId, beganAt }: OpenOccurrence, to: Date): Promise<void> {
  await db.query(sql`update window_occurrences set ends_at = ${to} where window_id = ${windowId} and began_at = ${beganAt}`);
}

/** False where it was written already. */
export async function endOccurrence(
  tx: Transaction,
  { windowId, beganAt }: { windowId: string; beganAt: Date },
  at: Date,
): Promise<boolean> {
  const rows = await tx.query(sql`
    update window_occurrences set ended_at = ${at}
    where window_id = ${windowId} and began_at = ${beganAt} and ended_at is null returning 1`);
  return rows.length > 0;
}

/**
 * Ends an occurrence before its time, be it on record or not yet: it is from then on, and does not begin again.
 */
export async function cutOccurrence(
  tx: Transaction,
  {
    windowId,
    organisationId,
    occurrence: { from, to },
    at,
  }: { windowId: string; organisationId: string; occurrence: { from: Date; to: Date }; at: Date },
): Promise<void> {
  await tx.query(sql`
    insert into window_occurrences (window_id, organisation_id, began_at, ends_at, cut_at, ended_at)
    values (${windowId}, ${organisationId}, ${from}, ${to}, ${at}, ${at})
    on conflict (window_id, began_at) do update set cut_at = excluded.cut_at, ends_at = excluded.ends_at`);
}

/** Of a window that ended, whatever became of it. */
export async function findAnyWindow(db: Queryable, id: string): Promise<StoredWindow | undefined> {
  const [row] = await db.query<WindowRow>(sql`select ${columns} from maintenance_windows w where w.id = ${id}`);
  return row === undefined ? undefined : windowOf(row);
}

/** A window as people see it, but for where it stands. */
export function shownOf(window: StoredWindow): Omit<MaintenanceWindow, "status" | "occurrence"> {
  const { organisationId: _, version: _version, note, cancelledAt, cancelledBy, ...rest } = window;
  return {
    ...rest,
    id: window.id as MaintenanceWindow["id"],
    ...(note === undefined ? {} : { note }),
    ...(cancelledAt === undefined ? {} : { cancelledAt }),
    ...(cancelledBy === undefined ? {} : { cancelledBy }),
  };
}
