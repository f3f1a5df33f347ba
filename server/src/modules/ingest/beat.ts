import type { Heartbeat } from "@roost/contract/envelope";
import type { HeartbeatMetric } from "@roost/contract/kit";

import type { DecodedSample } from "./decode.ts";
import { readStamp } from "./stamp.ts";

/**
 * What a heartbeat measures, as a sample of the device; `undefined` where it measures nothing.
 *
 * @param kept - Figures that are the device's metrics, by its kind.
 * @param latestUs - The latest instant a right clock can show now, in epoch microseconds.
 */
export function sampleOfBeat(beat: Heartbeat, kept: readonly HeartbeatMetric[], latestUs: number): DecodedSample | undefined {
  const metrics = kept.filter((metric) => beat[metric] !== undefined);
  if (metrics.length === 0) return undefined;
  return {
    stamp: readStamp(beat.timestamp, latestUs),
    seq: undefined,
    quality: 0,
    metrics,
    values: metrics.map((metric) => beat[metric] ?? 0),
    kinds: metrics.map(() => "number"),
    texts: [],
  };
}
