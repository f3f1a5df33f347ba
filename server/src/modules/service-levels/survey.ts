import type { ServiceLevel } from "@roost/contract/service-levels";

import type { Queryable } from "../../platform/db.ts";
import { courseOf, isOutage, measure, shortfallOf, stateOf } from "./compliance.ts";
import type { Course, Down, Measured, Sight } from "./compliance.ts";
import * as store from "./outage-store.ts";
import type { Carrier, OutageAlarm, PlannedTime } from "./outage-store.ts";
import type { KeptService } from "./service-level-store.ts";
import { both, merged } from "./spans.ts";
import type { Span } from "./spans.ts";

/** A service with what it is promised. */
export interface Pledge {
  readonly service: KeptService;
  readonly level: ServiceLevel;
}

/** An outage of a service. */
export type Outage = OutageAlarm & Down & { readonly deviceName: string };

/** All that is known of a service over a stretch of time. */
export interface Survey extends Pledge, Sight {
  readonly carriers: readonly Carrier[];
  /** Oldest first. */
  readonly outages: readonly Outage[];
}

/** Looks at services of one organisation over a stretch of time, all at once. */
export async function surveyServices(
  db: Queryable,
  organisationId: string,
  promises: readonly Pledge[],
  span: Span,
): Promise<Map<string, Survey>> {
  if (promises.length === 0) return new Map();
  const carriers = await store.selectCarriers(
    db,
    promises.map(({ service }) => service.id),
  );
  const signs = promises.map(({ service }) => service.outages);
  const alarms = await store.selectAlarms(db, {
    organisationId,
    deviceIds: [...new Set(carriers.map(({ id }) => id))],
    severities: [...new Set(signs.flatMap(({ severities }) => severities))],
    kinds: [...new Set(signs.flatMap(({ kinds }) => kinds))],
    from: new Date(span.fromMs),
    to: new Date(span.toMs),
  });
  // An outage that began before has windows of its own before.
  const fromMs = alarms.reduce((least, { raisedMs }) => Math.min(least, raisedMs), span.fromMs);
  const planned = alarms.length === 0 ? [] : await store.selectPlannedTimes(db, organisationId, { ...span, fromMs });
  const watched = await store.selectWatched(db, span);
  const byService = Map.groupBy(carriers, ({ serviceId }) => serviceId);
  return new Map(
    promises.map(({ service, level }) => {
      const own = byService.get(service.id) ?? [];
      const byId = new Map(own.map((one) => [one.id, one]));
      const outages = alarms.flatMap((alarm): Outage[] => {
        const device = byId.get(alarm.deviceId);
        if (device === undefined || !isOutage(service.outages, alarm)) return [];
        return [{ ...alarm, deviceName: device.name, windows: windowsOf(alarm, device, planned) }];
      });
      const sinceMs = service.since.getTime();
      return [service.id, { service, level, carriers: own, outages, sinceMs, known: both(watched, own.flatMap(knownOf)) }];
    }),
  );
}

/** Of a device that was never heard, and of one that was shut out, nothing is known. */
function knownOf({ createdMs, state, stateSinceMs }: Carrier): Span[] {
  if (state === "waiting") return [];
  return [{ fromMs: createdMs, toMs: state === "revoked" ? stateSinceMs : Infinity }];
}

function windowsOf({ kind }: OutageAlarm, { id, siteId, groupIds }: Carrier, planned: readonly PlannedTime[]): Span[] {
  return merged(
    planned.filter((one) => {
      if (one.kinds.size > 0 && !one.kinds.has(kind)) return false;
      if (one.siteIds.size + one.groupIds.size + one.deviceIds.size === 0) return true;
      return (
        one.deviceIds.has(id) || (siteId !== undefined && one.siteIds.has(siteId)) || [...groupIds].some((group) => one.groupIds.has(group))
      );
    }),
  );
}

/** How a service did in a period. */
export interface Done extends Measured {
  readonly course: Course;
  readonly shortfallPoints: number;
  readonly state: ReturnType<typeof stateOf>;
}

/** Judges a service over a period that its survey holds. */
export function judge(survey: Survey, period: Span): Done {
  const { level } = survey;
  const course = courseOf(survey.outages, survey, period);
  const measured = measure(course, period, level);
  const shortfallPoints = shortfallOf(measured.countedMs, measured.agreedMs, level.availabilityPercent);
  return { ...measured, course, shortfallPoints, state: stateOf(shortfallPoints, measured.judgedMs > 0 || measured.plannedMs > 0) };
}

const dayMs = 86_400_000;

/** The days up to now over which a level is judged. */
export function rollingPeriod({ periodDays }: Pick<ServiceLevel, "periodDays">, nowMs: number): Span {
  return { fromMs: nowMs - periodDays * dayMs, toMs: nowMs };
}
