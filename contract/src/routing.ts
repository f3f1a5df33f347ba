import { z } from "zod";

import { alarmKind, alarmErrors, severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, deviceGroupId, deviceId, notificationTargetId, siteId, uuid } from "./ids.ts";
import { localTime } from "./on-call.ts";
import { givenName } from "./organisations.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const routingErrors = defineErrors("routing", {
  route_not_found: [404, "There is no such route."],
  chain_not_found: [404, "There is no such escalation chain."],
  name_taken: [409, "Another one has this name already."],
  too_many: [409, "There are as many as one organisation may have. Remove one first."],
  min_above_max: [400, "The least severity is above the greatest: nothing would match."],
  unknown_zone: [400, "The time zone is none of the IANA list. Give one such as Europe/Berlin."],
  empty_window: [400, "The time begins and ends at the same minute. Leave it out for the whole day."],
  empty_chain: [400, "A chain needs at least one step, and each step somebody to tell."],
  chain_in_use: [409, "A route uses this chain. Change the route first."],
  unknown_destination: [
    422,
    "A destination is not there: a channel without an owner here, a person who left, a schedule or chain that was removed.",
  ],
  nested_chain: [400, "A chain tells people, channels and schedules; it leads to no other chain."],
  wrong_order: [400, "The order has to name every route once."],
  nobody: [400, "The route tells nobody and does not stop, so it does nothing. Give it a destination, or let it stop."],
});

/** Whom a route or a step tells: a channel, a person by their own channels, whoever is on call then, or a chain of steps. */
export const destination = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("target"), targetId: notificationTargetId }),
  z.strictObject({ kind: z.literal("person"), personId: personal("id", uuid) }),
  z.strictObject({ kind: z.literal("schedule"), scheduleId: uuid }),
  z.strictObject({ kind: z.literal("chain"), chainId: uuid }),
]);
export type Destination = z.output<typeof destination>;

/** A stretch of the day by the clocks of a zone; it may cross midnight. */
export const dailyWindow = z.strictObject({
  from: localTime,
  to: localTime,
  timeZone: personal("none", z.string().max(64)),
  /** Days on which it begins: 1 is Monday. Every day unless given. */
  days: z.array(z.int().min(1).max(7)).min(1).max(7).optional(),
});

/** What a route is for; what is left out holds for all. */
export const routeMatch = z.strictObject({
  minSeverity: severity.optional(),
  maxSeverity: severity.optional(),
  kinds: z.array(alarmKind).min(1).max(20).optional(),
  /** Of the alarm's type, `*` for any text: `external:*`. */
  type: personal("text", z.string().min(1).max(200)).optional(),
  siteIds: z.array(siteId).min(1).max(200).optional(),
  groupIds: z.array(deviceGroupId).min(1).max(200).optional(),
  deviceIds: z.array(deviceId).min(1).max(200).optional(),
  window: dailyWindow.optional(),
});
export type RouteMatch = z.output<typeof routeMatch>;

const routeTerms = {
  name: givenName,
  enabled: z.boolean().default(true),
  match: routeMatch,
  to: z.array(destination).max(50),
  /** What matched goes to no later route. */
  stop: z.boolean().default(false),
  /** Tells again so often until somebody acknowledges. */
  remindMinutes: z.int().min(1).max(10_080).optional(),
};

export const notificationRoute = z.object({ id: uuid, position: z.int(), ...routeTerms, enabled: z.boolean(), stop: z.boolean() });
export type NotificationRoute = z.output<typeof notificationRoute>;

const chainTerms = {
  name: givenName,
  steps: z
    .array(
      z.strictObject({
        /** After the step before; of the first step after the alarm. */
        afterMinutes: z.int().min(0).max(10_080),
        to: z.array(destination).max(50),
      }),
    )
    .max(20),
  repeat: z.strictObject({ times: z.int().min(1).max(20), afterMinutes: z.int().min(1).max(10_080) }).optional(),
};

export const escalationChain = z.object({ id: uuid, ...chainTerms });
export type EscalationChain = z.output<typeof escalationChain>;

/** How many words are made of many alarms; one setting for the organisation. */
export const notificationSettings = z.object({
  /** What follows a first notice of a device or an incident is told in one summary after so long; 0: nothing is held. */
  debounceSeconds: z.int().min(0).max(3_600),
  /** A value still beyond its limit and not acknowledged is told again after so long; 0: never. */
  cooldownMinutes: z.int().min(0).max(10_080),
  /** Silence of a device behind another waits so long for that other one's alarm. */
  parentWaitSeconds: z.int().min(0).max(600),
  /** What arrives later than this after it happened is told as past. */
  lateAfterSeconds: z.int().min(60).max(86_400),
  /** Tells what is over already as loudly as what is not. */
  ringForPast: z.boolean(),
});
export type NotificationSettings = z.output<typeof notificationSettings>;

/** Who would hear of an alarm, when, and why. */
export const hearing = z.object({
  /** Absent: nobody, `why` says why not. */
  targetId: notificationTargetId.optional(),
  targetName: z.string().optional(),
  personId: personal("id", uuid).optional(),
  personName: personal("name", z.string()).optional(),
  /** Seconds after the alarm; more than 0 for later steps, and for what waits for the end of quiet hours. */
  afterSeconds: z.int(),
  why: personal("text", z.string()),
  /** Held until then by the person's quiet hours. */
  heldUntil: instant.optional(),
});
export type Hearing = z.output<typeof hearing>;

