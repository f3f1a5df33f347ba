import { type AlarmFilter, severities, type Severity } from "@roost/contract/alarms";
import { z } from "zod";

const text = (max: number) => z.string().min(1).max(max).optional().catch(undefined);
const flag = z.enum(["true", "false"]).optional().catch(undefined);

/** What stands in the console's address. What cannot be read is left out. */
export const consoleSearch = z.object({
  state: z.enum(["unacknowledged", "cleared", "all"]).optional().catch(undefined),
  /** Severities with commas between. */
  severity: text(60),
  device: text(64),
  site: z.uuid().optional().catch(undefined),
  incident: z.uuid().optional().catch(undefined),
  assigned: text(254),
  muted: flag,
  flapping: flag,
  q: text(100),
  sort: z.enum(["newest"]).optional().catch(undefined),
  by: z.enum(["incident"]).optional().catch(undefined),
});
export type ConsoleSearch = z.output<typeof consoleSearch>;

export function severitiesOf({ severity }: Pick<ConsoleSearch, "severity">): Severity[] {
  const named = new Set(severity?.split(",") ?? []);
  return severities.filter((one) => named.has(one));
}

/** The same with one severity more or less; all of them are the same as none. */
export function toggleSeverity(search: ConsoleSearch, severity: Severity): ConsoleSearch {
  const before = severitiesOf(search);
  const after = before.includes(severity) ? before.filter((one) => one !== severity) : [...before, severity];
  return { ...search, severity: after.length === 0 || after.length === severities.length ? undefined : after.join(",") };
}

/** What the API is asked for. */
export function filterOf(search: ConsoleSearch) {
  const state: AlarmFilter["state"] = search.state ?? "open";
  const { device, site, incident, assigned, muted, flapping, q } = search;
  const severity = severitiesOf(search);
  return {
    state,
    ...(severity.length === 0 ? {} : { severity }),
    ...(device === undefined ? {} : { deviceId: device }),
    ...(site === undefined ? {} : { siteId: site }),
    ...(incident === undefined ? {} : { incidentId: incident }),
    ...(assigned === undefined ? {} : { assignedTo: assigned }),
    ...(muted === undefined ? {} : { muted }),
    ...(flapping === undefined ? {} : { flapping }),
    ...(q === undefined ? {} : { q }),
  };
}
export type ConsoleFilter = ReturnType<typeof filterOf>;

/** An address as a saved view keeps it, and back. */
export function writeView(search: ConsoleSearch): string {
  const parts = Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return new URLSearchParams(parts.sort(([a], [b]) => (a < b ? -1 : 1))).toString();
}

export function readView(text: string): ConsoleSearch {
  return consoleSearch.parse(Object.fromEntries(new URLSearchParams(text)));
}
