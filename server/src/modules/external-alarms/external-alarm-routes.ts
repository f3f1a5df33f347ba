import {
  getAlerts,
  getAlertmanagerStatus,
  postAlerts,
  receiveAlertmanagerWebhook,
  reportExternalAlarm,
} from "@roost/contract/external-alarms";

import type { Mount } from "../../platform/http/mount.ts";
import type { ExternalAlarms } from "./external-alarms.ts";

/** Ties the routes of `contract/src/external-alarms.ts` to the face. */
export function mountExternalAlarms(
  mount: Mount,
  external: ExternalAlarms,
  { startedAt, version }: { readonly startedAt: Date; readonly version: string },
): void {
  mount(postAlerts, async ({ body, caller }) => external.postAlerts(caller, "post", body));
  mount(receiveAlertmanagerWebhook, async ({ body: { alerts }, caller }) => {
    await external.postAlerts(
      caller,
      "webhook",
      alerts.map(({ status, ...alert }) => ({ ...alert, isResolved: status === "resolved" })),
    );
    return { taken: alerts.length };
  });
  mount(reportExternalAlarm, async ({ body, caller }) => external.report(caller, body));
  mount(getAlerts, async ({ query: { filter = [], receiver, ...states }, caller }) =>
    external.alerts(caller, {
      active: states.active === "true",
      silenced: states.silenced === "true",
      inhibited: states.inhibited === "true",
      filters: [filter].flat(),
      receiver,
    }),
  );
  mount(getAlertmanagerStatus, async () => ({
    cluster: { status: "disabled" as const, peers: [] },
    versionInfo: { version: `roost-${version}`, branch: "", revision: "", buildDate: "", buildUser: "", goVersion: "" },
    config: { original: "# Roost. Where alarms go is said by its routes.\n" },
    uptime: startedAt,
  }));
}
