import type { Severity } from "@roost/contract/alarms";

import type { Notice } from "./notice.ts";
import { quantity } from "./notice.ts";

/** How a notice is to look: the severity of an alarm that began, or that something is over, or only a test. */
export type Tone = Severity | "over" | "test";

/** Colours that colour-blind eyes tell apart; the word stands beside them. */
export const colours: Readonly<Record<Tone, number>> = {
  info: 0x4c78a8,
  warning: 0xf0c000,
  minor: 0xe69f00,
  major: 0xd55e00,
  critical: 0xb2182b,
  over: 0x009e73,
  test: 0x009e73,
};

export function toneOf({ alarm, type, severity }: Notice): Tone {
  if (alarm === undefined) return severity ?? (type === "digest" || type === "alarm.late" ? "over" : "test");
  return alarm.state === "cleared" ? "over" : alarm.severity;
}

const headings: Partial<Readonly<Record<Notice["type"], string>>> = {
  test: "Test",
  digest: "Digest",
  confirmation: "Please confirm",
  "alarm.acknowledged": "Acknowledged",
  "alarm.unacknowledged": "Open again",
  "alarm.flapping": "Flapping",
  "alarm.repeated": "Repeated",
  "alarm.reminder": "Reminder",
  "alarm.escalated": "Escalated",
  "alarm.assigned": "Assigned",
  "alarm.late": "Past alarm",
};

/** What it is in a word or two, without how bad it is. */
export function wordOf(told: Notice): string {
  return told.title ?? headings[told.type] ?? (toneOf(told) === "over" ? "Cleared" : "Alarm");
}

/** A few words by the platform, or the target's own title: that one may hold what devices and people wrote. */
export function headingOf(told: Notice): string {
  if (told.title !== undefined) return told.title;
  const tone = toneOf(told);
  const heading = told.ticket === undefined ? headings[told.type] : "Ticket";
  if (heading !== undefined) return told.alarm === undefined || tone === "over" ? heading : `${heading}, ${tone}`;
  return tone === "over" ? "Cleared" : `Alarm, ${tone}`;
}

/** What is known beside the sentence, in the order to show it. The values are as devices and people wrote them. */
export function factsOf({ device, site, alarm }: Notice): readonly { readonly label: string; readonly value: string }[] {
  return [
    ...(device === undefined ? [] : [{ label: "Device", value: device.name }]),
    ...(device?.purpose === undefined ? [] : [{ label: "For", value: device.purpose }]),
    ...(device?.lastSeenAt === undefined ? [] : [{ label: "Last seen", value: device.lastSeenAt }]),
    ...(site === undefined ? [] : [{ label: "Site", value: site }]),
    ...(alarm?.metric === undefined ? [] : [{ label: "Metric", value: alarm.metric }]),
    ...(alarm?.value === undefined ? [] : [{ label: "Value", value: quantity(alarm.value, alarm.unit) }]),
    ...(alarm?.threshold === undefined ? [] : [{ label: "Limit", value: quantity(alarm.threshold, alarm.unit) }]),
    ...(alarm === undefined ? [] : [{ label: "Since", value: alarm.raisedAt }]),
  ];
}

/** On one line, without control and bidirectional characters, cut to `limit` characters. */
export function oneLine(text: string, limit: number): string {
  const clean = text.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029\u200B-\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/gu, " ");
  return cut(clean, limit);
}

/**
 * {@link oneLine}, and nothing in it becomes a link, a mention, a tag or a command where a program looks for such things in plain text: a
 * character of no width stands in their middle.
 */
export function unlinked(text: string, limit: number): string {
  const clean = oneLine(text, limit)
    .replaceAll(/:(?=\/)|@/g, "$&\u200B")
    .replaceAll(/[.#/](?=\p{L})/gu, "$&\u200B");
  return cut(clean, limit);
}

/** The lines of what is said: one, unless a target has words of its own. Line breaks of devices and people are none. */
export function linesOf({ text, hasOwnWords }: Notice): readonly string[] {
  return hasOwnWords === true ? text.split("\n") : [text];
}

/** What is said, {@link unlinked}. */
export function wordsOf(told: Notice, limit: number): string {
  return cut(
    linesOf(told)
      .map((line) => unlinked(line, limit))
      .join("\n"),
    limit,
  );
}

/** For text between tags and inside of quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}

/** Lines of `label: value`, for programs that show plain text. */
export function factLines(told: Notice): string {
  return factsOf(told)
    .map(({ label, value }) => `${label}: ${unlinked(value, 256)}`)
    .join("\n");
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // Never ends on half a pair.
  return `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
