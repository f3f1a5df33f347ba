/** A time zone to choose: its name, and what to call it. */
export interface ZoneChoice {
  readonly value: string;
  readonly label: string;
}

/** Every zone to choose from: the browser's own first, then UTC, then all of the IANA list. */
export function zoneChoices(own: string, all: readonly string[]): ZoneChoice[] {
  const rest = all.filter((zone) => zone !== own && zone !== "UTC");
  const first: ZoneChoice[] = own === "UTC" ? [] : [{ value: own, label: `${own} (here)` }];
  return [...first, { value: "UTC", label: own === "UTC" ? "UTC (here)" : "UTC" }, ...rest.map((zone) => ({ value: zone, label: zone }))];
}

/** The zone of this browser. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Says whether the browser knows the zone; an address may name any. */
export function isZone(zone: string): boolean {
  try {
    Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
