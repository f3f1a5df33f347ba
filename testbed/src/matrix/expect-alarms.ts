import { saveAlarmView } from "@roost/contract/alarms";

import { peopleOnly } from "./expectation.ts";
import type { Expectation, Expectations, Refusal } from "./expectation.ts";
import type { Ids } from "./stage.ts";

const noAlarm: Refusal = [404, "alarms.not_found"];
const noIncident: Refusal = [404, "incidents.not_found"];
const id = (name: string) => (ids: Ids) => ids[name] ?? "";
const ahead = () => new Date(Date.now() + 3_600_000).toISOString();

const filters: Expectation["filters"] = [
  (ids) => ({ deviceId: id("deviceId")(ids), state: "all" }),
  (ids) => ({ siteId: id("siteId")(ids), state: "all" }),
  (ids) => ({ groupId: id("groupId")(ids), state: "all" }),
  (ids) => ({ ruleId: id("ruleId")(ids), state: "all" }),
  (ids) => ({ incidentId: id("incidentId")(ids), state: "all" }),
];
const one = (body: Expectation["body"]): Expectation => ({ object: "device", absent: noAlarm, ...(body === undefined ? {} : { body }) });
const several = (more: object = {}): Expectation => ({
  object: "none",
  body: (ids) => ({ alarmIds: [ids["alarmId"]], ...more }),
});

/** What people do with alarms and incidents. */
export const alarmExpectations: Expectations = {
  listAlarms: { object: "none", query: () => ({ state: "all" }), shows: (ids) => [id("alarmId")(ids)], filters },
  countAlarms: { object: "none" },
  exportAlarmsCsv: { object: "none", query: () => ({ state: "all" }), shows: (ids) => [id("alarmId")(ids)], filters },
  exportAlarmsLines: { object: "none", query: () => ({ state: "all" }), shows: (ids) => [id("alarmId")(ids)], filters },
  getAlarm: { object: "device", absent: noAlarm, shows: (ids) => [id("alarmId")(ids)] },
  acknowledgeAlarm: one(() => ({})),
  unacknowledgeAlarm: one(() => ({})),
  listAlarmAssignees: one(undefined),
  assignAlarm: one(() => ({ to: null })),
  commentOnAlarm: one(() => ({ text: "seen" })),
  snoozeAlarm: one(() => ({ until: ahead() })),
  unsnoozeAlarm: one(undefined),
  clearAlarm: { ...one(() => ({})), always: [409, "alarms.still_holds"] },
  resolveAlarm: one(() => ({ rootCause: "heat" })),
  acknowledgeAlarms: several(),
  assignAlarms: several({ to: null }),
  clearAlarms: several(),

  listIncidents: { object: "none", query: () => ({ state: "all" }), shows: (ids) => [id("incidentId")(ids)] },
  getIncident: { object: "device", absent: noIncident, shows: (ids) => [id("alarmId")(ids)] },
  commentOnIncident: { object: "device", absent: noIncident, body: () => ({ text: "seen" }) },
  resolveIncident: { object: "device", absent: noIncident, body: () => ({ rootCause: "heat" }) },

  listAlarmViews: { object: "self", ...peopleOnly },
  saveAlarmView: { object: "self", body: () => ({ name: "Mine", search: "severity=critical" }), ...peopleOnly },
  removeAlarmView: {
    object: "self",
    absent: [404, "alarms.view_not_found"],
    fresh: async (world, _place, _caller, headers) => {
      const view = await world.callOf(headers)(saveAlarmView, { body: { name: "To go", search: "" } });
      return { viewId: view.id };
    },
    ...peopleOnly,
  },
};
