import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { Destination, EscalationChain, NotificationRoute, NotificationSettings } from "@roost/contract/routing";

import type { Queryable } from "../../platform/db.ts";
import { isInScope } from "../../platform/tenancy.ts";
import type { Placed } from "../../platform/tenancy.ts";
import type { PlanSettings, Recipient } from "./plan.ts";
import type { DailyWindow } from "./quiet-hours.ts";
import type { Directory, ReachablePerson, ReachableTarget } from "./recipient-store.ts";
import { rankOf, routesFor } from "./route.ts";

/** An alarm as it is looked at to find who is told. */
export interface Announced {
  readonly severity: Severity;
  readonly kind: AlarmKind;
  readonly type: string;
  readonly deviceId: string | undefined;
  readonly hasMetric: boolean;
  /** Where its device stands; `undefined`: it is about no device. */
  readonly place: Placed | undefined;
}

/** Somebody who is told, with the way there and why. */
export interface Hearer extends Recipient {
  readonly target: ReachableTarget;
  readonly person: ReachablePerson | undefined;
  readonly why: string;
}

/** Nobody by this destination, and why. */
export interface Silence {
  readonly person: ReachablePerson | undefined;
  readonly why: string;
}

/** All that decides who is told, read at one moment. */
export interface Routing {
  readonly directory: Directory;
  readonly routes: readonly NotificationRoute[];
  readonly chains: readonly EscalationChain[];
  readonly settings: NotificationSettings;
  /** Of an on-call schedule. */
  whoIsOnCall(scheduleId: string, at: Date): Promise<string | undefined>;
  readonly scheduleNames: ReadonlyMap<string, string>;
}

/** What an organisation has set about when its people are told. */
export function planSettingsOf({ settings: { debounceSeconds, parentWaitSeconds, ringForPast } }: Pick<Routing, "settings">): PlanSettings {
  return { debounceMs: debounceSeconds * 1_000, parentWaitMs: parentWaitSeconds * 1_000, ringForPast };
}

/** Who is told at once, and which chains begin. */
export interface Resolved {
  readonly routes: readonly NotificationRoute[];
  /** No route told anybody: the organisation's channels, as each wants it. */
  readonly isDefault: boolean;
  readonly hearers: readonly Hearer[];
  readonly silences: readonly Silence[];
  readonly chains: readonly { readonly chain: EscalationChain; readonly route: NotificationRoute }[];
}

export function quietOf(person: ReachablePerson | undefined): DailyWindow | undefined {
  const preferences = person?.preferences;
  return preferences?.quietHours === undefined ? undefined : { ...preferences.quietHours, timeZone: preferences.timeZone };
}

/** Quiet hours hold what rings: an inbox is looked into by those who want to know. */
function quietAt(target: ReachableTarget, person: ReachablePerson): DailyWindow | undefined {
  return target.isInbox ? undefined : quietOf(person);
}

/** Says whether a hearer is called: by something that rings, or in a room where others are. */
export const rings = ({ target }: Hearer): boolean => !target.isInbox;

/** Says whether somebody may know of an alarm at all: what is not in their scope does not exist for them. */
export function mayHear(person: ReachablePerson, { place }: Pick<Announced, "place">): boolean {
  if (!person.permissions.has("alarms:read")) return false;
  return place === undefined ? person.scope === undefined : isInScope(person.scope, place);
}

/** How to reach a target that was told of something before; `undefined` where it is there no more, or may not know any more. */
export function recipientIn(directory: Directory, targetId: string, announced: Pick<Announced, "place">): Recipient | undefined {
  const target = directory.targets.find((one) => one.id === targetId);
  if (target === undefined) return undefined;
  if (target.personId === undefined) return { targetId };
  const person = directory.people.get(target.personId);
  return person === undefined || !mayHear(person, announced) ? undefined : { targetId, quiet: quietAt(target, person) };
}

