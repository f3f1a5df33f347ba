import type { Quality } from "@roost/contract/quality";
import type { Within } from "@roost/contract/tenancy";
import type { Unit } from "@roost/contract/units";

import type { AbstainReason } from "../contract/care-reasons.ts";
import type { LimitedMetric, PlantLimits } from "../contract/limits.ts";

/** A plant as the care advisor sees it. */
export interface CarePlant {
  readonly id: string;
  readonly name: string;
  readonly species?: string | undefined;
  readonly place?: string | undefined;
  readonly notes?: string | undefined;
  readonly limits: PlantLimits;
  /** Its nodes, with the moment from which what they measure is about this plant. */
  readonly nodes: readonly { readonly deviceId: string; readonly since: Date }[];
}

/** What the rules say of it. */
export interface CareHealth {
  readonly status: "optimal" | "warning" | "critical" | "unknown";
  readonly issues: readonly string[];
  readonly trends: Readonly<Partial<Record<LimitedMetric, { readonly direction: string; readonly text: string }>>>;
}

/** Where plants and their health come from. */
export interface CareSource {
  /** `undefined` for what the caller may not see. */
  plant(within: Within, plantId: string): Promise<CarePlant | undefined>;
  health(within: Within, plantId: string): Promise<CareHealth | undefined>;
}

/** A reading that may be cited, by `id`. */
export interface CareReading {
  /** `r1`, `r2`, … in a prompt's own order. */
  readonly id: string;
  readonly deviceId: string;
  readonly metric: LimitedMetric;
  readonly value: number;
  readonly unit: Unit;
  readonly measuredAt: Date;
  readonly quality: Quality;
}

export interface CareSpan {
  readonly average: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** Everything a plan may rest on. */
export interface CareFacts {
  readonly plant: CarePlant;
  readonly now: Date;
  /** Of the last day, one per node and metric. */
  readonly readings: readonly CareReading[];
  readonly spans: Readonly<Partial<Record<LimitedMetric, { readonly day?: CareSpan; readonly week?: CareSpan }>>>;
  /** Metrics without a reading of the last day; `lastAt` where there is an older one. */
  readonly missing: readonly { readonly metric: LimitedMetric; readonly lastAt?: Date }[];
  readonly contradictions: readonly { readonly metric: LimitedMetric; readonly ids: readonly [string, string] }[];
  readonly health: CareHealth | undefined;
}

/** Readings older than this are no ground for a plan. */
export const freshForMs = 24 * 3_600_000;

/** Why there is nothing to rest a plan on; `undefined` where there is. Answering it costs nothing. */
export function abstainOf({ plant, readings, missing }: CareFacts): AbstainReason | undefined {
  if (readings.length > 0) return undefined;
  if (plant.nodes.length === 0) return "no_node";
  return missing.some(({ lastAt }) => lastAt !== undefined) ? "readings_old" : "no_readings";
}

/** So far apart at about the same time, two nodes at one plant cannot both be right. Light falls off within a hand's breadth, so there a factor decides. */
const apart: Readonly<Record<LimitedMetric, (a: number, b: number) => boolean>> = {
  soil_moisture: (a, b) => Math.abs(a - b) > 30,
  temperature: (a, b) => Math.abs(a - b) > 8,
  humidity: (a, b) => Math.abs(a - b) > 25,
  light_level: (a, b) => Math.abs(a - b) > 2_000 && Math.max(a, b) > 5 * Math.max(1, Math.min(a, b)),
};
const sameTimeMs = 2 * 3_600_000;

/** Pairs of readings of one metric, measured within two hours, that contradict each other. */
export function contradictionsIn(readings: readonly CareReading[]): CareFacts["contradictions"] {
  const found: { metric: LimitedMetric; ids: readonly [string, string] }[] = [];
  for (const [index, a] of readings.entries()) {
    for (const b of readings.slice(index + 1)) {
      if (a.metric !== b.metric || Math.abs(a.measuredAt.getTime() - b.measuredAt.getTime()) > sameTimeMs) continue;
      if (apart[a.metric](a.value, b.value)) found.push({ metric: a.metric, ids: [a.id, b.id] });
    }
  }
  return found;
}