const routeParams = z.object({ routeId: uuid });
const chainParams = z.object({ chainId: uuid });
const routeFaults = [
  routingErrors.name_taken,
  routingErrors.min_above_max,
  routingErrors.unknown_zone,
  routingErrors.empty_window,
  routingErrors.unknown_destination,
  routingErrors.nobody,
];
const chainFaults = [routingErrors.name_taken, routingErrors.empty_chain, routingErrors.nested_chain, routingErrors.unknown_destination];

export const listRoutes = defineRoute({
  operation: "listRoutes",
  method: "GET",
  path: "/api/v1/routes",
  access: "notifications:read",
  wholeOrganisation: true,
  summary: "Lists the routes by which alarms reach people, in the order in which they are tried.",
  reply: z.object({ items: z.array(notificationRoute) }),
});

export const addRoute = defineRoute({
  operation: "addRoute",
  method: "POST",
  path: "/api/v1/routes",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Adds a route behind the others.",
  body: z.strictObject(routeTerms),
  reply: notificationRoute,
  status: 201,
  errors: [...routeFaults, routingErrors.too_many],
});

export const changeRoute = defineRoute({
  operation: "changeRoute",
  method: "PUT",
  path: "/api/v1/routes/:routeId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Replaces a route; its place in the order stays.",
  params: routeParams,
  body: z.strictObject(routeTerms),
  reply: notificationRoute,
  errors: [...routeFaults, routingErrors.route_not_found],
});

export const removeRoute = defineRoute({
  operation: "removeRoute",
  method: "DELETE",
  path: "/api/v1/routes/:routeId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Removes a route.",
  params: routeParams,
  errors: [routingErrors.route_not_found],
});

export const orderRoutes = defineRoute({
  operation: "orderRoutes",
  method: "PUT",
  path: "/api/v1/route-order",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Puts the routes into another order.",
  body: z.strictObject({ routeIds: z.array(uuid).max(500) }),
  reply: z.object({ items: z.array(notificationRoute) }),
  errors: [routingErrors.wrong_order],
});

export const previewRoutes = defineRoute({
  operation: "previewRoutes",
  method: "POST",
  path: "/api/v1/routes/preview",
  access: "notifications:read",
  wholeOrganisation: true,
  summary: "Says who would hear of an alarm, when and why, and tells nobody. The alarm is one there was, or described.",
  body: z.strictObject({
    alarmId: alarmId.optional(),
    severity: severity.default("critical"),
    kind: alarmKind.default("above"),
    type: personal("text", z.string().max(200)).optional(),
    deviceId: deviceId.optional(),
    siteId: siteId.optional(),
    /** Now, unless given. */
    at: instant.optional(),
  }),
  reply: z.object({
    /** By which routes, in order; none: the default. */
    routes: z.array(z.object({ id: uuid, name: z.string() })),
    isDefault: z.boolean(),
    hearings: z.array(hearing),
    /** Nobody would hear of it. */
    isNobody: z.boolean(),
  }),
  errors: [alarmErrors.not_found],
});

export const listChains = defineRoute({
  operation: "listChains",
  method: "GET",
  path: "/api/v1/escalation-chains",
  access: "notifications:read",
  wholeOrganisation: true,
  summary: "Lists escalation chains by name: who is told after whom until somebody acknowledges.",
  reply: z.object({ items: z.array(escalationChain) }),
});

export const addChain = defineRoute({
  operation: "addChain",
  method: "POST",
  path: "/api/v1/escalation-chains",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Adds an escalation chain.",
  body: z.strictObject(chainTerms),
  reply: escalationChain,
  status: 201,
  errors: [...chainFaults, routingErrors.too_many],
});

export const changeChain = defineRoute({
  operation: "changeChain",
  method: "PUT",
  path: "/api/v1/escalation-chains/:chainId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Replaces an escalation chain; what goes through it now goes on by the new steps.",
  params: chainParams,
  body: z.strictObject(chainTerms),
  reply: escalationChain,
  errors: [...chainFaults, routingErrors.chain_not_found],
});

export const removeChain = defineRoute({
  operation: "removeChain",
  method: "DELETE",
  path: "/api/v1/escalation-chains/:chainId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Removes an escalation chain that no route uses.",
  params: chainParams,
  errors: [routingErrors.chain_not_found, routingErrors.chain_in_use],
});

export const getNotificationSettings = defineRoute({
  operation: "getNotificationSettings",
  method: "GET",
  path: "/api/v1/notification-settings",
  access: "notifications:read",
  summary: "Shows how many notices are made of many alarms, and whether critical ones reach anybody.",
  reply: notificationSettings.extend({
    /** Alarms of these severities would reach nobody now. */
    unheard: z.array(severity),
  }),
});

export const changeNotificationSettings = defineRoute({
  operation: "changeNotificationSettings",
  method: "PUT",
  path: "/api/v1/notification-settings",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Replaces how many notices are made of many alarms.",
  body: z.strictObject(notificationSettings.shape),
  reply: notificationSettings,
});
