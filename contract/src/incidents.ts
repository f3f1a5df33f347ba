import { z } from "zod";

import { alarm, severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, incidentId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

const text = personal("text", z.string().trim().min(1).max(2_000));

/** Alarms that have one cause, or are likely to: told as one, talked about in one place. It closes when all of them are cleared. */
export const incident = z.object({
  id: incidentId,
  title: personal("text", z.string()),
  openedAt: instant,
  /** When an alarm joined it last. */
  lastAt: instant,
  closedAt: instant.optional(),
  /** The alarm that all the others hang on, or the first of them. */
  rootAlarmId: alarmId.optional(),
  rootCause: text.optional(),
  resolution: text.optional(),
  /** Of those the caller may see. */
  alarms: z.int().nonnegative(),
  openAlarms: z.int().nonnegative(),
  /** The worst of its alarms has been this bad. */
  worstSeverity: severity.optional(),
});
export type Incident = z.output<typeof incident>;

/** What was said and done, of the incident or of one of its alarms. */
export const incidentEntry = z.object({
  at: instant,
  what: z.enum(["commented", "resolved", "acknowledged", "unacknowledged", "assigned"]),
  alarmId: alarmId.optional(),
  by: personal("email", z.string()).optional(),
  detail: personal("text", z.string()).optional(),
});
export type IncidentEntry = z.output<typeof incidentEntry>;

export const incidentErrors = defineErrors("incidents", {
  not_found: [404, "There is no such incident."],
  still_open: [
    409,
    "Alarms of this incident are still open. Say how it was resolved once they are cleared; the root cause can be noted now.",
  ],
});

const params = z.object({ incidentId });

export const listIncidents = defineRoute({
  operation: "listIncidents",
  method: "GET",
  path: "/api/v1/incidents",
  access: "alarms:read",
  summary: "Lists incidents, open ones first, then newest first.",
  query: page.extend({ state: z.enum(["open", "closed", "all"]).default("open") }),
  reply: listOf(incident),
});

export const getIncident = defineRoute({
  operation: "getIncident",
  method: "GET",
  path: "/api/v1/incidents/:incidentId",
  access: "alarms:read",
  summary: "Shows an incident with its alarms, the root first and at most 200 of them, and with the conversation about it, oldest first.",
  params,
  reply: incident.extend({ items: z.array(alarm), conversation: z.array(incidentEntry) }),
  errors: [incidentErrors.not_found],
});

export const commentOnIncident = defineRoute({
  operation: "commentOnIncident",
  method: "POST",
  path: "/api/v1/incidents/:incidentId/comments",
  access: "alarms:acknowledge",
  summary: "Writes a comment about an incident, for good.",
  params,
  body: z.strictObject({ text }),
  reply: incident,
  status: 201,
  errors: [incidentErrors.not_found],
});

export const resolveIncident = defineRoute({
  operation: "resolveIncident",
  method: "POST",
  path: "/api/v1/incidents/:incidentId/resolve",
  access: "alarms:acknowledge",
  summary: "Notes what the cause was and, once it is closed, how it was resolved; absent stays, null takes it away.",
  params,
  body: z.strictObject({ rootCause: text.nullable().optional(), resolution: text.nullable().optional() }),
  reply: incident,
  errors: [incidentErrors.not_found, incidentErrors.still_open],
});
