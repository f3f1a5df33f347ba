import { z } from "zod";

import { alarmKind, severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { uuid } from "./ids.ts";
import { mailErrors } from "./mail.ts";
import { localTime } from "./on-call.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const preferenceErrors = defineErrors("preferences", {
  unknown_zone: [400, "The time zone is none of the IANA list. Give one such as Europe/Berlin."],
  empty_quiet_hours: [400, "Quiet hours begin and end at the same minute. Leave them out instead."],
  person_needed: [403, "Preferences belong to people. Sign in as one; an API token has none."],
  subscription_not_found: [404, "There is no such subscription. Its link may have been used, or its time is over."],
  too_many_subscriptions: [409, "There are as many subscriptions as one organisation may have. Remove one first."],
  already_subscribed: [409, "This address is subscribed already, or a link waits there to be confirmed."],
});

/** How one person wants to be told, in one organisation. */
export const preferences = z.object({
  /** `all`: of everything they may see; `routed`: only where a route, a chain or a schedule names them. */
  hears: z.enum(["all", "routed"]),
  minSeverity: severity,
  /** Absent: all kinds. */
  kinds: z.array(alarmKind).min(1).max(20).optional(),
  /** From which severity on it lands in your inbox too; absent: whatever you hear of does. */
  inboxMinSeverity: severity.optional(),
  timeZone: personal("none", z.string().max(64)),
  /** May cross midnight. Critical alarms pass; the rest comes as one digest at the end. */
  quietHours: z.strictObject({ from: localTime, to: localTime }).optional(),
  /** When a summary of the last day comes; absent: none. */
  dailyDigestAt: localTime.optional(),
});
export type Preferences = z.output<typeof preferences>;

export const getMyPreferences = defineRoute({
  operation: "getMyPreferences",
  method: "GET",
  path: "/api/v1/my/notification-preferences",
  access: "notifications:read",
  summary: "Shows how you want to be told of alarms.",
  reply: preferences.extend({ quietUntil: instant.optional(), nextDigestAt: instant.optional() }),
  errors: [preferenceErrors.person_needed],
});

export const changeMyPreferences = defineRoute({
  operation: "changeMyPreferences",
  method: "PUT",
  path: "/api/v1/my/notification-preferences",
  access: "notifications:read",
  summary: "Replaces how you want to be told of alarms.",
  body: z.strictObject(preferences.shape),
  reply: preferences.extend({ quietUntil: instant.optional(), nextDigestAt: instant.optional() }),
  errors: [preferenceErrors.person_needed, preferenceErrors.unknown_zone, preferenceErrors.empty_quiet_hours],
});

/** An address of somebody without an account, which gets mail about alarms once they agreed. */
export const subscription = z.object({
  id: uuid,
  email: personal("email", z.string()),
  minSeverity: severity,
  kinds: z.array(alarmKind).optional(),
  state: z.enum(["pending", "confirmed"]),
  createdAt: instant,
  confirmedAt: instant.optional(),
});
export type Subscription = z.output<typeof subscription>;

export const listSubscriptions = defineRoute({
  operation: "listSubscriptions",
  method: "GET",
  path: "/api/v1/subscriptions",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Lists addresses that get mail about alarms, and those that were asked.",
  reply: z.object({ items: z.array(subscription) }),
});

export const addSubscription = defineRoute({
  operation: "addSubscription",
  method: "POST",
  path: "/api/v1/subscriptions",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Asks an address by mail whether it wants to hear of alarms; nothing else goes there before it agreed.",
  body: z.strictObject({
    email: z.email().max(254),
    minSeverity: severity.default("info"),
    kinds: z.array(alarmKind).min(1).max(20).optional(),
  }),
  reply: subscription,
  status: 201,
  errors: [preferenceErrors.too_many_subscriptions, preferenceErrors.already_subscribed, ...Object.values(mailErrors)],
});

export const removeSubscription = defineRoute({
  operation: "removeSubscription",
  method: "DELETE",
  path: "/api/v1/subscriptions/:subscriptionId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Takes an address out; its links work no more.",
  params: z.object({ subscriptionId: uuid }),
  errors: [preferenceErrors.subscription_not_found],
});

const byToken = z.strictObject({ token: personal("secret", z.string().max(100)) });

export const confirmSubscription = defineRoute({
  operation: "confirmSubscription",
  method: "POST",
  path: "/api/v1/subscriptions/confirm",
  access: "public",
  summary: "Agrees to be told, by the token of the mailed link; it works once.",
  body: byToken,
  reply: z.object({ state: z.literal("confirmed") }),
  errors: [preferenceErrors.subscription_not_found],
});

export const endSubscription = defineRoute({
  operation: "endSubscription",
  method: "POST",
  path: "/api/v1/subscriptions/end",
  access: "public",
  summary: "Ends a subscription by the token of the link that each mail has.",
  body: byToken,
  reply: z.object({ state: z.literal("ended") }),
  errors: [preferenceErrors.subscription_not_found],
});
