import { alarmErrors, severities } from "@roost/contract/alarms";
import type { Alarm, AlarmRule, Severity } from "@roost/contract/alarms";
import { deviceErrors } from "@roost/contract/devices";
import type { AlarmId, AlarmRuleId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit, AuditEntry } from "../audit/audit.ts";
import { insertEntries, selectEntries } from "./alarm-entry-store.ts";
import type { AlarmEntry } from "./alarm-entry-store.ts";
import * as rules from "./alarm-rule-store.ts";
import * as store from "./alarm-store.ts";
import { acknowledge } from "./alarm.ts";
import { offlineHandler } from "./offline.ts";
import { createRuleLoader } from "./rule-loader.ts";
import type { LatestValues } from "./rule-loader.ts";
import { checkLimits } from "./rule.ts";
import type { Direction } from "./rule.ts";
import { createSettlement, tell } from "./settlement.ts";
import { createWatchBook } from "./watch.ts";
import type { Watch } from "./watch.ts";

export type { LatestValues } from "./rule-loader.ts";
export type { Watch } from "./watch.ts";

export interface AlarmDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  readonly log: Log;
  /** The newest stored values of metrics: rules are compared with them when they come or change, and at the start. */
  readonly latestValues: LatestValues;
}

type RuleFields = Omit<AlarmRule, "id" | "deviceId" | "metric">;

/** Which alarms are counted. */
export interface RaisedWhere {
  readonly since: Date;
  readonly severity: Severity;
  readonly organisationId?: string | undefined;
  readonly groupId?: string | undefined;
  readonly deviceIds?: readonly string[] | undefined;
}

/** Rules one metric may have: each costs time for every value that arrives. */
const rulesPerMetric = 16;

/**
 * Watches values against rules, and keeps the alarms.
 *
 * Values are judged in memory; what they turn is written by {@link settle}. Call `catchUp` once after facts are being observed and
 * before the first value is taken.
 */
