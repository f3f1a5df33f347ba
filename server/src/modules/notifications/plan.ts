import type { AlarmKind, Severity } from "@roost/contract/alarms";

import { endOf } from "./quiet-hours.ts";
import type { DailyWindow } from "./quiet-hours.ts";
import { rankOf } from "./route.ts";

/**
 * Who is told of which alarm, and when: a pure state machine. Its state is one {@link Telling} for each alarm and target; what happens (an alarm
 * is raised, cleared, muted, a moment comes) makes new tellings of them and messages that go out.
 */

/** Why a word waits. */
export type Why = "parent" | "late" | "debounce" | "storm" | "quiet" | "escalated";

/** How far one target is with one alarm. */
export interface Telling {
  readonly alarmId: string;
  readonly targetId: string;
  /**
   * `held`: to be told of the alarm at `dueMs`. `told`: knows it, and is reminded at `dueMs`. `ending`: knows it, and is told of its end at
   * `dueMs`. `over`: knows all there is. `dropped`: was never told, and need not be.
   */
  readonly state: "held" | "told" | "ending" | "over" | "dropped";
  readonly why?: Why | undefined;
  readonly dueMs?: number | undefined;
  /** As it was told last, or is to be told. */
  readonly severity: Severity;
  /** The last message about it, and when it was planned; absent where that one could not be delivered. */
  readonly lastMs?: number | undefined;
  readonly messageId?: string | undefined;
  /** Told among others: its end is too. */
  readonly inSummary: boolean;
  /** The message that told of it could not be delivered. */
  readonly isUnheard: boolean;
  readonly remindMs?: number | undefined;
}

/** What the planner knows of an alarm. */
export interface PlannedAlarm {
  readonly id: string;
  /** Of one incident, else of one device and kind: what belongs together is told together. */
  readonly groupKey: string;
  readonly severity: Severity;
  readonly kind: AlarmKind;
  /** It hangs behind another device, whose own alarm may be on its way. */
  readonly hasParent: boolean;
  /** It arrived long after it happened. */
  readonly isLate: boolean;
  readonly isOver: boolean;
  readonly isAcknowledged: boolean;
}

/** A target as it wants to be told at this moment. */
export interface Recipient {
  readonly targetId: string;
  /** Of the person it belongs to. */
  readonly quiet?: DailyWindow | undefined;
  readonly remindMs?: number | undefined;
}

/** What a target heard lately. */
export interface Heard {
  /** When a message about this group was planned last, and the worst it told of since. */
  readonly lastMs?: number | undefined;
  readonly worst?: Severity | undefined;
  /** Messages of any group in the last minute. */
  readonly messages: number;
}

export interface PlanSettings {
  readonly debounceMs: number;
  readonly parentWaitMs: number;
  readonly ringForPast: boolean;
}

export type MessageKind = "raised" | "worse" | "ended" | "flapping" | "reminder" | "escalated" | "late" | "summary" | "digest";

/** One message to one target. */
export interface Message {
  readonly id: string;
  readonly targetId: string;
  readonly what: MessageKind;
  /** What each alarm's part in it is; `passed`: it was raised and is over already. */
  readonly items: readonly { readonly alarmId: string; readonly part: "raised" | "passed" | "ended" | "reminder" }[];
}

export interface Plan {
  readonly tellings: readonly Telling[];
  readonly messages: readonly Message[];
}

/** All that a step may look at beside its own tellings. */
export interface Moment {
  readonly nowMs: number;
  readonly settings: PlanSettings;
  heard(targetId: string, groupKey: string): Heard;
  newId(): string;
}

/** What arrives late comes in a row: so long it is waited for the rest. */
const lateWaitMs = 10_000;
export const stormWindowMs = 60_000;
/** Messages to one target in a minute; beyond them all goes into a summary. Critical ones have some of their own. */
export const mostMessages = { critical: 15, other: 10 };
/** What could not be delivered is told again after so long, as long as it is true. */
const unheardMs = 300_000;

type Timing = { readonly dueMs: number; readonly why: Why } | undefined;

/** When a word may go out: `undefined` means now. */
function timingOf(moment: Moment, recipient: Recipient, word: { groupKey: string; severity: Severity; isEnd: boolean }): Timing {
  const { nowMs, settings } = moment;
  const isCritical = word.severity === "critical";
  const quietEnd = recipient.quiet === undefined || isCritical ? undefined : endOf(recipient.quiet, nowMs);
  if (quietEnd !== undefined) return { why: "quiet", dueMs: quietEnd };
  const { lastMs, worst, messages } = moment.heard(recipient.targetId, word.groupKey);
  const isWorse = !word.isEnd && worst !== undefined && rankOf(word.severity) > rankOf(worst);
  if (lastMs !== undefined && nowMs < lastMs + settings.debounceMs && !isWorse)
    return { why: "debounce", dueMs: lastMs + settings.debounceMs };
  // Whoever wants each alarm by itself gets each by itself.
  if (settings.debounceMs > 0 && messages >= (isCritical ? mostMessages.critical : mostMessages.other))
    return { why: "storm", dueMs: nowMs + stormWindowMs };
  return undefined;
}

