import type { Notice } from "./notice.ts";
import { quantity } from "./notice.ts";

/** How a notice is to look: the severity of an alarm that began, or that something is over, or only a test. */
export type Tone = "info" | "warning" | "critical" | "over" | "test";

/** Colours that colour-blind eyes tell apart; the word stands beside them. */
export const colours: Readonly<Record<Tone, number>> = {
  info: 0x4c78a8,
  warning: 0xe69f00,
  critical: 0xd55e00,
  over: 0x009e73,
  test: 0x009e73,
};

export function toneOf({ alarm }: Notice): Tone {
  if (alarm === undefined) return "test";
  return alarm.state === "cleared" ? "over" : alarm.severity;
}

/** Two words at most, by the platform alone. */
export function headingOf(told: Notice): string {
  const tone = toneOf(told);
  if (tone === "test") return "Test";
  return tone === "over" ? "Cleared" : `Alarm, ${tone}`;
}

/** What is known beside the sentence, in the order to show it. The values are as devices and people wrote them. */
export function factsOf({ device, alarm }: Notice): readonly { readonly label: string; readonly value: string }[] {
  return [
    ...(device === undefined ? [] : [{ label: "Device", value: device.name }]),
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
