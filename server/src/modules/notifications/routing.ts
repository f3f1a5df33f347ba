import { alarmErrors, severities } from "@roost/contract/alarms";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { AlarmId, NotificationTargetId } from "@roost/contract/ids";
import { routingErrors } from "@roost/contract/routing";
import type { Destination, EscalationChain, Hearing, NotificationRoute, NotificationSettings } from "@roost/contract/routing";
import { isTimeZone } from "@roost/contract/time";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import type { PlannerDeps } from "./planner.ts";
import { endOf } from "./quiet-hours.ts";
import { selectDirectory } from "./recipient-store.ts";
import { resolve, resolveAll, rings } from "./recipients.ts";
import type { Announced, Hearer, Routing, Silence } from "./recipients.ts";
import { findAlarmOf } from "./route-alarm-store.ts";
import * as store from "./route-store.ts";
import { rankOf } from "./route.ts";

export interface RoutingDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  readonly onCall: PlannerDeps["onCall"];
  readonly whereIs: PlannerDeps["whereIs"];
  readonly routingOf: (organisationId: string) => Promise<Routing>;
  /** What decides who is told was changed. */
  readonly onChange: (organisationId: string) => void;
}

export type RouteInput = Omit<NotificationRoute, "id" | "position">;
export type ChainInput = Omit<EscalationChain, "id">;

/** An alarm to look ahead with: one there was, or one that is described. */
export interface Described {
  readonly alarmId?: AlarmId | undefined;
  readonly severity: Severity;
  readonly kind: AlarmKind;
  readonly type?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly siteId?: string | undefined;
  readonly at?: Date | undefined;
}

const most = { routes: 200, chains: 100 };
// A chain that goes round for days is shown as far as anybody looks.
const shownSteps = 40;

