import { z } from "zod";

import { severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, deliveryId, notificationTargetId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const targetKind = z.enum(["webhook", "discord"]);
export type TargetKind = z.infer<typeof targetKind>;

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
});

export const egressErrors = defineErrors("egress", {
  refused_address: [422, "The address leads to a private or reserved network and is not on the list of allowed ones."],
  bad_url: [422, "The address is not a plain http or https URL."],
  too_many_redirects: [502, "The other side redirected more than three times."],
  too_slow: [504, "The other side did not answer in time."],
  bad_certificate: [502, "The other side's certificate is not valid for its name, so nothing was sent."],
  unreachable: [502, "The other side could not be reached."],
});

// Addresses of chats carry their key in the path.
const address = personal("secret", z.url({ protocol: /^https?$/ }).max(2_000));

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
  summary: "Adds a webhook or Discord address that is told of alarms.",
  body: z.strictObject({ kind: targetKind, name: z.string().trim().min(1).max(120), url: address, minSeverity: severity.default("info") }),
  reply: notificationTarget.extend({
    /** Webhooks only, shown once: the key of `X-Roost-Signature`. */
    signingSecret: z.string().optional(),
  }),
  status: 201,
  errors: [notificationErrors.address_refused, notificationErrors.too_many_targets],
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
