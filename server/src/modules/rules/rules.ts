import { deviceErrors } from "@roost/contract/devices";
import type { AlarmRuleId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";
import { ruleErrors } from "@roost/contract/rules";
import type { AlarmRule } from "@roost/contract/rules";

import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { Audit, AuditEntry } from "../audit/audit.ts";
import { createRuleLoader } from "./rule-loader.ts";
import type { LatestValues } from "./rule-loader.ts";
import * as store from "./rule-store.ts";
import { checkLimits } from "./rule.ts";
import { createSettlement } from "./settlement.ts";
import { createWatchBook } from "./watch.ts";
import type { Watch } from "./watch.ts";

export type { LatestValues } from "./rule-loader.ts";
export type { Watch } from "./watch.ts";

export interface RuleDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly alarms: Pick<Alarms, "origin" | "take" | "holding" | "endOfRule">;
  readonly log: Log;
  /** The newest stored values of metrics: rules are compared with them when they come or change, and at the start. */
  readonly latestValues: LatestValues;
}

type RuleFields = Omit<AlarmRule, "id" | "deviceId" | "metric">;

/** Rules one metric may have: each costs time for every value that arrives. */
const rulesPerMetric = 16;

/**
 * Watches values against rules, and says so to the alarms.
 *
 * Values are judged in memory; what they turn is written by {@link settle}. Call `catchUp` once after facts are being observed and
 * before the first value is taken.
 */
export function createRules({ db, audit, alarms, log, latestValues }: RuleDeps) {
  // Tells our own facts from those of other servers on the same database.
  const origin = newId();
  const book = createWatchBook();
  const settlement = createSettlement({ db, pending: book.pending, alarms, log });
  const loader = createRuleLoader({ db, book, settlement, alarms, latestValues, log });

  async function record(
    tx: Transaction,
    whose: Whose,
    action: `alarm_rule.${string}`,
    id: string,
    change: Pick<AuditEntry, "before" | "after"> = {},
  ): Promise<void> {
    await audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action,
      object: { kind: "alarm_rule", id },
      ...change,
    });
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

    /** Hears every fact, in memory: what other servers changed takes effect here. */
    observe(fact: Fact): void {
      switch (fact.type) {
        case "alarm_rule.changed":
          if (fact.data["origin"] !== origin) void loader.reload(fact.nounId);
          break;
        case "alarm.raised":
        case "alarm.repeated":
        case "alarm.quiet":
        case "alarm.cleared": {
          const { ruleId, kind, holds, origin: writer } = fact.data;
          if (writer === alarms.origin) break;
          if (typeof ruleId === "string" && (kind === "above" || kind === "below")) book.noteOpen(ruleId, kind, holds === true);
          break;
        }
        case "device.removed":
          book.forget(fact.nounId);
          break;
        default:
      }
    },

    async list(whose: Within, query: Page & { deviceId?: string | undefined }): Promise<{ items: AlarmRule[]; next?: string }> {
      const items = await store.selectRules(db.within(whose), {
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
     * @throws {AppError} `rules.without_limit`, `rules.too_many`, `devices.not_found`
     */
    async add(whose: Whose, fields: Omit<AlarmRule, "id">): Promise<AlarmRule> {
      checkLimits(fields);
      const rule: AlarmRule = { ...fields, id: newId() as AlarmRuleId };
      await db.within(whose).transaction(async (tx) => {
        if (!(await store.lockDevice(tx, whose.organisationId, rule.deviceId))) throw deviceErrors.not_found({ deviceId: rule.deviceId });
        if ((await store.countRules(tx, rule.deviceId, rule.metric)) >= rulesPerMetric)
          throw ruleErrors.too_many({ limit: rulesPerMetric });
        await store.insertRule(tx, whose.organisationId, rule);
        await tellRule(tx, whose.organisationId, rule);
        await record(tx, whose, "alarm_rule.added", rule.id, { after: rule });
      });
      await loader.reload(rule.id);
      return rule;
    },

    /**
     * Replaces a rule's limits. Switched off, or without the limit it had, its open alarm is cleared; else the newest value decides.
     *
     * @throws {AppError} `rules.not_found`, `rules.without_limit`
     */
    async change(whose: Whose, ruleId: AlarmRuleId, fields: RuleFields, by: string): Promise<AlarmRule> {
      checkLimits(fields);
      const rule = await db.within(whose).transaction(async (tx) => {
        const before = await store.lockRule(tx, whose.organisationId, ruleId);
        if (before === undefined) throw ruleErrors.not_found({ ruleId });
        const after: AlarmRule = { ...fields, id: before.id, deviceId: before.deviceId, metric: before.metric };
        await store.updateRule(tx, after);
        const gone = (["above", "below"] as const).filter((side) => !after.enabled || after[side] === undefined);
        const detail = after.enabled ? "limit removed" : "rule switched off";
        await alarms.endOfRule(tx, ruleId, { detail, by, which: ({ kind }) => gone.some((side) => side === kind) });
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
     * @throws {AppError} `rules.not_found`
     */
    async remove(whose: Whose, ruleId: AlarmRuleId, by: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        const rule = await store.lockRule(tx, whose.organisationId, ruleId);
        if (rule === undefined) throw ruleErrors.not_found({ ruleId });
        await alarms.endOfRule(tx, ruleId, { detail: "rule removed", by });
        await store.deleteRule(tx, ruleId);
        await tellRule(tx, whose.organisationId, rule);
        await record(tx, whose, "alarm_rule.removed", ruleId, { before: rule });
      });
      await loader.reload(ruleId);
    },

    /** Writes what is pending and stops trying; what cannot be written now is found again by `catchUp` at the next start. */
    async close(): Promise<void> {
      loader.close();
      await settlement.close();
    },
  };
}

export type Rules = ReturnType<typeof createRules>;
