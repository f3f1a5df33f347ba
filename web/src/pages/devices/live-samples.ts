import type { LiveSample, Points, series } from "@roost/contract/telemetry";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { z } from "zod";

import { appendSamples } from "../../parts/chart-data.ts";
import { isRange, ranges } from "../../parts/view.ts";
import { useApi, useRoost } from "../../roost.tsx";

/** Samples come as fast as they are stored; the screen follows this often. */
const drawEveryMs = 250;

/** Hears the samples of a device while its page is open, and puts them into the charts that move and the newest values. */
export function useLiveSamples(deviceId: string): void {
  const { live } = useRoost();
  const api = useApi();
  const queryClient = useQueryClient();
  useEffect(() => {
    let held: LiveSample[] = [];
    const draw = () => {
      if (held.length === 0) return;
      const byMetric = Map.groupBy(held, (sample) => sample.metric);
      held = [];
      const now = Date.now();
      for (const [metric, samples] of byMetric) {
        for (const [key, points] of queryClient.getQueriesData<Points>({ queryKey: ["telemetry", deviceId, metric] })) {
          const range = key[3];
          if (points === undefined || !isRange(range)) continue;
          // The age stays that of the server's answer, so that asking again is not put off by what the stream brings.
          const updatedAt = queryClient.getQueryState(key)?.dataUpdatedAt ?? now;
          queryClient.setQueryData<Points>(key, appendSamples(points, samples, now - ranges[range]), { updatedAt });
        }
      }
      queryClient.setQueryData(api.series(deviceId).queryKey, (before) =>
        before === undefined ? before : { items: before.items.map((one) => withNewest(one, byMetric.get(one.metric))) },
      );
    };
    const timer = setInterval(draw, drawEveryMs);
    const leave = live.samples(deviceId, (samples) => held.push(...samples));
    return () => {
      clearInterval(timer);
      leave();
    };
  }, [deviceId, live, api, queryClient]);
}

type Series = z.output<typeof series>;

function withNewest(one: Series, samples: readonly LiveSample[] | undefined): Series {
  const newest = samples?.reduce((best, sample) => (sample.at >= best.at ? sample : best));
  if (newest === undefined || newest.at <= (one.latest?.measuredAt.getTime() ?? 0)) return one;
  return { ...one, latest: { value: newest.value, measuredAt: new Date(newest.at), receivedAt: new Date(), quality: newest.quality } };
}
