import type { CareHealth } from "./care-facts.ts";

/** How a plant was when it was last looked at. */
export interface Seen {
  readonly status: CareHealth["status"];
  readonly trends: Readonly<Record<string, string>>;
}

export function seenOf({ status, trends }: CareHealth): Seen {
  return { status, trends: Object.fromEntries(Object.entries(trends).map(([metric, trend]) => [metric, trend.direction])) };
}

/** A plant became critical, or something in it began to rise or fall. What gets better by itself asks for no new plan. */
export function isStrongChange(before: Seen | undefined, now: Seen): boolean {
  if (before === undefined) return false;
  if (now.status === "critical" && before.status !== "critical") return true;
  return Object.entries(now.trends).some(
    ([metric, direction]) => (direction === "rising" || direction === "falling") && before.trends[metric] !== direction,
  );
}