/** What a telling becomes by a message that tells of its alarm. */
export function toldBy(
  telling: Telling,
  id: string,
  nowMs: number,
  { inSummary, isReminded }: { inSummary: boolean; isReminded: boolean },
): Telling {
  const dueMs = isReminded && telling.remindMs !== undefined ? nowMs + telling.remindMs : undefined;
  return { ...telling, state: "told", why: undefined, dueMs, lastMs: nowMs, messageId: id, inSummary, isUnheard: false };
}

const silences: readonly AlarmKind[] = ["offline", "no_data"];

/**
 * An alarm is to be told: it was raised, is muted no more, became worse, or has come to its next recipients.
 *
 * @param known - The tellings of this alarm there are, by target. Who was told already is told again only if it has become critical.
 */
export function onRaised(moment: Moment, alarm: PlannedAlarm, recipients: readonly Recipient[], known: ReadonlyMap<string, Telling>): Plan {
  const tellings: Telling[] = [];
  const messages: Message[] = [];
  for (const recipient of recipients) {
    const { targetId, remindMs } = recipient;
    const before = known.get(targetId);
    const fresh: Telling = {
      alarmId: alarm.id,
      targetId,
      state: "held",
      severity: alarm.severity,
      inSummary: false,
      isUnheard: false,
      remindMs,
    };
    const isNew = before === undefined || before.state === "dropped";
    const hasTurnedCritical = before !== undefined && before.severity !== "critical" && alarm.severity === "critical";
    if (!isNew && !(hasTurnedCritical && (before.state === "held" || before.state === "told"))) {
      // Reminders stopped while it was muted.
      const isSilent = before.state === "told" && before.dueMs === undefined && !alarm.isAcknowledged && before.remindMs !== undefined;
      if (isSilent) tellings.push({ ...before, dueMs: moment.nowMs + (before.remindMs ?? 0) });
      if (before.state === "held" && rankOf(alarm.severity) > rankOf(before.severity))
        tellings.push({ ...before, severity: alarm.severity });
      continue;
    }
    const wait = isNew ? firstWait(moment, alarm) : undefined;
    const word = { groupKey: alarm.groupKey, severity: alarm.severity, isEnd: false };
    const timing = wait ?? timingOf(moment, recipient, word);
    if (timing === undefined) {
      const id = moment.newId();
      const what = before?.state === "told" ? "worse" : "raised";
      messages.push({ id, targetId, what, items: [{ alarmId: alarm.id, part: "raised" }] });
      tellings.push(
        toldBy(isNew ? fresh : { ...before, severity: alarm.severity }, id, moment.nowMs, {
          inSummary: false,
          isReminded: !alarm.isAcknowledged,
        }),
      );
    } else if (isNew || before.state === "held") {
      tellings.push({ ...(isNew ? fresh : before), severity: alarm.severity, ...timing });
    } else {
      // Told before at less: it comes with the next words to this target.
      tellings.push({ ...before, severity: alarm.severity, dueMs: timing.dueMs });
    }
  }
  return { tellings, messages };
}

function firstWait({ nowMs, settings }: Moment, alarm: PlannedAlarm): Timing {
  if (alarm.isLate) return { why: "late", dueMs: nowMs + lateWaitMs };
  if (alarm.hasParent && silences.includes(alarm.kind) && settings.parentWaitMs > 0)
    return { why: "parent", dueMs: nowMs + settings.parentWaitMs };
  return undefined;
}

/** An alarm ended: who was told of it is told of that, and nobody else. */
export function onCleared(
  moment: Moment,
  alarm: PlannedAlarm,
  known: readonly Telling[],
  recipientOf: (targetId: string) => Recipient | undefined,
): Plan {
  const tellings: Telling[] = [];
  const messages: Message[] = [];
  for (const telling of known) {
    const recipient = recipientOf(telling.targetId);
    if (telling.state === "held" && (telling.why === "parent" || telling.why === "escalated" || recipient === undefined)) {
      tellings.push(dropped(telling));
    }
    if (telling.state !== "told") continue;
    if (recipient === undefined || telling.isUnheard) {
      tellings.push(over(telling));
      continue;
    }
    const word = { groupKey: alarm.groupKey, severity: telling.severity, isEnd: true };
    const isGathered = telling.inSummary && moment.settings.debounceMs > 0;
    const gathered: Timing = isGathered ? { why: "debounce", dueMs: moment.nowMs + moment.settings.debounceMs } : undefined;
    const timing = timingOf(moment, recipient, word) ?? gathered;
    if (timing === undefined) {
      const id = moment.newId();
      messages.push({ id, targetId: telling.targetId, what: "ended", items: [{ alarmId: alarm.id, part: "ended" }] });
      tellings.push({ ...over(telling), lastMs: moment.nowMs, messageId: id });
    } else tellings.push({ ...telling, state: "ending", ...timing });
  }
  return { tellings, messages };
}

