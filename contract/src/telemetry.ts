import { z } from "zod";

import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceId, metricName } from "./ids.ts";
import { quality } from "./quality.ts";
import { defineRoute } from "./route.ts";
import { instant, timeZone } from "./time.ts";
import { unit } from "./units.ts";

/** A metric of one device: what it measures and what values are possible. */
export const series = z.object({
  metric: metricName,
  unit,
  kind: z.enum(["number", "boolean"]),
  /** Physical limits: what lies outside is refused, not stored. */
  min: z.number().optional(),
  max: z.number().optional(),
  firstAt: instant.optional(),
  latest: z.object({ value: z.number(), measuredAt: instant, receivedAt: instant, quality }).optional(),
});
export type Series = z.output<typeof series>;

const oneDevice = z.object({ deviceId });

export const telemetryErrors = defineErrors("telemetry", {
  unknown_metric: [404, "This device has never sent a metric of that name."],
  range_reversed: [400, "The range ends before it begins."],
  range_too_fine: [
    400,
    "The range holds more points than one answer may carry. Ask for a coarser resolution or a shorter range, or use the CSV export.",
  ],
});

export const listSeries = defineRoute({
  operation: "listSeries",
  method: "GET",
  path: "/api/v1/devices/:deviceId/metrics",
  access: "telemetry:read",
  summary: "Lists the metrics of a device with their newest values, by name.",
  params: oneDevice,
  reply: z.object({ items: z.array(series) }),
  errors: [deviceErrors.not_found],
});

export const changeSeries = defineRoute({
  operation: "changeSeries",
  method: "PATCH",
  path: "/api/v1/devices/:deviceId/metrics/:metric",
  access: "devices:write",
  summary: "Sets a metric's unit and limits; absent stays, null removes.",
  params: oneDevice.extend({ metric: metricName }),
  body: z.strictObject({ unit: unit.optional(), min: z.number().nullable().optional(), max: z.number().nullable().optional() }),
  reply: series,
  errors: [deviceErrors.not_found, telemetryErrors.unknown_metric],
});

/**
 * Points of a chart, as columns of equal length, oldest first. A bucket without values is absent: gaps are gaps.
 * `at` is the bucket's start (or the sample's instant when `resolutionSeconds` is 0) in epoch milliseconds.
 */
export const points = z.object({
  metric: metricName,
  unit,
  from: instant,
  to: instant,
  /** 0 = raw samples, as they were measured. */
  resolutionSeconds: z.number().nonnegative(),
  at: z.array(z.number()),
  min: z.array(z.number()),
  max: z.array(z.number()),
  avg: z.array(z.number()),
  n: z.array(z.number().int()),
  /** Set when raw samples went beyond `maxPoints`: ask again with `from` set to this. */
  nextFrom: instant.optional(),
});
export type Points = z.output<typeof points>;

export const queryTelemetry = defineRoute({
  operation: "queryTelemetry",
  method: "GET",
  path: "/api/v1/devices/:deviceId/telemetry",
  access: "telemetry:read",
  summary: "Reads one metric over a range: raw samples, or min, max, average and count per bucket.",
  params: oneDevice,
  query: z.object({
    metric: metricName,
    /** Inclusive. */
    from: instant,
    /** Exclusive. */
    to: instant,
    /** Bucket in seconds, 0 for raw; chosen to fit `maxPoints` when absent. */
    resolutionSeconds: z.coerce.number().min(0).max(31_536_000).optional(),
    maxPoints: z.coerce.number().int().min(1).max(5_000).default(1_000),
    /** Zone whose days and hours buckets of an hour or more follow. */
    timeZone: timeZone.default("UTC"),
  }),
  reply: points,
  errors: [deviceErrors.not_found, telemetryErrors.unknown_metric, telemetryErrors.range_reversed, telemetryErrors.range_too_fine],
});

export const exportTelemetry = defineRoute({
  operation: "exportTelemetry",
  method: "GET",
  path: "/api/v1/devices/:deviceId/telemetry.csv",
  access: "telemetry:export",
  summary: "Streams samples as CSV, oldest first: measured_at, received_at, metric, value, unit, quality.",
  params: oneDevice,
  query: z.object({ metrics: z.string().max(4_000).optional(), from: instant, to: instant, timeZone: timeZone.default("UTC") }),
  streams: "text/csv",
  errors: [deviceErrors.not_found, telemetryErrors.unknown_metric, telemetryErrors.range_reversed],
});

/** One line of a live stream: a sample of an open chart. */
export const liveSample = z.object({ metric: metricName, at: z.number(), value: z.number(), quality });
export type LiveSample = z.output<typeof liveSample>;

export const streamTelemetry = defineRoute({
  operation: "streamTelemetry",
  method: "GET",
  path: "/api/v1/devices/:deviceId/telemetry/stream",
  access: "telemetry:read",
  summary: "Server-sent events: `samples` (an array of liveSample) as they are committed. Resumes after a cut by Last-Event-ID.",
  params: oneDevice,
  query: z.object({ metrics: z.string().max(4_000).optional() }),
  streams: "text/event-stream",
  errors: [deviceErrors.not_found],
});
