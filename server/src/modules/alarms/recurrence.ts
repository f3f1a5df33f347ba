import { windowErrors } from "@roost/contract/windows";
import { Cron } from "croner";
import { RRuleTemporal } from "rrule-temporal";
import { Temporal } from "temporal-polyfill";

/** Instants at which something begins, in epoch milliseconds, ascending and without end or up to one. */
export interface Beginnings {
  /** The first one later than this. */
  after(atMs: number): number | undefined;
  /** The last one at this instant or before. */
  upTo(atMs: number): number | undefined;
}

/** A clock jumps by some hours at most, but for the few places that once moved over the date line. */
const marginMs = 25 * 3_600_000;
const maxCount = 1_000;

/**
 * What a wall clock in this zone says, as if it were UTC.
 */
function wallOf(atMs: number, zone: string): number {
  const wall = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone).toPlainDateTime();
  return wall.toZonedDateTime("UTC").epochMilliseconds;
}

/**
 * When the wall clock says so. A time that is skipped in spring is when the clock jumps: what begins then would otherwise be left out, and people
 * woken up in the middle of their maintenance. Of a time that comes twice in autumn it is the first.
 */
function instantOf(wallMs: number, zone: string): number {
  const wall = Temporal.Instant.fromEpochMilliseconds(wallMs).toZonedDateTimeISO("UTC").toPlainDateTime();
  const zoned = wall.toZonedDateTime(zone, { disambiguation: "compatible" });
  if (zoned.toPlainDateTime().equals(wall)) return zoned.epochMilliseconds;
  return zoned.getTimeZoneTransition("previous")?.epochMilliseconds ?? zoned.epochMilliseconds;
}

/** The instant that many seconds later; whole days are days of the calendar there. */
export function later(fromMs: number, seconds: number, zone: string): number {
  const days = Math.floor(seconds / 86_400);
  const from =
    days === 0 ? fromMs : Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(zone).add({ days }).epochMilliseconds;
  return from + (seconds - days * 86_400) * 1_000;
}

/** @throws {AppError} `windows.unknown_zone` */
export function checkZone(zone: string): void {
  try {
    // An offset is no zone: it knows nothing of summer.
    if (!/^[A-Za-z]/.test(zone)) throw new RangeError("An offset.");
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
  } catch (cause) {
    throw windowErrors.unknown_zone({ zone }, { cause });
  }
}

const numberLists: Readonly<Record<string, { readonly min: number; readonly max: number; readonly negative: boolean }>> = {
  BYMONTH: { min: 1, max: 12, negative: false },
  BYMONTHDAY: { min: 1, max: 31, negative: true },
  BYYEARDAY: { min: 1, max: 366, negative: true },
  BYWEEKNO: { min: 1, max: 53, negative: true },
  BYSETPOS: { min: 1, max: 366, negative: true },
  BYHOUR: { min: 0, max: 23, negative: false },
  BYMINUTE: { min: 0, max: 59, negative: false },
};
const otherParts: Readonly<Record<string, RegExp>> = {
  FREQ: /^(?:HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY)$/,
  INTERVAL: /^[1-9]\d{0,3}$/,
  COUNT: /^[1-9]\d{0,3}$/,
  UNTIL: /^\d{8}(?:T\d{6}Z?)?$/,
  BYDAY: /^(?:[+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:[+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU))*$/,
  WKST: /^(?:MO|TU|WE|TH|FR|SA|SU)$/,
};

function fits(key: string, value: string): boolean {
  if (Object.hasOwn(otherParts, key)) return otherParts[key]?.test(value) === true;
  const bounds = Object.hasOwn(numberLists, key) ? numberLists[key] : undefined;
  if (bounds === undefined) return false;
  return value.split(",").every((one) => {
    if (!/^[+-]?\d{1,3}$/.test(one)) return false;
    const number = Number(one);
    return Math.abs(number) >= bounds.min && Math.abs(number) <= bounds.max && (number >= 0 || bounds.negative);
  });
}

/** The parts of a rule. The library passes over what it does not know, and a rule half understood mutes at the wrong time. */
function partsOf(rrule: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of rrule
    .replace(/^RRULE:/i, "")
    .toUpperCase()
    .split(";")) {
    const at = part.indexOf("=");
    const [key, value] = [part.slice(0, at), part.slice(at + 1)];
    if (at < 1 || parts.has(key) || !fits(key, value)) throw windowErrors.unreadable_rrule({ part });
    parts.set(key, value);
  }
  if (!parts.has("FREQ")) throw windowErrors.unreadable_rrule({ part: "FREQ" });
  if (parts.has("COUNT") && parts.has("UNTIL")) throw windowErrors.unreadable_rrule({ part: "UNTIL" });
  if (Number(parts.get("COUNT") ?? 1) > maxCount) throw windowErrors.unreadable_rrule({ part: "COUNT", limit: maxCount });
  return parts;
}