/** All is said. */
export const over = (telling: Telling): Telling => ({ ...telling, state: "over", why: undefined, dueMs: undefined });
/** Never told, and no need to. */
export const dropped = (telling: Telling): Telling => ({ ...telling, state: "dropped", why: undefined, dueMs: undefined });

/** Nobody is to be told for now: what waits is dropped, who was told is left alone until its end. */
export function onMuted(known: readonly Telling[]): Plan {
  const tellings = known.flatMap((telling) => {
    if (telling.state === "held") return [dropped(telling)];
    return telling.state === "told" && telling.dueMs !== undefined ? [{ ...telling, dueMs: undefined }] : [];
  });
  return { tellings, messages: [] };
}

/** Somebody looks after it: nobody is reminded, and whom it was escalated to just now need not know. */
export function onAcknowledged(known: readonly Telling[]): Plan {
  const tellings = known.flatMap((telling) => {
    if (telling.state === "held" && telling.why === "escalated") return [dropped(telling)];
    return telling.state === "told" && telling.dueMs !== undefined ? [{ ...telling, dueMs: undefined }] : [];
  });
  return { tellings, messages: [] };
}

/** Nobody looks after it any more: reminders begin again. */
export function onUnacknowledged({ nowMs }: Moment, known: readonly Telling[]): Plan {
  const tellings = known.flatMap((telling) =>
    telling.state === "told" && telling.remindMs !== undefined ? [{ ...telling, dueMs: nowMs + telling.remindMs }] : [],
  );
  return { tellings, messages: [] };
}

/**
 * It comes and goes too often to tell each time: one message says so, and stands for what waited about the same thing.
 *
 * @param same - Tellings about the same thing (source and type), those of this alarm among them.
 */
export function onFlapping(
  moment: Moment,
  alarm: PlannedAlarm,
  same: readonly Telling[],
  recipientOf: (targetId: string) => Recipient | undefined,
): Plan {
  const tellings: Telling[] = [];
  const messages: Message[] = [];
  for (const own of same.filter((one) => one.alarmId === alarm.id)) {
    const recipient = recipientOf(own.targetId);
    if (recipient === undefined || (own.state !== "told" && own.state !== "held")) continue;
    if (own.why === "parent" || own.why === "late" || own.why === "quiet") continue;
    const timing = timingOf(moment, recipient, { groupKey: alarm.groupKey, severity: own.severity, isEnd: false });
    // Flapping falls into the debounce by its nature, and passes it; into a storm or the night it does not.
    if (timing !== undefined && timing.why !== "debounce") continue;
    const id = moment.newId();
    messages.push({ id, targetId: own.targetId, what: "flapping", items: [{ alarmId: alarm.id, part: "raised" }] });
    tellings.push(toldBy(own, id, moment.nowMs, { inSummary: false, isReminded: !alarm.isAcknowledged }));
    for (const other of same) {
      const isCovered =
        other.targetId === own.targetId && other.alarmId !== alarm.id && (other.state === "held" || other.state === "ending");
      if (isCovered && other.why !== "quiet") tellings.push(over(other));
    }
  }
  return { tellings, messages };
}

/** A chain has come to these: who knows it already is told again, the others with the next tick. */
export function onEscalated(
  moment: Moment,
  alarm: PlannedAlarm,
  recipients: readonly Recipient[],
  known: ReadonlyMap<string, Telling>,
): Plan {
  const tellings = recipients.flatMap((recipient): Telling[] => {
    const before = known.get(recipient.targetId);
    const { targetId, remindMs } = recipient;
    const fresh = { alarmId: alarm.id, targetId, severity: alarm.severity, inSummary: false, isUnheard: false, remindMs };
    if (before === undefined || before.state === "dropped") return [{ ...fresh, state: "held", why: "escalated", dueMs: moment.nowMs }];
    if (before.state === "told") return [{ ...before, why: "escalated", dueMs: moment.nowMs }];
    return before.state === "held" && before.why !== "quiet" ? [{ ...before, why: "escalated", dueMs: moment.nowMs }] : [];
  });
  return { tellings, messages: [] };
}

/** A message could not be delivered after all: nobody was told by it, and the debounce after it never began. */
export function onFailed({ nowMs }: Moment, known: readonly Telling[], isOpen: (alarmId: string) => boolean): Plan {
  const tellings = known.flatMap((telling): Telling[] => {
    const silent = { ...telling, lastMs: undefined, messageId: undefined };
    if (telling.state === "told") return [{ ...silent, isUnheard: true, ...(isOpen(telling.alarmId) ? { dueMs: nowMs + unheardMs } : {}) }];
    return telling.lastMs === undefined ? [] : [silent];
  });
  return { tellings, messages: [] };
}
