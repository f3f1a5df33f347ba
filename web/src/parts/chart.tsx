import { useComputedColorScheme } from "@mantine/core";
import type { Points, Series } from "@roost/contract/telemetry";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type UPlot from "uplot";

import "uplot/dist/uPlot.min.css";

import type { Limit } from "./chart-data.ts";
import { summarise, toColumns } from "./chart-data.ts";
import { createPlot } from "./chart-plot.ts";
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
  const { points, kind, limits, from, to, timeZone, height, onStep } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const now = useRef(props);
  now.current = props;
  const scheme = useComputedColorScheme();
  const columns = useMemo(() => toColumns(points), [points]);
  const [index, setIndex] = useState(-1);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let gone = false;
    let observer: ResizeObserver | undefined;
    const onIndex = (next: number) => {
      setIndex(next);
      now.current.onPoint(next);
    };
    void createPlot(element, { unit: points.unit, kind, timeZone, height, read: () => now.current, onIndex }).then((made) => {
      if (gone) return made.destroy();
      plot.current = made;
      show(made, toColumns(now.current.points), now.current);
      observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
      observer.observe(element);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
    // The scheme is here because colours are read when the plot is made.
  }, [points.unit, kind, timeZone, height, scheme]);

  useEffect(() => {
    if (plot.current !== undefined) show(plot.current, columns, { from, to });
  }, [columns, from, to, limits]);

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step =
      event.shiftKey && event.key === "ArrowLeft"
        ? "earlier"
        : event.shiftKey && event.key === "ArrowRight"
          ? "later"
          : keySteps[event.key];
    if (step !== undefined) onStep(step);
    else if (plot.current === undefined || !walk(plot.current, event.key)) return;
    event.preventDefault();
  };
  const said = describePoint(points, columns[0][index], kind, timeZone);
  return (
    <div
      ref={place}
      className={styles.chart}
      style={{ height }}
      role="slider"
      tabIndex={0}
      aria-label={describe(points, kind, timeZone)}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, columns[0].length - 1)}
      aria-valuenow={Math.max(0, index)}
      aria-valuetext={said}
      onKeyDown={onKey}
    />
  );
}

function show(plot: UPlot, columns: ReturnType<typeof toColumns>, { from, to }: { from: number; to: number }): void {
  plot.batch(() => {
    plot.setData(columns, false);
    plot.setScale("x", { min: from / 1_000, max: to / 1_000 });
  });
}

/** Moves the cursor by key to the neighbouring point that has a value. */
function walk(plot: UPlot, key: string): boolean {
  const [at, , , avg] = plot.data as ReturnType<typeof toColumns>;
  const { min = -Infinity, max = Infinity } = plot.scales["x"] ?? {};
  const seen = at.flatMap((instant, index) => (instant >= min && instant <= max && avg[index] !== null ? [index] : []));
  const current = seen.indexOf(plot.cursor.idx ?? -1);
  const next = { ArrowLeft: current === -1 ? seen.length - 1 : current - 1, ArrowRight: current + 1, Home: 0, End: seen.length - 1 }[key];
  if (next === undefined) return false;
  const index = seen[Math.min(Math.max(next, 0), seen.length - 1)];
  const instant = index === undefined ? undefined : at[index];
  if (index !== undefined && instant !== undefined)
    plot.setCursor({ left: plot.valToPos(instant, "x"), top: plot.valToPos(avg[index] ?? 0, "y") });
  return true;
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
