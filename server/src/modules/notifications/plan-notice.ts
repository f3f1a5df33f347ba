import type { Severity } from "@roost/contract/alarms";

import { noticeOf } from "./notice.ts";
import type { Notice } from "./notice.ts";
import type { KeptAlarm } from "./plan-store.ts";
import type { Message, MessageKind } from "./plan.ts";
import { rankOf } from "./route.ts";

type Part = Message["items"][number]["part"];

const typeOf: Readonly<Record<Exclude<MessageKind, "summary" | "digest" | "late">, Notice["type"]>> = {
  raised: "alarm.raised",
  worse: "alarm.worse",
  ended: "alarm.cleared",
  flapping: "alarm.flapping",
  reminder: "alarm.reminder",
  escalated: "alarm.escalated",
};
const factOf: Readonly<Record<Part, string>> = {
  raised: "alarm.raised",
  passed: "alarm.raised",
  ended: "alarm.cleared",
  reminder: "alarm.raised",
};
const endings: Readonly<Record<Part, string>> = { raised: "", passed: " (over)", ended: "", reminder: " (still open)" };

// What a person reads on a phone; the rest is counted, and stands behind the link.
const mostLines = 15;
const mostItems = 100;

/** The words of a message; `undefined` where nothing is known of its alarms any more. */
export function noticeOfMessage(
  { what, items }: Pick<Message, "what" | "items">,
  alarms: ReadonlyMap<string, KeptAlarm>,
  { publicUrl, nowMs }: { publicUrl: string | undefined; nowMs: number },
): Notice | undefined {
  const known = items.flatMap(({ alarmId, part }) => {
    const alarm = alarms.get(alarmId);
    const told = alarm === undefined ? undefined : noticeOf({ type: factOf[part], data: alarm.fact }, publicUrl);
    return alarm === undefined || told === undefined ? [] : [{ alarm, part, told }];
  });
  const [first] = known;
  if (first === undefined) return undefined;
  if (what !== "summary" && what !== "digest" && what !== "late") {
    return noticeOf({ type: factOf[first.part], data: first.alarm.fact }, publicUrl, typeOf[what]);
  }
  if (what === "late" && known.length === 1) {
    const told = noticeOf({ type: "alarm.raised", data: first.alarm.fact }, publicUrl, "alarm.late");
    return told === undefined ? undefined : { ...told, text: `${latenessOf([first.alarm], nowMs)} ${told.text}${endings[first.part]}` };
  }
  const sorted = known.toSorted((one, other) => rankOf(other.alarm.severity) - rankOf(one.alarm.severity));
  const open = sorted.filter(({ part }) => part === "raised" || part === "reminder");
  const heading =
    what === "late"
      ? latenessOf(
          known.map(({ alarm }) => alarm),
          nowMs,
        )
      : headingOf(
          what,
          known.map(({ part }) => part),
        );
  const lines = sorted.slice(0, mostLines).map(({ alarm, part, told }) => `- ${alarm.severity}: ${told.text}${endings[part]}`);
  const rest = sorted.length - lines.length;
  const [worst] = open;
  return {
    version: 1,
    type: what === "late" ? "alarm.late" : "digest",
    at: new Date(nowMs).toISOString(),
    title: titleOf(
      what,
      known.map(({ part }) => part),
    ),
    text: [heading, countsOf(sorted.map(({ alarm }) => alarm.severity)), ...lines, ...(rest === 0 ? [] : [`and ${rest} more`])].join("\n"),
    hasOwnWords: true,
    ...(worst === undefined ? {} : { severity: worst.alarm.severity }),
    count: known.length,
    items: sorted
      .slice(0, mostItems)
      .map(({ alarm, part, told }) => ({ alarmId: alarm.id, part, severity: alarm.severity, text: told.text })),
    ...(publicUrl === undefined ? {} : { link: `${publicUrl.replace(/\/$/, "")}/alarms` }),
  };
}

function tally(parts: readonly Part[]) {
  const count = (...wanted: Part[]) => parts.filter((part) => wanted.includes(part)).length;
  return { more: count("raised", "passed"), over: count("passed"), ended: count("ended"), open: count("reminder") };
}

const alarmsOf = (count: number) => (count === 1 ? "1 alarm" : `${count} alarms`);

function titleOf(what: "summary" | "digest" | "late", parts: readonly Part[]): string {
  const { more, ended, open } = tally(parts);
  if (what === "late") return `Past: ${alarmsOf(parts.length)}`;
  if (what === "digest") return `While it was quiet: ${alarmsOf(parts.length)}`;
  if (more > 0) return `${more} more ${more === 1 ? "alarm" : "alarms"}`;
  return open > 0 ? `${alarmsOf(open)} still unattended` : `${alarmsOf(ended)} over`;
}

function headingOf(what: "summary" | "digest", parts: readonly Part[]): string {
  const { more, over, ended, open } = tally(parts);
  const words = [
    ...(more === 0 ? [] : [what === "digest" ? `${alarmsOf(more)} while it was quiet` : `${more} more ${more === 1 ? "alarm" : "alarms"}`]),
    ...(over === 0 ? [] : [`${over} of them over already`]),
    ...(ended === 0 ? [] : [`${alarmsOf(ended)} you were told of ${ended === 1 ? "is" : "are"} over`]),
    ...(open === 0 ? [] : [`${alarmsOf(open)} still open, and nobody has acknowledged ${open === 1 ? "it" : "them"}`]),
  ];
  return `${words.join("; ")}.`;
}

/** How often and how late, for what arrived long after it happened. */
function latenessOf(alarms: readonly KeptAlarm[], nowMs: number): string {
  const oldest = Math.min(...alarms.map((alarm) => alarm.raisedAt.getTime()));
  const times = alarms.length === 1 ? "This happened" : `${alarms.length} occurrences,`;
  const how = alarms.length === 1 ? "" : "the first ";
  return `${times} ${how}${spanOf(nowMs - oldest)} ago; told late, because it arrived only now.`;
}

function spanOf(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** `3 critical, 12 warning`, the worst first. */
export function countsOf(severities: readonly Severity[]): string {
  const counts = new Map<Severity, number>();
  for (const one of severities) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts]
    .sort(([one], [other]) => rankOf(other) - rankOf(one))
    .map(([severity, count]) => `${count} ${severity}`)
    .join(", ");
}
