import { z } from "zod";

import { alarmKind, alarmKinds, severities, severity } from "./alarms.ts";
import { alarmId, deviceGroupId, deviceId, serviceBreachId, serviceId, serviceLevelId, siteId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { complianceState, serviceLevel, serviceLevelErrors } from "./service-levels.ts";
import { instant, timeZone } from "./time.ts";

/** Devices, all of a group, all of a site: what is down when one of them is. */
export const carriers = z.strictObject({
  deviceIds: z.array(deviceId).max(1_000).default([]),
  groupIds: z.array(deviceGroupId).max(200).default([]),
  siteIds: z.array(siteId).max(200).default([]),
});
export type Carriers = z.output<typeof carriers>;

/** Alarms that are an outage: of one of the severities, as bad as they became, or of one of the kinds. */
export const outageSigns = z.strictObject({
  severities: z.array(severity).max(severities.length),
  kinds: z.array(alarmKind).max(alarmKinds.length),
});
export type OutageSigns = z.output<typeof outageSigns>;
const usualSigns: OutageSigns = { severities: ["critical"], kinds: ["offline"] };

const percent = z.number().min(0).max(100);
/** What is given back for a period in which the promise was broken, in percent. */
export const credits = z.strictObject({ breached: percent, critical: percent });
export type Credits = z.output<typeof credits>;

const serviceFields = {
  name: personal("text", z.string().trim().min(1).max(100)),
  customer: personal("text", z.string().trim().min(1).max(200)).optional(),
  serviceLevelId,
  carriedBy: carriers,
  outages: outageSigns,
  credits,
};

const seconds = z.number().nonnegative();
/** What was measured over a stretch of time. Nothing is up that nobody watched. */
const measured = {
  /** Down, and not in a maintenance window. */
  unplannedSeconds: seconds,
  /** Down in a maintenance window. */
  plannedSeconds: seconds,
  /** What of both counts against the promise. */
  countedSeconds: seconds,
  /** Nothing is known: before the service or its devices were there, or while nobody watched. */
  unknownSeconds: seconds,
  /** Of the time that is known; absent: none is. */
  availabilityPercent: percent.optional(),
};

/** Percent with two digits behind the point, or as many as the target has. */
export function percentText(percent: number, targetPercent: number): string {
  const [, behind = ""] = String(targetPercent).split(".");
  return percent.toFixed(Math.max(2, behind.length));
}

/** How a service stands over a period. */
export const standing = z.object({
  state: complianceState,
  from: instant,
  to: instant,
  ...measured,
  targetPercent: percent,
  /** What the promise allows to be down in all of the period. */
  allowedSeconds: seconds,
  /** Points of availability that the whole period lacks, whatever is unknown of it. */
  shortfallPoints: percent,
  /** Since when something is known of it, where that is later than the period's beginning; absent with nothing unknown before. */
  knownSince: instant.optional(),
});
export type Standing = z.output<typeof standing>;

/** Something that is promised to somebody. */
export const service = z.object({
  id: serviceId,
  ...serviceFields,
  serviceLevelName: personal("text", z.string()),
  /** When the promise began. */
  since: instant,
  createdAt: instant,
  changedAt: instant,
});
export type Service = z.output<typeof service>;

/** How many devices carry it, whether it is down, and how it stands over the level's period up to now. */
const standingNow = { devices: z.int().nonnegative(), isDown: z.boolean(), standing };
const serviceNow = service.extend(standingNow);

export const breachTypes = ["availability", "response_time", "resolution_time"] as const;
export const breachType = z.enum(breachTypes);
export type BreachType = z.infer<typeof breachType>;

/** A promise that was broken. */
export const serviceBreach = z.object({
  id: serviceBreachId,
  serviceId,
  serviceName: personal("text", z.string()),
  type: breachType,
  severity: z.enum(["breached", "critical"]),
  /** The period that was judged, or from when the outage began until it was late. */
  from: instant,
  to: instant,
  foundAt: instant,
  /** Absent: it goes on. */
  endedAt: instant.optional(),
  /** As it was promised then: percent of availability, or minutes. */
  target: z.number(),
  /** The worst it was, in the same. Of a time that goes on: as long as it was when it was found. */
  actual: z.number(),
  /** Of a time: the outage that took longer. */
  alarmId: alarmId.optional(),
});
export type ServiceBreach = z.output<typeof serviceBreach>;

const taken = z.object({ seconds, targetSeconds: seconds, isLate: z.boolean() });
/** An alarm that was an outage. */
export const outage = z.object({
  alarmId,
  deviceId,
  deviceName: z.string(),
  kind: alarmKind,
  severity,
  title: z.string().optional(),
  raisedAt: instant,
  acknowledgedAt: instant.optional(),
  clearedAt: instant.optional(),
  /** Within the period, overlaps with other outages included. */
  unplannedSeconds: seconds,
  plannedSeconds: seconds,
  /** Until it was acknowledged or over, and until it was over, in the hours that count. */
  response: taken,
  resolution: taken,
});
export type Outage = z.output<typeof outage>;

/** What became of a promise in a period. */
export const serviceReport = z.object({
  service,
  serviceLevel: serviceLevel.omit({ services: true }),
  standing,
  /** By the service's credits, for what became of its availability. */
  creditPercent: percent,
  /** Oldest first, at most 1,000; `moreOutages` counts the rest, which count as well. */
  outages: z.array(outage),
  moreOutages: z.int().nonnegative(),
  lateResponses: z.int().nonnegative(),
  lateResolutions: z.int().nonnegative(),
  breaches: z.array(serviceBreach),
});
export type ServiceReport = z.output<typeof serviceReport>;

export const complianceDay = z.object({
  /** By the calendar of the zone. */
  day: personal("none", z.string()),
  from: instant,
  to: instant,
  state: complianceState,
  ...measured,
});
export type ComplianceDay = z.output<typeof complianceDay>;

const serviceFaults = [
  serviceLevelErrors.unknown_level,
  serviceLevelErrors.unknown_place,
  serviceLevelErrors.no_carrier,
  serviceLevelErrors.no_outage,
] as const;
const params = z.object({ serviceId });

export const listServices = defineRoute({
  operation: "listServices",
  method: "GET",
  path: "/api/v1/services",
  access: "services:read",
  summary:
    "Lists services by name, each with how its promise stands. Who acts in a part of the organisation meets those that stand there whole.",
  query: page.extend({
    serviceLevelId: serviceLevelId.optional(),
    /** Part of the service's or the customer's name, in whatever case. */
    q: personal("text", z.string().trim().min(1).max(100)).optional(),
  }),
  reply: listOf(serviceNow),
});

export const addService = defineRoute({
  operation: "addService",
  method: "POST",
  path: "/api/v1/services",
  access: "services:write",
  wholeOrganisation: true,
  summary: "Adds a service: what it is promised, what carries it, and which alarms are an outage.",
  body: z.strictObject({
    ...serviceFields,
    outages: outageSigns.default(usualSigns),
    credits: credits.default({ breached: 0, critical: 0 }),
    /** Absent: now. */
    since: instant.optional(),
  }),
  reply: service,
  status: 201,
  errors: [...serviceFaults, serviceLevelErrors.since_in_future, serviceLevelErrors.too_many],
});

export const getService = defineRoute({
  operation: "getService",
  method: "GET",
  path: "/api/v1/services/:serviceId",
  access: "services:read",
  summary: "Shows one service and how its promise stands.",
  params,
  reply: serviceNow,
  errors: [serviceLevelErrors.service_not_found],
});

export const changeService = defineRoute({
  operation: "changeService",
  method: "PATCH",
  path: "/api/v1/services/:serviceId",
  access: "services:write",
  wholeOrganisation: true,
  summary: "Changes a service; absent fields stay as they are, null takes the customer away.",
  params,
  body: z.strictObject({ ...z.object(serviceFields).partial().shape, customer: serviceFields.customer.nullable() }),
  reply: service,
  errors: [serviceLevelErrors.service_not_found, ...serviceFaults],
});

export const removeService = defineRoute({
  operation: "removeService",
  method: "DELETE",
  path: "/api/v1/services/:serviceId",
  access: "services:write",
  wholeOrganisation: true,
  summary: "Removes a service with its breaches, and ends their alarms.",
  params,
  errors: [serviceLevelErrors.service_not_found],
});

export const listComplianceDays = defineRoute({
  operation: "listComplianceDays",
  method: "GET",
  path: "/api/v1/services/:serviceId/days",
  access: "services:read",
  summary: "Shows a service day by day up to now, at most 90 days, by the calendar of a zone.",
  params,
  query: z.object({ days: z.coerce.number().int().min(1).max(90).default(30), timeZone: timeZone.default("UTC") }),
  reply: z.object({ targetPercent: percent, items: z.array(complianceDay) }),
  errors: [serviceLevelErrors.service_not_found],
});

/** Absent: the level's period up to now. An end ahead is now. */
const reportQuery = z.object({ from: instant.optional(), to: instant.optional() });
const reportErrors = [serviceLevelErrors.service_not_found, serviceLevelErrors.end_before_start, serviceLevelErrors.too_long] as const;

export const getServiceReport = defineRoute({
  operation: "getServiceReport",
  method: "GET",
  path: "/api/v1/services/:serviceId/report",
  access: "services:read",
  summary: "Reports on a service in a period of up to 366 days: availability, outages, times, breaches and credit.",
  params,
  query: reportQuery,
  reply: serviceReport,
  errors: [...reportErrors],
});

export const exportServiceReport = defineRoute({
  operation: "exportServiceReport",
  method: "GET",
  path: "/api/v1/services/:serviceId/report.csv",
  access: "services:read",
  summary: "The same report as CSV: a line for the period, then one for each outage.",
  params,
  query: reportQuery,
  streams: "text/csv",
  errors: [...reportErrors],
});

const count = z.int().nonnegative();
export const complianceSummary = z.object({
  from: instant,
  to: instant,
  services: z.object({ unknown: count, compliant: count, at_risk: count, breached: count, critical: count }),
  down: count,
  ...measured,
  /** Found in that time. */
  breaches: z.object({ availability: count, response_time: count, resolution_time: count }),
});
export type ComplianceSummary = z.output<typeof complianceSummary>;

export const getComplianceSummary = defineRoute({
  operation: "getComplianceSummary",
  method: "GET",
  path: "/api/v1/services/summary",
  access: "services:read",
  summary: "Rolls up all services over the last 1 to 90 days: how many keep their promise, what was down, and what was broken.",
  query: z.object({ days: z.coerce.number().int().min(1).max(90).default(30) }),
  reply: complianceSummary,
});

export const listServiceBreaches = defineRoute({
  operation: "listServiceBreaches",
  method: "GET",
  path: "/api/v1/service-breaches",
  access: "services:read",
  summary: "Lists promises that were broken, newest first.",
  query: page.extend({
    serviceId: serviceId.optional(),
    type: breachType.optional(),
    state: z.enum(["open", "ended", "all"]).default("all"),
  }),
  reply: listOf(serviceBreach),
});
