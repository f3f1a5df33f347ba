import type { OnCallSchedule, OnCallTurn } from "@roost/contract/on-call";

export const weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;

/** When hand-over is, in words: `Weekly, Monday at 08:00, Europe/Berlin`. */
export function shiftWords({
  shift,
  handOverDay,
  handOverTime,
  shiftHours,
  timeZone,
}: Pick<OnCallSchedule, "shift" | "handOverDay" | "handOverTime" | "shiftHours" | "timeZone">): string {
  if (shift === "daily") return `Daily at ${handOverTime}, ${timeZone}`;
  if (shift === "custom") return `Every ${shiftHours ?? ""} hours from ${handOverTime} on, ${timeZone}`;
  return `Weekly, ${weekdays[(handOverDay ?? 1) - 1] ?? ""} at ${handOverTime}, ${timeZone}`;
}

/** What a turn is in a calendar: whose, and of which schedule where there are several. */
export function turnWords(turn: Pick<OnCallTurn, "scheduleId" | "name">, names: ReadonlyMap<string, string>): string {
  const who = turn.name ?? "Nobody";
  return names.size > 1 ? `${who}, ${names.get(turn.scheduleId) ?? ""}` : who;
}
