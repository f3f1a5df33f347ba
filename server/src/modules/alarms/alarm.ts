import { alarmErrors, clearableKinds } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";

const longestSnoozeMs = 366 * 86_400_000;

/**
 * An alarm that somebody acknowledges: they look after it, or saw that it was there. Who was first stays on record: two people may press at
 * once, and the second sees who it was.
 */
export function acknowledged(alarm: Alarm, by: string, at: Date): Alarm {
  if (alarm.acknowledgedAt !== undefined) return alarm;
  return { ...alarm, state: alarm.state === "raised" ? "acknowledged" : alarm.state, acknowledgedAt: at, acknowledgedBy: by };
}

/** @throws {AppError} `alarms.already_cleared` */
export function unacknowledged(alarm: Alarm): Alarm {
  refuseCleared(alarm);
  if (alarm.state === "raised") return alarm;
  const { acknowledgedAt: _at, acknowledgedBy: _by, ...rest } = alarm;
  return { ...rest, state: "raised" };
}

/** @param to - Absent: nobody. */
export function assigned(alarm: Alarm, to: string | undefined): Alarm {
  const { assignedTo, ...rest } = alarm;
  if (assignedTo === to) return alarm;
  return to === undefined ? rest : { ...rest, assignedTo: to };
}

/** @throws {AppError} `alarms.already_cleared`, `alarms.end_in_past` */
export function snoozed(alarm: Alarm, until: Date, now: Date): Alarm {
  refuseCleared(alarm);
  const aheadMs = until.getTime() - now.getTime();
  if (aheadMs <= 0 || aheadMs > longestSnoozeMs) throw alarmErrors.end_in_past({ until });
  const { mutedById: _, ...rest } = alarm;
  return { ...rest, snoozedUntil: until, mutedBy: "snooze" };
}

/** @throws {AppError} `alarms.already_cleared` */
export function refuseCleared(alarm: Alarm): void {
  if (alarm.state === "cleared") throw alarmErrors.already_cleared();
}

/**
 * Says whether a person may clear an alarm: one that nothing else would. What a cause still holds would be raised again.
 *
 * @throws {AppError} `alarms.already_cleared`, `alarms.still_holds`
 */
export function refuseToClear(alarm: Alarm): void {
  refuseCleared(alarm);
  if (alarm.holds && !alarm.flapping && !clearableKinds.has(alarm.kind)) throw alarmErrors.still_holds();
}

/** What people found out: absent stays, null is taken away. */
export interface Finding {
  readonly rootCause?: string | null | undefined;
  readonly resolution?: string | null | undefined;
}

/** @throws {AppError} `alarms.still_open` */
export function resolved(alarm: Alarm, found: Finding): Alarm {
  if (typeof found.resolution === "string" && alarm.state !== "cleared") throw alarmErrors.still_open();
  const { rootCause: cause, resolution: done, ...rest } = alarm;
  const rootCause = found.rootCause === undefined ? cause : (found.rootCause ?? undefined);
  const resolution = found.resolution === undefined ? done : (found.resolution ?? undefined);
  if (rootCause === cause && resolution === done) return alarm;
  return { ...rest, ...(rootCause === undefined ? {} : { rootCause }), ...(resolution === undefined ? {} : { resolution }) };
}
