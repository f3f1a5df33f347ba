import { acknowledgeAlarm, getAlarm, listAlarms } from "@roost/contract/alarms";

import type { Mount } from "../../platform/http/mount.ts";
import type { Alarms } from "./alarms.ts";

/** Ties the routes of `contract/src/alarms.ts` to the face. */
export function mountAlarms(mount: Mount, alarms: Alarms): void {
  mount(listAlarms, async ({ query, caller }) => alarms.list(caller, query));
  mount(getAlarm, async ({ params, caller }) => alarms.get(caller, params.alarmId));
  mount(acknowledgeAlarm, async ({ params, body, caller }) => alarms.acknowledge(caller, params.alarmId, caller.name, body.note));
}