/** Routes, chains and settings, and who would hear of what by them. */
export function createRouting({ db, audit, clock, onCall, whereIs, routingOf, onChange }: RoutingDeps) {
  const record = (tx: Transaction, whose: Whose, action: string, object: { id: string; name?: string }, change: object = {}) => {
    const kind = action.slice(0, action.indexOf("."));
    return audit.record(tx, { organisationId: whose.organisationId, by: actorOf(whose), action, object: { kind, ...object }, ...change });
  };
  async function change<Result>(whose: Whose, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const result = await db.within(whose).transaction(async (tx) => {
      await store.lockOrganisation(tx, whose.organisationId);
      return work(tx);
    });
    onChange(whose.organisationId);
    return result;
  }

  /** A destination that is not there, or belongs to somebody else, is refused: nobody would hear of anything by it. */
  async function checkDestinations(tx: Transaction, organisationId: string, to: readonly Destination[], mayChain: boolean): Promise<void> {
    const { targets, people } = await selectDirectory(tx, organisationId);
    const schedules = await onCall.namesOf(tx, organisationId);
    const chains = new Set((await store.selectChains(tx, organisationId)).map(({ id }) => id));
    const known = await store.selectOwnTargets(tx, organisationId);
    for (const one of to) {
      if (one.kind === "chain" && !mayChain) throw routingErrors.nested_chain();
      const isThere =
        one.kind === "target"
          ? targets.some(({ id, personId }) => id === one.targetId && personId === undefined) || known.has(one.targetId)
          : one.kind === "person"
            ? people.has(one.personId)
            : one.kind === "schedule"
              ? schedules.has(one.scheduleId)
              : chains.has(one.chainId);
      if (!isThere) throw routingErrors.unknown_destination({ destination: one });
    }
  }

  async function checkRoute(tx: Transaction, organisationId: string, input: RouteInput, id: string): Promise<void> {
    const { minSeverity, maxSeverity, window } = input.match;
    if (minSeverity !== undefined && maxSeverity !== undefined && rankOf(minSeverity) > rankOf(maxSeverity))
      throw routingErrors.min_above_max();
    if (window !== undefined && !isTimeZone(window.timeZone)) throw routingErrors.unknown_zone();
    if (window !== undefined && window.from === window.to) throw routingErrors.empty_window();
    if (input.to.length === 0 && !input.stop) throw routingErrors.nobody();
    const others = await store.selectRoutes(tx, organisationId);
    if (others.some((one) => one.id !== id && one.name.toLowerCase() === input.name.toLowerCase())) throw routingErrors.name_taken();
    await checkDestinations(tx, organisationId, input.to, true);
  }

  async function checkChain(tx: Transaction, organisationId: string, input: ChainInput, id: string): Promise<void> {
    if (input.steps.length === 0 || input.steps.some(({ to }) => to.length === 0)) throw routingErrors.empty_chain();
    const others = await store.selectChains(tx, organisationId);
    if (others.some((one) => one.id !== id && one.name.toLowerCase() === input.name.toLowerCase())) throw routingErrors.name_taken();
    await checkDestinations(
      tx,
      organisationId,
      input.steps.flatMap(({ to }) => to),
      false,
    );
  }

  async function routeIn(tx: Queryable, organisationId: string, id: string): Promise<NotificationRoute> {
    const found = (await store.selectRoutes(tx, organisationId)).find((one) => one.id === id);
    if (found === undefined) throw routingErrors.route_not_found({ routeId: id });
    return found;
  }
  async function chainIn(tx: Queryable, organisationId: string, id: string): Promise<EscalationChain> {
    const found = (await store.selectChains(tx, organisationId)).find((one) => one.id === id);
    if (found === undefined) throw routingErrors.chain_not_found({ chainId: id });
    return found;
  }

  async function announcedOf(whose: Within, given: Described): Promise<Announced> {
    const known = given.alarmId === undefined ? undefined : await findAlarmOf(db.within(whose), whose.organisationId, given.alarmId);
    if (given.alarmId !== undefined && known === undefined) throw alarmErrors.not_found({ alarmId: given.alarmId });
    const { severity, kind, type = kind, deviceId } = known ?? given;
    const stands = deviceId === undefined ? undefined : whereIs(deviceId);
    const bySite = given.siteId === undefined ? undefined : { siteId: given.siteId, groupIds: new Set<string>() };
    const hasMetric = known?.hasMetric ?? (kind === "above" || kind === "below");
    return { severity, kind, type, deviceId, hasMetric, place: stands ?? bySite };
  }

  /** Who is called at once, who later by chains, and who is not and why: what is in somebody's inbox besides calls nobody. */
  async function lookAhead(routing: Routing, announced: Announced, at: Date) {
    const found = await resolve(routing, announced, at);
    const hearings: Hearing[] = found.hearers.filter(rings).map((one) => toHearing(one, 0, at, announced));
    const silent = [...found.silences];
    for (const { chain } of found.chains) {
      let afterMinutes = 0;
      for (let round = 0; round <= (chain.repeat?.times ?? 0) && hearings.length < shownSteps; round += 1) {
        if (round > 0) afterMinutes += chain.repeat?.afterMinutes ?? 0;
        for (const [index, step] of chain.steps.entries()) {
          // The first step of a round that follows another begins when that round's wait is over.
          if (round === 0 || index > 0) afterMinutes += step.afterMinutes;
          const due = new Date(at.getTime() + afterMinutes * 60_000);
          const because = `Chain ${chain.name}, step ${index + 1}${round === 0 ? "" : `, round ${round + 1}`}`;
          const step_ = await resolveAll(routing, step.to, announced, { at: due, because, remindMs: undefined });
          hearings.push(...step_.hearers.filter(rings).map((one) => toHearing(one, afterMinutes * 60, due, announced)));
          if (round === 0) silent.push(...step_.silences);
        }
      }
    }
    return { found, hearings, silent };
  }

  return {
    async listRoutes(whose: Within): Promise<NotificationRoute[]> {
      return store.selectRoutes(db.within(whose), whose.organisationId);
    },

    /** @throws {AppError} the faults of a route, `routing.too_many` */
    addRoute: (whose: Whose, input: RouteInput): Promise<NotificationRoute> =>
      change(whose, async (tx) => {
        const others = await store.selectRoutes(tx, whose.organisationId);
        if (others.length >= most.routes) throw routingErrors.too_many({ limit: most.routes });
        const route = { id: newId(), position: (others.at(-1)?.position ?? 0) + 1, ...input };
        await checkRoute(tx, whose.organisationId, input, route.id);
        await store.saveRoute(tx, whose.organisationId, route);
        await record(tx, whose, "notification_route.added", route, { after: input });
        return route;
      }),

    /** @throws {AppError} the faults of a route, `routing.route_not_found` */
    changeRoute: (whose: Whose, id: string, input: RouteInput): Promise<NotificationRoute> =>
      change(whose, async (tx) => {
        const before = await routeIn(tx, whose.organisationId, id);
        await checkRoute(tx, whose.organisationId, input, id);
        const route = { id, position: before.position, ...input };
        await store.saveRoute(tx, whose.organisationId, route);
        await record(tx, whose, "notification_route.changed", route, { before, after: route });
        return route;
      }),

    /** @throws {AppError} `routing.route_not_found` */
    removeRoute: (whose: Whose, id: string): Promise<void> =>
      change(whose, async (tx) => {
        const before = await routeIn(tx, whose.organisationId, id);
        await store.deleteRoute(tx, whose.organisationId, id);
        await record(tx, whose, "notification_route.removed", before, { before });
      }),

    /** @throws {AppError} `routing.wrong_order` */
    orderRoutes: (whose: Whose, ids: readonly string[]): Promise<NotificationRoute[]> =>
      change(whose, async (tx) => {
        const before = (await store.selectRoutes(tx, whose.organisationId)).map(({ id }) => id);
        if (new Set(ids).size !== ids.length || before.length !== ids.length || !before.every((id) => ids.includes(id))) {
          throw routingErrors.wrong_order();
        }
        await store.savePositions(tx, whose.organisationId, ids);
        await record(tx, whose, "notification_route.ordered", { id: whose.organisationId }, { before: { ids: before }, after: { ids } });
        return store.selectRoutes(tx, whose.organisationId);
      }),

    async listChains(whose: Within): Promise<EscalationChain[]> {
      return store.selectChains(db.within(whose), whose.organisationId);
    },

    /** @throws {AppError} the faults of a chain, `routing.too_many` */
    addChain: (whose: Whose, input: ChainInput): Promise<EscalationChain> =>
      change(whose, async (tx) => {
        if ((await store.selectChains(tx, whose.organisationId)).length >= most.chains)
          throw routingErrors.too_many({ limit: most.chains });
        const chain = { id: newId(), ...input };
        await checkChain(tx, whose.organisationId, input, chain.id);
        await store.saveChain(tx, whose.organisationId, chain);
        await record(tx, whose, "escalation_chain.added", chain, { after: input });
        return chain;
      }),

    /** @throws {AppError} the faults of a chain, `routing.chain_not_found` */
    changeChain: (whose: Whose, id: string, input: ChainInput): Promise<EscalationChain> =>
      change(whose, async (tx) => {
        const before = await chainIn(tx, whose.organisationId, id);
        await checkChain(tx, whose.organisationId, input, id);
        await store.saveChain(tx, whose.organisationId, { id, ...input });
        await record(tx, whose, "escalation_chain.changed", { id, name: input.name }, { before, after: input });
        return { id, ...input };
      }),

    /** @throws {AppError} `routing.chain_not_found`, `routing.chain_in_use` */
    removeChain: (whose: Whose, id: string): Promise<void> =>
      change(whose, async (tx) => {
        const before = await chainIn(tx, whose.organisationId, id);
        const users = (await store.selectRoutes(tx, whose.organisationId)).filter(({ to }) =>
          to.some((one) => one.kind === "chain" && one.chainId === id),
        );
        if (users.length > 0) throw routingErrors.chain_in_use({ routes: users.map(({ name }) => name) });
        await store.deleteChain(tx, whose.organisationId, id);
        await record(tx, whose, "escalation_chain.removed", before, { before });
      }),

    /** With the severities that would reach nobody now, from anywhere in the organisation. */
    async getSettings(whose: Within): Promise<NotificationSettings & { unheard: Severity[] }> {
      const routing = await routingOf(whose.organisationId);
      const unheard: Severity[] = [];
      for (const severity of severities) {
        const announced: Announced = { severity, kind: "above", type: "above", deviceId: undefined, hasMetric: true, place: undefined };
        if ((await lookAhead(routing, announced, new Date(clock.nowMs()))).hearings.length === 0) unheard.push(severity);
      }
      return { ...routing.settings, unheard };
    },

    changeSettings: (whose: Whose, settings: NotificationSettings): Promise<NotificationSettings> =>
      change(whose, async (tx) => {
        const before = await store.findSettings(tx, whose.organisationId);
        await store.saveSettings(tx, whose.organisationId, settings);
        await record(tx, whose, "notification_settings.changed", { id: whose.organisationId }, { before, after: settings });
        return settings;
      }),

    /** Who would hear of an alarm, when and why; nobody is told. @throws {AppError} `alarms.not_found` */
    async preview(whose: Within, given: Described) {
      const at = given.at ?? new Date(clock.nowMs());
      const announced = await announcedOf(whose, given);
      const routing = await routingOf(whose.organisationId);
      const { found, hearings, silent } = await lookAhead(routing, announced, at);
      return {
        routes: found.routes.map(({ id, name }) => ({ id, name })),
        isDefault: found.isDefault,
        hearings: [...hearings, ...silent.map(toSilence)],
        isNobody: hearings.length === 0,
      };
    },
  };
}

function toHearing({ target, person, quiet, why }: Hearer, afterSeconds: number, at: Date, { severity }: Announced): Hearing {
  const end = quiet === undefined || severity === "critical" ? undefined : endOf(quiet, at.getTime());
  return {
    targetId: target.id as NotificationTargetId,
    targetName: target.name,
    ...(person === undefined ? {} : { personId: person.id, personName: person.name }),
    afterSeconds,
    why,
    ...(end === undefined ? {} : { heldUntil: new Date(end) }),
  };
}

function toSilence({ person, why }: Silence): Hearing {
  return { ...(person === undefined ? {} : { personId: person.id, personName: person.name }), afterSeconds: 0, why };
}
