import {
  acknowledgeAlarm,
  addAlarmRule,
  changeAlarmRule,
  getAlarm,
  listAlarmRules,
  listAlarms,
  removeAlarmRule,
} from "@roost/contract/alarms";

import type { Mount } from "../../platform/http/mount.ts";
import type { Alarms } from "./alarms.ts";

/** Ties the routes of `contract/src/alarms.ts` to the face. */
export function mountAlarms(mount: Mount, alarms: Alarms): void {
  mount(listAlarms, async ({ query, caller }) => alarms.list(caller.organisationId, query));
  mount(getAlarm, async ({ params, caller }) => alarms.get(caller.organisationId, params.alarmId));
  mount(acknowledgeAlarm, async ({ params, body, caller }) =>
    alarms.acknowledge(caller.organisationId, params.alarmId, caller.name, body.note),
  );
  mount(listAlarmRules, async ({ query, caller }) => alarms.listRules(caller.organisationId, query));
  mount(addAlarmRule, async ({ body, caller }) => alarms.addRule(caller.organisationId, body));
  mount(changeAlarmRule, async ({ params, body, caller }) => alarms.changeRule(caller.organisationId, params.ruleId, body, caller.name));
  mount(removeAlarmRule, async ({ params, caller }) => alarms.removeRule(caller.organisationId, params.ruleId, caller.name));
}