/** UNTIL as an instant: it is in UTC, or on the wall of the zone; a date is all of its day. */
function untilOf(text: string, zone: string): number {
  const [, year, month, day, clock, isUtc] = /^(\d{4})(\d\d)(\d\d)(?:T(\d{6})(Z?))?$/.exec(text) ?? [];
  const [hour, minute, second] = clock === undefined ? [23, 59, 59] : [0, 2, 4].map((at) => Number(clock.slice(at, at + 2)));
  try {
    const fields = { year: Number(year), month: Number(month), day: Number(day), hour, minute, second };
    const wall = Temporal.PlainDateTime.from(fields, { overflow: "reject" });
    return wall.toZonedDateTime(isUtc === "Z" ? "UTC" : zone).epochMilliseconds;
  } catch (cause) {
    throw windowErrors.unreadable_rrule({ part: `UNTIL=${text}` }, { cause });
  }
}

/**
 * Beginnings by a rule of RFC 5545, of which `fromMs` is DTSTART.
 *
 * From days upwards the rule is counted on the wall's clock, so that each day has its occurrence whatever the clocks do: see
 * {@link instantOf}. Hours are counted in the zone itself.
 *
 * @throws {AppError} `windows.unreadable_rrule`
 */
export function beginningsByRrule(rrule: string, { zone, fromMs }: { zone: string; fromMs: number }): Beginnings {
  const parts = partsOf(rrule);
  const untilText = parts.get("UNTIL");
  const untilMs = untilText === undefined ? Infinity : untilOf(untilText, zone);
  parts.delete("UNTIL");
  const isHourly = parts.get("FREQ") === "HOURLY";
  const countedIn = isHourly ? zone : "UTC";
  const rruleString = `RRULE:${[...parts].map(([key, value]) => `${key}=${value}`).join(";")}`;
  const start = Temporal.Instant.fromEpochMilliseconds(isHourly ? fromMs : wallOf(fromMs, zone)).toZonedDateTimeISO(countedIn);
  let rule: RRuleTemporal;
  try {
    rule = new RRuleTemporal({ rruleString, dtstart: start, cache: false, strict: true });
  } catch (cause) {
    throw windowErrors.unreadable_rrule({ part: rrule }, { cause });
  }
  const real = (countedMs: number) => (isHourly ? countedMs : instantOf(countedMs, zone));
  const counted = (atMs: number) => (isHourly ? atMs : wallOf(atMs, zone));
  const look = (find: () => { epochMilliseconds: number } | null | undefined): number | undefined => {
    try {
      return find()?.epochMilliseconds;
    } catch {
      // It gives up on what never comes, such as the 30th of February.
      return undefined;
    }
  };
  return {
    after(atMs) {
      let found = look(() => rule.next(new Date(counted(atMs) - marginMs), true));
      while (found !== undefined && real(found) <= atMs) {
        const last = found;
        found = look(() => rule.next(new Date(last), false));
      }
      return found === undefined || real(found) > untilMs ? undefined : real(found);
    },
    upTo(atMs) {
      const boundMs = Math.min(atMs, untilMs);
      let found = look(() => rule.previous(new Date(counted(boundMs) + marginMs), true));
      while (found !== undefined && real(found) > boundMs) {
        const last = found;
        found = look(() => rule.previous(new Date(last), false));
      }
      return found === undefined ? undefined : real(found);
    },
  };
}

/**
 * Beginnings by a cron expression of five parts, or one of the nicknames such as `@daily`.
 *
 * @throws {AppError} `windows.unreadable_cron`
 */
export function beginningsByCron(cron: string, { zone, fromMs }: { zone: string; fromMs: number }): Beginnings {
  const text = cron.trim();
  if (!/^@(?:hourly|daily|midnight|weekly|monthly|yearly|annually)$/i.test(text) && text.split(/\s+/).length !== 5) {
    throw windowErrors.unreadable_cron({ cron });
  }
  let pattern: Cron;
  try {
    pattern = new Cron(text, { timezone: zone, paused: true });
  } catch (cause) {
    throw windowErrors.unreadable_cron({ cron, reason: cause instanceof Error ? cause.message : "" }, { cause });
  }
  const second = 1_000;
  return {
    after: (atMs) => pattern.nextRun(new Date(Math.max(atMs, fromMs - 1)))?.getTime(),
    upTo(atMs) {
      // It counts in whole seconds and looks before the instant given.
      const after = new Date(Math.floor(atMs / second) * second + second);
      const found = pattern.previousRuns(2, after).find((run) => run.getTime() <= atMs);
      return found === undefined || found.getTime() < fromMs ? undefined : found.getTime();
    },
  };
}
