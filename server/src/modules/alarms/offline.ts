import type { Severity } from "@roost/contract/alarms";

import type { Db, Transaction } from "../../platform/db.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import type { Signal } from "./signal.ts";
import { selectSilenceAhead } from "./storm-store.ts";
import type { Taking } from "./taking.ts";

/** So many devices that turn at once are a storm. */
const stormFacts = 50;

/** What a rule says of a device that is offline. */
export type OfflineRuleOf = (
  tx: Transaction,
  organisationId: string,
  deviceId: string,
) => Promise<{ readonly severity: Severity; readonly ruleId?: string; readonly probableCause?: string | undefined } | undefined>;

/** Raises `offline` when a device falls silent and clears it when it is heard again. The same fact twice does so once. */
export function offlineHandler({
  db,
  taking,
  ruleOf = async () => undefined,
}: {
  db: Db;
  taking: Pick<Taking, "take">;
  /** Absent, or without a rule: it is a warning. */
  ruleOf?: OfflineRuleOf | undefined;
}): FactHandler {
  async function handleMany(facts: readonly Fact[]): Promise<void> {
    await db.transaction(async (tx) => {
      const signals: Signal[] = [];
      // What else fell silent on their way is taken with them, though it was told later: nobody is to hear of what is explained a moment after.
      const ahead = facts.length < stormFacts ? [] : await selectSilenceAhead(tx, facts);
      for (const { id, type, organisationId, nounId: deviceId, at } of [...ahead, ...facts]) {
        const what = type === "device.offline" ? "raise" : "clear";
        const rule = what === "raise" ? await ruleOf(tx, organisationId, deviceId) : undefined;
        const key = { source: deviceId, type: "offline", deviceId, organisationId };
        signals.push({ id, what, ...key, kind: "offline", severity: "warning", ...rule, at });
      }
      await taking.take(tx, signals);
    });
  }
  return {
    name: "alarms.offline",
    types: ["device.offline", "device.online"],
    handle: (fact) => handleMany([fact]),
    // When a switch fails, thousands fall silent in one moment.
    handleMany,
  };
}
