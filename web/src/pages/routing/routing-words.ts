import type { Destination, EscalationChain, Hearing, NotificationRoute } from "@roost/contract/routing";

/** Names of what routes name by id: channels, people, schedules, chains, sites, groups. */
export type Names = ReadonlyMap<string, string>;

const shortDays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** The key of a destination in {@link Names} and in choices. */
export function keyOf(to: Destination): string {
  if (to.kind === "target") return `target:${to.targetId}`;
  if (to.kind === "person") return `person:${to.personId}`;
  return to.kind === "schedule" ? `schedule:${to.scheduleId}` : `chain:${to.chainId}`;
}

/** Reads what {@link keyOf} wrote. */
export function destinationOf(key: string): Destination {
  const id = key.slice(key.indexOf(":") + 1);
  if (key.startsWith("person:")) return { kind: "person", personId: id };
  if (key.startsWith("schedule:")) return { kind: "schedule", scheduleId: id };
  if (key.startsWith("chain:")) return { kind: "chain", chainId: id };
  return { kind: "target", targetId: id as Extract<Destination, { kind: "target" }>["targetId"] };
}

function severityWords({ minSeverity, maxSeverity }: NotificationRoute["match"]): string {
  if (minSeverity === undefined && maxSeverity === undefined) return "All alarms";
  if (minSeverity === maxSeverity || (minSeverity === "critical" && maxSeverity === undefined))
    return `${sentence(minSeverity ?? "")} alarms`;
  if (maxSeverity === undefined) return `Alarms from ${minSeverity} on`;
  return minSeverity === undefined ? `Alarms up to ${maxSeverity}` : `Alarms from ${minSeverity} to ${maxSeverity}`;
}

const sentence = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
const listed = (ids: readonly string[], names: Names) => ids.map((id) => names.get(id) ?? "one that is gone").join(" or ");

/** What a route is for, in words: `Critical alarms of North, 22:00 to 06:00 (Europe/Berlin)`. */
export function matchWords({ match }: Pick<NotificationRoute, "match">, names: Names): string {
  const { kinds, type, siteIds, groupIds, deviceIds, window } = match;
  const days = window?.days === undefined ? "" : ` on ${window.days.map((day) => shortDays[day - 1] ?? "").join(", ")}`;
  return [
    severityWords(match),
    kinds === undefined ? "" : ` (${kinds.map((kind) => kind.replaceAll("_", " ")).join(", ")})`,
    type === undefined ? "" : ` of type ${type}`,
    siteIds === undefined ? "" : ` of ${listed(siteIds, names)}`,
    groupIds === undefined ? "" : ` in ${listed(groupIds, names)}`,
    deviceIds === undefined ? "" : ` of ${deviceIds.join(" or ")}`,
    window === undefined ? "" : `, ${window.from} to ${window.to}${days} (${window.timeZone})`,
  ].join("");
}

/** Whom it tells: `Ana, on call: Barns, chain Night`. */
export function toWords(to: readonly Destination[], names: Names): string {
  if (to.length === 0) return "nobody";
  const prefix = { target: "", person: "", schedule: "on call: ", chain: "chain " } as const;
  return to.map((one) => `${prefix[one.kind]}${names.get(keyOf(one)) ?? "one that is gone"}`).join(", ");
}

/** The steps of a chain: `at once Ana; after 5 min Ben; again 2 times after 15 min`. */
export function chainWords({ steps, repeat }: Pick<EscalationChain, "steps" | "repeat">, names: Names): string {
  const words = steps.map(
    ({ afterMinutes, to }) => `${afterMinutes === 0 ? "at once" : `after ${afterMinutes} min`} ${toWords(to, names)}`,
  );
  const again =
    repeat === undefined ? [] : [`again ${repeat.times} ${repeat.times === 1 ? "time" : "times"} after ${repeat.afterMinutes} min`];
  return [...words, ...again].join("; ");
}

/** When somebody would hear of it. */
export function whenWords({ afterSeconds, targetId }: Pick<Hearing, "afterSeconds" | "targetId">): string {
  if (targetId === undefined) return "not told";
  return afterSeconds === 0 ? "at once" : `after ${Math.round(afterSeconds / 60)} min`;
}
