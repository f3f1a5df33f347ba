import { homeAssistantErrors } from "@roost/contract/home-assistant";
import type { Unit } from "@roost/contract/units";

import type { Found } from "./found-devices.ts";
import type { TakenMetric } from "./readings.ts";

/** Which values somebody wants, and under which names. */
export interface WantedMetric {
  readonly component: string;
  readonly metric?: string | undefined;
  readonly unit?: Unit | undefined;
}

const usualHeartbeatSeconds = 3_600;

/**
 * What of a found device becomes which metric.
 *
 * @throws {AppError} `home_assistant.unknown_component`, `.unit_needed`, `.twice`, `.nothing_to_take`
 */
export function planTaking(
  found: Found,
  wanted: readonly WantedMetric[] | undefined,
): { metrics: TakenMetric[]; leftOut: { component: string; because: string }[] } {
  const asked: readonly WantedMetric[] =
    wanted ?? found.components.filter(({ problem }) => problem === undefined).map(({ id }) => ({ component: id }));
  const metrics = asked.map(({ component: id, metric, unit }): TakenMetric => {
    const component = found.components.find((one) => one.id === id);
    if (component === undefined || (component.problem !== undefined && component.problem !== "unit"))
      throw homeAssistantErrors.unknown_component({ component: id });
    const own = component.platform === "binary_sensor" ? "1" : (component.reading?.unit ?? unit);
    if (own === undefined) throw homeAssistantErrors.unit_needed({ component: id, announced: component.announcedUnit });
    const { announcedUnit } = component;
    return { component: id, metric: metric ?? component.metric, unit: own, ...(announcedUnit === undefined ? {} : { announcedUnit }) };
  });
  const names = new Set(metrics.map(({ metric }) => metric));
  if (names.size < metrics.length || new Set(metrics.map(({ component }) => component)).size < metrics.length)
    throw homeAssistantErrors.twice();
  if (metrics.length === 0) throw homeAssistantErrors.nothing_to_take();
  const taken = new Set(metrics.map(({ component }) => component));
  const leftOut = found.components
    .filter(({ id }) => !taken.has(id))
    .map(({ id, because }) => ({ component: id, because: because ?? "It was not asked for." }));
  return { metrics, leftOut };
}

/** How often the device is heard at least: values of others count until they expire, or come when they change. */
export function heartbeatOf(found: Found): number {
  const expiries = found.components.flatMap(({ expireAfterSeconds }) => expireAfterSeconds ?? []);
  return expiries.length === 0 ? usualHeartbeatSeconds : Math.min(86_400, Math.max(10, Math.round(Math.min(...expiries) / 3)));
}
