import type { Channel } from "@roost/contract/channels";

import type { EgressAnswer } from "../../platform/egress.ts";
import { maskEmail } from "../../platform/personal-masks.ts";
import { appriseRequest, readApprise } from "./apprise.ts";
import { plainResult, postJson } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import { discordMessage } from "./discord.ts";
import { gotifyRequest, readGotify } from "./gotify.ts";
import type { Notice } from "./notice.ts";
import { ntfyRequest, readNtfy } from "./ntfy.ts";
import { pushoverRequest, readPushover } from "./pushover.ts";
import { readSlack, slackRequest } from "./slack.ts";
import { readTeams, teamsRequest } from "./teams.ts";
import { readTelegram, telegramRequest } from "./telegram.ts";

/** Channels that a notice reaches by one POST, in words of their own; webhooks sign theirs, browsers are written to in cipher, and mail is no POST. */
export type ChatChannel = Exclude<Channel, { kind: "webhook" | "email" | "push" }>;

/** What goes out to say it there. */
export function requestFor(told: Notice, channel: ChatChannel): Outgoing {
  switch (channel.kind) {
    case "discord":
      return discordRequest(told, channel.url);
    case "slack":
      return slackRequest(told, channel);
    case "teams":
      return teamsRequest(told, channel);
    case "telegram":
      return telegramRequest(told, channel);
    case "ntfy":
      return ntfyRequest(told, channel);
    case "pushover":
      return pushoverRequest(told, channel);
    case "gotify":
      return gotifyRequest(told, channel);
    case "apprise":
      return appriseRequest(told, channel);
  }
}

const readers: Readonly<Record<ChatChannel["kind"], (answer: EgressAnswer) => AttemptResult>> = {
  discord: plainResult,
  slack: readSlack,
  teams: readTeams,
  telegram: readTelegram,
  ntfy: readNtfy,
  pushover: readPushover,
  gotify: readGotify,
  apprise: readApprise,
};

/** What the service's answer means: each has its own way to say no. */
export function readAnswer(kind: ChatChannel["kind"], answer: EgressAnswer): AttemptResult {
  return readers[kind](answer);
}

/** An address for lists and records: paths and queries of chats are their keys. */
export function maskedAddress(channel: Channel): string {
  if (channel.kind === "email") return maskEmail(channel.email);
  const { origin } = new URL(channel.url);
  if (channel.kind === "telegram") return `${origin}, chat ${channel.chat.slice(0, 3)}***`;
  return channel.kind === "ntfy" ? `${origin}/***` : maskedUrl(channel.url);
}

/** An address without what follows its host. */
export function maskedUrl(url: string): string {
  const { origin, pathname, search } = new URL(url);
  return pathname === "/" && search === "" ? origin : `${origin}/***`;
}

function discordRequest(told: Notice, address: string): Outgoing {
  const url = new URL(address);
  // Without it Discord answers before it has kept the message.
  url.searchParams.set("wait", "true");
  return postJson(url.href, discordMessage(told));
}
