import { z } from "zod";

import { severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, deliveryId, notificationTargetId } from "./ids.ts";
import { mailErrors } from "./mail.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

// Addresses of chats carry their key in the path.
const address = personal("secret", z.url({ protocol: /^https?$/ }).max(2_000));
// Goes into a header or a path: nothing but what stays itself there.
const key = personal("secret", z.string().regex(/^[\x21-\x7E]{1,256}$/, "A key is 1 to 256 letters, digits and signs, without spaces."));

/** Where a notice goes and what opens the way there, for each kind of target. Kept sealed; lists show the address masked. */
export const channels = {
  /** Any address that takes a POST with JSON; signed. */
  webhook: z.strictObject({ kind: z.literal("webhook"), url: address }),
  discord: z.strictObject({ kind: z.literal("discord"), url: address }),
  /** Through the mail server that Roost was started with. */
  email: z.strictObject({ kind: z.literal("email"), email: z.email().max(254) }),
  /** An incoming webhook. */
  slack: z.strictObject({ kind: z.literal("slack"), url: address }),
  /** A workflow that begins with a webhook request. */
  teams: z.strictObject({ kind: z.literal("teams"), url: address }),
  telegram: z.strictObject({
    kind: z.literal("telegram"),
    /** Of the bot, from @BotFather. */
    token: z.string().regex(/^[0-9]{1,20}:[A-Za-z0-9_-]{20,100}$/, "A bot token looks like 123456789:AAE…"),
    /** A number, or the @name of a public channel. */
    chat: personal(
      "id",
      z
        .string()
        .regex(
          /^(?:-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,63})$/,
          "A chat is a number such as -1001234567890, or the @name of a public channel.",
        ),
    ),
    /** Of the bot API; another one for a server of your own. */
    url: address.default("https://api.telegram.org"),
  }),
  ntfy: z.strictObject({
    kind: z.literal("ntfy"),
    url: address.default("https://ntfy.sh"),
    /** Whoever knows it reads along, unless the server keeps it. */
    topic: personal("secret", z.string().regex(/^[-_A-Za-z0-9]{1,64}$/, "A topic is 1 to 64 letters, digits, - and _.")),
    /** An access token, where the topic is kept. */
    token: key.optional(),
  }),
  pushover: z.strictObject({
    kind: z.literal("pushover"),
    /** Of the application. */
    token: z.string().regex(/^[A-Za-z0-9]{30}$/, "Pushover keys have 30 letters and digits."),
    /** Key of the user or group. */
    user: personal("secret", z.string().regex(/^[A-Za-z0-9]{30}$/, "Pushover keys have 30 letters and digits.")),
    /** One of the user's devices; all of them unless given. */
    device: personal("text", z.string().regex(/^[A-Za-z0-9_-]{1,25}$/, "A device name is 1 to 25 letters, digits, - and _.")).optional(),
    url: address.default("https://api.pushover.net"),
  }),
  gotify: z.strictObject({
    kind: z.literal("gotify"),
    /** Of the server. */
    url: address,
    /** Of the application. */
    token: key,
  }),
  apprise: z.strictObject({
    kind: z.literal("apprise"),
    /** Of an Apprise API server, `/notify/KEY` or `/notify`. */
    url: address,
    /** Apprise addresses, with a comma between them; for `/notify` without a key. */
    urls: personal("secret", z.string().trim().min(1).max(4_000)).optional(),
  }),
};

export const channel = z.discriminatedUnion("kind", [
  channels.webhook,
  channels.discord,
  channels.email,
  channels.slack,
  channels.teams,
  channels.telegram,
  channels.ntfy,
  channels.pushover,
  channels.gotify,
  channels.apprise,
]);
export type Channel = z.output<typeof channel>;

export const targetKind = z.enum(["webhook", "discord", "email", "slack", "teams", "telegram", "ntfy", "pushover", "gotify", "apprise"]);
export type TargetKind = Channel["kind"];

export const notificationTarget = z.object({
  id: notificationTargetId,
  kind: targetKind,
  name: z.string(),
  /** The address with its secret part masked. */
  address: personal("text", z.string()),
  minSeverity: severity,
  enabled: z.boolean(),
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
});

export const delivery = z.object({
  id: deliveryId,
  targetId: notificationTargetId.optional(),
  targetName: z.string(),
  alarmId: alarmId.optional(),
  what: z.enum(["alarm.raised", "alarm.cleared", "device.offline", "device.online", "test"]),
  state: z.enum(["waiting", "delivered", "failed"]),
  createdAt: instant,
  nextTryAt: instant.optional(),
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

const named = { name: z.string().trim().min(1).max(120), minSeverity: severity.default("info") };

export const listNotificationTargets = defineRoute({
  operation: "listNotificationTargets",
  method: "GET",
  path: "/api/v1/notification-targets",
  access: "notifications:read",
  summary: "Lists where notices go.",
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
  body: z.discriminatedUnion("kind", [
    channels.webhook.extend(named),
    channels.discord.extend(named),
    channels.email.extend(named),
    channels.slack.extend(named),
    channels.teams.extend(named),
    channels.telegram.extend(named),
    channels.ntfy.extend(named),
    channels.pushover.extend(named),
    channels.gotify.extend(named),
    channels.apprise.extend(named),
  ]),
  reply: notificationTarget.extend({
    /** Webhooks only, shown once: the key of `X-Roost-Signature`. */
    signingSecret: z.string().optional(),
  }),
  status: 201,
  errors: [notificationErrors.address_refused, notificationErrors.too_many_targets, mailErrors.off],
});

export const changeNotificationTarget = defineRoute({
  operation: "changeNotificationTarget",
  method: "PATCH",
  path: "/api/v1/notification-targets/:targetId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Changes a target's name or severity, or switches it off and on; absent fields stay as they are.",
  params: z.object({ targetId: notificationTargetId }),
  body: z.strictObject({
    name: z.string().trim().min(1).max(120).optional(),
    minSeverity: severity.optional(),
    enabled: z.boolean().optional(),
  }),
  reply: notificationTarget,
  errors: [notificationErrors.target_not_found],
});

export const removeNotificationTarget = defineRoute({
  operation: "removeNotificationTarget",
  method: "DELETE",
  path: "/api/v1/notification-targets/:targetId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Removes a target; its record of deliveries stays.",
  params: z.object({ targetId: notificationTargetId }),
  errors: [notificationErrors.target_not_found],
});

export const testNotificationTarget = defineRoute({
  operation: "testNotificationTarget",
  method: "POST",
  path: "/api/v1/notification-targets/:targetId/test",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Sends a test notice now and answers what came back.",
  params: z.object({ targetId: notificationTargetId }),
  reply: delivery,
  errors: [notificationErrors.target_not_found],
});

export const listDeliveries = defineRoute({
  operation: "listDeliveries",
  method: "GET",
  path: "/api/v1/deliveries",
  access: "notifications:read",
  summary: "Lists deliveries with every try and its answer, newest first.",
  query: page.extend({ alarmId: alarmId.optional(), targetId: notificationTargetId.optional() }),
  reply: listOf(delivery),
});
