import { useComputedColorScheme } from "@mantine/core";
import type { Points, Series } from "@roost/contract/telemetry";
import { type KeyboardEvent, useEffect, useEffectEvent, useMemo, useRef, useState } from "react";

import "uplot/dist/uPlot.min.css";

import type { Limit } from "./chart-data.ts";
import { summarise, toColumns } from "./chart-data.ts";
import { createPlot, type PlotHandle } from "./chart-plot.ts";
import { formatCount, formatExact, formatMetric, formatPlural, formatValue } from "./format.ts";

import styles from "./chart.module.css";

export interface ChartProps {
  readonly points: Points;
  readonly kind: Series["kind"];
  readonly limits: readonly Limit[];
  /** What is seen, in epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly timeZone: string;
  readonly height: number;
  readonly onZoom: (from: number, to: number) => void;
  /** `in`, `out`, `earlier`, `later`, `reset`, by keyboard. */
  readonly onStep: (step: ChartStep) => void;
  /** Tells which point the cursor is on; -1 for none. */
  readonly onPoint: (index: number) => void;
}
export type ChartStep = "in" | "out" | "earlier" | "later" | "reset";

const shiftSteps: Readonly<Record<string, ChartStep>> = { ArrowLeft: "earlier", ArrowRight: "later" };
const keySteps: Readonly<Record<string, ChartStep>> = {
  "+": "in",
  "=": "in",
  "-": "out",
  _: "out",
  "0": "reset",
  Escape: "reset",
  PageUp: "earlier",
  PageDown: "later",
};

/**
 * A time series: band from lowest to highest, line of the average, gaps as gaps, limits as dashed lines.
 *
 * Drag to look closer, two fingers on a touch screen, or the keys: arrows walk from point to point, `+` and `-` zoom, Page Up and Page
 * Down move, `0` goes back. For screen readers it is a slider over its points.
 */
export function Chart(props: ChartProps) {
  // Canvas knows no CSS variables: another colour scheme is another plot.
  return <Plot key={useComputedColorScheme()} {...props} />;
}

function Plot({ points, kind, limits, from, to, timeZone, height, onZoom, onStep, onPoint }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<PlotHandle>();
  const [index, setIndex] = useState(-1);
  const columns = useMemo(() => toColumns(points), [points]);
  const onIndex = useEffectEvent((next: number) => {
    setIndex(next);
    onPoint(next);
  });
  const onSelect = useEffectEvent(onZoom);

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    let made: PlotHandle | undefined;
    let gone = false;
    const observer = new ResizeObserver(() => made?.resize());
    const hooks = { onIndex: (next: number) => onIndex(next), onZoom: (start: number, end: number) => onSelect(start, end) };
    void createPlot(element, { unit: points.unit, kind, timeZone, height, ...hooks }).then((ready) => {
      if (gone) return ready.destroy();
      made = ready;
      observer.observe(element);
      setPlot(ready);
    });
    return () => {
      gone = true;
      observer.disconnect();
      made?.destroy();
      setPlot(undefined);
    };
  }, [points.unit, kind, timeZone, height]);

  useEffect(() => plot?.draw({ columns, from, to, limits }), [plot, columns, from, to, limits]);

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const shifted = event.shiftKey ? shiftSteps[event.key] : undefined;
    const step = shifted ?? keySteps[event.key];
    if (step !== undefined) onStep(step);
    else if (plot?.walk(event.key) !== true) return;
    event.preventDefault();
  };
  return (
    <div
      ref={place}
      className={styles.chart}
      style={{ height }}
      // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- an input cannot hold a drawing
      role="slider"
      tabIndex={0}
      aria-label={describe(points, kind, timeZone)}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, columns[0].length - 1)}
      aria-valuenow={Math.max(0, index)}
      aria-valuetext={describePoint(points, columns[0][index], kind, timeZone)}
      onKeyDown={onKey}
    />
  );
}

function describe(points: Points, kind: Series["kind"], timeZone: string): string {
  const summary = summarise(points);
  const metric = formatMetric(points.metric);
  if (summary === undefined) return `${metric}: no values in this range`;
  const value = (figure: number) => formatValue(figure, points.unit, kind);
  return [
    `${metric}: lowest ${value(summary.lowest)} at ${formatExact(summary.lowestAt, timeZone)}`,
    `highest ${value(summary.highest)} at ${formatExact(summary.highestAt, timeZone)}`,
    `average ${formatValue(summary.average, points.unit)}`,
    `${formatCount(summary.count)} values`,
    summary.gaps === 0 ? "no gaps" : formatPlural(summary.gaps, "gap"),
  ].join(", ");
}

function describePoint(points: Points, atSeconds: number | undefined, kind: Series["kind"], timeZone: string): string {
  const index = atSeconds === undefined ? -1 : points.at.indexOf(Math.round(atSeconds * 1_000));
  const avg = points.avg[index];
  if (avg === undefined || atSeconds === undefined) return "No point chosen. Use the arrow keys.";
  return `${formatValue(avg, points.unit, kind)} at ${formatExact(new Date(atSeconds * 1_000), timeZone)}`;
}
