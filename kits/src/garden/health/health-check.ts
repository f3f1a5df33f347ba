import type { KitDevice, KitHost } from "@roost/contract/kit-host";
import type { Within } from "@roost/contract/tenancy";

import type { HealthCheck, OwnAdviceNumbers, Trend } from "../contract/health.ts";
import { limitedMetrics } from "../contract/limits.ts";
import type { LimitedMetric, PlantLimits } from "../contract/limits.ts";
import type { PlantId } from "../contract/plants.ts";
import { isInUnitOfLimits } from "../plants/limits.ts";
import { staleAfterMs } from "../plants/plant-state.ts";
import { advise, effectiveLimits, forecastDry, numbersOf } from "./advice.ts";
import { brightestHour, isCurrent, judgeHealth } from "./health.ts";
import type { Reading } from "./health.ts";
import { trendOf } from "./trend.ts";
import type { HourMean } from "./trend.ts";

/** A time during which a node stood at the plant. */
export interface Stay {
  readonly deviceId: string;
  readonly from: Date;
  /** Absent: it stands there now. */
  readonly to?: Date | undefined;
}

export interface HealthNeighbours {
  /** @throws {AppError} `garden.plant_not_found` */
  plantOf(within: Within, plantId: string): Promise<{ readonly limits: PlantLimits; readonly presetId?: string | undefined }>;
  /** Which nodes stood at a plant, ended stays included. */
  staysOf(within: Within, plantId: string): Promise<readonly Stay[]>;
  /** The limits of a species of the table. */
  speciesLimits(presetId: string): PlantLimits | undefined;
  /** Numbers of the rules that somebody set for the plant or its species. */
  numbersFor?(within: Within, plantId: string, presetId: string | undefined): Promise<OwnAdviceNumbers>;
  /** The newest care plan; without the neighbour there is none. */
  carePlanOf?(within: Within, plantId: string): Promise<{ readonly generatedAt: Date; readonly tips: readonly string[] } | undefined>;
  /** Whether a model is set up that could write one. */
  hasModel?(within: Within): Promise<boolean>;
}

const hourMs = 3_600_000;
/** Trends are of a week: enough days to tell a trend from the weather of one, and no more than the plant is still in. */
const trendHours = 7 * 24;
/** A plant shows so many pieces of advice at once. */
const mostAdvice = 4;

