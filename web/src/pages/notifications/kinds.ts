import type { TargetKind } from "@roost/contract/channels";

/** What a kind of target asks for beside its name and severity; the names are those of the request. */
export const fieldNames = ["url", "email", "topic", "chat", "token", "user", "device", "urls"] as const;
export type FieldName = (typeof fieldNames)[number];

export interface KindField {
  readonly name: FieldName;
  readonly label: string;
  /** Where to find it. */
  readonly help: string;
  readonly placeholder?: string;
  /** Hidden while it is typed. */
  readonly isSecret?: true;
  readonly isOptional?: true;
}

interface Kind {
  readonly label: string;
  readonly fields: readonly KindField[];
}

const server = (help: string, placeholder: string): KindField => ({ name: "url", label: "Server", help, placeholder, isOptional: true });

/** Every kind of target, in the order to offer them. */
export const targetKinds: Readonly<Record<TargetKind, Kind>> = {
  email: {
    label: "E-mail",
    fields: [
      {
        name: "email",
        label: "E-mail address",
        help: "Roost writes through the mail server it was started with.",
        placeholder: "keeper@example.org",
      },
    ],
  },
  slack: {
    label: "Slack",
    fields: [
      {
        name: "url",
        label: "Webhook address",
        help: "api.slack.com/apps: your app, “Incoming Webhooks”, “Add New Webhook”, choose the channel, copy the address.",
        placeholder: "https://hooks.slack.com/services/…",
      },
    ],
  },
  teams: {
    label: "Microsoft Teams",
    fields: [
      {
        name: "url",
        label: "Workflow address",
        help: "In Teams, open the channel’s menu, “Workflows”, “Post to a channel when a webhook request is received”, and copy the address it shows at the end.",
        placeholder: "https://….logic.azure.com/workflows/…",
      },
    ],
  },
  discord: {
    label: "Discord",
    fields: [
      {
        name: "url",
        label: "Webhook address",
        help: "Settings of the channel, “Integrations”, “Webhooks”, “New webhook”, “Copy webhook URL”.",
        placeholder: "https://discord.com/api/webhooks/…",
      },
    ],
  },
  telegram: {
    label: "Telegram",
    fields: [
      {
        name: "token",
        label: "Bot token",
        help: "Write /newbot to @BotFather; it answers with the token. Then add the bot to the group, or write to it yourself once.",
        placeholder: "123456789:AAE…",
        isSecret: true,
      },
      {
        name: "chat",
        label: "Chat",
        help: "The chat’s number (groups begin with -), or the @name of a public channel. Open api.telegram.org/bot<token>/getUpdates after writing to the bot: it stands there as chat.id.",
        placeholder: "-1001234567890",
      },
      server("Only for a bot API server of your own.", "https://api.telegram.org"),
    ],
  },
  ntfy: {
    label: "ntfy",
    fields: [
      {
        name: "topic",
        label: "Topic",
        help: "The one your phone subscribes to. Without an access token, whoever guesses it reads along.",
        placeholder: "coop-alarms-7f3k",
      },
      server("Only for a server of your own.", "https://ntfy.sh"),
      {
        name: "token",
        label: "Access token",
        help: "For topics that are kept: “Account”, “Access tokens” in the ntfy web app.",
        placeholder: "tk_…",
        isSecret: true,
        isOptional: true,
      },
    ],
  },
  pushover: {
    label: "Pushover",
    fields: [
      { name: "user", label: "User or group key", help: "At the top of pushover.net, once you are signed in there.", isSecret: true },
      { name: "token", label: "API token", help: "pushover.net, “Create an Application/API Token”.", isSecret: true },
      {
        name: "device",
        label: "Device",
        help: "One of your devices by its name there; all of them if empty.",
        placeholder: "phone",
        isOptional: true,
      },
    ],
  },
  gotify: {
    label: "Gotify",
    fields: [
      { name: "url", label: "Server", help: "The address of your Gotify.", placeholder: "https://gotify.example.org" },
      {
        name: "token",
        label: "Application token",
        help: "In Gotify, “Apps”, “Create application”, the eye beside its token. Not the token of a client.",
        isSecret: true,
      },
    ],
  },
  apprise: {
    label: "Apprise",
    fields: [
      {
        name: "url",
        label: "Notify address",
        help: "Of your Apprise API server: …/notify/KEY for a configuration kept there, or …/notify with the addresses below.",
        placeholder: "https://apprise.example.org/notify/coop",
      },
      {
        name: "urls",
        label: "Apprise addresses",
        help: "Only without a key: where Apprise passes it on to, with commas between.",
        placeholder: "matrixs://…,signal://…",
        isSecret: true,
        isOptional: true,
      },
    ],
  },
  // Added by the browser itself: see push.ts.
  push: { label: "Browser or installed app", fields: [] },
  webhook: {
    label: "Webhook",
    fields: [
      {
        name: "url",
        label: "Address",
        help: "Takes a POST with JSON. Each one is signed; the key is shown once.",
        placeholder: "https://example.org/hooks/roost",
      },
    ],
  },
};
