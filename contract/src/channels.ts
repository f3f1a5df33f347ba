import { z } from "zod";

import { personal } from "./personal.ts";

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
  /** A browser or the installed app of one person; added by `addPushSubscription`. */
  push: z.strictObject({
    kind: z.literal("push"),
    url: address,
    keys: z.strictObject({
      p256dh: personal("secret", z.string().regex(/^[A-Za-z0-9_-]{87}=?$/, "The key of a subscription is a P-256 point in base64url.")),
      auth: personal("secret", z.string().regex(/^[A-Za-z0-9_-]{22}=?=?$/, "The secret of a subscription is 16 bytes in base64url.")),
    }),
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
  channels.push,
]);
export type Channel = z.output<typeof channel>;

export const targetKind = z.enum([
  "webhook",
  "discord",
  "email",
  "slack",
  "teams",
  "telegram",
  "ntfy",
  "pushover",
  "gotify",
  "apprise",
  "push",
]);
export type TargetKind = Channel["kind"];