/** Somebody by one of their own ways. What is in the inbox reminds by being unread. */
function hearerOf(target: ReachableTarget, person: ReachablePerson, given: { remindMs: number | undefined; why: string }): Hearer {
  return {
    ...given,
    targetId: target.id,
    target,
    person,
    quiet: quietAt(target, person),
    ...(target.isInbox ? { remindMs: undefined } : {}),
  };
}

/** Whom one destination tells. A chain tells by its steps and nobody here. */
export async function resolveDestination(
  routing: Routing,
  destination: Destination,
  announced: Announced,
  { at, because, remindMs }: { at: Date; because: string; remindMs: number | undefined },
): Promise<{ hearers: Hearer[]; silences: Silence[] }> {
  const { directory } = routing;
  const ofPerson = (personId: string | undefined, why: string): { hearers: Hearer[]; silences: Silence[] } => {
    const person = personId === undefined ? undefined : directory.people.get(personId);
    const nobody = (reason: string) => ({ hearers: [], silences: [{ person, why: `${why}: ${reason}` }] });
    if (personId === undefined) return nobody("nobody is on call then");
    if (person === undefined) return nobody("not in the organisation any more");
    if (!mayHear(person, announced)) return nobody("may not see this alarm");
    const own = directory.targets.filter((one) => one.personId === personId);
    const fitting = own.filter((one) => rankOf(one.minSeverity) <= rankOf(announced.severity));
    const hearers = fitting.map((target) => hearerOf(target, person, { remindMs, why }));
    if (hearers.some(rings)) return { hearers, silences: [] };
    const has = own.some((one) => !one.isInbox);
    return { ...nobody(has ? "has no channel for this severity" : "has no channel of their own"), hearers };
  };
  switch (destination.kind) {
    case "target": {
      const target = directory.targets.find((one) => one.id === destination.targetId);
      if (target === undefined)
        return { hearers: [], silences: [{ person: undefined, why: `${because}: the channel is gone or switched off` }] };
      return { hearers: [{ targetId: target.id, target, person: undefined, remindMs, why: because }], silences: [] };
    }
    case "person":
      return ofPerson(destination.personId, because);
    case "schedule": {
      const name = routing.scheduleNames.get(destination.scheduleId) ?? "a schedule that is gone";
      return ofPerson(await routing.whoIsOnCall(destination.scheduleId, at), `${because}, on call for ${name}`);
    }
    case "chain":
      return { hearers: [], silences: [] };
  }
}

/** What a route or a step comes to: each target once, by the first that names it. */
export async function resolveAll(
  routing: Routing,
  destinations: readonly Destination[],
  announced: Announced,
  given: { at: Date; because: string; remindMs: number | undefined },
): Promise<{ hearers: Hearer[]; silences: Silence[] }> {
  const hearers = new Map<string, Hearer>();
  const silences: Silence[] = [];
  for (const destination of destinations) {
    const found = await resolveDestination(routing, destination, announced, given);
    for (const one of found.hearers) if (!hearers.has(one.targetId)) hearers.set(one.targetId, one);
    silences.push(...found.silences);
  }
  return { hearers: [...hearers.values()], silences };
}

const minuteMs = 60_000;

