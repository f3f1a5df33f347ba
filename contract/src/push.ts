import { z } from "zod";

import { severity } from "./alarms.ts";
import { channels } from "./channels.ts";
import { alarmId, notificationTargetId } from "./ids.ts";
import { notificationErrors, notificationTarget } from "./notifications.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";

const { url, keys } = channels.push.shape;

export const getPushKey = defineRoute({
  operation: "getPushKey",
  method: "GET",
  path: "/api/v1/push-key",
  access: "notifications:read",
  summary: "The key that a browser subscribes with (VAPID, RFC 8292): `applicationServerKey` in base64url.",
  reply: z.object({ publicKey: z.string() }),
});

export const addPushSubscription = defineRoute({
  operation: "addPushSubscription",
  method: "POST",
  path: "/api/v1/push-subscriptions",
  access: "notifications:read",
  summary: "Lets a browser of yours be told: the subscription as `PushSubscription.toJSON()` gives it becomes a target of your own.",
  body: z.strictObject({
    /** What you call the browser or phone. */
    name: personal("text", z.string().trim().min(1).max(120)),
    minSeverity: severity.default("info"),
    subscription: z.object({ endpoint: url, keys, expirationTime: z.number().nullish() }),
  }),
  reply: notificationTarget,
  status: 201,
  errors: [notificationErrors.address_refused, notificationErrors.too_many_targets],
});

export const removePushSubscription = defineRoute({
  operation: "removePushSubscription",
  method: "DELETE",
  path: "/api/v1/push-subscriptions/:targetId",
  access: "notifications:read",
  summary: "Takes a browser of yours out again.",
  params: z.object({ targetId: notificationTargetId }),
  errors: [notificationErrors.target_not_found],
});

export const useNotificationAction = defineRoute({
  operation: "useNotificationAction",
  method: "POST",
  path: "/api/v1/notification-actions",
  access: "public",
  summary: "Acknowledges the alarm of a browser notification with the token that came in it; works once, for a day, without a session.",
  body: z.strictObject({ action: z.literal("acknowledge"), token: personal("secret", z.string().min(1).max(2_000)) }),
  reply: z.object({ alarmId }),
  errors: [notificationErrors.action_refused],
});
