import type { AlarmId, DeviceId } from "@roost/contract/ids";
import { percentText } from "@roost/contract/services";
import type {
  BreachType,
  ComplianceDay,
  ComplianceSummary,
  Outage as ReportedOutage,
  Service,
  ServiceBreach,
  ServiceReport,
  Standing,
} from "@roost/contract/services";

import { textCell } from "../../platform/csv.ts";
import { hoursFor } from "./breaches.ts";
import type { Day } from "./business-hours.ts";
import { allowedMs, availabilityOf, courseOf, downSpan, shortfallOf, stateOf, timesOf } from "./compliance.ts";
import type { Measured } from "./compliance.ts";
import { both, lengthMs } from "./spans.ts";
import type { Span } from "./spans.ts";
import { judge } from "./survey.ts";
import type { Outage, Survey } from "./survey.ts";

const shownOutages = 1_000;
const seconds = (ms: number): number => ms / 1_000;

function measuredOf({ unplannedMs, plannedMs, countedMs, unknownMs, judgedMs }: Omit<Measured, "agreedMs">) {
  const availabilityPercent = availabilityOf({ countedMs, judgedMs });
  return {
    unplannedSeconds: seconds(unplannedMs),
    plannedSeconds: seconds(plannedMs),
    countedSeconds: seconds(countedMs),
    unknownSeconds: seconds(unknownMs),
    ...(availabilityPercent === undefined ? {} : { availabilityPercent }),
  };
}

/** How a service stands over a period that its survey holds. */
export function standingOf(survey: Survey, period: Span): Standing {
  const done = judge(survey, period);
  const { availabilityPercent: targetPercent } = survey.level;
  const [first] = done.course.unknown;
  const knownSinceMs = first?.fromMs === period.fromMs ? first.toMs : undefined;
  return {
    state: done.state,
    from: new Date(period.fromMs),
    to: new Date(period.toMs),
    ...measuredOf(done),
    targetPercent,
    allowedSeconds: seconds(allowedMs(done.agreedMs, targetPercent)),
    shortfallPoints: done.shortfallPoints,
    ...(knownSinceMs === undefined || knownSinceMs >= period.toMs ? {} : { knownSince: new Date(knownSinceMs) }),
  };
}

/** One day by itself: judged by what is known of it. */
export function dayOf(survey: Survey, { day, ...period }: Day): ComplianceDay {
  const done = judge(survey, period);
  const shortfall = shortfallOf(done.countedMs, done.judgedMs, survey.level.availabilityPercent);
  return {
    day,
    from: new Date(period.fromMs),
    to: new Date(period.toMs),
    state: done.state === "unknown" ? "unknown" : stateOf(shortfall, true),
    ...measuredOf(done),
  };
}

/** All of these together over one period. */
export function summaryOf(surveys: readonly Survey[], period: Span, breaches: Record<BreachType, number>): ComplianceSummary {
  const all = surveys.map((survey) => judge(survey, period));
  const sum = (of: (one: Measured) => number) => all.reduce((total, one) => total + of(one), 0);
  const count = (state: string) => all.filter((one) => one.state === state).length;
  return {
    from: new Date(period.fromMs),
    to: new Date(period.toMs),
    services: {
      unknown: count("unknown"),
      compliant: count("compliant"),
      at_risk: count("at_risk"),
      breached: count("breached"),
      critical: count("critical"),
    },
    down: surveys.filter(({ outages }) => outages.some(({ clearedMs }) => clearedMs === undefined)).length,
    ...measuredOf({
      unplannedMs: sum((one) => one.unplannedMs),
      plannedMs: sum((one) => one.plannedMs),
      countedMs: sum((one) => one.countedMs),
      unknownMs: sum((one) => one.unknownMs),
      judgedMs: sum((one) => one.judgedMs),
    }),
    breaches,
  };
}

/** What became of a promise in a period. */
export function reportOf(survey: Survey, service: Service, period: Span, breaches: ServiceBreach[]): ServiceReport {
  const { level } = survey;
  const standing = standingOf(survey, period);
  const found = survey.outages.filter((one) => lengthMs(both([downSpan(one)], [period])) > 0);
  const business = hoursFor(level, found, period.toMs);
  const outages = found.map((one) => reportedOf(one, survey, { period, business }));
  const { services: _, ...serviceLevel } = level;
  const { breached, critical } = service.credits;
  return {
    service,
    serviceLevel,
    standing,
    creditPercent: standing.state === "critical" ? critical : standing.state === "breached" ? breached : 0,
    outages: outages.slice(0, shownOutages),
    moreOutages: Math.max(0, outages.length - shownOutages),
    lateResponses: outages.filter(({ response }) => response.isLate).length,
    lateResolutions: outages.filter(({ resolution }) => resolution.isLate).length,
    breaches,
  };
}

