/** 1 January 2020: nothing that Roost hears was measured before. */
const earliestUs = 1_577_836_800_000_000;

/** What a device's `timestamp` says. `absent`: it sent none. `wrong`: it cannot be the instant of a measurement. */
export type Stamp = { readonly kind: "stamped"; readonly us: number } | { readonly kind: "absent" } | { readonly kind: "wrong" };

const absent: Stamp = { kind: "absent" };
const wrong: Stamp = { kind: "wrong" };

/**
 * Reads a timestamp: ISO 8601 with its zone, or epoch seconds, milliseconds, microseconds or nanoseconds as number or digits.
 *
 * The unit follows from the size alone: only one of the four puts the instant between 2020 and now. An instant before 2020
 * or more than the limit ahead is a wrong clock, as are milliseconds since boot and whatever is no time at all.
 *
 * @param value - As JSON gave it.
 * @param latestUs - The receive time plus what a clock may run ahead, in epoch microseconds.
 * @returns Epoch microseconds; finer parts are cut off.
 */
export function readStamp(value: unknown, latestUs: number): Stamp {
  if (value === undefined || value === null) return absent;
  if (typeof value === "number") return fromNumber(value, latestUs);
  if (typeof value !== "string" || value.length > 40) return wrong;
  if (/^\d{1,19}$/.test(value)) return fromDigits(value, latestUs);
  if (/^\d{1,16}\.\d{1,12}$/.test(value)) return fromNumber(Number(value), latestUs);
  return within(fromIso(value), latestUs);
}

/** The same for a number; shared with the fast decoder. `undefined` for a wrong clock. */
export function stampUs(value: number, latestUs: number): number | undefined {
  if (value >= 1e17) return inRange(Math.floor(value / 1_000), latestUs);
  if (value >= 1e14) return inRange(Math.floor(value), latestUs);
  if (value >= 1e11) return inRange(Math.floor(value * 1_000), latestUs);
  return inRange(Math.round(value * 1_000_000), latestUs);
}

function inRange(us: number, latestUs: number): number | undefined {
  return us >= earliestUs && us <= latestUs ? us : undefined;
}

function fromNumber(value: number, latestUs: number): Stamp {
  const us = stampUs(value, latestUs);
  return us === undefined ? wrong : { kind: "stamped", us };
}

// Nanoseconds have more digits than a number holds: they are cut as text.
function fromDigits(text: string, latestUs: number): Stamp {
  return fromNumber(Number(text.length > 16 ? text.slice(0, -3) : text), latestUs);
}

function within(us: number | undefined, latestUs: number): Stamp {
  return us !== undefined && us >= earliestUs && us <= latestUs ? { kind: "stamped", us } : wrong;
}

const iso = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?(?:([Zz])|([+-])(\d\d):?(\d\d)?)$/;

/** @see RFC 3339; a zone is asked for, because a guess would be an invented value. A leap second counts as the next one. */
function fromIso(text: string): number | undefined {
  const match = iso.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = "00", fraction = "", , sign, zoneHours = "0", zoneMinutes = "0"] = match;
  const parts = { month: Number(month), day: Number(day), hour: Number(hour), minute: Number(minute), second: Number(second) };
  if (parts.month < 1 || parts.month > 12 || parts.day < 1 || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return undefined;
  if (parts.day > new Date(Date.UTC(Number(year), parts.month, 0)).getUTCDate()) return undefined;
  const offsetMinutes = Number(zoneHours) * 60 + Number(zoneMinutes);
  if (Number(zoneHours) > 23 || Number(zoneMinutes) > 59) return undefined;
  const ms = Date.UTC(Number(year), parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  const zoned = sign === "-" ? ms + offsetMinutes * 60_000 : ms - offsetMinutes * 60_000;
  return zoned * 1_000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}