export function createAlarms({ db, audit, clock, log, latestValues }: AlarmDeps) {
  // Tells our own facts from those of other servers on the same database.
  const origin = newId();
  const book = createWatchBook();
  const settlement = createSettlement({ db, pending: book.pending, origin, log });
  const loader = createRuleLoader({ db, book, settlement, latestValues, log });

  async function clearForRule(tx: Transaction, ruleId: string, kinds: readonly Direction[], detail: string, by: string): Promise<void> {
    const cleared = await store.clearOpen(tx, { ruleId, kinds, at: new Date(clock.nowMs()) });
    await tell(
      tx,
      cleared.map((turned) => ({ what: "cleared", turned, detail, by })),
      origin,
    );
  }

  async function record(
    tx: Transaction,
    whose: Whose,
    action: `${"alarm" | "alarm_rule"}.${string}`,
    id: string,
    change: Pick<AuditEntry, "before" | "after"> = {},
  ): Promise<void> {
    const kind = action.slice(0, action.indexOf("."));
    await audit.record(tx, { organisationId: whose.organisationId, by: actorOf(whose), action, object: { kind, id }, ...change });
  }

  async function tellRule(tx: Transaction, organisationId: string, rule: AlarmRule): Promise<void> {
    const data = { ruleId: rule.id, deviceId: rule.deviceId, metric: rule.metric, origin };
    await emit(tx, { organisationId, type: "alarm_rule.changed", nounId: rule.id, data });
  }

  return {
    /** The live watch of a metric; it costs next to nothing while no rule is there. Kept by ingest for as long as the device lives. */
    watchFor: (deviceId: string, metric: string): Watch => book.watchOf(deviceId, metric),

    /** Writes what watches found. Never rejects: while the database is away it is kept and tried again. */
    settle: settlement.settle,

    /**
     * Loads all rules, compares each with the open alarms and the newest stored value, and writes what follows. Where reading stored values takes
     * longer than 2 s it goes on behind; until it is done, or for 15 s, those rules judge nothing but keep the newest value they hear.
     *
     * @throws {AppError} `http.unavailable` while the database is away.
     */
    catchUp: loader.loadAll,

    /** Handlers of facts, for the dispatcher. */
    handlers: [offlineHandler({ db, origin })] satisfies FactHandler[],

    /** Hears every fact, in memory: what other servers changed takes effect here. */
    observe(fact: Fact): void {
      if (fact.data["origin"] === origin) return;
      switch (fact.type) {
        case "alarm_rule.changed":
          void loader.reload(fact.nounId);
          break;
        case "alarm.raised":
        case "alarm.cleared": {
          const { ruleId, kind } = fact.data;
          if (typeof ruleId === "string" && (kind === "above" || kind === "below")) {
            book.noteOpen(ruleId, kind, fact.type === "alarm.raised");
          }
          break;
        }
        case "device.removed":
          book.forget(fact.nounId);
          break;
        default:
      }
    },

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
        const state = acknowledge(before.state);
        if (state === before.state) return before;
        const after: Alarm = { ...before, state, acknowledgedAt: new Date(clock.nowMs()), acknowledgedBy: by };
        await store.saveAcknowledged(tx, after);
        await insertEntries(tx, [{ alarmId, what: "acknowledged", by, detail: note }]);
        await emit(tx, { organisationId: whose.organisationId, type: "alarm.acknowledged", nounId: alarmId, data: { ...after, origin } });
        await record(tx, whose, "alarm.acknowledged", alarmId, {
          before: { state: before.state },
          after: { state: after.state, note },
        });
        return after;
      });
    },

    async listRules(whose: Within, query: Page & { deviceId?: string | undefined }): Promise<{ items: AlarmRule[]; next?: string }> {
      const items = await rules.selectRules(db.within(whose), {
        organisationId: whose.organisationId,
        deviceId: query.deviceId,
        after: query.cursor === undefined ? undefined : readCursor(query.cursor, ["text", "text", "uuid"]),
        limit: query.limit + 1,
      });
      return pageOf(items, query.limit, (last) => [last.deviceId, last.metric, last.id]);
    },

    /**
     * Adds a rule; it is in force here when this returns, and compared with the newest stored value.
     *
     * @throws {AppError} `alarms.rule_without_limit`, `alarms.too_many_rules`, `devices.not_found`
     */
    async addRule(whose: Whose, fields: Omit<AlarmRule, "id">): Promise<AlarmRule> {
      checkLimits(fields);
      const rule: AlarmRule = { ...fields, id: newId() as AlarmRuleId };
      await db.within(whose).transaction(async (tx) => {
        if (!(await rules.lockDevice(tx, whose.organisationId, rule.deviceId))) throw deviceErrors.not_found({ deviceId: rule.deviceId });
        if ((await rules.countRules(tx, rule.deviceId, rule.metric)) >= rulesPerMetric) {
          throw alarmErrors.too_many_rules({ limit: rulesPerMetric });
        }
        await rules.insertRule(tx, whose.organisationId, rule);
        await tellRule(tx, whose.organisationId, rule);
        await record(tx, whose, "alarm_rule.added", rule.id, { after: rule });
      });
      await loader.reload(rule.id);
      return rule;
    },

    /**
     * Replaces a rule's limits. Switched off, or without the limit it had, its open alarm is cleared; else the newest value decides.
     *
     * @throws {AppError} `alarms.rule_not_found`, `alarms.rule_without_limit`
     */
    async changeRule(whose: Whose, ruleId: AlarmRuleId, fields: RuleFields, by: string): Promise<AlarmRule> {
      checkLimits(fields);
      const rule = await db.within(whose).transaction(async (tx) => {
        const before = await rules.lockRule(tx, whose.organisationId, ruleId);
        if (before === undefined) throw alarmErrors.rule_not_found({ ruleId });
        const after: AlarmRule = { ...fields, id: before.id, deviceId: before.deviceId, metric: before.metric };
        await rules.updateRule(tx, after);
        const gone = (["above", "below"] as const).filter((side) => !after.enabled || after[side] === undefined);
        await clearForRule(tx, ruleId, gone, after.enabled ? "limit removed" : "rule switched off", by);
        await tellRule(tx, whose.organisationId, after);
        await record(tx, whose, "alarm_rule.changed", ruleId, { before, after });
        return after;
      });
      await loader.reload(ruleId);
      return rule;
    },

    /**
     * Removes a rule; its open alarm is cleared.
     *
     * @throws {AppError} `alarms.rule_not_found`
     */
    async removeRule(whose: Whose, ruleId: AlarmRuleId, by: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        const rule = await rules.lockRule(tx, whose.organisationId, ruleId);
        if (rule === undefined) throw alarmErrors.rule_not_found({ ruleId });
        await clearForRule(tx, ruleId, ["above", "below"], "rule removed", by);
        await rules.deleteRule(tx, ruleId);
        await tellRule(tx, whose.organisationId, rule);
        await record(tx, whose, "alarm_rule.removed", ruleId, { before: rule });
      });
      await loader.reload(ruleId);
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

    /** Writes what is pending and stops trying; what cannot be written now is found again by `catchUp` at the next start. */
    async close(): Promise<void> {
      loader.close();
      await settlement.close();
    },
  };
}

export type Alarms = ReturnType<typeof createAlarms>;
