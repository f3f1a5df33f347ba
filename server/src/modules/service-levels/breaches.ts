import type { Severity } from "@roost/contract/alarms";
import type { AlarmId, ServiceBreachId } from "@roost/contract/ids";
import type { ServiceLevel } from "@roost/contract/service-levels";
import { breachTypes } from "@roost/contract/services";
import type { BreachType, ServiceBreach } from "@roost/contract/services";

import type { Clock } from "../../platform/clock.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms, Signal } from "../alarms/alarms.ts";
import { insertBreach, saveBreach, selectForJudging } from "./breach-store.ts";
import { businessSpans } from "./business-hours.ts";
import { timesOf } from "./compliance.ts";
import { noteWatched } from "./outage-store.ts";
import * as store from "./service-level-store.ts";
import type { KeptService } from "./service-level-store.ts";
import type { Span } from "./spans.ts";
import { judge, rollingPeriod, surveyServices } from "./survey.ts";
import type { Outage, Survey } from "./survey.ts";

export interface BreachDeps {
  readonly db: Db;
  readonly alarms: Pick<Alarms, "take">;
  readonly clock: Clock;
  readonly log: Log;
}

const servicesAtOnce = 50;
/** Of a storm, so many are written down in one look; the next one has the rest. */
const freshAtOnce = 1_000;
const minuteMs = 60_000;

/** Finds promises that are broken, once each, and says when they are kept again. */
export function createBreaches({ db, alarms, clock, log }: BreachDeps) {
  async function tell(tx: Transaction, service: KeptService, what: "found" | "worsened" | "ended", breach: ServiceBreach): Promise<void> {
    const { organisationId } = service;
    await emit(tx, { organisationId, type: `service_breach.${what}`, nounId: breach.id, data: { ...breach } });
  }

  /** What stands, and what stood before, becomes rows, facts and alarms. */
  async function settle(
    tx: Transaction,
    service: KeptService,
    found: readonly ServiceBreach[],
    before: readonly ServiceBreach[],
    now: Date,
  ) {
    const keyOf = ({ type, alarmId }: ServiceBreach) => `${type} ${alarmId ?? ""}`;
    // An availability that ended is over: the next time it is broken is another breach.
    const known = new Map(before.filter((one) => one.alarmId !== undefined || one.endedAt === undefined).map((one) => [keyOf(one), one]));
    const turned = new Set<BreachType>();
    let fresh = 0;
    const open = new Map(before.filter(({ endedAt }) => endedAt === undefined).map((one) => [one.id as string, one]));
    for (const breach of found) {
      const was = known.get(keyOf(breach));
      if (was === undefined) {
        if (fresh === freshAtOnce) continue;
        fresh += 1;
        if (!(await insertBreach(tx, service.organisationId, breach))) continue;
        await tell(tx, service, "found", breach);
        if (breach.endedAt === undefined) open.set(breach.id, breach);
        turned.add(breach.type);
        continue;
      }
      if (was.endedAt !== undefined) continue;
      const after = worse(was, breach);
      if (after.endedAt !== undefined) open.delete(was.id);
      else open.set(was.id, after);
      if (JSON.stringify(after) === JSON.stringify(was)) continue;
      await saveBreach(tx, after);
      if (after.severity !== was.severity) await tell(tx, service, "worsened", after);
      if (after.endedAt !== undefined) await tell(tx, service, "ended", after);
      if (after.severity !== was.severity || after.endedAt !== undefined) turned.add(after.type);
    }
    const stands = new Set(found.map(keyOf));
    for (const was of before.filter((one) => one.endedAt === undefined && !stands.has(keyOf(one)))) {
      const ended = { ...was, endedAt: now };
      await saveBreach(tx, ended);
      await tell(tx, service, "ended", ended);
      open.delete(was.id);
      turned.add(was.type);
    }
    // What is open is said again each time, which says no more: a service that was renamed has an alarm of its new name.
    for (const { type } of open.values()) turned.add(type);
    const openOf = (type: BreachType) => [...open.values()].filter((one) => one.type === type);
    await alarms.take(
      tx,
      [...turned].map((type) => signalOf(service, type, openOf(type), now)),
    );
  }

  /** One service under its lock: two servers that judge it at once find one breach. */
  async function judgeOne(survey: Survey, nowMs: number): Promise<void> {
    const found = breachesOf(survey, nowMs);
    await db.transaction(async (tx) => {
      const service = await store.lockService(tx, survey.service.id);
      // Changed since it was looked at: the next look judges what it is now.
      if (service === undefined || service.changedAt.getTime() !== survey.service.changedAt.getTime()) return;
      const before = await selectForJudging(
        tx,
        service.id,
        found.flatMap(({ alarmId }) => alarmId ?? []),
      );
      await settle(tx, service, found, before, new Date(nowMs));
    });
  }

  async function judgeOrganisation(organisationId: string, services: readonly KeptService[], nowMs: number): Promise<void> {
    const levels = new Map((await store.selectLevels(db, organisationId)).map((level) => [level.id as string, level]));
    const pledges = services.flatMap((service) => {
      const level = levels.get(service.serviceLevelId);
      return level === undefined ? [] : [{ service, level }];
    });
    const fromMs = Math.min(...pledges.map(({ level }) => rollingPeriod(level, nowMs).fromMs), nowMs);
    const surveys = await surveyServices(db, organisationId, pledges, { fromMs, toMs: nowMs });
    for (const survey of surveys.values()) await judgeOne(survey, nowMs);
  }

  /** What goes wrong with one organisation keeps no other from being judged. */
  async function judgeSome(services: readonly KeptService[], nowMs: number): Promise<void> {
    for (const [organisationId, own] of Map.groupBy(services, (one) => one.organisationId)) {
      await judgeOrganisation(organisationId, own, nowMs).catch((error: unknown) => {
        const level = isDatabaseAway(error) ? "debug" : "error";
        log[level]({ err: error, organisationId }, "services could not be judged; they are tried again");
      });
    }
  }

  return {
    /** Notes that somebody watches, and judges all services as of now. */
    async look(): Promise<void> {
      const nowMs = clock.nowMs();
      await noteWatched(db, nowMs);
      let some: KeptService[];
      let after: string | undefined;
      do {
        some = await store.selectAnyServices(db, after, servicesAtOnce);
        await judgeSome(some, nowMs);
        after = some.at(-1)?.id;
      } while (some.length === servicesAtOnce);
    },

    /** Ends the alarms of a service that is no more, or bears another name from now on. */
    async forget(tx: Transaction, service: KeptService): Promise<void> {
      await alarms.take(
        tx,
        breachTypes.map((type) => signalOf(service, type, [], new Date(clock.nowMs()))),
      );
    },
  };
}

