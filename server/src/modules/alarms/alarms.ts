import { alarmErrors, severities } from "@roost/contract/alarms";
import type { Alarm, AlarmCounts, AlarmFilter, Severity } from "@roost/contract/alarms";
import type { AlarmId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import type { FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { createActs, only } from "./alarm-acts.ts";
import type { ActDeps } from "./alarm-acts.ts";
import { insertEntries, selectEntries } from "./alarm-entry-store.ts";
import type { AlarmEntry } from "./alarm-entry-store.ts";
import { alarmsAsCsv, alarmsAsLines } from "./alarm-export.ts";
import { countAlarms, countOpenEverywhere, rankOf, selectAlarms } from "./alarm-list-store.ts";
import * as store from "./alarm-store.ts";
import { createAlarmViews } from "./alarm-views.ts";
import type { Finding } from "./alarm.ts";
import { createIncidents } from "./incidents.ts";
import type { World } from "./life.ts";
import { offlineHandler } from "./offline.ts";
import type { OfflineRuleOf } from "./offline.ts";
import { createSweep } from "./sweep.ts";
import { createTaking } from "./taking.ts";

export type { Keeper } from "./alarm-acts.ts";
export type { Signal } from "./signal.ts";

export interface AlarmDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  readonly log: Log;
  /** The maintenance window that covers an alarm now. */
  readonly coverOf?: World["coverOf"];
  /** How bad it is that a device is offline. */
  readonly offlineRuleOf?: OfflineRuleOf;
  /** Members who may look after alarms. */
  readonly keepersOf?: ActDeps["keepersOf"];
}

/** Which alarms are counted. */
export interface RaisedWhere {
  readonly since: Date;
  readonly severity: Severity;
  readonly organisationId?: string | undefined;
  readonly groupId?: string | undefined;
  readonly deviceIds?: readonly string[] | undefined;
}

/** Keeps the alarms: what is wrong, since when, who looks after it, and who is not to be told for now. */
export function createAlarms({ db, audit, clock, log, coverOf = () => undefined, keepersOf = async () => [], offlineRuleOf }: AlarmDeps) {
  const origin = newId();
  const taking = createTaking({ clock, origin, coverOf });
  const sweep = createSweep({ db, taking, clock, log });

  const acts = createActs({ db, audit, clock, origin, taking, keepersOf });

  async function find(whose: Within, alarmId: AlarmId): Promise<Alarm> {
    const alarm = await store.findAlarm(db.within(whose), whose.organisationId, alarmId);
    if (alarm === undefined) throw alarmErrors.not_found({ alarmId });
    return alarm;
  }

  return {
    /** In the facts that this server wrote: tells them from those of others on the same database. */
    origin,

    /** The one way in for whatever makes alarms; in the transaction of whoever speaks. */
    take: taking.take,

    /** Looks again at who is to be told of open alarms, after windows or the topology changed. */
    review: taking.review,

    /** Handlers of facts, for the dispatcher. */
    handlers: [offlineHandler({ db, taking, ruleOf: offlineRuleOf })] satisfies FactHandler[],

    start: sweep.start,

    /** Does now what time made due. */
    sweep: sweep.runOnce,

    /** @param query - `deviceIds`: about one of these. */
    async list(
      whose: Within,
      {
        limit,
        cursor,
        sort = "newest",
        ...filter
      }: Page & AlarmFilter & { sort?: "newest" | "worst"; deviceIds?: readonly string[] | undefined },
    ): Promise<{ items: Alarm[]; next?: string }> {
      const shape = sort === "newest" ? (["boolean", "instant", "uuid"] as const) : (["boolean", "text", "instant", "uuid"] as const);
      const after = cursor === undefined ? undefined : readCursor(cursor, shape);
      const where = { ...filter, organisationId: whose.organisationId };
      const items = await selectAlarms(db.within(whose), where, { sort, after, limit: limit + 1 });
      return pageOf(items, limit, ({ state, severity, raisedAt, id }) =>
        sort === "newest" ? [state !== "cleared", raisedAt, id] : [state !== "cleared", String(rankOf(severity)), raisedAt, id],
      );
    },

    counts: (whose: Within, filter: AlarmFilter): Promise<AlarmCounts> =>
      countAlarms(db.within(whose), { ...filter, organisationId: whose.organisationId }),

    /** Alarms as CSV or as lines of JSON, a thousand at a time; that they were taken away is on record. */
    async export(whose: Whose, format: "csv" | "ndjson", filter: AlarmFilter): Promise<AsyncGenerator<string>> {
      const { organisationId } = whose;
      await audit.record(db, {
        organisationId,
        by: actorOf(whose),
        action: "alarms.exported",
        object: { kind: "alarms", id: format },
        // What was asked for by name need not be theirs: that it was narrowed is enough.
        after: { state: filter.state, narrowedBy: Object.keys(filter).filter((name) => name !== "state" && name in filter) },
      });
      const where = { ...filter, organisationId };
      return format === "csv" ? alarmsAsCsv(db.within(whose), where) : alarmsAsLines(db.within(whose), where);
    },

    /** Without its history. @throws {AppError} `alarms.not_found` */
    find,

    /** @throws {AppError} `alarms.not_found` */
    async get(whose: Within, alarmId: AlarmId): Promise<Alarm & { history: AlarmEntry[] }> {
      return { ...(await find(whose, alarmId)), history: await selectEntries(db.within(whose), alarmId) };
    },

    /** Members who may see and look after an alarm, by name. @throws {AppError} `alarms.not_found` */
    async assignees(whose: Within, alarmId: AlarmId): Promise<{ email: string; name: string }[]> {
      const { deviceId } = await find(whose, alarmId);
      const keepers = await keepersOf(whose.organisationId);
      return keepers.filter(({ maySee }) => maySee(deviceId)).map(({ email, name }) => ({ email, name }));
    },

    /** What people do with many alarms at once: of each what became of it. */
    bulk: acts,
    views: createAlarmViews({ db }),
    incidents: createIncidents({ db, audit }),

    /** The first one stays on record, twice is not an error. @throws {AppError} `alarms.not_found` */
    acknowledge: async (whose: Whose, alarmId: AlarmId, by: string, note?: string): Promise<Alarm> =>
      only(await acts.acknowledge(whose, [alarmId], by, note)),
    /** @throws {AppError} `alarms.not_found`, `alarms.already_cleared` */
    unacknowledge: async (whose: Whose, alarmId: AlarmId, by: string, note?: string): Promise<Alarm> =>
      only(await acts.unacknowledge(whose, [alarmId], by, note)),
    /** @throws {AppError} `alarms.not_found`, `alarms.not_assignable` */
    assign: async (whose: Whose, alarmId: AlarmId, given: Parameters<typeof acts.assign>[2]): Promise<Alarm> =>
      only(await acts.assign(whose, [alarmId], given)),
    /** @throws {AppError} `alarms.not_found` */
    comment: async (whose: Whose, alarmId: AlarmId, by: string, text: string): Promise<Alarm> =>
      only(await acts.comment(whose, [alarmId], by, text)),
    /** @throws {AppError} `alarms.not_found`, `alarms.already_cleared`, `alarms.end_in_past` */
    snooze: async (whose: Whose, alarmId: AlarmId, given: Parameters<typeof acts.snooze>[2]): Promise<Alarm> =>
      only(await acts.snooze(whose, [alarmId], given)),
    unsnooze: acts.unsnooze,
    /** @throws {AppError} `alarms.not_found`, `alarms.already_cleared`, `alarms.still_holds` */
    clear: async (whose: Whose, alarmId: AlarmId, by: string, note?: string): Promise<Alarm> =>
      only(await acts.clear(whose, [alarmId], { by, note })),
    /** @throws {AppError} `alarms.not_found`, `alarms.still_open` */
    resolve: async (whose: Whose, alarmId: AlarmId, by: string, found: Finding): Promise<Alarm> =>
      only(await acts.resolve(whose, [alarmId], by, found)),

    /** Open alarms of rules whose cause says so now: of one rule, or of all. For the rules themselves. */
    holding: (on: Queryable = db, ruleId?: string) => store.selectHolding(on, ruleId),

    /** Ends the open alarms of a rule that is gone, or another one now. */
    async endOfRule(
      tx: Transaction,
      ruleId: string,
      { detail, by, which = () => true }: { detail: string; by: string; which?: (alarm: Alarm) => boolean },
    ): Promise<void> {
      const open = await store.selectOpenOfRule(tx, ruleId);
      const at = new Date(clock.nowMs());
      await taking.take(
        tx,
        open
          .filter(({ alarm }) => which(alarm))
          .map(({ alarm: { source, type, deviceId, kind, severity }, organisationId }) => {
            return { id: newId(), what: "clear", organisationId, source, type, deviceId, kind, severity, at, detail, by } as const;
          }),
      );
    },

    /** Open alarms per device, for the fleet page; devices without one are absent. */
    openCounts: (deviceIds: readonly string[]): Promise<Map<string, number>> => store.countOpenByDevice(db, deviceIds),

    /** Open alarms of an organisation. */
    openCount: (whose: Within): Promise<number> => store.countOpen(db.within(whose), whose.organisationId),

    /** Open alarms of everybody by severity, for the platform's own figures. */
    openEverywhere: () => countOpenEverywhere(db),

    /** How many alarms of this severity or a higher one were raised since then, everywhere or in what is named; for the platform itself. */
    raisedSince: ({ severity, ...where }: RaisedWhere): Promise<number> =>
      store.countRaisedSince(db, { ...where, severities: severities.slice(severities.indexOf(severity)) }),

    /** Puts tries to tell somebody into the history of their alarms, in the transaction that records the tries. */
    recordNotices: (
      tx: Transaction,
      notices: readonly { readonly alarmId: string; readonly what: "notified" | "notify_failed"; readonly detail: string }[],
    ): Promise<void> => insertEntries(tx, notices),

    /** Puts what became of the work on an alarm into its history, in the transaction that makes it true. */
    async recordTicket(tx: Transaction, alarmId: string, by: string, detail: string): Promise<void> {
      await insertEntries(tx, [{ alarmId, what: "ticket", by, detail }]);
    },

    close: sweep.close,
  };
}

export type Alarms = ReturnType<typeof createAlarms>;
