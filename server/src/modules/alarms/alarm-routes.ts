import * as contract from "@roost/contract/alarms";
import type { AlarmFilter } from "@roost/contract/alarms";
import * as incidents from "@roost/contract/incidents";

import type { Mount, PersonCaller } from "../../platform/http/mount.ts";
import type { Acted } from "./alarm-acts.ts";
import type { Alarms } from "./alarms.ts";

/** Ties the routes of `contract/src/alarms.ts` and `contract/src/incidents.ts` to the face. */
export function mountAlarms(mount: Mount, alarms: Alarms): void {
  mount(contract.listAlarms, async ({ query, caller }) => alarms.list(caller, forCaller(caller, query)));
  mount(contract.countAlarms, async ({ query, caller }) => alarms.counts(caller, forCaller(caller, query)));
  mount(contract.exportAlarmsCsv, async ({ query, caller }) => ({
    body: await alarms.export(caller, "csv", forCaller(caller, query)),
    headers: attachment("alarms.csv"),
  }));
  mount(contract.exportAlarmsLines, async ({ query, caller }) => ({
    body: await alarms.export(caller, "ndjson", forCaller(caller, query)),
    headers: attachment("alarms.ndjson"),
  }));
  mount(contract.getAlarm, async ({ params, caller }) => alarms.get(caller, params.alarmId));
  mount(contract.listAlarmAssignees, async ({ params, caller }) => ({ items: await alarms.assignees(caller, params.alarmId) }));
  mountActs(mount, alarms);
  mountBulk(mount, alarms);

  mount(contract.listAlarmViews, async ({ caller }) => ({ items: await alarms.views.list(caller) }));
  mount(contract.saveAlarmView, async ({ body, caller }) => alarms.views.save(caller, body));
  mount(contract.removeAlarmView, async ({ params, caller }) => alarms.views.remove(caller, params.viewId));

  mount(incidents.listIncidents, async ({ query, caller }) => alarms.incidents.list(caller, query));
  mount(incidents.getIncident, async ({ params, caller }) => alarms.incidents.get(caller, params.incidentId));
  mount(incidents.commentOnIncident, async ({ params, body, caller }) =>
    alarms.incidents.comment(caller, params.incidentId, caller.name, body.text),
  );
  mount(incidents.resolveIncident, async ({ params, body, caller }) =>
    alarms.incidents.resolve(caller, params.incidentId, caller.name, body),
  );
}

function mountActs(mount: Mount, alarms: Alarms): void {
  mount(contract.acknowledgeAlarm, async ({ params, body, caller }) => alarms.acknowledge(caller, params.alarmId, caller.name, body.note));
  mount(contract.unacknowledgeAlarm, async ({ params, body, caller }) =>
    alarms.unacknowledge(caller, params.alarmId, caller.name, body.note),
  );
  mount(contract.assignAlarm, async ({ params, body, caller }) =>
    alarms.assign(caller, params.alarmId, { ...body, to: assignee(caller, body.to), by: caller.name }),
  );
  mount(contract.commentOnAlarm, async ({ params, body, caller }) => alarms.comment(caller, params.alarmId, caller.name, body.text));
  mount(contract.snoozeAlarm, async ({ params, body, caller }) => alarms.snooze(caller, params.alarmId, { ...body, by: caller.name }));
  mount(contract.unsnoozeAlarm, async ({ params, caller }) => alarms.unsnooze(caller, params.alarmId, caller.name));
  mount(contract.clearAlarm, async ({ params, body, caller }) => alarms.clear(caller, params.alarmId, caller.name, body.note));
  mount(contract.resolveAlarm, async ({ params, body, caller }) => alarms.resolve(caller, params.alarmId, caller.name, body));
}

function mountBulk(mount: Mount, alarms: Alarms): void {
  mount(contract.acknowledgeAlarms, async ({ body, caller }) =>
    asItems(await alarms.bulk.acknowledge(caller, body.alarmIds, caller.name, body.note)),
  );
  mount(contract.assignAlarms, async ({ body, caller }) =>
    asItems(await alarms.bulk.assign(caller, body.alarmIds, { ...body, to: assignee(caller, body.to), by: caller.name })),
  );
  mount(contract.clearAlarms, async ({ body, caller }) =>
    asItems(await alarms.bulk.clear(caller, body.alarmIds, { by: caller.name, note: body.note })),
  );
}

function asItems(acted: readonly Acted[]) {
  return {
    items: acted.map(({ alarmId, error }) => ({
      alarmId,
      done: error === undefined,
      ...(error === undefined ? {} : { code: error.code, message: error.message }),
    })),
  };
}

const assignee = (caller: PersonCaller, to: string | null): string | null => (to === "me" ? caller.name : to);

/** `me` is whoever asks. */
function forCaller<Query extends AlarmFilter>(caller: PersonCaller, query: Query): Query {
  return query.assignedTo === "me" ? { ...query, assignedTo: caller.name } : query;
}

function attachment(name: string): Record<string, string> {
  return { "content-disposition": `attachment; filename="${name}"`, "cache-control": "no-store" };
}
