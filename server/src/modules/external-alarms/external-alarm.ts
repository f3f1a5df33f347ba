import type { Severity } from "@roost/contract/alarms";
import { severities } from "@roost/contract/alarms";

/** Through which door other systems speak. */
export type Channel = "alertmanager" | "webhook" | "syslog";

/** What another system says, in our words. */
export interface Told {
  readonly channel: Channel;
  /** What it knows the alarm by. */
  readonly key: string;
  readonly source: string;
  readonly type: string;
  readonly deviceId: string | undefined;
  readonly severity: Severity;
  readonly title: string;
  readonly text: string | undefined;
  readonly probableCause: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generatorUrl: string | undefined;
  readonly startsAt: Date;
  /** It is over since then; absent: it holds. */
  readonly endsAt: Date | undefined;
  /** It holds until then at the most, unless it is told again; absent: until it is said to be over. */
  readonly expiresAt: Date | undefined;
  /** A beginning that is so little later than the one that is known is the same: two senders do not look at the same moment. */
  readonly sameWithinMs: number;
  /** Sent again and again while it holds: each message says how things are now. Otherwise only changes are told, and may come late. */
  readonly isRepeated: boolean;
}

/** What is remembered of it. */
export interface Known extends Omit<Told, "sameWithinMs" | "isRepeated"> {
  readonly id: string;
  readonly organisationId: string;
}

/** What becomes of it; without a turn the alarm has nothing to learn. */
export interface Judgement {
  readonly known: Omit<Known, "id" | "organisationId">;
  readonly turn?: { readonly what: "raise" | "clear"; readonly at: Date };
}

/**
 * Decides what news there is in what another system says.
 *
 * The same beginning again is no news, a later one is another occurrence, and a worse severity is news. What is over stays over when an old
 * message comes late, but where every message says how things are now, it holds again.
 */
export function judge(known: Omit<Known, "id" | "organisationId"> | undefined, told: Told): Judgement {
  const { sameWithinMs, isRepeated, ...now } = told;
  if (told.endsAt !== undefined) return judgeOver(known, now, told.endsAt);
  if (known === undefined) return { known: now, turn: { what: "raise", at: told.startsAt } };
  if (known.endsAt !== undefined) {
    if (!isRepeated && told.startsAt <= known.endsAt) return { known };
    const at = told.startsAt > known.endsAt ? told.startsAt : known.endsAt;
    return { known: now, turn: { what: "raise", at } };
  }
  const isAgain = told.startsAt.getTime() > known.startsAt.getTime() + sameWithinMs;
  const isWorse = severities.indexOf(told.severity) > severities.indexOf(known.severity);
  // The alarm was raised under these: it is found and ended by them, wherever the device stands by now.
  const { source, type, deviceId } = known;
  const next = { ...now, source, type, deviceId, startsAt: isAgain ? told.startsAt : known.startsAt };
  return isAgain || isWorse ? { known: next, turn: { what: "raise", at: told.startsAt } } : { known: next };
}

function judgeOver(known: Judgement["known"] | undefined, now: Judgement["known"], endsAt: Date): Judgement {
  // Remembered, so that the message that it began, should it come late, begins nothing.
  if (known === undefined) return { known: now };
  if (known.endsAt !== undefined) return { known };
  // Of an earlier occurrence.
  if (endsAt < known.startsAt) return { known };
  return { known: { ...known, endsAt }, turn: { what: "clear", at: endsAt } };
}

// What a person reads; line ends stay, everything else that moves a cursor or turns the writing direction goes.
const unseen = /[\p{Cc}\p{Cs}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/gu;

/** Text of another system made harmless to show: one line of at most so many characters. */
export function line(text: string, most: number): string {
  return cut(
    text
      .slice(0, most * 4)
      .replaceAll(unseen, " ")
      .replaceAll(/\s+/g, " ")
      .trim(),
    most,
  );
}

/** The same with its line ends. */
export function lines(text: string, most: number): string {
  const clean = text
    .slice(0, most * 4)
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(unseen, (sign) => (sign === "\n" ? sign : " "));
  return cut(clean.trim(), most);
}

/** Cut between characters, never within one. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

const words: Readonly<Record<string, Severity>> = {
  critical: "critical",
  crit: "critical",
  emergency: "critical",
  emerg: "critical",
  fatal: "critical",
  disaster: "critical",
  alert: "critical",
  major: "major",
  error: "major",
  err: "major",
  high: "major",
  page: "major",
  minor: "minor",
  average: "minor",
  medium: "minor",
  warning: "warning",
  warn: "warning",
  low: "warning",
  notice: "info",
  info: "info",
  information: "info",
  informational: "info",
  none: "info",
  debug: "info",
  ok: "info",
};

/** What other systems call their severities, in ours. A word nobody knows, or none, is a warning. */
export function severityOf(word: string | undefined): Severity {
  const known = word?.trim().toLowerCase() ?? "";
  return Object.hasOwn(words, known) ? (words[known] ?? "warning") : "warning";
}
