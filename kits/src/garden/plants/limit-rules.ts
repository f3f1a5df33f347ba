import { ruleFields } from "@roost/contract/rules";
import type { RuleFields } from "@roost/contract/rules";

import { limitedMetrics } from "../contract/limits.ts";
import type { LimitedMetric, PlantLimits } from "../contract/limits.ts";
import { measurable } from "./limits.ts";

/** What a plant's limits come to at one of its nodes. */
export interface LimitedNode {
  readonly plantId: string;
  readonly plantName: string;
  readonly limits: PlantLimits;
  readonly deviceId: string;
}

type Direction = "below" | "above";

const words: Readonly<Record<LimitedMetric, Readonly<Record<Direction, string>> & { readonly what: string }>> = {
  soil_moisture: { what: "Soil moisture", below: "soil too dry", above: "soil too wet" },
  temperature: { what: "Temperature", below: "too cold", above: "too warm" },
  humidity: { what: "Humidity", below: "air too dry", above: "air too humid" },
  light_level: { what: "Light", below: "too dark", above: "too bright" },
};

/** How far back inside the limit a value must come before the alarm clears: about what the sensors of a node waver by. */
const hysteresis: Readonly<Record<LimitedMetric, number>> = { soil_moisture: 2, temperature: 0.5, humidity: 2, light_level: 20 };

/** One value outside may be a spike of a probe; two in a row are none. */
const valuesInARow = 2;

/** Every night is dark: too little light is what does not come back within the longest night of the year and a grey morning. */
const darkSeconds = 20 * 3_600;

/** Keys of a plant's rules begin with this. */
export function rulePrefix(plantId: string): string {
  return `plant/${plantId}/`;
}

/**
 * The rules of the platform that a plant's limits come to, by their keys: one for each node, metric and direction, so that too low and too high are
 * two alarms with a clock each.
 */
export function rulesOf(nodes: readonly LimitedNode[]): Map<string, RuleFields> {
  const rules = new Map<string, RuleFields>();
  for (const node of nodes) {
    for (const metric of limitedMetrics) {
      const { min = null, max = null } = node.limits[metric] ?? {};
      // A limit at the end of what can be measured is never crossed.
      if (min !== null && min > measurable[metric].min) rules.set(keyOf(node, metric, "below"), ruleOf(node, metric, "below", min));
      if (max !== null && max < measurable[metric].max) rules.set(keyOf(node, metric, "above"), ruleOf(node, metric, "above", max));
    }
  }
  return rules;
}

function keyOf({ plantId, deviceId }: LimitedNode, metric: LimitedMetric, direction: Direction): string {
  return `${rulePrefix(plantId)}${deviceId}/${metric}/${direction}`;
}

function ruleOf({ plantName, deviceId }: LimitedNode, metric: LimitedMetric, direction: Direction, limit: number): RuleFields {
  // Two braces would begin a place in the alarm's words.
  const name = plantName.replaceAll(/\{(?=\{)/g, "{ ");
  const said = `${name}: ${words[metric][direction]}`;
  const isDark = metric === "light_level" && direction === "below";
  return ruleFields.decode({
    name: said.slice(0, 100),
    scope: { deviceId },
    condition: {
      kind: "threshold",
      metric,
      [direction]: limit,
      hysteresis: hysteresis[metric],
      ...(isDark ? { forSeconds: darkSeconds } : { count: valuesInARow }),
    },
    severity: "warning",
    title: said,
    text: `${words[metric].what} at ${name} is {{value}} {{unit}}, ${direction} its limit of {{limit}} {{unit}}. {{device}} measures it.`,
  });
}