/** As it was at the end of the period: what came later is not in it. */
function reportedOf(
  one: Outage,
  survey: Survey,
  { period, business }: { period: Span; business: readonly Span[] | undefined },
): ReportedOutage {
  const { unplanned, planned } = courseOf([one], survey, period);
  const nowMs = period.toMs;
  const times = timesOf(one, survey.level, { nowMs, business });
  const isOurs = one.raisedMs >= survey.sinceMs;
  const taken = ({ ms, targetMs, isLate }: { ms: number; targetMs: number; isLate: boolean }) => {
    return { seconds: seconds(ms), targetSeconds: seconds(targetMs), isLate: isLate && isOurs };
  };
  const until = (ms: number | undefined) => (ms === undefined || ms > nowMs ? undefined : new Date(ms));
  const [acknowledgedAt, clearedAt] = [until(one.acknowledgedMs), until(one.clearedMs)];
  return {
    alarmId: one.id as AlarmId,
    deviceId: one.deviceId as DeviceId,
    deviceName: one.deviceName,
    kind: one.kind,
    severity: one.severity,
    ...(one.title === undefined ? {} : { title: one.title }),
    raisedAt: new Date(one.raisedMs),
    ...(acknowledgedAt === undefined ? {} : { acknowledgedAt }),
    ...(clearedAt === undefined ? {} : { clearedAt }),
    unplannedSeconds: seconds(lengthMs(unplanned)),
    plannedSeconds: seconds(lengthMs(planned)),
    response: taken(times.response),
    resolution: taken(times.resolution),
  };
}

type Cell = string | number | Date | undefined;

const header = [
  "what",
  "service",
  "customer",
  "service_level",
  "from",
  "to",
  "state",
  "target_percent",
  "availability_percent",
  "unplanned_minutes",
  "planned_minutes",
  "counted_minutes",
  "unknown_minutes",
  "credit_percent",
  "device",
  "kind",
  "severity",
  "title",
  "response_minutes",
  "response_late",
  "resolution_minutes",
  "resolution_late",
] as const;

/** A report as CSV: a line for the period, then one for each outage. */
export function reportAsCsv({ service, serviceLevel, standing, creditPercent, outages }: ServiceReport): string {
  const { from, to, state, targetPercent, availabilityPercent } = standing;
  const minutes = (inSeconds: number) => Number((inSeconds / 60).toFixed(3));
  const lines: Partial<Record<(typeof header)[number], Cell>>[] = [
    {
      what: "period",
      service: service.name,
      customer: service.customer,
      service_level: serviceLevel.name,
      from,
      to,
      state,
      target_percent: targetPercent,
      availability_percent: availabilityPercent === undefined ? undefined : percentText(availabilityPercent, targetPercent),
      unplanned_minutes: minutes(standing.unplannedSeconds),
      planned_minutes: minutes(standing.plannedSeconds),
      counted_minutes: minutes(standing.countedSeconds),
      unknown_minutes: minutes(standing.unknownSeconds),
      credit_percent: creditPercent,
    },
    ...outages.map((one) => ({
      what: "outage",
      service: service.name,
      from: one.raisedAt,
      to: one.clearedAt,
      unplanned_minutes: minutes(one.unplannedSeconds),
      planned_minutes: minutes(one.plannedSeconds),
      device: one.deviceName,
      kind: one.kind,
      severity: one.severity,
      title: one.title,
      response_minutes: minutes(one.response.seconds),
      response_late: String(one.response.isLate),
      resolution_minutes: minutes(one.resolution.seconds),
      resolution_late: String(one.resolution.isLate),
    })),
  ];
  const cell = (value: Cell): string =>
    value instanceof Date ? value.toISOString() : typeof value === "string" ? textCell(value) : String(value ?? "");
  return [header.join(","), ...lines.map((line) => header.map((name) => cell(line[name])).join(","))].map((line) => `${line}\r\n`).join("");
}
