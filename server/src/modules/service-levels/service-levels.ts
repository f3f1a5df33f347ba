import type { ServiceId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";
import { serviceLevelErrors } from "@roost/contract/service-levels";
import type { ServiceLevel } from "@roost/contract/service-levels";
import type {
  BreachType,
  Carriers,
  ComplianceDay,
  ComplianceSummary,
  Service,
  ServiceBreach,
  ServiceReport,
  Standing,
} from "@roost/contract/services";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { JobDefinition } from "../../platform/jobs.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import { countFound, selectBreaches } from "./breach-store.ts";
import { createBreaches } from "./breaches.ts";
import { lastDays } from "./business-hours.ts";
import { changed, createLevels } from "./levels.ts";
import type { OnRecord } from "./levels.ts";
import { selectSeen } from "./outage-store.ts";
import { dayOf, reportAsCsv, reportOf, standingOf, summaryOf } from "./report.ts";
import * as store from "./service-level-store.ts";
import type { KeptService } from "./service-level-store.ts";
import type { Span } from "./spans.ts";
import { rollingPeriod, surveyServices } from "./survey.ts";
import type { Survey } from "./survey.ts";

export interface ServiceLevelDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly alarms: Pick<Alarms, "take">;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ServiceInput extends Pick<Service, "name" | "customer" | "serviceLevelId" | "carriedBy" | "outages" | "credits"> {
  readonly since?: Date | undefined;
}
export type ServiceChange = { readonly [Name in keyof Omit<ServiceInput, "since">]?: ServiceInput[Name] | null | undefined };

/** A service with how it stands now. */
export type ServiceNow = Service & { devices: number; isDown: boolean; standing: Standing };

const servicesAtMost = 500;
const lookEverySeconds = 60;
const dayMs = 86_400_000;
const longestReportMs = 366 * dayMs;

/** What is promised of services, and whether it is kept: worked out from the alarms of what carries them, each time anew. */
export function createServiceLevels({ db, audit, alarms, clock, log }: ServiceLevelDeps) {
  const breaches = createBreaches({ db, alarms, clock, log });

  const onRecord: OnRecord = async (tx, whose, action, { id, name, before, after }) =>
    audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action,
      object: { kind: action.slice(0, action.indexOf(".")), id, name },
      ...(before === undefined ? {} : { before: { ...before } }),
      ...(after === undefined ? {} : { after: { ...after } }),
    });

  /** Looks at services over their levels' periods, and further back where that is asked. */
  async function survey(
    organisationId: string,
    services: readonly KeptService[],
    spanOf?: (level: ServiceLevel) => Span,
  ): Promise<Map<string, Survey>> {
    const nowMs = clock.nowMs();
    const levels = new Map((await store.selectLevels(db, organisationId)).map((level) => [level.id as string, level]));
    const pledges = services.flatMap((service) => {
      const level = levels.get(service.serviceLevelId);
      return level === undefined ? [] : [{ service, level }];
    });
    const begins = pledges.map(({ level }) => Math.min(rollingPeriod(level, nowMs).fromMs, spanOf?.(level).fromMs ?? nowMs));
    return surveyServices(db, organisationId, pledges, { fromMs: Math.min(nowMs, ...begins), toMs: nowMs });
  }

  /** Whoever acts in a part of the organisation meets the services of which they may see every device. */
  async function seenOf(whose: Within, surveys: readonly Survey[]): Promise<Survey[]> {
    if (whose.scope === undefined) return [...surveys];
    const ids = new Set(surveys.flatMap(({ carriers }) => carriers.map(({ id }) => id)));
    const seen = await selectSeen(db.within(whose), [...ids]);
    return surveys.filter(({ carriers }) => carriers.length > 0 && carriers.every(({ id }) => seen.has(id)));
  }

  async function allSeen(whose: Within, spanOf?: () => Span): Promise<Survey[]> {
    const where = { organisationId: whose.organisationId };
    const services = await store.selectServices(db.within(whose), where, { after: undefined, limit: servicesAtMost });
    return seenOf(whose, [...(await survey(whose.organisationId, services, spanOf)).values()]);
  }

  /** @throws {AppError} `service_levels.service_not_found` */
  async function surveyOne(whose: Within, serviceId: string, spanOf?: (level: ServiceLevel) => Span): Promise<Survey> {
    const service = await store.findService(db.within(whose), whose.organisationId, serviceId);
    const surveys = service === undefined ? [] : [...(await survey(whose.organisationId, [service], spanOf)).values()];
    const [seen] = await seenOf(whose, surveys);
    if (seen === undefined) throw serviceLevelErrors.service_not_found({ serviceId });
    return seen;
  }

  const nowOf = (one: Survey): ServiceNow => {
    const nowMs = clock.nowMs();
    return {
      ...shownService(one.service),
      devices: one.carriers.length,
      isDown: one.outages.some(({ clearedMs }) => clearedMs === undefined),
      standing: standingOf(one, rollingPeriod(one.level, nowMs)),
    };
  };

  /** @throws {AppError} what is wrong with it */
  async function checkService(
    tx: Transaction,
    organisationId: string,
    { carriedBy, outages, serviceLevelId }: ServiceInput,
  ): Promise<void> {
    const named = namesOf(carriedBy);
    if (named.length === 0) throw serviceLevelErrors.no_carrier();
    if (outages.severities.length + outages.kinds.length === 0) throw serviceLevelErrors.no_outage();
    const there = await store.findPlaces(tx, organisationId, carriedBy);
    const missing = named.filter((id) => !there.has(id));
    if (missing.length > 0) throw serviceLevelErrors.unknown_place({ ids: missing });
    if ((await store.lockLevel(tx, organisationId, serviceLevelId)) === undefined)
      throw serviceLevelErrors.unknown_level({ serviceLevelId });
  }

  /** @throws {AppError} `service_levels.end_before_start`, `service_levels.too_long` */
  function periodOf(level: ServiceLevel, { from, to }: { from?: Date | undefined; to?: Date | undefined }): Span {
    const nowMs = clock.nowMs();
    const toMs = Math.min(to?.getTime() ?? nowMs, nowMs);
    // Before there were computers there is nothing to report.
    const fromMs = Math.max(0, from?.getTime() ?? rollingPeriod(level, toMs).fromMs);
    checkPeriod({ fromMs, toMs });
    return { fromMs, toMs };
  }

  async function report(
    whose: Within,
    serviceId: ServiceId,
    asked: { from?: Date | undefined; to?: Date | undefined },
  ): Promise<ServiceReport> {
    const whole = await surveyOne(whose, serviceId, (level) => periodOf(level, asked));
    const period = periodOf(whole.level, asked);
    const found = await selectBreaches(
      db,
      {
        organisationId: whose.organisationId,
        serviceIds: [serviceId],
        state: "all",
        from: new Date(period.fromMs),
        to: new Date(period.toMs),
      },
      { limit: 1_000 },
    );
    return reportOf(whole, shownService(whole.service), period, found);
  }

  return {
    /** Work by the clock. */
    jobs: [{ name: "service-levels.look", everySeconds: lookEverySeconds, run: breaches.look }] satisfies JobDefinition[],

    /** Does now what time made due. */
    look: breaches.look,

    levels: createLevels({ db, clock, onRecord }),

    /** By name, with how each stands. */
    async list(
      whose: Within,
      { limit, cursor, ...filter }: Page & { serviceLevelId?: string | undefined; q?: string | undefined },
    ): Promise<{ items: ServiceNow[]; next?: string }> {
      const { organisationId } = whose;
      const after = cursor === undefined ? undefined : readCursor(cursor, ["text", "uuid"]);
      const found = await store.selectServices(db.within(whose), { ...filter, organisationId }, { after, limit: limit + 1 });
      const { items, next } = pageOf(found, limit, ({ name, id }) => [name.toLowerCase(), id]);
      const seen = await seenOf(whose, [...(await survey(organisationId, items)).values()]);
      return { items: seen.map(nowOf), ...(next === undefined ? {} : { next }) };
    },

    /** @throws {AppError} `service_levels.service_not_found` */
    get: async (whose: Within, serviceId: ServiceId): Promise<ServiceNow> => nowOf(await surveyOne(whose, serviceId)),

    /** @throws {AppError} what is wrong with it; `service_levels.too_many` */
    async add(whose: Whose, { since, ...input }: ServiceInput): Promise<Service> {
      const { organisationId } = whose;
      const at = new Date(clock.nowMs());
      if (since !== undefined && since > at) throw serviceLevelErrors.since_in_future();
      return db.within(whose).transaction(async (tx) => {
        await checkService(tx, organisationId, input);
        if ((await store.countServices(tx, organisationId)) >= servicesAtMost) throw serviceLevelErrors.too_many({ limit: servicesAtMost });
        const id = newId() as ServiceId;
        await store.saveService(tx, {
          ...input,
          id,
          organisationId,
          serviceLevelName: "",
          since: since ?? at,
          createdAt: at,
          changedAt: at,
        });
        const service = await kept(tx, organisationId, id);
        await onRecord(tx, whose, "service.added", { ...nameOf(service), after: service });
        return service;
      });
    },

    /** @throws {AppError} `service_levels.service_not_found`, what is wrong with it */
    change: async (whose: Whose, serviceId: ServiceId, change: ServiceChange): Promise<Service> =>
      db.within(whose).transaction(async (tx) => {
        const { organisationId } = whose;
        const before = await store.lockService(tx, serviceId, organisationId);
        if (before === undefined) throw serviceLevelErrors.service_not_found({ serviceId });
        const after = { ...changed(before, change), changedAt: new Date(clock.nowMs()) };
        await checkService(tx, organisationId, withoutGone(after, before, await store.findPlaces(tx, organisationId, before.carriedBy)));
        await store.saveService(tx, after);
        if (after.name !== before.name) await breaches.forget(tx, before);
        const service = await kept(tx, organisationId, serviceId);
        await onRecord(tx, whose, "service.changed", { ...nameOf(service), before: shownService(before), after: service });
        return service;
      }),

    /** @throws {AppError} `service_levels.service_not_found` */
    async remove(whose: Whose, serviceId: ServiceId): Promise<void> {
      const { organisationId } = whose;
      await db.within(whose).transaction(async (tx) => {
        const service = await store.lockService(tx, serviceId, organisationId);
        if (service === undefined) throw serviceLevelErrors.service_not_found({ serviceId });
        await breaches.forget(tx, service);
        await store.deleteService(tx, serviceId);
        await onRecord(tx, whose, "service.removed", { ...nameOf(service), before: shownService(service) });
      });
    },

    /** Day by day up to now, the oldest first. @throws {AppError} `service_levels.service_not_found` */
    async days(
      whose: Within,
      serviceId: ServiceId,
      { days, timeZone }: { days: number; timeZone: string },
    ): Promise<{ targetPercent: number; items: ComplianceDay[] }> {
      const nowMs = clock.nowMs();
      const calendar = lastDays(days, nowMs, timeZone);
      const one = await surveyOne(whose, serviceId, () => ({ fromMs: calendar[0]?.fromMs ?? nowMs, toMs: nowMs }));
      return {
        targetPercent: one.level.availabilityPercent,
        items: calendar.map((day) => dayOf(one, { ...day, toMs: Math.min(day.toMs, nowMs) })),
      };
    },

    /** @throws {AppError} `service_levels.service_not_found`, `service_levels.end_before_start`, `service_levels.too_long` */
    report,
    /** The same as CSV. @throws {AppError} the same */
    reportCsv: async (...asked: Parameters<typeof report>): Promise<string> => reportAsCsv(await report(...asked)),

    /** All that the caller may see, rolled up. */
    async summary(whose: Within, days: number): Promise<ComplianceSummary> {
      const nowMs = clock.nowMs();
      const period = { fromMs: nowMs - days * dayMs, toMs: nowMs };
      const seen = await allSeen(whose, () => period);
      const ids = seen.map(({ service }) => service.id);
      const found = await countFound(db, whose.organisationId, ids, { from: new Date(period.fromMs), to: new Date(nowMs) });
      return summaryOf(seen, period, found);
    },

    /** Newest first. */
    async breaches(
      whose: Within,
      { limit, cursor, serviceId, type, state }: Page & BreachQuery,
    ): Promise<{ items: ServiceBreach[]; next?: string }> {
      const { organisationId } = whose;
      const ids = whose.scope === undefined ? undefined : (await allSeen(whose)).map(({ service }) => service.id as string);
      const asked = serviceId === undefined ? ids : [serviceId].filter((id) => ids?.includes(id) ?? true);
      const after = cursor === undefined ? undefined : readCursor(cursor, ["instant", "uuid"]);
      const where = { organisationId, serviceIds: asked, type, state };
      const items = await selectBreaches(db.within({ organisationId }), where, { after, limit: limit + 1 });
      return pageOf(items, limit, ({ foundAt, id }) => [foundAt, id]);
    },
  };

  async function kept(tx: Transaction, organisationId: string, id: string): Promise<Service> {
    const service = await store.findService(tx, organisationId, id);
    if (service === undefined) throw serviceLevelErrors.service_not_found({ serviceId: id });
    return shownService(service);
  }
}

