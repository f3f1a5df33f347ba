import { httpErrors, isAppError } from "@roost/contract/errors";
import type { AppError } from "@roost/contract/errors";
import type { AlarmRuleId } from "@roost/contract/ids";
import { ruleFields } from "@roost/contract/rules";
import type { AlarmRule, RuleFields } from "@roost/contract/rules";

import type { Db } from "../../platform/db.ts";
import type { Whose } from "../../platform/tenancy.ts";
import { selectKept } from "./rule-store.ts";
import type { Kept } from "./rule-store.ts";
import { differences, settingsOf } from "./rule.ts";

export interface KeptRuleDeps {
  readonly db: Db;
  add(whose: Whose, fields: RuleFields, kept: Kept): Promise<AlarmRule>;
  change(whose: Whose, ruleId: AlarmRuleId, fields: RuleFields, keeper: string): Promise<AlarmRule>;
  remove(whose: Whose, ruleId: AlarmRuleId, keeper: string): Promise<void>;
}

/** Rules that a kit keeps: they follow from what people set there, and nobody changes them beside it. */
export function createKeptRules({ db, add, change, remove }: KeptRuleDeps) {
  // One after the other: two that bring the same rules in step would both add them.
  let last: Promise<unknown> = Promise.resolve();

  async function bringInStep(whose: Whose, keeper: string, prefix: string, wanted: ReadonlyMap<string, RuleFields>): Promise<void> {
    const kept = await selectKept(db, whose.organisationId, keeper, prefix);
    for (const [key, rule] of kept) if (!wanted.has(key)) await remove(whose, rule.id, keeper);
    let refused: AppError | undefined;
    for (const [key, fields] of wanted) {
      const now = kept.get(key);
      try {
        if (now === undefined) await add(whose, fields, { by: keeper, key });
        else if (differences(ruleFields.decode(settingsOf(now)), ruleFields.decode(fields)).length > 0)
          await change(whose, now.id, fields, keeper);
      } catch (error) {
        if (!isAppError(error) || isAppError(error, httpErrors.unavailable.code)) throw error;
        // One rule that cannot be is no reason for the others not to be.
        refused ??= error;
      }
    }
    if (refused !== undefined) throw refused;
  }

  return {
    /**
     * Adds, changes and removes rules until those of the keeper whose key begins with `prefix` are those wanted. The same again changes nothing; cut
     * off in between, the next call finishes it. Where one is refused, the others are kept nevertheless.
     *
     * @throws {AppError} one of the errors of `addAlarmRule`
     */
    keep(whose: Whose, keeper: string, prefix: string, wanted: ReadonlyMap<string, RuleFields>): Promise<void> {
      const turn = last.then(() => bringInStep(whose, keeper, prefix, wanted));
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}
