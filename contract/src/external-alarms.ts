import { z } from "zod";

import { severity } from "./alarms.ts";
import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceId } from "./ids.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** What names an alert: every label is part of its name. As Prometheus has them. */
const labels = personal(
  "text",
  z.record(z.string().min(1).max(128), z.string().max(4_000)).refine((all) => Object.keys(all).length <= 64, "At most 64 labels."),
);
const annotations = personal(
  "text",
  z.record(z.string().min(1).max(128), z.string().max(20_000)).refine((all) => Object.keys(all).length <= 64, "At most 64 annotations."),
);
const generatorUrl = personal("text", z.string().max(4_000));
const fingerprint = personal("none", z.string().max(64));

/** An alert as Prometheus posts it. Without `startsAt` it begins now; without `endsAt` it is over five minutes after it was sent last. */
export const postedAlert = z.object({
  labels: labels.refine((all) => Object.values(all).some((value) => value !== ""), "An alert needs at least one label."),
  annotations: annotations.optional(),
  startsAt: instant.optional(),
  endsAt: instant.optional(),
  generatorURL: generatorUrl.optional(),
});
export type PostedAlert = z.output<typeof postedAlert>;

/** An open alarm in the form in which Alertmanager shows alerts. */
export const shownAlert = z.object({
  labels,
  annotations,
  startsAt: instant,
  updatedAt: instant,
  /** Until when it is taken to hold if nobody says so again. */
  endsAt: instant,
  fingerprint,
  /** The alarm on its page; of an alert that another system told, what that one gave. */
  generatorURL: generatorUrl.optional(),
  receivers: z.array(z.object({ name: personal("none", z.string()) })),
  status: z.object({
    /** `suppressed`: open, and told to nobody for now. */
    state: z.enum(["active", "suppressed", "unprocessed"]),
    silencedBy: z.array(personal("none", z.string())),
    inhibitedBy: z.array(personal("none", z.string())),
    mutedBy: z.array(personal("none", z.string())),
  }),
});
export type ShownAlert = z.output<typeof shownAlert>;

export const externalAlarmErrors = defineErrors("external_alarms", {
  out_of_reach: [403, "You act in a part of the organisation only. Name a device of that part."],
  too_many: [409, "As many alarms of other systems are open as one organisation may have. Wait until some are over."],
  unreadable_filter: [
    400,
    'A filter looks like severity="critical". With =~ it may hold words, | between them, .* and .+, and nothing else of regular expressions.',
  ],
});

const batchBytes = 4 * 1024 * 1024;

export const postAlerts = defineRoute({
  operation: "postAlerts",
  method: "POST",
  path: "/api/v2/alerts",
  access: "alarms:report",
  wholeOrganisation: true,
  summary:
    "Takes alerts from Prometheus, or whatever speaks to an Alertmanager: again and again while they hold, and once when they are over.",
  body: z.array(postedAlert).max(5_000),
  status: 200,
  maxBodyBytes: batchBytes,
  errors: [externalAlarmErrors.too_many],
});

const word = z.enum(["true", "false"]);
const filters = personal("text", z.string().max(2_500));

export const getAlerts = defineRoute({
  operation: "getAlerts",
  method: "GET",
  path: "/api/v2/alerts",
  access: "alarms:read",
  summary: "Shows open alarms as an Alertmanager shows alerts, newest first, at most 5,000: for amtool, Grafana, Karma and the like.",
  query: z.object({
    active: word.default("true"),
    silenced: word.default("true"),
    inhibited: word.default("true"),
    unprocessed: word.default("true"),
    filter: z.union([filters, z.array(filters).max(20)]).optional(),
    receiver: filters.optional(),
  }),
  reply: z.array(shownAlert),
  errors: [externalAlarmErrors.unreadable_filter],
});

export const getAlertmanagerStatus = defineRoute({
  operation: "getAlertmanagerStatus",
  method: "GET",
  path: "/api/v2/status",
  access: "alarms:read",
  summary: "Says that Roost takes alerts as an Alertmanager does, for programs that ask before they send.",
  reply: z.object({
    cluster: z.object({ status: z.enum(["ready", "settling", "disabled"]), peers: z.array(z.object({})) }),
    versionInfo: z.record(z.string(), personal("none", z.string())),
    config: z.object({ original: personal("none", z.string()) }),
    uptime: instant,
  }),
});

/** The body of Alertmanager's own webhook receiver, version 4. */
export const receiveAlertmanagerWebhook = defineRoute({
  operation: "receiveAlertmanagerWebhook",
  method: "POST",
  path: "/api/v1/monitoring/alerts/webhook",
  access: "alarms:report",
  wholeOrganisation: true,
  summary: "Takes what the webhook receiver of an Alertmanager sends (version 4): alerts that fire, and those that are resolved.",
  body: z.object({
    version: z.literal("4"),
    alerts: z
      .array(
        z.object({
          status: z.enum(["firing", "resolved"]),
          labels,
          annotations: annotations.optional(),
          startsAt: instant,
          endsAt: instant.optional(),
          generatorURL: generatorUrl.optional(),
        }),
      )
      .max(5_000),
  }),
  reply: z.object({ taken: z.int() }),
  status: 202,
  maxBodyBytes: batchBytes,
  errors: [externalAlarmErrors.too_many],
});

const alarmText = {
  /** What the other system calls it; one open alarm for each. */
  id: personal("text", z.string().trim().min(1).max(200)),
  type: personal("text", z.string().trim().min(1).max(120)),
  severity,
  title: personal("text", z.string().trim().min(1).max(200)),
  text: personal("text", z.string().max(2_000)).optional(),
  probableCause: personal("text", z.string().max(100)).optional(),
  deviceId: deviceId.optional(),
};

export const reportExternalAlarm = defineRoute({
  operation: "reportExternalAlarm",
  method: "POST",
  path: "/api/v1/external-alarms",
  access: "alarms:report",
  summary:
    "Takes an alarm of another system by the id it has there. The same message twice is one; a later `at` is another occurrence; `cleared` ends it.",
  body: z.strictObject({
    ...alarmText,
    severity: severity.default("warning"),
    state: z.enum(["raised", "cleared"]).default("raised"),
    /** When it became so; now, unless given. */
    at: instant.optional(),
  }),
  reply: z.object({
    ...alarmText,
    state: z.enum(["raised", "cleared"]),
    /** When it became so. */
    at: instant,
  }),
  status: 202,
  errors: [externalAlarmErrors.too_many, externalAlarmErrors.out_of_reach, deviceErrors.not_found],
});
