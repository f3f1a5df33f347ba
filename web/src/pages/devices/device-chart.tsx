import type { AlarmRule } from "@roost/contract/rules";
import type { Series } from "@roost/contract/telemetry";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";

import { ChartCard, useSeen } from "../../parts/chart-card.tsx";
import { limitsOf } from "../../parts/chart-data.ts";
import type { ChartProps } from "../../parts/chart.tsx";
import { ranges, type View } from "../../parts/view.ts";
import { useApi } from "../../roost.tsx";

interface DeviceChartProps extends Pick<ChartProps, "from" | "to" | "timeZone" | "height" | "onZoom" | "onStep"> {
  readonly deviceId: string;
  readonly series: Series;
  readonly view: View;
  /** What the metric means, where a kit says it. */
  readonly about: string | undefined;
  readonly rules: readonly AlarmRule[];
  /** Where the device stands: rules have exceptions for sites. */
  readonly siteId?: string | undefined;
}

/** The chart of a device's metric. It asks for its points when it comes into sight. */
export function DeviceChart({ deviceId, series, view, about, rules, siteId, ...chart }: DeviceChartProps) {
  const { metric, kind, unit } = series;
  const place = useRef<HTMLElement>(null);
  const seen = useSeen(place);
  const query = useQuery({
    ...useApi().telemetry({ deviceId, metric, view, maxPoints: 600, timeZone: chart.timeZone }),
    enabled: seen,
    // The live stream brings what is new; asking again now and then brings what came late.
    refetchInterval: view.still === undefined ? Math.max(30_000, ranges[view.range] / 120) : false,
  });
  const limits = useMemo(
    () => limitsOf(rules, metric, { unit, ...(siteId === undefined ? {} : { siteId }) }),
    [rules, metric, unit, siteId],
  );
  return <ChartCard {...chart} metric={metric} unit={unit} kind={kind} about={about} query={query} place={place} limits={limits} />;
}
