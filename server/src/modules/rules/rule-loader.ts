import { setTimeout as sleep } from "node:timers/promises";

import type { AlarmRule } from "@roost/contract/rules";

import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { findRule, selectEnabledRules } from "./rule-store.ts";
import { limitsOf } from "./rule.ts";
import type { Direction } from "./rule.ts";
import type { Settlement } from "./settlement.ts";
import type { KnownValue, WatchBook } from "./watch.ts";

/** A metric of a device, by name. */
export interface MetricOfDevice {
  readonly deviceId: string;
  readonly metric: string;
}

/** The newest stored values, in the order asked for; `undefined` where there is none. */
export type LatestValues = (wanted: readonly MetricOfDevice[]) => Promise<readonly (KnownValue | undefined)[]>;

const pageRows = 1_000;
const retryMs = 1_000;
/** How long whoever loads rules waits for the comparison with what is stored; it goes on behind. */
const patienceMs = 2_000;
/** How long rules wait for it before they judge what they hear without it. */
const holdMs = 15_000;

/**
 * Brings rules from the database into the watches: all at the start, one when it changes. What is stored is looked up for many at once and behind the
 * loading: right after heavy traffic the newest values lie in rows without an index yet, and a start must not wait for those.
 */
export function createRuleLoader({
  db,
  book,
  settlement,
  alarms,
  latestValues,
  log,
}: {
  db: Db;
  book: WatchBook;
  settlement: Settlement;
  alarms: Pick<Alarms, "holding">;
  latestValues: LatestValues;
  log: Log;
}) {
  const uncompared = new Map<string, MetricOfDevice>();
  let comparing: Promise<void> | undefined;
  let closed = false;

  function apply(rule: AlarmRule, open: ReadonlySet<Direction>): void {
    const { id, deviceId, metric } = rule;
    book.apply({ id, deviceId, metric, limits: limitsOf(rule) }, open);
    uncompared.set(`${deviceId}/${metric}`, { deviceId, metric });
  }

  async function compareChunks(): Promise<void> {
    while (uncompared.size > 0 && !closed) {
      const chunk = [...uncompared].slice(0, pageRows);
      try {
        const values = await latestValues(chunk.map(([, one]) => one));
        for (const [index, [key, one]] of chunk.entries()) {
          uncompared.delete(key);
          book.compare(one.deviceId, one.metric, values[index]);
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
        for (const { deviceId, metric } of held) book.release(deviceId, metric);
        void settlement.settle();
      }, holdMs).unref();
    }
    await Promise.race([comparing, sleep(patienceMs, undefined, { ref: false })]);
    await settlement.settle();
  }

  async function load(ruleId: string): Promise<void> {
    // What the rule said so far is written first: after that its old limits have no say.
    await settlement.flush();
    const rule = await findRule(db, ruleId);
    if (rule === undefined || !rule.enabled) {
      book.retire(ruleId);
      return;
    }
    const open = await alarms.holding(db, ruleId);
    apply(rule, new Set(open.flatMap(({ kind }) => directionOf(kind))));
  }

  /** Takes a rule as it is in the database now; tried again while the database is away. */
  async function reload(ruleId: string): Promise<void> {
    try {
      await settlement.inLane(() => load(ruleId));
    } catch (error) {
      log.warn({ err: error, ruleId }, "a changed alarm rule could not be loaded; trying again");
      if (!closed) setTimeout(() => void reload(ruleId), retryMs).unref();
      return;
    }
    await compare();
  }

  /** Takes all rules as they are in the database now. */
  async function loadAll(): Promise<void> {
    await settlement.inLane(async () => {
      await settlement.flush();
      const open = new Map<string, Set<Direction>>();
      for (const { ruleId, kind } of await alarms.holding()) {
        for (const direction of directionOf(kind)) open.set(ruleId, (open.get(ruleId) ?? new Set()).add(direction));
      }
      const before = new Set(book.ruleIds());
      let afterId = "00000000-0000-0000-0000-000000000000";
      for (;;) {
        const page = await selectEnabledRules(db, afterId, pageRows);
        for (const rule of page) {
          apply(rule, open.get(rule.id) ?? new Set());
          before.delete(rule.id);
        }
        const last = page.at(-1);
        if (last === undefined || page.length < pageRows) break;
        afterId = last.id;
      }
      for (const ruleId of before) book.retire(ruleId);
    });
    await compare();
  }

  return {
    reload,
    loadAll,
    close(): void {
      closed = true;
    },
  };
}

function directionOf(kind: string): Direction[] {
  return kind === "above" || kind === "below" ? [kind] : [];
}
