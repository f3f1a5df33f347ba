import type { AlarmRuleId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";
import { metricOf } from "@roost/contract/rule-conditions";
import { ruleAt, ruleErrors } from "@roost/contract/rules";
import type { AlarmRule, RuleFields, RuleVersion } from "@roost/contract/rules";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import { createComposites } from "./composites.ts";
import { createFollowing } from "./following.ts";
import { kindsOf } from "./judges.ts";
import { createKeptRules } from "./kept-rules.ts";
import { createRuleBook } from "./rule-book.ts";
import { createRuleLoader } from "./rule-loader.ts";
import type { StoredHistory } from "./rule-loader.ts";
import { checkNamed } from "./rule-names.ts";
import { isTheirs, ownPlaces, seenRule } from "./rule-scope.ts";
import * as store from "./rule-store.ts";
import { checkRule, differences, isAbout, settingsOf } from "./rule.ts";
import { createSettlement } from "./settlement.ts";
import { createSilence } from "./silence.ts";
import { createTrials } from "./trials.ts";
import * as versions from "./version-store.ts";
import { createWatchBook } from "./watch.ts";
import type { Watch, WatchDeps, Watched } from "./watch.ts";
import { createWhy } from "./why.ts";

export { offlineRules } from "./offline-rule.ts";
export type { StoredHistory } from "./rule-loader.ts";
export type { Watch } from "./watch.ts";

export interface RuleDeps extends Pick<WatchDeps, "placeOf" | "unitOf"> {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly alarms: Pick<Alarms, "origin" | "take" | "holding" | "endOfRule">;
  readonly clock: Clock;
  readonly log: Log;
  /** What is stored: rules are compared with it when they come or change, and at the start. */
  readonly history: StoredHistory;
}

/** Rules that one metric of one device may have for itself: each costs time for every value that arrives. */
const rulesPerMetric = 16;
const rulesPerOrganisation = 5_000;

/**
 * Watches values against rules, and says so to the alarms.
 *
 * Values are judged in memory; what they turn is written by {@link settle}. Call `catchUp` once after facts are being observed and
 * before the first value is taken.
 */
export function createRules({ db, audit, alarms, clock, log, history, placeOf, unitOf }: RuleDeps) {
  // Tells our own facts from those of other servers on the same database.
  const origin = newId();
  const rules = createRuleBook();
  const book = createWatchBook({ rules, placeOf, unitOf });
  const settlement = createSettlement({ db, pending: book.pending, turned: book.turned, alarms, unitOf, log });
  const silence = createSilence({ rules, book, placeOf, clock, settle: settlement.settle });
  const loader = createRuleLoader({ db, rules, book, silence, settlement, alarms, history, placeOf, log });

  const composites = createComposites({ db, rules, isLoaded: () => loaded, alarms, placeOf, unitOf });

  const following = createFollowing({ db, rules, book, silence, loader, alarms, origin, placeOf, log });

  let loaded = false;

  const nameOf = (whose: Whose) => actorOf(whose).name;

  /** Writes down what a rule is now: its version, the fact, the trail. */
  async function record(
    tx: Transaction,
    whose: Whose,
    what: versions.KeptVersion["what"] | "removed",
    { before, after }: { before?: AlarmRule; after?: AlarmRule },
  ): Promise<void> {
    const rule = after ?? before;
    if (rule === undefined) return;
    const { organisationId } = whose;
    if (after !== undefined && what !== "removed") {
      const { version, changedBy } = after;
      await versions.insertVersion(tx, { organisationId, ruleId: rule.id, version, by: changedBy, what, fields: settingsOf(after) });
    }
    const metric = metricOf(rule.condition);
    const data = {
      ruleId: rule.id,
      ...(rule.scope.deviceId === undefined ? {} : { deviceId: rule.scope.deviceId }),
      ...(metric === undefined ? {} : { metric }),
      origin,
    };
    await emit(tx, { organisationId, type: "alarm_rule.changed", nounId: rule.id, data });
    await audit.record(tx, {
      organisationId,
      by: actorOf(whose),
      action: `alarm_rule.${what}`,
      object: { kind: "alarm_rule", id: rule.id, ...(rule.name === undefined ? {} : { name: rule.name }) },
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    });
  }

  async function change(
    whose: Whose,
    ruleId: AlarmRuleId,
    what: "changed" | "rolled_back",
    fieldsOf: (tx: Transaction, before: AlarmRule) => Promise<RuleFields>,
    keeper?: string,
  ): Promise<AlarmRule> {
    const by = nameOf(whose);
    const rule = await db.within(whose).transaction(async (tx) => {
      const before = await store.lockRule(tx, { organisationId: whose.organisationId, ruleId, own: ownPlaces(whose.scope) });
      if (before === undefined) throw ruleErrors.not_found({ ruleId });
      if (!isTheirs(whose.scope, before.scope)) throw ruleErrors.out_of_reach();
      if (before.keptBy !== keeper) throw ruleErrors.kept({ kit: before.keptBy });
      const fields = await fieldsOf(tx, before);
      checkRule(fields);
      await checkNamed(tx, whose, ruleId, fields);
      const after = await store.updateRule(tx, ruleId, fields, by);
      await endWhatIsNot(tx, { before, after }, by);
      await record(tx, whose, what, { before, after });
      return after;
    });
    await takeEffect(ruleId);
    return rule;
  }

  async function add(whose: Whose, fields: RuleFields, kept?: store.Kept): Promise<AlarmRule> {
    checkRule(fields);
    const id = newId();
    const rule = await db.within(whose).transaction(async (tx) => {
      await checkNamed(tx, whose, id, fields);
      const { deviceId } = fields.scope;
      const count = await store.countRules(tx, { organisationId: whose.organisationId, deviceId, metric: metricOf(fields.condition) });
      if (count.here >= rulesPerMetric) throw ruleErrors.too_many({ limit: rulesPerMetric });
      if (count.all >= rulesPerOrganisation) throw ruleErrors.too_many({ limit: rulesPerOrganisation });
      const added = await store.insertRule(tx, whose.organisationId, id, fields, { by: nameOf(whose), kept });
      await record(tx, whose, "added", { after: added });
      return added;
    });
    await takeEffect(rule.id);
    return rule;
  }

  async function remove(whose: Whose, ruleId: AlarmRuleId, keeper?: string): Promise<void> {
    const before = await db.within(whose).transaction(async (tx) => {
      const rule = await store.lockRule(tx, { organisationId: whose.organisationId, ruleId, own: ownPlaces(whose.scope) });
      if (rule === undefined) throw ruleErrors.not_found({ ruleId });
      if (!isTheirs(whose.scope, rule.scope)) throw ruleErrors.out_of_reach();
      if (rule.keptBy !== keeper) throw ruleErrors.kept({ kit: rule.keptBy });
      const { members } = await store.selectMembers(tx, whose.organisationId, []);
      const users = [...members].filter(([, ids]) => ids.includes(ruleId)).map(([id]) => id);
      if (users.length > 0) throw ruleErrors.in_use({ ruleIds: users });
      await alarms.endOfRule(tx, ruleId, { detail: "rule removed", by: nameOf(whose) });
      await store.deleteRule(tx, ruleId);
      await record(tx, whose, "removed", { before: rule });
      return rule;
    });
    await loader.reload(before.id);
  }

  /** Ends the open alarms that a rule, as it is now, would not make any more; of the others the newest value decides. */
  async function endWhatIsNot(tx: Transaction, { before, after }: { before: AlarmRule; after: AlarmRule }, by: string): Promise<void> {
    const isSame = before.condition.kind === after.condition.kind && metricOf(before.condition) === metricOf(after.condition);
    await alarms.endOfRule(tx, after.id, {
      detail: after.enabled ? "limit removed" : "rule switched off",
      by,
      which: ({ kind, deviceId }) => {
        const device = deviceId === undefined ? undefined : placeOf(deviceId);
        if (!isSame || deviceId === undefined || device === undefined) return true;
        const effective = ruleAt(after, device.siteId);
        const isStillAbout = isAbout({ organisationId: device.organisationId, fields: after }, deviceId, device);
        return !isStillAbout || effective === undefined || !kindsOf(effective.condition).includes(kind);
      },
    });
  }

  /** A rule is in force here when this returns. */
  async function takeEffect(ruleId: string): Promise<void> {
    await loader.reload(ruleId);
    const rule = rules.find(ruleId);
    if (rule !== undefined) await composites.begin(rule);
  }

  return {
    /** Handlers of facts, for the dispatcher. */
    handlers: composites.handlers,

    /** For ingest, in the transaction that stores them: what devices told may be what a rule waits for. */
    noteEvents: composites.noteEvents,

    /** Tries a rule on what is stored. @throws {AppError} one of the errors of `testAlarmRule` */
    test: createTrials({ db, history, placeOf, unitOf }).test,

    /** Why there was an alarm about a device, or none. @throws {AppError} `devices.not_found` */
    explain: createWhy({ db, history, clock, placeOf, unitOf }).explain,

    /** The live watch of a metric; it costs next to nothing while no rule is there. Kept by ingest for as long as the device lives. */
    watchFor(deviceId: string, metric: string): Watch {
      const known = book.find(deviceId, metric);
      if (known !== undefined) return known;
      const watch = book.watchOf(deviceId, metric);
      silence.align(deviceId);
      return watch;
    },

    /** Writes what watches found. Never rejects: while the database is away it is kept and tried again. */
    settle: settlement.settle,

    /**
     * Loads all rules, compares each with the open alarms and what is stored, and writes what follows; from then on time passes for it. Where
     * reading stored values takes longer than 2 s it goes on behind; until it is done, or for 15 s, those rules judge nothing but keep the newest
     * value they hear.
     *
     * @throws {AppError} `http.unavailable` while the database is away.
     */
    async catchUp(): Promise<void> {
      await loader.loadAll();
      loaded = true;
      loader.start();
      settlement.start();
      silence.start();
    },

    /** Does now what time made due: of metrics that fell silent. */
    tick: silence.tick,

    /** Hears every fact, in memory: what other servers changed takes effect here. */
    observe: following.observe,

    /** Resolves when what facts changed until now has taken effect. */
    settled: following.settled,

    async list(whose: Within, query: Page & { deviceId?: string | undefined }): Promise<{ items: AlarmRule[]; next?: string }> {
      const items = await store.selectRules(db.within(whose), {
        organisationId: whose.organisationId,
        deviceId: query.deviceId,
        own: ownPlaces(whose.scope),
        after: query.cursor === undefined ? undefined : readCursor(query.cursor, ["uuid"])[0],
        limit: query.limit + 1,
      });
      return pageOf(
        items.map((rule) => seenRule(whose.scope, rule)),
        query.limit,
        (last) => [last.id],
      );
    },

    /** @throws {AppError} `rules.not_found` */
    async get(whose: Within, ruleId: string): Promise<AlarmRule> {
      const rule = await store.findRule(db.within(whose), { organisationId: whose.organisationId, ruleId, own: ownPlaces(whose.scope) });
      if (rule === undefined) throw ruleErrors.not_found({ ruleId });
      return seenRule(whose.scope, rule);
    },

    /**
     * Adds a rule; it is in force here when this returns, and compared with what is stored.
     *
     * @throws {AppError} one of the errors of `addAlarmRule`
     */
    add: (whose: Whose, fields: RuleFields): Promise<AlarmRule> => add(whose, fields),

    /**
     * Replaces a rule. Switched off, or without the limit it had, its open alarms are cleared; else the newest value decides.
     *
     * @throws {AppError} one of the errors of `changeAlarmRule`; the old rule stays in force.
     */
    change: (whose: Whose, ruleId: AlarmRuleId, fields: RuleFields): Promise<AlarmRule> =>
      change(whose, ruleId, "changed", async () => fields),

    /** Makes a rule what it was, as a new version. @throws {AppError} one of the errors of `rollBackAlarmRule` */
    rollBack: (whose: Whose, ruleId: AlarmRuleId, version: number): Promise<AlarmRule> =>
      change(whose, ruleId, "rolled_back", async (tx) => {
        const kept = await versions.findVersion(tx, ruleId, version);
        if (kept === undefined) throw ruleErrors.no_such_version({ version });
        return kept.fields;
      }),

    /** What a rule was, newest first. @throws {AppError} `rules.not_found` */
    async versions(whose: Within, ruleId: string, query: Page): Promise<{ items: RuleVersion[]; next?: string }> {
      const rule = await this.get(whose, ruleId);
      const before = query.cursor === undefined ? rule.version + 1 : Number(readCursor(query.cursor, ["text"])[0]);
      const found = await versions.selectVersions(
        db.within(whose),
        ruleId,
        Math.min(Math.max(Math.trunc(before) || 0, 0), rule.version + 1),
        query.limit + 1,
      );
      const all = found.map(({ fields, ...kept }, index): RuleVersion => {
        const older = found[index + 1];
        const seen = (one: RuleFields) => settingsOf(seenRule(whose.scope, { ...rule, ...one }));
        return { ...kept, rule: seen(fields), changes: older === undefined ? [] : differences(seen(older.fields), seen(fields)) };
      });
      return pageOf(all, query.limit, (last) => [String(last.version)]);
    },

    /**
     * Removes a rule; its open alarms are cleared.
     *
     * @throws {AppError} `rules.not_found`, `rules.in_use`, `rules.kept`, `rules.out_of_reach`
     */
    remove: (whose: Whose, ruleId: AlarmRuleId): Promise<void> => remove(whose, ruleId),

    /** Rules that a kit keeps in step with what people set there. */
    keep: createKeptRules({
      db,
      add,
      change: (whose, ruleId, fields, keeper) => change(whose, ruleId, "changed", async () => fields, keeper),
      remove,
    }).keep,

    /** Ends at once, as a process that is killed does: nothing is written any more. */
    abandon(): void {
      loader.close();
      silence.stop();
      settlement.abandon();
    },

    /** Writes what is pending and how far timers are, and stops; what cannot be written now is found again by `catchUp` at the next start. */
    async close(): Promise<void> {
      loader.close();
      silence.stop();
      const lasting: Watched[] = [];
      for (const watch of book.all())
        for (const one of [...watch.limits, ...watch.others]) if (one.judge.stay.inARow > 0 && one.judge.stay.lasts) lasting.push(one);
      await settlement.close(lasting);
    },
  };
}

export type Rules = ReturnType<typeof createRules>;
