import type { Points, Series } from "@roost/contract/telemetry";
import type { UseQueryResult } from "@tanstack/react-query";
import { type RefObject, useEffect, useMemo, useState } from "react";

import { summarise, toColumns } from "./chart-data.ts";
import { Chart, type ChartProps } from "./chart.tsx";
import { Fault } from "./fault.tsx";
import { formatCount, formatExact, formatMetric, formatMinute, formatPlural, formatSpan, formatValue } from "./format.ts";
import { Bone } from "./waiting.tsx";

import styles from "./chart-card.module.css";

interface ChartCardProps extends Pick<ChartProps, "from" | "to" | "timeZone" | "height" | "limits" | "onZoom" | "onStep"> {
  readonly metric: string;
  readonly unit: Series["unit"];
  readonly kind?: Series["kind"];
  /** Its heading; the metric's own name unless given. */
  readonly title?: string;
  /** What the metric means, where a kit says it. */
  readonly about?: string | undefined;
  /** Its points, once the card has come into sight. */
  readonly query: Pick<UseQueryResult<Points>, "isError" | "error" | "refetch" | "isPlaceholderData"> & {
    readonly data?: Points | undefined;
  };
  readonly place: RefObject<HTMLElement | null>;
}

/** A metric's chart with its readout above and its figures as a table below. */
export function ChartCard({ metric, unit, kind = "number", title, about, query, place, ...chart }: ChartCardProps) {
  const [index, setIndex] = useState(-1);
  const points = query.data?.metric === metric ? query.data : undefined;
  return (
    <section ref={place} className={styles.card} aria-label={title ?? formatMetric(metric)}>
      <header className={styles.head}>
        <h2 title={about === undefined ? metric : `${metric}: ${about}`}>
          {title ?? formatMetric(metric)}
          {unit !== "1" && <span className={styles.unit}> {unit}</span>}
        </h2>
        <Readout points={points} index={index} kind={kind} timeZone={chart.timeZone} />
      </header>
      <div className={styles.plot} style={{ minHeight: chart.height }} aria-busy={query.isPlaceholderData}>
        {points === undefined && !query.isError && <Bone height={chart.height} />}
        {points === undefined && query.isError && <Fault error={query.error} onRetry={() => void query.refetch()} />}
        {points !== undefined && <Chart {...chart} points={points} kind={kind} onPoint={setIndex} />}
        {points !== undefined && points.at.length === 0 && !query.isPlaceholderData && (
          <p className={styles.none}>No values in this range.</p>
        )}
      </div>
      <div className={styles.numbersPlace}>{points !== undefined && <Numbers points={points} kind={kind} timeZone={chart.timeZone} />}</div>
    </section>
  );
}

/** Once true, stays true: what was loaded stays loaded when it scrolls away. */
export function useSeen(element: RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (element.current === null || seen) return undefined;
    const observer = new IntersectionObserver(([entry]) => setSeen((before) => before || entry?.isIntersecting === true), {
      rootMargin: "400px",
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, seen]);
  return seen;
}

interface ReadoutProps {
  readonly points: Points | undefined;
  readonly index: number;
  readonly kind: Series["kind"];
  readonly timeZone: string;
}

/** The point under the cursor in figures; without a cursor, the extremes of what is seen. Its place is kept in either case. */
function Readout({ points, index, kind, timeZone }: ReadoutProps) {
  const columns = useMemo(() => (points === undefined ? undefined : toColumns(points)), [points]);
  const summary = useMemo(() => (points === undefined ? undefined : summarise(points)), [points]);
  if (points === undefined || columns === undefined || summary === undefined) return <p className={styles.readout} />;
  const value = (figure: number) => formatValue(figure, points.unit, kind);
  const at = columns[0][index];
  const avg = columns[3][index];
  if (at === undefined || avg === undefined || avg === null) {
    return (
      <p className={styles.readout}>
        {kind === "number" && (
          <>
            <span title={`Lowest, ${formatExact(summary.lowestAt, timeZone)}`}>low {value(summary.lowest)}</span>
            <span title={`Highest, ${formatExact(summary.highestAt, timeZone)}`}>high {value(summary.highest)}</span>
            <span title={`Average of ${formatCount(summary.count)} values`}>avg {value(summary.average)}</span>
          </>
        )}
      </p>
    );
  }
  const min = columns[1][index] ?? avg;
  const max = columns[2][index] ?? avg;
  const instant = new Date(at * 1_000);
  return (
    <p className={styles.readout} data-cursor>
      <span>{points.resolutionSeconds >= 60 ? formatMinute(instant, timeZone) : formatExact(instant, timeZone).slice(0, 19)}</span>
      <strong>{value(avg)}</strong>
      {min !== max && (
        <span>
          {value(min)} – {value(max)}
        </span>
      )}
    </p>
  );
}

const rowsAtMost = 200;

/** The same points as a table, for those who want figures instead of a line. Built only when opened. */
function Numbers({ points, kind, timeZone }: { readonly points: Points; readonly kind: Series["kind"]; readonly timeZone: string }) {
  const [open, setOpen] = useState(false);
  const gaps = useMemo(() => toColumns(points)[3].filter((value) => value === null).length, [points]);
  const value = (figure: number | undefined) => (figure === undefined ? "" : formatValue(figure, points.unit, kind));
  const first = Math.max(0, points.at.length - rowsAtMost);
  return (
    <details className={styles.numbers} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {points.resolutionSeconds === 0
          ? formatPlural(points.at.length, "sample")
          : `${formatPlural(points.at.length, "step")} of ${formatSpan(points.resolutionSeconds * 1_000)}`}
        {gaps > 0 && `, ${formatPlural(gaps, "gap")}`}
        <span className={styles.asTable}> · as a table</span>
      </summary>
      {open && (
        // Reachable by keyboard, since it scrolls.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className={styles.scroll} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time ({timeZone})</th>
                <th scope="col">Average</th>
                <th scope="col">Lowest</th>
                <th scope="col">Highest</th>
                <th scope="col">Values</th>
              </tr>
            </thead>
            <tbody>
              {points.at.slice(first).map((at, row) => (
                <tr key={at}>
                  <td>{formatExact(new Date(at), timeZone).slice(0, 19)}</td>
                  <td>{value(points.avg[first + row])}</td>
                  <td>{value(points.min[first + row])}</td>
                  <td>{value(points.max[first + row])}</td>
                  <td>{points.n[first + row]}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {first > 0 && <p className="quiet">The newest {rowsAtMost} are shown; the CSV has all.</p>}
        </div>
      )}
    </details>
  );
}
