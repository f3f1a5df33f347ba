import { telemetryErrors } from "@roost/contract/telemetry";
import type { Points } from "@roost/contract/telemetry";

import type { Queryable } from "../../platform/db.ts";
import type { Within } from "../../platform/tenancy.ts";
import { bucketsOf, countBuckets, fittingResolution, startOf } from "./buckets.ts";
import { selectBuckets } from "./points-store.ts";
import { countRange, findHourAfter, selectSamples } from "./sample-store.ts";
import type { Sample } from "./sample-store.ts";
import type { SeriesEntry } from "./series.ts";

/** What is asked of one metric over a range; see the route `queryTelemetry`. */
export interface PointsQuery {
  /** On whose behalf. Absent: the platform's own work. */
  readonly within?: Within | undefined;
  readonly deviceKey: number;
  readonly metric: string;
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  /** 0 = raw; absent = chosen. */
  readonly resolutionSeconds?: number | undefined;
  readonly maxPoints: number;
  /** IANA; hours and days of buckets follow its clock. */
  readonly timeZone: string;
}

/** Samples that one answer may read; more are asked for coarser, or as an export. */
const maxSamplesRead = 1_000_000;
const hourSeconds = 3_600;

/**
 * Reads points of one series over a range.
 *
 * @throws {AppError} `telemetry.range_reversed`, `telemetry.range_too_fine`
 */
export async function readPoints(db: Queryable, series: SeriesEntry, query: PointsQuery): Promise<Points> {
  const fromMs = query.from.getTime();
  const toMs = query.to.getTime();
  if (toMs < fromMs) throw telemetryErrors.range_reversed({ from: query.from, to: query.to });
  const head = { metric: series.metric, unit: series.unit, from: query.from, to: query.to };
  if (toMs === fromMs) return { ...head, resolutionSeconds: query.resolutionSeconds ?? 0, ...noPoints() };
  const range = { deviceKey: series.deviceKey, seriesKey: series.key, fromUs: fromMs * 1_000, toUs: toMs * 1_000 };

  const facts = await countRange(db, range);
  const inStore = { ...range, segmentIds: facts.segmentIds };
  if (query.resolutionSeconds === 0) return { ...head, ...(await readRaw(db, inStore, query.maxPoints)) };
  if (query.resolutionSeconds === undefined && facts.n <= query.maxPoints && facts.retiredHours === 0) {
    // Few enough as they were measured, unless rows that are not compacted yet make them too many.
    const raw = await readRaw(db, inStore, query.maxPoints);
    if (raw.nextFrom === undefined) return { ...head, ...raw };
  }
  const readsSamples = facts.n <= maxSamplesRead && facts.retiredHours === 0;
  const resolutionSeconds = query.resolutionSeconds ?? fittingResolution(fromMs, toMs, query.maxPoints, readsSamples ? 0 : hourSeconds);
  if (resolutionSeconds < hourSeconds && facts.n > maxSamplesRead)
    throw telemetryErrors.range_too_fine({ samples: facts.n, limit: maxSamplesRead });
  if (countBuckets(fromMs, toMs, resolutionSeconds) > query.maxPoints + 1) {
    throw telemetryErrors.range_too_fine({ points: countBuckets(fromMs, toMs, resolutionSeconds), limit: query.maxPoints });
  }
  const buckets = bucketsOf(fromMs, toMs, resolutionSeconds, query.timeZone);
  const stats = await selectBuckets(db, { ...inStore, buckets });
  return {
    ...head,
    resolutionSeconds,
    at: stats.map(({ index }) => startOf(buckets, index) / 1_000),
    min: stats.map(({ min }) => min),
    max: stats.map(({ max }) => max),
    avg: stats.map(({ avg }) => avg),
    n: stats.map(({ n }) => n),
  };
}

const noPoints = () => ({ at: [], min: [], max: [], avg: [], n: [] });

interface SeriesRange {
  readonly deviceKey: number;
  readonly segmentIds: readonly number[];
  readonly seriesKey: number;
  readonly fromUs: number;
  readonly toUs: number;
}

/** Samples as they were measured; a page ends between two milliseconds, because that is how fine its end can be told. */
async function readRaw(db: Queryable, range: SeriesRange, maxPoints: number): Promise<Omit<Points, "metric" | "unit" | "from" | "to">> {
  const { deviceKey, segmentIds, seriesKey, fromUs, toUs } = range;
  // As far as the page can reach by the hours' counts, so that a long range costs no more than a short one.
  const endUs = Math.min(toUs, (await findHourAfter(db, range, maxPoints)) ?? toUs);
  const samples = await selectSamples(db, { deviceKey, segmentIds, seriesKeys: [seriesKey], fromUs, toUs: endUs, limit: maxPoints + 1 });
  let nextFromMs = endUs < toUs ? endUs / 1_000 : undefined;
  let page: readonly Sample[] = samples;
  if (samples.length > maxPoints) {
    const beyond = samples[maxPoints] as Sample;
    nextFromMs = Math.floor(beyond.measuredUs / 1_000);
    page = samples.filter((sample) => Math.floor(sample.measuredUs / 1_000) < (nextFromMs ?? 0));
    if (page.length === 0) {
      // More samples within one millisecond than a page holds: the page is that millisecond.
      const oneMs = {
        deviceKey,
        segmentIds,
        seriesKeys: [seriesKey],
        fromUs: Math.max(fromUs, nextFromMs * 1_000),
        toUs: Math.min(endUs, (nextFromMs + 1) * 1_000),
      };
      page = await selectSamples(db, { ...oneMs, limit: 20_000 });
      if (page.length === 20_000) throw telemetryErrors.range_too_fine({ samples: page.length });
      nextFromMs += 1;
    }
  }
  const values = page.map(({ value }) => value);
  return {
    resolutionSeconds: 0,
    at: page.map(({ measuredUs }) => measuredUs / 1_000),
    min: values,
    max: values,
    avg: values,
    n: page.map(() => 1),
    ...(nextFromMs === undefined ? {} : { nextFrom: new Date(nextFromMs) }),
  };
}
