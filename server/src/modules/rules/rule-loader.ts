import { setTimeout as sleep } from "node:timers/promises";

import { metricOf } from "@roost/contract/rule-conditions";

import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { AnomalyJudge } from "./anomaly.ts";
import { selectSeries, selectStays } from "./memory-store.ts";
import type { KeptStay, SeriesOfDevice } from "./memory-store.ts";
import type { RuleBook } from "./rule-book.ts";
import { findLiveRule, selectLiveRules, selectRuleIds } from "./rule-store.ts";
import { isAbout } from "./rule.ts";
import type { LiveRule } from "./rule.ts";
import { learnSeasonal } from "./seasonal.ts";
import type { HourOfValues } from "./seasonal.ts";
import type { Settlement } from "./settlement.ts";
import type { Silence } from "./silence.ts";
import { holdingKey } from "./watch.ts";
import type { KnownValue, MetricWatch, WatchBook, WatchDeps, Watched } from "./watch.ts";

/** What is stored, for rules that come later than their values. */
export interface StoredHistory {
  /** The newest stored values, in the order asked for; `undefined` where there is none. */
  latest(wanted: readonly SeriesOfDevice[]): Promise<readonly (KnownValue | undefined)[]>;
  /** From `fromUs` on up to `toUs` and no further, oldest first, in pages; nothing for what was never sent. */
  samples(of: SeriesOfDevice, fromUs: number, toUs: number): AsyncIterable<readonly KnownValue[]>;
  hours(of: SeriesOfDevice, from: Date, to: Date): Promise<readonly HourOfValues[]>;
}

const pageRows = 1_000;
const seriesRows = 5_000;
const retryMs = 1_000;
/** How long whoever loads rules waits for the comparison with what is stored; it goes on behind. */
const patienceMs = 2_000;
/** How long rules wait for it before they judge what they hear without it. */
const holdMs = 15_000;
/** Values that one metric's rules hear again at most: a day of one a second. */
const replayedValues = 100_000;
/** What is usual is learned from so many days, and learned anew this often. */
const usualDays = 28;
const relearnMs = 6 * 3_600_000;
const nobody = "00000000-0000-0000-0000-000000000000";

export interface LoaderDeps extends Pick<WatchDeps, "placeOf"> {
  readonly db: Db;
  readonly rules: RuleBook;
  readonly book: WatchBook;
  readonly silence: Silence;
  readonly settlement: Settlement;
  readonly alarms: Pick<Alarms, "holding" | "endOfRule">;
  readonly history: StoredHistory;
  readonly log: Log;
}

/**
 * Brings rules from the database into the watches: all at the start, one when it changes, those about a device when it moves. What is stored is
 * looked up for many at once and behind the loading: right after heavy traffic the newest values lie in rows without an index yet, and a start
 * must not wait for those.
 */
