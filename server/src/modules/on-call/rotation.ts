import { Temporal } from "temporal-polyfill";

/** How people take turns. */
export interface Rotation {
  /** IANA zone whose clocks hand-over goes by. */
  readonly timeZone: string;
  /** `HH:MM`. */
  readonly handOverTime: string;
  readonly shift: "daily" | "weekly" | "custom";
  /** Of weekly shifts: 1 is Monday. */
  readonly handOverDay?: number | undefined;
  /** Of custom shifts. */
  readonly shiftHours?: number | undefined;
  /** `YYYY-MM-DD` in the zone: the first shift begins then, at the hand-over time. */
  readonly startsOn: string;
  /** Ids in the order of their turns. */
  readonly people: readonly string[];
}

/** Somebody is on call for a while instead of the one whose turn it is. From inclusive, to exclusive. */
export interface Override {
  readonly id: string;
  readonly personId: string;
  readonly from: Date;
  readonly to: Date;
  readonly reason: string;
}

/** From inclusive, to exclusive; `personId` absent where nobody is on call. */
export interface Turn {
  readonly from: Date;
  readonly to: Date;
  readonly personId: string | undefined;
  readonly override: Override | undefined;
}

const dayHours = 24;
const weekHours = 168;

/** Says whether somebody can be on call at all: they belong to the organisation still. */
export type IsThere = (personId: string) => boolean;

/**
 * The moment at which the shift of this number begins; the first is number 0.
 *
 * Counted by the clock on the wall: a hand-over at 08:00 is at 08:00 in summer and in winter, so that a shift may last an hour more or less. A
 * time that the change to summer skips is the same stretch later; of a time that comes twice it is the first.
 */
export function shiftStart(rotation: Rotation, number: number): Date {
  const begin = beginning(rotation);
  if (number === 0) return toDate(begin, rotation);
  return toDate(firstHandOver(rotation).add({ hours: (number - 1) * shiftHours(rotation) }), rotation);
}

/** The number of the shift that a moment lies in; `undefined` before the first. */
export function shiftAt(rotation: Rotation, at: Date): number | undefined {
  const ms = at.getTime();
  if (ms < shiftStart(rotation, 0).getTime()) return undefined;
  const wall = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(rotation.timeZone).toPlainDateTime();
  const hours = firstHandOver(rotation).until(wall, { largestUnit: "hours" }).total("hours");
  let number = Math.max(0, Math.floor(hours / shiftHours(rotation)) + 1);
  // A clock that was put back or forward is off by less than a shift or two.
  while (shiftStart(rotation, number + 1).getTime() <= ms) number += 1;
  while (number > 0 && shiftStart(rotation, number).getTime() > ms) number -= 1;
  return number;
}

/** Whose turn a shift is: who is not there any more is stood in for by the next in turn. */
export function personOf({ people }: Pick<Rotation, "people">, number: number, isThere: IsThere): string | undefined {
  for (let step = 0; step < people.length; step += 1) {
    const person = people[(number + step) % people.length];
    if (person !== undefined && isThere(person)) return person;
  }
  return undefined;
}

/** Who is on call at a moment: by an override, else by rotation. */
export function onCallAt(rotation: Rotation, overrides: readonly Override[], at: Date, isThere: IsThere): string | undefined {
  const override = overrides.find((one) => one.from <= at && at < one.to && isThere(one.personId));
  if (override !== undefined) return override.personId;
  const number = shiftAt(rotation, at);
  return number === undefined ? undefined : personOf(rotation, number, isThere);
}

/**
 * Who is on call from one moment to another, oldest first, without gaps: each shift of the rotation, cut where an override begins or ends. The
 * first and the last are cut to the range.
 */
export function turnsBetween(
  rotation: Rotation,
  overrides: readonly Override[],
  range: { from: Date; to: Date },
  isThere: IsThere,
): Turn[] {
  const holding = overrides.filter((one) => one.from < range.to && one.to > range.from && isThere(one.personId));
  const cuts = new Set<number>([range.from.getTime(), range.to.getTime()]);
  for (const { from, to } of holding) for (const cut of [from, to]) cuts.add(cut.getTime());
  const first = shiftAt(rotation, range.from) ?? 0;
  for (let number = first; ; number += 1) {
    const start = shiftStart(rotation, number);
    if (start >= range.to) break;
    cuts.add(start.getTime());
  }
  const moments = [...cuts].filter((ms) => ms >= range.from.getTime() && ms <= range.to.getTime()).sort((one, other) => one - other);
  const turns: Turn[] = [];
  for (const [index, ms] of moments.slice(0, -1).entries()) {
    const from = new Date(ms);
    const to = new Date(moments[index + 1] ?? ms);
    const override = holding.find((one) => one.from <= from && from < one.to);
    const last = turns.at(-1);
    // A shift that an override covers whole is cut by its beginning all the same.
    if (override !== undefined && last?.override?.id === override.id) {
      turns[turns.length - 1] = { ...last, to };
      continue;
    }
    const number = shiftAt(rotation, from);
    const byRotation = number === undefined ? undefined : personOf(rotation, number, isThere);
    turns.push({ from, to, personId: override?.personId ?? byRotation, override });
  }
  return turns;
}

/** The end of the turn that a moment lies in: when the next hand-over is, or an override begins or ends. */
export function turnEnd(rotation: Rotation, overrides: readonly Override[], at: Date): Date {
  const number = shiftAt(rotation, at);
  const holding = overrides.find((one) => one.from <= at && at < one.to);
  if (holding !== undefined) return holding.to;
  const next = shiftStart(rotation, number === undefined ? 0 : number + 1).getTime();
  const begins = overrides.filter((one) => one.from > at).map((one) => one.from.getTime());
  return new Date(Math.min(next, ...begins));
}

function shiftHours({ shift, shiftHours: hours }: Rotation): number {
  if (shift === "daily") return dayHours;
  return shift === "weekly" ? weekHours : (hours ?? weekHours);
}

function beginning({ startsOn, handOverTime }: Rotation): Temporal.PlainDateTime {
  return Temporal.PlainDate.from(startsOn).toPlainDateTime(Temporal.PlainTime.from(handOverTime));
}

/** By the clock on the wall. A week's first hand-over is on its weekday, so the first shift may be shorter than the others. */
function firstHandOver(rotation: Rotation): Temporal.PlainDateTime {
  const begin = beginning(rotation);
  if (rotation.shift !== "weekly" || rotation.handOverDay === undefined) return begin.add({ hours: shiftHours(rotation) });
  const days = (rotation.handOverDay - begin.dayOfWeek + 7) % 7;
  return begin.add({ days: days === 0 ? 7 : days });
}

function toDate(wall: Temporal.PlainDateTime, { timeZone }: Rotation): Date {
  return new Date(wall.toZonedDateTime(timeZone, { disambiguation: "compatible" }).epochMilliseconds);
}