/** As bad as it ever was. Of a time, nothing is new until it is over. */
function worse(was: ServiceBreach, is: ServiceBreach): ServiceBreach {
  if (was.type !== "availability") return is.endedAt === undefined ? was : { ...was, to: is.to, actual: is.actual, endedAt: is.endedAt };
  return is.actual < was.actual
    ? { ...was, severity: was.severity === "critical" ? "critical" : is.severity, actual: is.actual, from: is.from, to: is.to }
    : was;
}

/** Every promise of a service that is broken as of now. */
function breachesOf(survey: Survey, nowMs: number): ServiceBreach[] {
  const period = rollingPeriod(survey.level, nowMs);
  return [...availabilityBreach(survey, period), ...timeBreaches(survey, period)];
}

const common = ({ service }: Survey, nowMs: number) => ({
  id: newId() as ServiceBreachId,
  serviceId: service.id,
  serviceName: service.name,
  foundAt: new Date(nowMs),
});

function availabilityBreach(survey: Survey, period: Span): ServiceBreach[] {
  const { state, shortfallPoints } = judge(survey, period);
  if (state !== "breached" && state !== "critical") return [];
  const target = survey.level.availabilityPercent;
  return [
    {
      ...common(survey, period.toMs),
      type: "availability",
      severity: state,
      from: new Date(period.fromMs),
      to: new Date(period.toMs),
      target,
      actual: target - shortfallPoints,
    },
  ];
}

function timeBreaches(survey: Survey, { toMs: nowMs }: Span): ServiceBreach[] {
  const { level, sinceMs } = survey;
  // What was wrong before the promise began is judged by nobody.
  const outages = survey.outages.filter(({ raisedMs }) => raisedMs >= sinceMs);
  const business = hoursFor(level, outages, nowMs);
  return outages.flatMap((outage) => {
    const { response, resolution } = timesOf(outage, level, { nowMs, business });
    return (
      [
        ["response_time", response],
        ["resolution_time", resolution],
      ] as const
    ).flatMap(([type, taken]): ServiceBreach[] => {
      if (!taken.isLate) return [];
      const doneMs = taken.doneMs !== undefined && taken.doneMs <= nowMs ? taken.doneMs : undefined;
      return [
        {
          ...common(survey, nowMs),
          type,
          severity: "breached",
          from: new Date(outage.raisedMs),
          to: new Date(doneMs ?? nowMs),
          ...(doneMs === undefined ? {} : { endedAt: new Date(doneMs) }),
          target: taken.targetMs / minuteMs,
          actual: taken.ms / minuteMs,
          alarmId: outage.id as AlarmId,
        },
      ];
    });
  });
}

/** The hours of business since the first of these outages; `undefined`: all hours are. */
export function hoursFor({ businessHours }: ServiceLevel, outages: readonly Outage[], nowMs: number): Span[] | undefined {
  if (businessHours === undefined) return undefined;
  return businessSpans(businessHours, { fromMs: Math.min(nowMs, ...outages.slice(0, 1).map(({ raisedMs }) => raisedMs)), toMs: nowMs });
}

const words: Readonly<Record<BreachType, string>> = {
  availability: "availability is below what was promised",
  response_time: "outages are not answered in the time promised",
  resolution_time: "outages are not over in the time promised",
};

/** What the alarms are to know: raised while something of a kind is broken, ended when nothing is. */
function signalOf(service: KeptService, type: BreachType, open: readonly ServiceBreach[], at: Date): Signal {
  const severity: Severity = type === "availability" ? (open.some((one) => one.severity === "critical") ? "critical" : "major") : "minor";
  return {
    id: newId(),
    what: open.length > 0 ? "raise" : "clear",
    organisationId: service.organisationId,
    source: service.name,
    type: `service_level:${type}:${service.id}`,
    kind: "service_level",
    severity,
    at,
    title: words[type],
  };
}
