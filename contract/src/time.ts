import { z } from "zod";

/** An instant: a `Date` in code, ISO 8601 with `Z` on the wire. */
export const instant = z.codec(z.iso.datetime({ offset: true }), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

/** An IANA time zone that this runtime knows, such as `Europe/Berlin`. */
export const timeZone = z.string().max(64).refine(isTimeZone, "Not a time zone of the IANA list.");

/** Says whether the runtime's time zone database knows the name. */
export function isTimeZone(name: string): boolean {
  try {
    Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