export type ServiceLevels = ReturnType<typeof createServiceLevels>;

interface BreachQuery {
  readonly serviceId?: string | undefined;
  readonly type?: BreachType | undefined;
  readonly state: "open" | "ended" | "all";
}

const nameOf = ({ id, name }: Service) => ({ id, name });

function shownService(kept: KeptService): Service {
  const { organisationId: _, ...service } = kept;
  return service;
}

const namesOf = ({ deviceIds, groupIds, siteIds }: Carriers): string[] => [...deviceIds, ...groupIds, ...siteIds];

/** What a service named before and is gone by now does not keep somebody from changing it; what is named anew has to be there. */
function withoutGone(after: KeptService, before: KeptService, there: ReadonlySet<string>): KeptService {
  const was = new Set(namesOf(before.carriedBy));
  const keeps = (id: string) => !was.has(id) || there.has(id);
  const { deviceIds, groupIds, siteIds } = after.carriedBy;
  return {
    ...after,
    carriedBy: { deviceIds: deviceIds.filter(keeps), groupIds: groupIds.filter(keeps), siteIds: siteIds.filter(keeps) },
  };
}

/** @throws {AppError} `service_levels.end_before_start`, `service_levels.too_long` */
function checkPeriod({ fromMs, toMs }: Span): void {
  if (fromMs >= toMs) throw serviceLevelErrors.end_before_start();
  if (toMs - fromMs > longestReportMs) throw serviceLevelErrors.too_long();
}
