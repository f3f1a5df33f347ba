import { dropped, mostMessages, over, stormWindowMs, toldBy } from "./plan.ts";
import type { Message, MessageKind, Moment, Plan, PlannedAlarm, Recipient, Telling, Why } from "./plan.ts";
import { endOf } from "./quiet-hours.ts";

/**
 * What a target is told when a moment has come: one message for what waited in the debounce, in a storm, for a parent and for a reminder; one
 * for what is past; one digest at the end of quiet hours.
 *
 * @param known - All tellings of this target that are held or ending, and those told that are due.
 */
export function onDue(
  moment: Moment,
  recipient: Recipient,
  known: readonly Telling[],
  alarmOf: (id: string) => PlannedAlarm | undefined,
): Plan {
  const tellings: Telling[] = [];
  const messages: Message[] = [];
  const isDue = (telling: Telling) => telling.dueMs !== undefined && telling.dueMs <= moment.nowMs;
  const quietEnd = recipient.quiet === undefined ? undefined : endOf(recipient.quiet, moment.nowMs);

  const send = (what: MessageKind, items: readonly Telling[]) => {
    const id = moment.newId();
    messages.push({
      id,
      targetId: recipient.targetId,
      what,
      items: items.map((one) => ({ alarmId: one.alarmId, part: partOf(one, alarmOf) })),
    });
    const isGathered = items.length > 1;
    for (const one of items) tellings.push(afterMessage(one, id, moment.nowMs, isGathered, alarmOf(one.alarmId)));
  };
  const later = (items: readonly Telling[], why: Why, dueMs: number) => {
    for (const one of items) tellings.push(one.state === "told" ? { ...one, dueMs } : { ...one, why, dueMs });
  };

  const gone = known.filter((one) => alarmOf(one.alarmId) === undefined);
  for (const one of gone) tellings.push(one.state === "held" ? dropped(one) : over(one));
  const there = known.filter((one) => alarmOf(one.alarmId) !== undefined);

  const night = there.filter((one) => one.state !== "told" && one.why === "quiet");
  if (night.some(isDue)) {
    if (quietEnd === undefined) send("digest", night);
    else later(night, "quiet", quietEnd);
  }

  const past = there.filter((one) => one.state === "held" && one.why === "late");
  if (past.some(isDue)) {
    const rings = past.some(
      (one) => (one.severity === "critical" && alarmOf(one.alarmId)?.isOver === false) || moment.settings.ringForPast,
    );
    if (quietEnd === undefined || rings) send("late", past);
    else later(past, "quiet", quietEnd);
  }

  const rest = gathered(moment, there, alarmOf, later);
  const isHeldByNight = (one: Telling) => quietEnd !== undefined && one.severity !== "critical";
  if (quietEnd !== undefined) later(rest.filter(isHeldByNight), "quiet", quietEnd);
  const words = rest.filter((one) => !isHeldByNight(one));
  if (words.length > 0) {
    const most = words.some((one) => one.severity === "critical") ? mostMessages.critical : mostMessages.other;
    if (moment.settings.debounceMs > 0 && moment.heard(recipient.targetId, "").messages >= most)
      later(words, "storm", moment.nowMs + stormWindowMs);
    else send(kindOf(words, alarmOf), words);
  }
  return { tellings, messages };
}

/** What goes into the one summary: what waited for its parent and may be told now, all of the debounce and of storms once one of them is due, and reminders. */
function gathered(
  moment: Moment,
  known: readonly Telling[],
  alarmOf: (id: string) => PlannedAlarm | undefined,
  later: (items: readonly Telling[], why: Why, dueMs: number) => void,
): Telling[] {
  const isDue = (telling: Telling) => telling.dueMs !== undefined && telling.dueMs <= moment.nowMs;
  const held = known.filter((one) => one.state !== "told" && (one.why === "debounce" || one.why === "storm"));
  const rest: Telling[] = held.some(isDue) ? [...held] : [];
  for (const one of known) {
    if (!isDue(one)) continue;
    if (one.state === "told") rest.push(one);
    else if (one.why === "escalated") rest.push(one);
    else if (one.why === "parent") {
      const { lastMs } = moment.heard(one.targetId, alarmOf(one.alarmId)?.groupKey ?? "");
      const debounceEnd = lastMs === undefined ? 0 : lastMs + moment.settings.debounceMs;
      if (moment.nowMs < debounceEnd && held.length === 0) later([one], "debounce", debounceEnd);
      else rest.push(one);
    }
  }
  return rest;
}

function partOf(telling: Telling, alarmOf: (id: string) => PlannedAlarm | undefined): "raised" | "passed" | "ended" | "reminder" {
  if (telling.state === "ending") return "ended";
  if (telling.state === "told" && !telling.isUnheard) return "reminder";
  return alarmOf(telling.alarmId)?.isOver === true ? "passed" : "raised";
}

function kindOf(words: readonly Telling[], alarmOf: (id: string) => PlannedAlarm | undefined): MessageKind {
  const [only] = words;
  if (words.length > 1 || only === undefined) return "summary";
  if (only.why === "escalated") return "escalated";
  const part = partOf(only, alarmOf);
  return part === "passed" ? "summary" : part;
}

function afterMessage(telling: Telling, id: string, nowMs: number, inSummary: boolean, alarm: PlannedAlarm | undefined): Telling {
  const told = toldBy(telling, id, nowMs, { inSummary: inSummary || telling.inSummary, isReminded: alarm?.isAcknowledged === false });
  return telling.state === "ending" || alarm?.isOver !== false ? { ...over(told), lastMs: nowMs } : told;
}
