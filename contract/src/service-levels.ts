import { z } from "zod";

import { severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { serviceLevelId } from "./ids.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** From which shortfall on, in points of availability, a promise is broken, and badly so. Less than the first is a risk. */
export const breachedFromPoints = 0.5;
export const criticalFromPoints = 2;

/**
 * How a promise stands: `compliant`: kept. `at_risk`: missed by less than half a point. `breached`, `critical`: by half a point or two.
 * `unknown`: nothing of the time is known.
 */
export const complianceStates = ["unknown", "compliant", "at_risk", "breached", "critical"] as const;
export const complianceState = z.enum(complianceStates);
export type ComplianceState = z.infer<typeof complianceState>;

export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export const weekday = z.enum(weekdays);
export type Weekday = z.infer<typeof weekday>;

/** By the clock on the wall; `24:00` is the end of the day. */
const timeOfDay = personal("none", z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, "Write a time of day as HH:MM."));

/** Hours in which times of response and resolution run, by the clock on the wall of the zone. */
export const businessHours = z.strictObject({
  timeZone: z.string().min(1).max(64),
  hours: z
    .array(z.strictObject({ days: z.array(weekday).min(1).max(7), from: timeOfDay, to: timeOfDay }))
    .min(1)
    .max(14),
});
export type BusinessHours = z.output<typeof businessHours>;

const minutes = z.int().min(1).max(525_600);

/** Until when somebody acknowledges an outage, and until when it is over. */
export const severityTargets = z.strictObject({ responseMinutes: minutes, resolutionMinutes: minutes });
export type SeverityTargets = z.output<typeof severityTargets>;

/** By severity; where one has none, those of the level hold. */
const bySeverity = z.partialRecord(severity, severityTargets);
/** What holds for outages of a severity, unless a level says otherwise. */
export const usualTargets: z.output<typeof bySeverity> = {
  critical: { responseMinutes: 15, resolutionMinutes: 240 },
  major: { responseMinutes: 60, resolutionMinutes: 480 },
  minor: { responseMinutes: 240, resolutionMinutes: 1_440 },
};

const levelFields = {
  name: personal("text", z.string().trim().min(1).max(100)),
  /** What is promised of which kind of service, such as "Internet access, gold". */
  serviceType: personal("text", z.string().trim().min(1).max(100)).optional(),
  availabilityPercent: z
    .number()
    .min(0)
    .max(100)
    .refine((value) => Math.abs(value * 10_000 - Math.round(value * 10_000)) < 1e-6, "Write at most four digits behind the point."),
  /** The days up to now over which availability is judged. */
  periodDays: z.int().min(1).max(365),
  responseMinutes: minutes,
  resolutionMinutes: minutes,
  bySeverity,
  /** Absent: times of response and resolution run day and night. */
  businessHours: businessHours.optional(),
  /** What is down in a maintenance window is planned: it counts apart, against nobody. */
  excludeMaintenance: z.boolean(),
};

/** What is promised. */
export const serviceLevel = z.object({
  id: serviceLevelId,
  ...levelFields,
  createdAt: instant,
  changedAt: instant,
  /** How many services are promised this. */
  services: z.int().nonnegative(),
});
export type ServiceLevel = z.output<typeof serviceLevel>;

export const serviceLevelErrors = defineErrors("service_levels", {
  not_found: [404, "There is no such service level."],
  service_not_found: [404, "There is no such service."],
  in_use: [409, "Services are promised this level. Give them another one first."],
  too_many: [409, "There are as many as one organisation may have. Remove some that are no longer needed."],
  unknown_level: [422, "There is no such service level to promise."],
  unknown_place: [422, "There is no such site, device group or device here."],
  no_carrier: [400, "Say what carries the service: devices, groups or sites."],
  no_outage: [400, "Say which alarms are an outage: by severity, by kind, or both."],
  unknown_zone: [400, "There is no such time zone. Name one of the IANA list, such as Europe/Berlin."],
  end_before_start: [400, "The end must lie after the start."],
  response_after_resolution: [
    400,
    "An outage cannot be answered later than it is over: the time to respond is longer than the time to resolve.",
  ],
  since_in_future: [400, "A promise begins now or began before."],
  too_long: [400, "The period is longer than 366 days. Choose a shorter one."],
});

const levelFaults = [
  serviceLevelErrors.unknown_zone,
  serviceLevelErrors.end_before_start,
  serviceLevelErrors.response_after_resolution,
] as const;
const levelParams = z.object({ serviceLevelId });
export const listServiceLevels = defineRoute({
  operation: "listServiceLevels",
  method: "GET",
  path: "/api/v1/service-levels",
  access: "services:read",
  summary: "Lists what is promised of services, by name.",
  reply: z.object({ items: z.array(serviceLevel) }),
});

export const addServiceLevel = defineRoute({
  operation: "addServiceLevel",
  method: "POST",
  path: "/api/v1/service-levels",
  access: "services:write",
  wholeOrganisation: true,
  summary: "Adds a service level: availability over a period, and times of response and resolution.",
  body: z.strictObject({
    ...levelFields,
    periodDays: levelFields.periodDays.default(30),
    responseMinutes: minutes.default(60),
    resolutionMinutes: minutes.default(240),
    bySeverity: bySeverity.default(usualTargets),
    excludeMaintenance: z.boolean().default(true),
  }),
  reply: serviceLevel,
  status: 201,
  errors: [...levelFaults, serviceLevelErrors.too_many],
});

export const changeServiceLevel = defineRoute({
  operation: "changeServiceLevel",
  method: "PATCH",
  path: "/api/v1/service-levels/:serviceLevelId",
  access: "services:write",
  wholeOrganisation: true,
  summary:
    "Changes what is promised; absent fields stay as they are, null takes one away. Breaches that were found keep what was promised then.",
  params: levelParams,
  body: z.strictObject({
    ...z.object(levelFields).partial().shape,
    serviceType: levelFields.serviceType.nullable(),
    businessHours: levelFields.businessHours.nullable(),
  }),
  reply: serviceLevel,
  errors: [serviceLevelErrors.not_found, ...levelFaults],
});

export const removeServiceLevel = defineRoute({
  operation: "removeServiceLevel",
  method: "DELETE",
  path: "/api/v1/service-levels/:serviceLevelId",
  access: "services:write",
  wholeOrganisation: true,
  summary: "Removes a service level that no service is promised.",
  params: levelParams,
  errors: [serviceLevelErrors.not_found, serviceLevelErrors.in_use],
});
