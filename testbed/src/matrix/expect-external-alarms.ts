import { wholeOrganisation } from "./expectation.ts";
import type { Expectations } from "./expectation.ts";

const alert = { labels: { alertname: "Matrix", severity: "info" }, annotations: { summary: "Told by the matrix" } };

/** What other systems say, and what they read. */
export const externalAlarmExpectations: Expectations = {
  // Labels are data, and what else an alert of Prometheus holds is passed over.
  // It holds for longer than a matrix takes: nothing runs out while others are asked.
  postAlerts: {
    object: "none",
    body: () => [{ ...alert, endsAt: new Date(Date.now() + 86_400_000).toISOString() }],
    freeForm: true,
    except: [wholeOrganisation],
  },
  receiveAlertmanagerWebhook: {
    object: "none",
    body: () => ({ version: "4", alerts: [{ ...alert, status: "firing", startsAt: new Date(0).toISOString() }] }),
    freeForm: true,
    except: [wholeOrganisation],
  },
  reportExternalAlarm: {
    object: "device",
    absent: [404, "devices.not_found"],
    body: (ids, world) => ({ id: `m-${world.next()}`, type: "matrix", severity: "info", title: "Told", deviceId: ids["deviceId"] }),
  },
  getAlerts: { object: "none", shows: (ids) => [ids["deviceId"] ?? ""] },
  getAlertmanagerStatus: { object: "none" },
};
