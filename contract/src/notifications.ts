import { z } from "zod";

import { severity } from "./alarms.ts";
import { channels, targetKind } from "./channels.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, deliveryId, notificationTargetId, personId } from "./ids.ts";
import { mailErrors } from "./mail.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/**
 * The circuit breaker of a target. `open`: after some failures one after another nothing is sent and all waits; at `probeAt` one goes out to see.
 * `half_open`: that time has come.
 */
export const breaker = z.object({
  state: z.enum(["closed", "open", "half_open"]),
  /** Failed tries since the last that worked. */
  failures: z.int(),
  openedAt: instant.optional(),
  probeAt: instant.optional(),
});
export type Breaker = z.output<typeof breaker>;

const targetHears = z.enum(["alarms", "tickets"]);

export const notificationTarget = z.object({
  id: notificationTargetId,
  kind: targetKind,
  name: z.string(),
  /** The address with its secret part masked. */
  address: personal("text", z.string()),
  minSeverity: severity,
  /** What it is told of: alarms, as the routes say, or every step of every ticket, for another ticket system. */
  hears: targetHears,
  enabled: z.boolean(),
  /** Whose own it is; absent: the organisation's. */
  personId: personId.optional(),
  /** Its own words, logic-less (Mustache). */
  titleTemplate: z.string().optional(),
  bodyTemplate: z.string().optional(),
  breaker,
  /** Since when nothing arrives there; people were told of it. */
  failingSince: instant.optional(),
  /** The last time something arrived. */
  workedAt: instant.optional(),
  createdAt: instant,
});
export type NotificationTarget = z.output<typeof notificationTarget>;

/** One try to hand a notice to one target, with its answer. */
export const deliveryAttempt = z.object({
  at: instant,
  outcome: z.enum(["delivered", "failed"]),
  status: z.number().int().optional(),
  code: personal("none", z.string()).optional(),
  durationMs: z.number(),
  /** When it was to be tried again; absent after the last. */
  nextTryAt: instant.optional(),
});

/** What notices tell of. */
export const noticeKinds = [
  "alarm.raised",
  "alarm.cleared",
  "alarm.acknowledged",
  "alarm.unacknowledged",
  "alarm.worse",
  "alarm.flapping",
  "alarm.repeated",
  "alarm.reminder",
  "alarm.escalated",
  "alarm.assigned",
  "alarm.late",
  "device.offline",
  "device.online",
  "ticket.created",
  "ticket.moved",
  "ticket.assigned",
  "ticket.messaged",
  "ticket.changed",
  "ticket.fell_late",
  "ticket.alarm_turned",
  "digest",
  "confirmation",
  "test",
] as const;
export const noticeKind = z.enum(noticeKinds);
export type NoticeKind = z.infer<typeof noticeKind>;

export const deliveryState = z.enum(["waiting", "delivered", "failed"]);
export type DeliveryState = z.infer<typeof deliveryState>;

export const delivery = z.object({
  id: deliveryId,
  targetId: notificationTargetId.optional(),
  targetName: z.string(),
  kind: targetKind,
  /** Whose own target it went to; absent: the organisation's. */
  personId: personId.optional(),
  alarmId: alarmId.optional(),
  what: noticeKind,
  state: deliveryState,
  createdAt: instant,
  /** It is held back until then. */
  notBefore: instant.optional(),
  nextTryAt: instant.optional(),
  settledAt: instant.optional(),
  attempts: z.array(deliveryAttempt),
});
export type Delivery = z.output<typeof delivery>;

export const notificationErrors = defineErrors("notifications", {
  target_not_found: [404, "There is no such notification target."],
  too_many_targets: [409, "There are as many notification targets as one organisation may have. Remove one first."],
  address_refused: [
    422,
    "The address is not one that Roost may call: it must be http or https and lead to a public host, unless an administrator listed it.",
  ],
  delivery_not_found: [404, "There is no such delivery."],
  not_failed: [409, "Only a delivery that failed can be sent again."],
  target_gone: [409, "The target of this delivery was removed: there is nowhere to send it again."],
  bad_template: [422, "The template cannot be used. See the details for what and where."],
  not_your_address: [422, "A mailbox of your own is the one you sign in with."],
  no_switch: [404, "There is no dead-man switch. Set one first."],
  action_refused: [410, "This notification cannot acknowledge any more: it did once, or is older than a day. Open the alarm instead."],
  gone: [410, "The browser ended its subscription; the target was removed."],
  not_taken: [502, "The service answered that it would not pass the message on. Check its address, key and receiver."],
  strange_answer: [502, "Something answered at the address, but not in the way this kind of service does. Check the address."],
});

export const egressErrors = defineErrors("egress", {
  refused_address: [422, "The address leads to a private or reserved network and is not on the list of allowed ones."],
  bad_url: [422, "The address is not a plain http or https URL."],
  too_many_redirects: [502, "The other side redirected more than three times."],
  too_slow: [504, "The other side did not answer in time."],
  bad_certificate: [502, "The other side's certificate is not valid for its name, so nothing was sent."],
  unreachable: [502, "The other side could not be reached."],
});

