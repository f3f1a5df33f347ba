import {
  addAlarmRule,
  changeAlarmRule,
  explainRules,
  getAlarmRule,
  listAlarmRules,
  listAlarmRuleVersions,
  removeAlarmRule,
  rollBackAlarmRule,
  testAlarmRule,
} from "@roost/contract/rules";

import type { Mount } from "../../platform/http/mount.ts";
import type { Rules } from "./rules.ts";

/** Ties the routes of `contract/src/rules.ts` to the face. */
export function mountRules(mount: Mount, rules: Rules): void {
  mount(listAlarmRules, async ({ query, caller }) => rules.list(caller, query));
  mount(getAlarmRule, async ({ params, caller }) => rules.get(caller, params.ruleId));
  mount(addAlarmRule, async ({ body, caller }) => rules.add(caller, body));
  mount(changeAlarmRule, async ({ params, body, caller }) => rules.change(caller, params.ruleId, body));
  mount(removeAlarmRule, async ({ params, caller }) => rules.remove(caller, params.ruleId));
  mount(listAlarmRuleVersions, async ({ params, query, caller }) => rules.versions(caller, params.ruleId, query));
  mount(rollBackAlarmRule, async ({ params, body, caller }) => rules.rollBack(caller, params.ruleId, body.version));
  mount(testAlarmRule, async ({ body, caller }) => rules.test(caller, body));
  mount(explainRules, async ({ params, query, caller }) => rules.explain(caller, params.deviceId, query));
}
