import { ChartCard, useSeen } from "@roost/web/parts/chart-card.tsx";
import type { Limit } from "@roost/web/parts/chart-data.ts";
import type { ChartStep } from "@roost/web/parts/chart.tsx";
import { Chips } from "@roost/web/parts/filters.tsx";
import { useKitNavigate, useKitSearch } from "@roost/web/parts/kit-link.tsx";
import { endsOf, hold, isRange, keyOf, pan, type Range, ranges, stepOf, type View, viewOf, zoom } from "@roost/web/parts/view.ts";
import { ownZone } from "@roost/web/parts/zones.ts";
import { useApi, useNow } from "@roost/web/roost.tsx";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useRef } from "react";

import { type LimitedMetric, limitedMetrics } from "../contract/limits.ts";
import { getPlantHistory, type Plant } from "../contract/plants.ts";
import { metricUnits } from "./plant-words.ts";

import styles from "./plant-charts.module.css";

const titles: Readonly<Record<LimitedMetric, string>> = {
  soil_moisture: "Soil moisture",
  temperature: "Air temperature",
  humidity: "Air humidity",
  light_level: "Light",
};
const offered: readonly { readonly value: Range; readonly label: string }[] = [
  { value: "24h", label: "Day" },
  { value: "7d", label: "Week" },
  { value: "30d", label: "Month" },
  { value: "1y", label: "Year" },
];

/** What the plant's nodes measured while they stood there, one chart for each metric, its limits drawn. */
export function PlantCharts({ plant }: { readonly plant: Plant }) {
  const search = useKitSearch();
  const go = useKitNavigate();
  const { range, from: start, to: end } = search;
  const view = useMemo(
    () => viewOf({ range: isRange(range) ? range : undefined, from: numberOf(start), to: numberOf(end) }),
    [range, start, end],
  );
  const now = useNow(stepOf(view));
  const ends = endsOf(view, now);
  const path = `plants/${plant.id}`;
  const still = useCallback(
    (to: { from: number; to: number }, replace = false) =>
      go(path, { search: { ...search, from: String(Math.round(to.from)), to: String(Math.round(to.to)) }, replace }),
    [go, path, search],
  );
  const onStep = useCallback(
    (step: ChartStep) => {
      const present = Date.now();
      if (step === "in") still(zoom(view, 0.5, present));
      else if (step === "out") still(zoom(view, 2, present));
      else if (step === "earlier") still(pan(view, -0.5, present), true);
      else if (step === "later") still(pan(view, 0.5, present), true);
      else go(path, { search: { ...search, from: undefined, to: undefined } });
    },
    [still, view, go, path, search],
  );
  const measured = new Set(plant.latest.map(({ metric }) => metric));
  const shown = limitedMetrics.filter((metric) => measured.has(metric) || plant.limits[metric] !== undefined);
  return (
    <>
      <div className={styles.bar}>
        <Chips
          label="Range"
          value={view.still === undefined ? view.range : undefined}
          onChange={(next) => go(path, { search: { ...search, range: next, from: undefined, to: undefined } })}
          choices={offered.map(({ value, label }): { value: Range | undefined; label: string } => ({ value, label }))}
        />
      </div>
      <div className={styles.charts}>
        {shown.map((metric) => (
          <PlantChart
            key={metric}
            plant={plant}
            metric={metric}
            view={view}
            from={ends.from}
            to={ends.to}
            onZoom={(from, to) => still(hold(from, to, Date.now()))}
            onStep={onStep}
          />
        ))}
      </div>
    </>
  );
}

function PlantChart({
  plant,
  metric,
  view,
  ...chart
}: {
  readonly plant: Plant;
  readonly metric: LimitedMetric;
  readonly view: View;
  readonly from: number;
  readonly to: number;
  readonly onZoom: (from: number, to: number) => void;
  readonly onStep: (step: ChartStep) => void;
}) {
  const { call } = useApi();
  const place = useRef<HTMLElement>(null);
  const seen = useSeen(place);
  const timeZone = ownZone();
  const query = useQuery({
    queryKey: ["garden", "history", plant.id, metric, keyOf(view), timeZone],
    queryFn: ({ signal }) => {
      const { from, to } = endsOf(view, Date.now());
      return call(getPlantHistory, {
        params: { plantId: plant.id },
        query: { metric, from: new Date(from).toISOString(), to: new Date(to).toISOString(), maxPoints: pointsOf(view), timeZone },
        signal,
      });
    },
    enabled: seen,
    refetchInterval: view.still === undefined ? Math.max(10_000, ranges[view.range] / 240) : false,
    placeholderData: keepPreviousData,
  });
  const band = plant.limits[metric];
  const limits = useMemo((): Limit[] => {
    const { min = null, max = null } = band ?? {};
    return [
      ...(max === null ? [] : [{ value: max, side: "above" as const, severity: "warning" as const }]),
      ...(min === null ? [] : [{ value: min, side: "below" as const, severity: "warning" as const }]),
    ];
  }, [band]);
  return (
    <ChartCard
      {...chart}
      metric={metric}
      unit={metricUnits[metric]}
      title={titles[metric]}
      query={query}
      place={place}
      limits={limits}
      timeZone={timeZone}
      height={200}
    />
  );
}

/** A year is told by its days: they are kept added up, and a finer step would show no more. */
function pointsOf({ range, still }: View): number {
  return range === "1y" && still === undefined ? 400 : 600;
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text ?? "");
  return text === undefined || !Number.isFinite(value) || value <= 0 ? undefined : value;
}