export function createRuleLoader({ db, rules, book, silence, settlement, alarms, history, placeOf, log }: LoaderDeps) {
  const uncompared = new Map<string, MetricWatch>();
  let stays = new Map<string, KeptStay>();
  let comparing: Promise<void> | undefined;
  let relearning: NodeJS.Timeout | undefined;
  let closed = false;

  const stayOf = ({ rule, watch, judge }: Watched) => stays.get(holdingKey(rule.id, watch.deviceId, judge.kind));

  function enlist({ deviceId, metric }: SeriesOfDevice): void {
    const known = book.find(deviceId, metric);
    const watch = known ?? book.watchOf(deviceId, metric);
    const fresh = known === undefined ? [...watch.limits, ...watch.others] : book.align(watch);
    if (!watch.compared) watch.held = true;
    if (watch.admit(fresh) || watch.held) uncompared.set(`${deviceId}/${metric}`, watch);
  }

  async function usualOf(of: SeriesOfDevice) {
    const now = Date.now();
    return learnSeasonal(await history.hours(of, new Date(now - usualDays * 86_400_000), new Date(now)));
  }

  async function compareOne(watch: MetricWatch, latest: KnownValue | undefined): Promise<void> {
    // With the series known the units are: rules that waited for those are worked out now.
    watch.fresh = [...watch.fresh, ...book.align(watch)];
    const learning = watch.fresh.flatMap(({ judge }) => (judge instanceof AnomalyJudge ? [judge] : []));
    if (learning.length > 0) {
      const model = await usualOf(watch);
      for (const judge of learning) judge.model = model;
    }
    const fromUs = watch.learn(latest, stayOf);
    const samples: KnownValue[] = [];
    if (fromUs !== undefined && fromUs < watch.lastUs) {
      for await (const page of history.samples(watch, fromUs, watch.lastUs)) {
        samples.push(...page);
        if (samples.length > replayedValues) break;
      }
    }
    const { fresh } = watch;
    watch.compare(samples, stayOf);
    // Whoever comes back later begins with what is stored then.
    for (const { rule, judge } of fresh) stays.delete(holdingKey(rule.id, watch.deviceId, judge.kind));
  }

  async function compareChunks(): Promise<void> {
    while (uncompared.size > 0 && !closed) {
      const chunk = [...uncompared].slice(0, pageRows);
      try {
        const values = await history.latest(chunk.map(([, one]) => one));
        for (const [index, [key, watch]] of chunk.entries()) {
          await compareOne(watch, values[index]);
          uncompared.delete(key);
        }
      } catch (error) {
        log.warn({ err: error, metrics: uncompared.size }, "rules could not be compared with stored values; trying again");
        await sleep(retryMs, undefined, { ref: false });
      }
      await settlement.settle();
    }
  }

  /** Resolves when all is compared, or when patience is over. */
  async function compare(): Promise<void> {
    comparing ??= compareChunks().finally(() => {
      comparing = undefined;
    });
    const held = [...uncompared.values()];
    if (held.length > 0) {
      setTimeout(() => {
        for (const watch of held) watch.release();
        void settlement.settle();
      }, holdMs).unref();
    }
    await Promise.race([comparing, sleep(patienceMs, undefined, { ref: false })]);
    await settlement.settle();
  }

  async function* seriesOf(where: { organisationId?: string; deviceIds?: readonly string[]; metrics?: readonly string[] | undefined }) {
    let after: SeriesOfDevice | undefined;
    for (;;) {
      const page = await selectSeries(db, { ...where, after, limit: seriesRows });
      yield page;
      after = page.at(-1);
      if (after === undefined || page.length < seriesRows) return;
    }
  }

  /** The device and metric that a rule names itself: it waits there for a value that never came yet. */
  function named({ fields: { scope, condition } }: LiveRule): SeriesOfDevice[] {
    const metric = metricOf(condition);
    return scope.deviceId === undefined || metric === undefined || placeOf(scope.deviceId) === undefined
      ? []
      : [{ deviceId: scope.deviceId, metric }];
  }

  async function load(ruleId: string): Promise<void> {
    // What the rule said so far is written first: after that its old limits have no say.
    await settlement.flush();
    await settlement.remember();
    const rule = await findLiveRule(db, ruleId);
    const holding = await alarms.holding(db, ruleId);
    rules.drop(ruleId);
    book.retire(ruleId);
    silence.retire(ruleId);
    book.setHoldingOf(
      ruleId,
      holding.map(({ source, kind }) => holdingKey(ruleId, source, kind)),
    );
    if (rule === undefined) {
      // It went with the site or group it was about.
      if (holding.length > 0) await db.transaction((tx) => alarms.endOfRule(tx, ruleId, { detail: "rule removed", by: "roost" }));
      return;
    }
    rules.put(rule);
    await adopt(rule);
  }

  /** Puts a rule that is new here to work. */
  async function adopt(rule: LiveRule): Promise<void> {
    const { condition, scope } = rule.fields;
    const metric = metricOf(condition);
    if (metric === undefined && condition.kind !== "no_data") return;
    for (const kept of await selectStays(db, rule.id)) stays.set(holdingKey(kept.ruleId, kept.deviceId, kept.kind), kept);
    const about = new Set<string>();
    for (const one of named(rule)) enlist(one);
    const where = { organisationId: rule.organisationId, ...(scope.deviceId === undefined ? {} : { deviceIds: [scope.deviceId] }) };
    for await (const page of seriesOf({ ...where, metrics: metric === undefined ? undefined : [metric] })) {
      for (const one of page) {
        const device = placeOf(one.deviceId);
        if (device === undefined || !isAbout(rule, one.deviceId, device)) continue;
        about.add(one.deviceId);
        enlist(one);
      }
    }
    if (condition.kind !== "no_data") return;
    if (scope.deviceId !== undefined) about.add(scope.deviceId);
    for (const deviceId of about) silence.align(deviceId);
  }

  async function again(work: () => Promise<void>, about: Record<string, unknown>): Promise<void> {
    try {
      await settlement.inLane(work);
    } catch (error) {
      log.warn({ err: error, ...about }, "changed alarm rules could not be loaded; trying again");
      if (!closed) setTimeout(() => void again(work, about), retryMs).unref();
      return;
    }
    await compare();
  }

  async function loadAll(): Promise<void> {
    await settlement.inLane(async () => {
      await settlement.flush();
      await settlement.remember();
      book.setHolding((await alarms.holding()).map(({ ruleId, source, kind }) => holdingKey(ruleId, source, kind)));
      stays = new Map((await selectStays(db)).map((one) => [holdingKey(one.ruleId, one.deviceId, one.kind), one]));
      const gone = new Set([...rules.all()].map(({ id }) => id));
      let afterId = nobody;
      for (;;) {
        const page = await selectLiveRules(db, afterId, pageRows);
        for (const rule of page) {
          gone.delete(rule.id);
          rules.put(rule);
        }
        const last = page.at(-1);
        if (last === undefined || page.length < pageRows) break;
        afterId = last.id;
      }
      for (const ruleId of gone) rules.drop(ruleId);
      const all = [...rules.all()];
      for (const one of all.flatMap(named)) enlist(one);
      const wide = rules.widelyWatched();
      const about = new Set<string>(
        all.flatMap(({ fields }) => (fields.condition.kind === "no_data" ? (fields.scope.deviceId ?? []) : [])),
      );
      if (wide === undefined || wide.size > 0) {
        for await (const page of seriesOf({ metrics: wide === undefined ? undefined : [...wide] })) {
          for (const one of page) {
            about.add(one.deviceId);
            enlist(one);
          }
        }
      }
      for (const deviceId of about) silence.align(deviceId);
    });
    await compare();
  }

  return {
    /** Takes a rule as it is in the database now; tried again while the database is away. */
    reload: (ruleId: string): Promise<void> => again(() => load(ruleId), { ruleId }),

    /** Nothing of an organisation that is closed is judged any more; its alarms stay as they are. */
    leave: (organisationId: string): Promise<void> =>
      again(
        async () => {
          await settlement.flush();
          await settlement.remember();
          for (const { id } of [...rules.all()].filter((rule) => rule.organisationId === organisationId)) {
            rules.drop(id);
            book.retire(id);
            silence.retire(id);
          }
        },
        { organisationId },
      ),

    /** Takes the rules of an organisation that was closed to work again. */
    reopen: (organisationId: string): Promise<void> =>
      again(
        async () => {
          for (const id of await selectRuleIds(db, organisationId)) await load(id);
        },
        { organisationId },
      ),

    /** Takes all rules as they are in the database now. */
    loadAll,

    /** A device stands elsewhere, or is another kind of thing now: other rules may be about it. */
    moved: (deviceId: string): Promise<void> =>
      again(
        async () => {
          await settlement.flush();
          for (const watch of book.ofDevice(deviceId)) enlist(watch);
          for await (const page of seriesOf({ deviceIds: [deviceId] })) for (const one of page) enlist(one);
          const device = placeOf(deviceId);
          if (device !== undefined) for (const one of rules.about(deviceId, device).flatMap(named)) enlist(one);
          silence.align(deviceId);
        },
        { deviceId },
      ),

    start(): void {
      relearning ??= setInterval(() => {
        for (const watch of book.all()) {
          for (const { judge } of watch.others) {
            if (judge instanceof AnomalyJudge && !closed) {
              usualOf(watch).then(
                (model) => (judge.model = model),
                (error: unknown) => log.warn({ err: error }, "what is usual could not be learned anew"),
              );
            }
          }
        }
      }, relearnMs);
      relearning.unref();
    },
    close(): void {
      closed = true;
      clearInterval(relearning);
    },
  };
}
