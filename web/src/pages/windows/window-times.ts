const dayMs = 86_400_000;

/** What a wall clock in the zone shows at an instant, as a `datetime-local` field has it: `2026-03-29T03:00`. */
export function wallOf(at: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}`;
}

/**
 * The instant at which a wall clock in the zone shows this. Of a time that comes twice it is the first; one that is left out is as much later as the
 * clock jumps.
 */
export function instantOf(wall: string, timeZone: string): Date | undefined {
  const asUtc = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(wall) ? Date.parse(`${wall}:00Z`) : Number.NaN;
  if (Number.isNaN(asUtc)) return undefined;
  const offsetAt = (ms: number) => Date.parse(`${wallOf(new Date(ms), timeZone)}:00Z`) - ms;
  // The offset before any change of that day: by it, both of the rules above hold.
  const before = asUtc - offsetAt(asUtc - dayMs);
  const after = asUtc - offsetAt(asUtc + dayMs);
  const fits = (ms: number) => wallOf(new Date(ms), timeZone) === wall;
  return new Date(fits(before) || !fits(after) ? before : after);
}

/** The days of a calendar's page, Monday first: the weeks that touch the month of a day, or the week of it. */
export function daysOf(day: string, view: "month" | "week"): string[] {
  const at = new Date(`${day}T00:00:00Z`);
  const first = view === "week" ? at : new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1));
  const last = view === "week" ? at : new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0));
  const fromMonday = (date: Date) => (date.getUTCDay() + 6) % 7;
  const begin = first.getTime() - fromMonday(first) * dayMs;
  const end = last.getTime() + (6 - fromMonday(last)) * dayMs;
  return Array.from({ length: Math.round((end - begin) / dayMs) + 1 }, (_, n) => new Date(begin + n * dayMs).toISOString().slice(0, 10));
}

/** The page before or after, named by a day of it. */
export function turn(day: string, view: "month" | "week", by: 1 | -1): string {
  const at = new Date(`${day}T00:00:00Z`);
  if (view === "week") return new Date(at.getTime() + by * 7 * dayMs).toISOString().slice(0, 10);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + by, 1)).toISOString().slice(0, 10);
}

/** What lies on which day of a zone: an occurrence over midnight lies on each of its days, one that ends at midnight not on the next. */
export function byDay<Item extends { readonly from: Date; readonly to: Date }>(
  items: readonly Item[],
  days: readonly string[],
  timeZone: string,
): Map<string, Item[]> {
  const found = new Map<string, Item[]>(days.map((day) => [day, []]));
  for (const item of items) {
    const first = wallOf(item.from, timeZone).slice(0, 10);
    const last = wallOf(new Date(item.to.getTime() - 1), timeZone).slice(0, 10);
    for (const day of days) if (day >= first && day <= last) found.get(day)?.push(item);
  }
  return found;
}
