import type { KitHost } from "@roost/contract/kit-host";
import type { Points } from "@roost/contract/telemetry";
import type { Within } from "@roost/contract/tenancy";

import { limitedMetrics, metricUnits } from "../contract/limits.ts";
import type { LimitedMetric } from "../contract/limits.ts";
import { contradictionsIn, freshForMs } from "./care-facts.ts";
import type { CareFacts, CarePlant, CareReading, CareSource, CareSpan } from "./care-facts.ts";

const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

/** Gathers what a plan may rest on from the plants, their health and what was measured. */
export function createFactsSource(host: Pick<KitHost, "telemetry" | "clock">, source: CareSource) {
  async function readingsOf({ nodes }: CarePlant): Promise<Pick<CareFacts, "readings" | "missing">> {
    const nowMs = host.clock.nowMs();
    const latest = await host.telemetry.latest(nodes.map(({ deviceId }) => deviceId));
    const readings: CareReading[] = [];
    const missing: { metric: LimitedMetric; lastAt?: Date }[] = [];
    for (const metric of limitedMetrics) {
      const unit = metricUnits[metric];
      const values = nodes.flatMap(({ deviceId, since }) =>
        (latest.get(deviceId) ?? [])
          .filter((value) => value.metric === metric && value.unit === unit && value.measuredAt >= since)
          .map(({ value, measuredAt, quality }) => ({ deviceId, metric, value, unit, measuredAt, quality })),
      );
      const fresh = values.filter(({ measuredAt, quality }) => quality !== "stale" && nowMs - measuredAt.getTime() <= freshForMs);
      for (const value of fresh) readings.push({ id: `r${readings.length + 1}`, ...value });
      if (fresh.length === 0) {
        const lastMs = Math.max(...values.map(({ measuredAt }) => measuredAt.getTime()));
        missing.push(values.length === 0 ? { metric } : { metric, lastAt: new Date(lastMs) });
      }
    }
    return { readings, missing };
  }

  async function spansOf({ nodes }: CarePlant, metric: LimitedMetric): Promise<{ day?: CareSpan; week?: CareSpan }> {
    const nowMs = host.clock.nowMs();
    const parts = await Promise.all(
      nodes.map(async ({ deviceId, since }) => {
        const from = new Date(Math.max(since.getTime(), nowMs - weekMs));
        if (from.getTime() >= nowMs) return undefined;
        return host.telemetry.query({ deviceId, metric, from, to: new Date(nowMs), resolutionSeconds: 3_600, maxPoints: 500 });
      }),
    );
    const all = parts.filter((part) => part !== undefined);
    const day = spanOf(all, nowMs - 24 * hourMs);
    const week = spanOf(all, nowMs - weekMs);
    return { ...(day === undefined ? {} : { day }), ...(week === undefined ? {} : { week }) };
  }

  return {
    plant: (within: Within, plantId: string) => source.plant(within, plantId),
    health: (within: Within, plantId: string) => source.health(within, plantId),
    readingsOf,

    /** `undefined` for a plant that the caller does not see. */
    async look(within: Within, plantId: string): Promise<CareFacts | undefined> {
      const plant = await source.plant(within, plantId);
      if (plant === undefined) return undefined;
      const { readings, missing } = await readingsOf(plant);
      const measured = [...new Set(readings.map(({ metric }) => metric))];
      const spans = Object.fromEntries(await Promise.all(measured.map(async (metric) => [metric, await spansOf(plant, metric)] as const)));
      // Without readings nobody is asked, and what the rules say is of no use.
      const health = readings.length === 0 ? undefined : await source.health(within, plantId);
      return {
        plant,
        now: new Date(host.clock.nowMs()),
        readings,
        missing,
        spans,
        contradictions: contradictionsIn(readings),
        health,
      };
    },
  };
}

export type FactsSource = ReturnType<typeof createFactsSource>;

/** Over all nodes, from then on; buckets count by how many values are in them. */
function spanOf(parts: readonly Points[], fromMs: number): CareSpan | undefined {
  let count = 0;
  let sum = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { at, n, avg, min: low, max: high } of parts) {
    for (const [index, moment] of at.entries()) {
      const values = n[index] ?? 0;
      if (moment < fromMs || values === 0) continue;
      count += values;
      sum += (avg[index] ?? 0) * values;
      min = Math.min(min, low[index] ?? min);
      max = Math.max(max, high[index] ?? max);
    }
  }
  return count === 0 ? undefined : { average: sum / count, min, max, count };
}