/** Who hears of an alarm at this moment, and why: routes in their order, people who asked to hear everything, and the default. */
export async function resolve(routing: Routing, announced: Announced, at: Date): Promise<Resolved> {
  const { directory, settings } = routing;
  const coolDownMs = announced.hasMetric && settings.cooldownMinutes > 0 ? settings.cooldownMinutes * minuteMs : undefined;
  const routed = { ...announced, siteId: announced.place?.siteId, groupIds: announced.place?.groupIds ?? new Set<string>() };
  const routes = routesFor(routing.routes, routed, at.getTime());
  const hearers = new Map<string, Hearer>();
  const silences: Silence[] = [];
  const chains: { chain: EscalationChain; route: NotificationRoute }[] = [];
  const add = (found: { hearers: readonly Hearer[]; silences: readonly Silence[] }) => {
    for (const one of found.hearers) if (!hearers.has(one.targetId)) hearers.set(one.targetId, one);
    silences.push(...found.silences);
  };
  for (const route of routes) {
    const remindMs = route.remindMinutes === undefined ? coolDownMs : route.remindMinutes * minuteMs;
    add(await resolveAll(routing, route.to, announced, { at, because: `Route ${route.name}`, remindMs }));
    for (const { chainId } of route.to.filter((one) => one.kind === "chain")) {
      const chain = routing.chains.find((one) => one.id === chainId);
      if (chain !== undefined && !chains.some((one) => one.chain.id === chainId)) chains.push({ chain, route });
    }
  }
  // What nobody thought of still reaches somebody; and what is critical does, whatever the routes say.
  const isNobody = ![...hearers.values()].some(rings) && chains.length === 0;
  const isDefault = routes.length === 0 || (isNobody && announced.severity === "critical");
  if (isDefault) {
    const open = directory.targets.filter((one) => one.personId === undefined && one.subscription === undefined);
    const fitting = open.filter((one) => rankOf(one.minSeverity) <= rankOf(announced.severity));
    const why = routes.length === 0 ? "No route is for it" : "Critical, and no route reaches anybody";
    add({
      hearers: fitting.map((target) => ({ targetId: target.id, target, person: undefined, remindMs: coolDownMs, why })),
      silences: [],
    });
  }
  add({ hearers: volunteers(directory, announced, coolDownMs), silences: [] });
  return { routes, isDefault, hearers: [...hearers.values()], silences, chains };
}

/** People who want to hear everything they may see, and addresses that subscribed. */
function volunteers(directory: Directory, announced: Announced, remindMs: number | undefined): Hearer[] {
  const { kind, severity } = announced;
  return directory.targets.flatMap((target): Hearer[] => {
    const wants = (terms: { minSeverity: Severity; kinds?: readonly AlarmKind[] | undefined }) =>
      rankOf(terms.minSeverity) <= rankOf(severity) && (terms.kinds === undefined || terms.kinds.includes(kind));
    if (target.subscription !== undefined) {
      return wants(target.subscription) ? [{ targetId: target.id, target, person: undefined, why: "Subscribed by mail" }] : [];
    }
    const person = target.personId === undefined ? undefined : directory.people.get(target.personId);
    if (person === undefined || !mayHear(person, announced)) return [];
    const terms = person.preferences ?? { hears: "all", minSeverity: "info" as const };
    if (terms.hears !== "all" || !wants(terms) || rankOf(target.minSeverity) > rankOf(severity)) return [];
    return [hearerOf(target, person, { remindMs, why: "Wants to hear of everything" })];
  });
}

/** Reads all that decides who is told. */
export async function loadRouting(
  tx: Queryable,
  organisationId: string,
  read: {
    directory: (tx: Queryable, organisationId: string) => Promise<Directory>;
    routes: (tx: Queryable, organisationId: string) => Promise<NotificationRoute[]>;
    chains: (tx: Queryable, organisationId: string) => Promise<EscalationChain[]>;
    settings: (tx: Queryable, organisationId: string) => Promise<NotificationSettings>;
    onCall: {
      whoIsOnCall: (tx: Queryable, organisationId: string, scheduleId: string, at: Date) => Promise<string | undefined>;
      namesOf: (tx: Queryable, organisationId: string) => Promise<ReadonlyMap<string, string>>;
    };
  },
): Promise<Routing> {
  const routes = await read.routes(tx, organisationId);
  const chains = await read.chains(tx, organisationId);
  const isOnCallUsed = [...routes, ...chains.flatMap((chain) => chain.steps)].some(({ to }) => to.some((one) => one.kind === "schedule"));
  return {
    directory: await read.directory(tx, organisationId),
    routes,
    chains,
    settings: await read.settings(tx, organisationId),
    whoIsOnCall: (scheduleId, at) => read.onCall.whoIsOnCall(tx, organisationId, scheduleId, at),
    scheduleNames: isOnCallUsed ? await read.onCall.namesOf(tx, organisationId) : new Map(),
  };
}
