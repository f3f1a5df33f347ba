import { ruleAt } from "@roost/contract/rules";

import type { Db } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { kindsOf } from "./judges.ts";
import type { createRuleBook } from "./rule-book.ts";
import type { createRuleLoader } from "./rule-loader.ts";
import { isAbout } from "./rule.ts";
import type { createSilence } from "./silence.ts";
import type { createWatchBook, WatchDeps } from "./watch.ts";

export interface FollowingDeps extends Pick<WatchDeps, "placeOf"> {
  readonly db: Db;
  readonly rules: ReturnType<typeof createRuleBook>;
  readonly book: ReturnType<typeof createWatchBook>;
  readonly silence: ReturnType<typeof createSilence>;
  readonly loader: Pick<ReturnType<typeof createRuleLoader>, "reload" | "moved" | "leave" | "reopen">;
  readonly alarms: Pick<Alarms, "origin" | "endOfRule">;
  /** Tells our own facts from those of other servers. */
  readonly origin: string;
  readonly log: Log;
}

/** Facts after which other rules may be about a device. */
const movedFacts = new Set(["device.changed", "device.claimed"]);

/** Follows what facts say of rules and of where devices stand. */
export function createFollowing({ db, rules, book, silence, loader, alarms, origin, placeOf, log }: FollowingDeps) {
  const underWay = new Set<Promise<void>>();

  function follow(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => log.warn({ err: error }, "a fact about rules could not be followed"))
      .finally(() => underWay.delete(done));
    underWay.add(done);
  }

  /** Ends the alarms about a device of rules that are not about it any more. */
  async function endElsewhere(deviceId: string): Promise<void> {
    const device = placeOf(deviceId);
    if (device === undefined) return;
    for (const rule of rules.all()) {
      const open = kindsOf(rule.fields.condition).filter((kind) => book.isHolding(rule.id, deviceId, kind));
      if (open.length === 0 || (isAbout(rule, deviceId, device) && ruleAt(rule.fields, device.siteId) !== undefined)) continue;
      await db.transaction(async (tx) =>
        alarms.endOfRule(tx, rule.id, {
          detail: "the rule is not about this device any more",
          by: "roost",
          which: (alarm) => alarm.deviceId === deviceId,
        }),
      );
      for (const kind of open) book.noteOpen(rule.id, deviceId, kind, false);
    }
  }

  async function moved(deviceId: string): Promise<void> {
    await endElsewhere(deviceId).catch((error: unknown) =>
      log.warn({ err: error, deviceId }, "alarms of rules about another place could not be ended"),
    );
    await loader.moved(deviceId);
  }

  /** A site or group is gone, and its rules with it; who stood there is judged by others now. */
  function placeGone(placeId: string): void {
    const were = new Set<string>();
    for (const { limits, others, deviceId } of book.all()) {
      if ([...limits, ...others].some(({ siteId, rule }) => siteId === placeId || rule.fields.scope.groupId === placeId))
        were.add(deviceId);
    }
    for (const { id, fields } of rules.all()) {
      if (fields.scope.siteId === placeId || fields.scope.groupId === placeId) follow(loader.reload(id));
    }
    for (const deviceId of were) follow(moved(deviceId));
  }

  /** A device went to another organisation, and its own rules with it. */
  async function handedOver(deviceId: string): Promise<void> {
    for (const { id, fields } of rules.all()) if (fields.scope.deviceId === deviceId) await loader.reload(id);
    await moved(deviceId);
  }

  return {
    /** Hears every fact, in memory: what other servers changed takes effect here. */
    observe(fact: Fact): void {
      switch (fact.type) {
        case "alarm_rule.changed":
          if (fact.data["origin"] !== origin) follow(loader.reload(fact.nounId));
          break;
        case "alarm.raised":
        case "alarm.repeated":
        case "alarm.quiet":
        case "alarm.cleared": {
          const { ruleId, deviceId, kind, holds, origin: writer } = fact.data;
          if (writer === alarms.origin) break;
          if (typeof ruleId !== "string" || typeof deviceId !== "string" || typeof kind !== "string") break;
          book.noteOpen(ruleId, deviceId, kind, holds === true);
          if (kind === "no_data") silence.noteOpen(ruleId, deviceId, holds === true);
          break;
        }
        case "device.removed":
          silence.forget(fact.nounId);
          book.forget(fact.nounId);
          break;
        case "organisation.closed":
          follow(loader.leave(fact.nounId));
          break;
        case "organisation.kept":
          follow(loader.reopen(fact.nounId));
          break;
        case "site.removed":
        case "device_group.removed":
          placeGone(fact.nounId);
          break;
        case "device.transferred":
          follow(handedOver(fact.nounId));
          break;
        default:
          if (movedFacts.has(fact.type)) follow(moved(fact.nounId));
      }
    },

    /** Resolves when what was heard until now has taken effect. */
    async settled(): Promise<void> {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
