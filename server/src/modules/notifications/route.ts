import { severities } from "@roost/contract/alarms";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { Destination, RouteMatch } from "@roost/contract/routing";

import { isWithin } from "./quiet-hours.ts";

/** What routes look at. */
export interface RoutedAlarm {
  readonly severity: Severity;
  readonly kind: AlarmKind;
  readonly type: string;
  readonly deviceId?: string | undefined;
  readonly siteId?: string | undefined;
  readonly groupIds: ReadonlySet<string>;
}

/** A route as the planner works with it. */
export interface PlannedRoute {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly match: RouteMatch;
  readonly to: readonly Destination[];
  readonly stop: boolean;
  readonly remindMinutes?: number | undefined;
}

/** How bad, as a number that grows. */
export function rankOf(severity: Severity): number {
  return severities.indexOf(severity);
}

/** Says whether an alarm is one that a route is for; what the route does not say holds for all. */
export function matches(match: RouteMatch, alarm: RoutedAlarm, atMs: number): boolean {
  const rank = rankOf(alarm.severity);
  return (
    (match.minSeverity === undefined || rank >= rankOf(match.minSeverity)) &&
    (match.maxSeverity === undefined || rank <= rankOf(match.maxSeverity)) &&
    (match.kinds === undefined || match.kinds.includes(alarm.kind)) &&
    (match.type === undefined || fits(match.type, alarm.type)) &&
    (match.siteIds === undefined || (alarm.siteId !== undefined && match.siteIds.some((id) => id === alarm.siteId))) &&
    (match.groupIds === undefined || match.groupIds.some((id) => alarm.groupIds.has(id))) &&
    (match.deviceIds === undefined || (alarm.deviceId !== undefined && match.deviceIds.some((id) => id === alarm.deviceId))) &&
    (match.window === undefined || isWithin(match.window, atMs))
  );
}

/** The routes an alarm goes by, in order: those that match, up to the first that stops. */
export function routesFor<R extends PlannedRoute>(routes: readonly R[], alarm: RoutedAlarm, atMs: number): R[] {
  const taken: R[] = [];
  for (const route of routes) {
    if (!route.enabled || !matches(route.match, alarm, atMs)) continue;
    taken.push(route);
    if (route.stop) break;
  }
  return taken;
}

/** `*` stands for any text, upper and lower case are the same. Linear in the text, whatever the pattern: people write it. */
export function fits(pattern: string, text: string): boolean {
  const [head = "", ...rest] = pattern.toLowerCase().split("*");
  const given = text.toLowerCase();
  if (rest.length === 0) return given === head;
  if (!given.startsWith(head)) return false;
  const tail = rest.pop() ?? "";
  let at = head.length;
  for (const part of rest) {
    const found = given.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return given.length - tail.length >= at && given.endsWith(tail);
}