const template = (longest: number) => z.string().max(longest);
const named = {
  name: z.string().trim().min(1).max(120),
  minSeverity: severity.default("info"),
  titleTemplate: template(300).optional(),
  bodyTemplate: template(4_000).optional(),
};
const changes = z.strictObject({
  name: z.string().trim().min(1).max(120).optional(),
  minSeverity: severity.optional(),
  enabled: z.boolean().optional(),
  /** `null`: Roost's own words again. */
  titleTemplate: template(300).nullable().optional(),
  bodyTemplate: template(4_000).nullable().optional(),
});
const otherTargets = [
  channels.discord.extend(named),
  channels.email.extend(named),
  channels.slack.extend(named),
  channels.teams.extend(named),
  channels.telegram.extend(named),
  channels.ntfy.extend(named),
  channels.pushover.extend(named),
  channels.gotify.extend(named),
  channels.apprise.extend(named),
] as const;
const newTarget = z.discriminatedUnion("kind", [
  channels.webhook.extend({ ...named, hears: targetHears.default("alarms") }),
  ...otherTargets,
]);
/** People's own targets hear of alarms alone. */
const newOwnTarget = z.discriminatedUnion("kind", [channels.webhook.extend(named), ...otherTargets]);
const addedTarget = notificationTarget.extend({
  /** Webhooks only, shown once: the key of `X-Roost-Signature`. */
  signingSecret: z.string().optional(),
});
const targetParams = z.object({ targetId: notificationTargetId });
const addingErrors = [
  notificationErrors.address_refused,
  notificationErrors.too_many_targets,
  notificationErrors.bad_template,
  mailErrors.off,
];

export const listNotificationTargets = defineRoute({
  operation: "listNotificationTargets",
  method: "GET",
  path: "/api/v1/notification-targets",
  access: "notifications:read",
  summary: "Lists where the organisation's notices go, and how each is doing.",
  query: page,
  reply: listOf(notificationTarget),
});

export const addNotificationTarget = defineRoute({
  operation: "addNotificationTarget",
  method: "POST",
  path: "/api/v1/notification-targets",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Adds an address, a chat, a phone or a mailbox that is told of alarms.",
  body: newTarget,
  reply: addedTarget,
  status: 201,
  errors: addingErrors,
});

export const changeNotificationTarget = defineRoute({
  operation: "changeNotificationTarget",
  method: "PATCH",
  path: "/api/v1/notification-targets/:targetId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Changes a target's name, severity or words, or switches it off and on; absent fields stay as they are.",
  params: targetParams,
  body: changes,
  reply: notificationTarget,
  errors: [notificationErrors.target_not_found, notificationErrors.bad_template],
});

export const removeNotificationTarget = defineRoute({
  operation: "removeNotificationTarget",
  method: "DELETE",
  path: "/api/v1/notification-targets/:targetId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Removes a target; its record of deliveries stays.",
  params: targetParams,
  errors: [notificationErrors.target_not_found],
});

export const testNotificationTarget = defineRoute({
  operation: "testNotificationTarget",
  method: "POST",
  path: "/api/v1/notification-targets/:targetId/test",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Sends a test notice now and answers what came back.",
  params: targetParams,
  reply: delivery,
  errors: [notificationErrors.target_not_found],
});

export const listMyTargets = defineRoute({
  operation: "listMyTargets",
  method: "GET",
  path: "/api/v1/my/notification-targets",
  access: "notifications:read",
  summary: "Lists your own mailbox, chats, phones and browsers.",
  query: page,
  reply: listOf(notificationTarget),
});

export const addMyTarget = defineRoute({
  operation: "addMyTarget",
  method: "POST",
  path: "/api/v1/my/notification-targets",
  access: "notifications:read",
  summary: "Adds a target of your own; others neither see nor change it.",
  body: newOwnTarget,
  reply: addedTarget,
  status: 201,
  errors: [...addingErrors, notificationErrors.not_your_address],
});

export const changeMyTarget = defineRoute({
  operation: "changeMyTarget",
  method: "PATCH",
  path: "/api/v1/my/notification-targets/:targetId",
  access: "notifications:read",
  summary: "Changes a target of your own; absent fields stay as they are.",
  params: targetParams,
  body: changes,
  reply: notificationTarget,
  errors: [notificationErrors.target_not_found, notificationErrors.bad_template],
});

export const removeMyTarget = defineRoute({
  operation: "removeMyTarget",
  method: "DELETE",
  path: "/api/v1/my/notification-targets/:targetId",
  access: "notifications:read",
  summary: "Removes a target of your own.",
  params: targetParams,
  errors: [notificationErrors.target_not_found],
});

export const testMyTarget = defineRoute({
  operation: "testMyTarget",
  method: "POST",
  path: "/api/v1/my/notification-targets/:targetId/test",
  access: "notifications:read",
  summary: "Sends a test notice to a target of your own now and answers what came back.",
  params: targetParams,
  reply: delivery,
  errors: [notificationErrors.target_not_found],
});

export const listDeliveries = defineRoute({
  operation: "listDeliveries",
  method: "GET",
  path: "/api/v1/deliveries",
  access: "notifications:read",
  summary:
    "Lists deliveries with every try and its answer, newest first. Those to other people's own targets are for `notifications:configure`.",
  query: page.extend({ alarmId: alarmId.optional(), targetId: notificationTargetId.optional(), state: deliveryState.optional() }),
  reply: listOf(delivery),
});

export const replayDelivery = defineRoute({
  operation: "replayDelivery",
  method: "POST",
  path: "/api/v1/deliveries/:deliveryId/replay",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Sends a failed delivery again, with the same words and the same key.",
  params: z.object({ deliveryId }),
  reply: delivery,
  errors: [notificationErrors.delivery_not_found, notificationErrors.not_failed, notificationErrors.target_gone],
});

export const replayDeliveries = defineRoute({
  operation: "replayDeliveries",
  method: "POST",
  path: "/api/v1/deliveries/replay",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Sends failed deliveries again, oldest first: those of one target or all, up to 1,000 at a time.",
  body: z.strictObject({ targetId: notificationTargetId.optional(), since: instant.optional() }),
  reply: z.object({
    /** How many wait to be sent again now. */
    replayed: z.int(),
  }),
  errors: [notificationErrors.target_not_found],
});