/** Judges plants by what their nodes measured. It reads only; asking twice is asking twice. */
export function createHealthChecks(
  { clock, devices, telemetry }: Pick<KitHost, "clock" | "devices" | "telemetry">,
  neighbours: HealthNeighbours,
) {
  /** The newest value of each metric that a node measured while it stands at the plant. */
  async function readingsOf(nodes: readonly { stay: Stay; device: KitDevice }[]): Promise<Partial<Record<LimitedMetric, Reading>>> {
    const latest = await telemetry.latest(nodes.map(({ device }) => device.id));
    const readings: Partial<Record<LimitedMetric, Reading>> = {};
    for (const { stay, device } of nodes) {
      for (const { metric: name, value, unit, measuredAt, quality } of latest.get(device.id) ?? []) {
        const metric = limitedMetrics.find((one) => one === name);
        // What it measured elsewhere, before it came, is the other plant's; and 0.4 is not 0.4 %.
        if (metric === undefined || measuredAt < stay.from || !isInUnitOfLimits(metric, unit)) continue;
        if ((readings[metric]?.measuredAt ?? stay.from) > measuredAt) continue;
        const isSuspect = quality === "suspect";
        // What its node calls old is old, whenever it was sent.
        const oldAfterMs = quality === "stale" ? Number.NEGATIVE_INFINITY : staleAfterMs(device.heartbeatSeconds);
        readings[metric] = { value, measuredAt, deviceId: device.id, isSuspect, staleAfterMs: oldAfterMs };
      }
    }
    return readings;
  }

  /** The hours of one node at the plant: a trend is of one probe, since no two read the same. */
  async function hoursOf(metric: LimitedMetric, stays: readonly Stay[], nowMs: number): Promise<HourMean[]> {
    const firstHour = Math.floor(nowMs / hourMs) - trendHours + 1;
    const from = new Date(firstHour * hourMs);
    const found = await Promise.all(
      stays
        .filter(({ to }) => to === undefined || to > from)
        .map(async (stay) => {
          const begin = stay.from > from ? stay.from : from;
          const end = new Date(Math.min(stay.to?.getTime() ?? Infinity, nowMs + 1));
          if (end <= begin) return [];
          const { deviceId } = stay;
          const points = await telemetry.query({
            deviceId,
            metric,
            from: begin,
            to: end,
            resolutionSeconds: 3_600,
            maxPoints: trendHours + 2,
          });
          return (points?.at ?? []).map((at, index) => {
            const mean = points?.avg[index] ?? 0;
            return { at: Math.floor(at / hourMs) * hourMs, mean, min: points?.min[index] ?? mean, max: points?.max[index] ?? mean };
          });
        }),
    );
    // An hour in which it left and came back is there twice; the later part stands for it.
    const byHour = new Map(found.flat().map((hour) => [hour.at, hour]));
    return [...byHour.values()].sort((one, other) => one.at - other.at);
  }

  return {
    /** @throws {AppError} `garden.plant_not_found` */
    async check(within: Within, plantId: string): Promise<HealthCheck> {
      const plant = await neighbours.plantOf(within, plantId);
      const nowMs = clock.nowMs();
      const [stays, own, carePlan, hasModel] = await Promise.all([
        neighbours.staysOf(within, plantId),
        neighbours.numbersFor?.(within, plantId, plant.presetId),
        neighbours.carePlanOf?.(within, plantId),
        neighbours.hasModel?.(within),
      ]);
      const nodes = stays.flatMap((stay) => {
        const device = stay.to === undefined ? devices.findSeen(within, stay.deviceId) : undefined;
        return device === undefined ? [] : [{ stay, device }];
      });
      const readings = await readingsOf(nodes);
      const known = Object.entries(readings) as [LimitedMetric, Reading][];
      const hours: Partial<Record<LimitedMetric, HourMean[]>> = Object.fromEntries(
        await Promise.all(
          known.map(async ([metric, { deviceId }]) => {
            const own = stays.filter((stay) => stay.deviceId === deviceId);
            return [metric, await hoursOf(metric, own, nowMs)] as const;
          }),
        ),
      );
      const trends = known.map(([metric]): [LimitedMetric, Trend] => [metric, trendOf(metric, hours[metric] ?? [], nowMs)]);
      const verdict = judgeHealth({ limits: plant.limits, nodes: nodes.length, readings, hours, nowMs });
      const limits = effectiveLimits(plant.limits, plant.presetId === undefined ? undefined : neighbours.speciesLimits(plant.presetId));
      const question = {
        numbers: numbersOf(limits, own),
        limits,
        readings: Object.fromEntries(known.filter(([, reading]) => isCurrent(reading, nowMs))),
        silent: Object.fromEntries(known.filter(([, reading]) => !reading.isSuspect && !isCurrent(reading, nowMs))),
        trends: Object.fromEntries(trends),
        brightest: brightestHour(hours.light_level ?? [], nowMs),
        tips: carePlan?.tips,
        hasModel: hasModel ?? false,
      };
      const dryForecast = forecastDry(question);
      return {
        plantId: plantId as PlantId,
        ...verdict,
        recommendations: advise(question).slice(0, mostAdvice),
        trends: trends.map(([, trend]) => trend),
        ...(dryForecast === undefined ? {} : { dryForecast }),
        checkedAt: new Date(nowMs),
        hasCarePlan: carePlan !== undefined,
        ...(carePlan === undefined ? {} : { carePlanAgeHours: Math.max(nowMs - carePlan.generatedAt.getTime(), 0) / hourMs }),
      };
    },
  };
}

export type HealthChecks = ReturnType<typeof createHealthChecks>;
