import { alarmErrors, severities } from "@roost/contract/alarms";
import type { Alarm, Severity } from "@roost/contract/alarms";
import type { AlarmId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit, AuditEntry } from "../audit/audit.ts";
import { insertEntries, selectEntries } from "./alarm-entry-store.ts";
import type { AlarmEntry } from "./alarm-entry-store.ts";
import * as store from "./alarm-store.ts";
import { acknowledge } from "./alarm.ts";
import type { World } from "./life.ts";
import { offlineHandler } from "./offline.ts";
import { createSweep } from "./sweep.ts";
import { createTaking } from "./taking.ts";

export type { Signal } from "./signal.ts";

export interface AlarmDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  readonly log: Log;
  /** The maintenance window that covers an alarm now. */
  readonly coverOf?: World["coverOf"];
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
export function createAlarms({ db, audit, clock, log, coverOf = () => undefined }: AlarmDeps) {
  const origin = newId();
  const taking = createTaking({ clock, origin, coverOf });
  const sweep = createSweep({ db, taking, clock, log });

  async function record(
    tx: Transaction,
    whose: Whose,
    action: `alarm.${string}`,
    id: string,
    change: Pick<AuditEntry, "before" | "after"> = {},
  ): Promise<void> {
    await audit.record(tx, { organisationId: whose.organisationId, by: actorOf(whose), action, object: { kind: "alarm", id }, ...change });
  }

  return {
    /** In the facts that this server wrote: tells them from those of others on the same database. */
    origin,

    /** The one way in for whatever makes alarms; in the transaction of whoever speaks. */
    take: taking.take,

    /** Looks again at who is to be told of open alarms, after windows or the topology changed. */
    review: taking.review,

    /** Handlers of facts, for the dispatcher. */
    handlers: [offlineHandler({ db, taking })] satisfies FactHandler[],

    start: sweep.start,

    /** Does now what time made due. */
    sweep: sweep.runOnce,

    async list(
      whose: Within,
      query: Page & { state: "open" | "cleared" | "all"; deviceId?: string | undefined; severity?: Severity | undefined },
    ): Promise<{ items: Alarm[]; next?: string }> {
      const items = await store.selectAlarms(db.within(whose), {
        organisationId: whose.organisationId,
        state: query.state,
        deviceId: query.deviceId,
        severity: query.severity,
        after: query.cursor === undefined ? undefined : readCursor(query.cursor, ["boolean", "instant", "uuid"]),
        limit: query.limit + 1,
      });
      return pageOf(items, query.limit, (last) => [last.state !== "cleared", last.raisedAt, last.id]);
    },

    /** @throws {AppError} `alarms.not_found` */
    async get(whose: Within, alarmId: AlarmId): Promise<Alarm & { history: AlarmEntry[] }> {
      const alarm = await store.findAlarm(db.within(whose), whose.organisationId, alarmId);
      if (alarm === undefined) throw alarmErrors.not_found({ alarmId });
      return { ...alarm, history: await selectEntries(db.within(whose), alarmId) };
    },

    /**
     * Notes who looks after an alarm; the first one stays on record, twice is not an error.
     *
     * @throws {AppError} `alarms.not_found`, `alarms.already_cleared`
     */
    async acknowledge(whose: Whose, alarmId: AlarmId, by: string, note?: string): Promise<Alarm> {
      return db.within(whose).transaction(async (tx) => {
        const before = await store.lockAlarm(tx, whose.organisationId, alarmId);
        if (before === undefined) throw alarmErrors.not_found({ alarmId });
        const state = acknowledge(before.alarm.state);
        if (state === before.alarm.state) return before.alarm;
        const after: Alarm = { ...before.alarm, state, acknowledgedAt: new Date(clock.nowMs()), acknowledgedBy: by };
        await store.saveAlarms(tx, [], [{ ...before, alarm: after }]);
        await insertEntries(tx, [{ alarmId, what: "acknowledged", by, detail: note }]);
        await emit(tx, { organisationId: whose.organisationId, type: "alarm.acknowledged", nounId: alarmId, data: { ...after, origin } });
        await record(tx, whose, "alarm.acknowledged", alarmId, {
          before: { state: before.alarm.state },
          after: { state: after.state, note },
        });
        return after;
      });
    },

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

    /** How many alarms of this severity or a higher one were raised since then, everywhere or in what is named; for the platform itself. */
    raisedSince: ({ severity, ...where }: RaisedWhere): Promise<number> =>
      store.countRaisedSince(db, { ...where, severities: severities.slice(severities.indexOf(severity)) }),

    /** Puts a try to tell somebody into the alarm's history, in the transaction that records the try. */
    async recordNotice(tx: Transaction, alarmId: string, what: "notified" | "notify_failed", detail: string): Promise<void> {
      await insertEntries(tx, [{ alarmId, what, detail }]);
    },

    close: sweep.close,
  };
}

export type Alarms = ReturnType<typeof createAlarms>;
