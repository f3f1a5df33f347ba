import type { AlarmRule } from "@roost/contract/alarms";

import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { findRule, selectEnabledRules } from "./alarm-rule-store.ts";
import { selectOpenDirections } from "./alarm-store.ts";
import { limitsOf } from "./rule.ts";
import type { Direction } from "./rule.ts";
import type { Settlement } from "./settlement.ts";
import type { KnownValue, WatchBook } from "./watch.ts";

export type LatestValue = (deviceId: string, metric: string) => Promise<KnownValue | undefined>;

const pageRows = 1_000;
const lookUpsAtOnce = 4;
const retryMs = 1_000;

/** Brings rules from the database into the watches: all at the start, one when it changes. */
export function createRuleLoader({
  db,
  book,
  settlement,
  latestValue,
  log,
}: {
  db: Db;
  book: WatchBook;
  settlement: Settlement;
  latestValue: LatestValue;
  log: Log;
}) {
  function apply(rule: AlarmRule, open: ReadonlySet<Direction>, latest: KnownValue | undefined): void {
    book.apply({ id: rule.id, deviceId: rule.deviceId, metric: rule.metric, limits: limitsOf(rule) }, open, latest);
  }

  async function load(ruleId: string): Promise<void> {
    // What the rule said so far is written first: after that its old limits have no say.
    await settlement.flush();
    const rule = await findRule(db, ruleId);
    if (rule === undefined || !rule.enabled) return book.retire(ruleId);
    const latest = await latestValue(rule.deviceId, rule.metric);
    const open = await selectOpenDirections(db, ruleId);
    apply(rule, new Set(open.map(({ direction }) => direction)), latest);
  }

  async function reload(ruleId: string): Promise<void> {
    try {
      await settlement.inLane(() => load(ruleId));
    } catch (error) {
      log.warn({ err: error, ruleId }, "a changed alarm rule could not be loaded; trying again");
      setTimeout(() => void reload(ruleId), retryMs).unref();
      return;
    }
    await settlement.settle();
  }

  async function loadAll(): Promise<void> {
    await settlement.inLane(async () => {
      await settlement.flush();
      const open = new Map<string, Set<Direction>>();
      for (const { ruleId, direction } of await selectOpenDirections(db)) {
        open.set(ruleId, (open.get(ruleId) ?? new Set()).add(direction));
      }
      const before = new Set(book.ruleIds());
      let afterId = "00000000-0000-0000-0000-000000000000";
      for (;;) {
        const page = await selectEnabledRules(db, afterId, pageRows);
        const queue = [...page];
        const worker = async () => {
          for (let rule = queue.shift(); rule !== undefined; rule = queue.shift()) {
            apply(rule, open.get(rule.id) ?? new Set(), await latestValue(rule.deviceId, rule.metric));
            before.delete(rule.id);
          }
        };
        await Promise.all(Array.from({ length: lookUpsAtOnce }, worker));
        const last = page.at(-1);
        if (last === undefined || page.length < pageRows) break;
        afterId = last.id;
      }
      for (const ruleId of before) book.retire(ruleId);
    });
    await settlement.settle();
  }

  return { reload, loadAll };
}
