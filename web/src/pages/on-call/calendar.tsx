import { Button } from "@mantine/core";
import type { OnCallSchedule } from "@roost/contract/on-call";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { formatMinute } from "../../parts/format.ts";
import { useApi, useNow } from "../../roost.tsx";
import { byDay, daysOf, instantOf, turn, wallOf } from "../windows/window-times.ts";
import { turnWords } from "./on-call-words.ts";
import { turns as turnsQuestion } from "./questions.ts";

import styles from "./on-call.module.css";

const views = [
  { value: "month", label: "Month" },
  { value: "week", label: "Week" },
] as const;
const dayMs = 86_400_000;

/** Who is on call, day by day. A day that is pressed is one to put somebody else there. */
export function OnCallCalendar({
  schedules,
  zone,
  onPick,
}: {
  readonly schedules: readonly OnCallSchedule[];
  readonly zone: string;
  /** Absent: this person may only look. */
  readonly onPick: ((day: string) => void) | undefined;
}) {
  const { call } = useApi();
  const today = wallOf(new Date(useNow(60_000)), zone).slice(0, 10);
  const [day, setDay] = useState(today);
  const [view, setView] = useState<"month" | "week">("month");
  const days = daysOf(day, view);
  const from = instantOf(`${days[0] ?? day}T00:00`, zone) ?? new Date(0);
  const last = instantOf(`${days.at(-1) ?? day}T00:00`, zone) ?? from;
  const query = useQuery(turnsQuestion(call, from, new Date(last.getTime() + dayMs)));
  const items = byDay(query.data?.items ?? [], days, zone);
  const names = new Map(schedules.map(({ id, name }) => [id, name]));
  const title =
    view === "month"
      ? new Date(`${day}T00:00:00Z`).toLocaleDateString("en-GB", { month: "long", year: "numeric", timeZone: "UTC" })
      : `${days[0]} to ${days.at(-1)}`;
  return (
    <>
      <div className={styles.head}>
        <Chips label="View" choices={views} value={view} onChange={setView} />
        <div className={styles.turns}>
          <Button variant="default" aria-label={`The ${view} before`} onClick={() => setDay(turn(day, view, -1))}>
            ‹
          </Button>
          <h3 aria-live="polite">{title}</h3>
          <Button variant="default" aria-label={`The ${view} after`} onClick={() => setDay(turn(day, view, 1))}>
            ›
          </Button>
          <Button variant="default" onClick={() => setDay(today)}>
            Today
          </Button>
        </div>
      </div>
      {query.isError && <Fault error={query.error} onRetry={() => void query.refetch()} />}
      <ol className={styles.calendar} data-view={view} aria-label={`On call, ${title}`}>
        {days.map((one) => {
          const found = items.get(one) ?? [];
          const inside = (
            <>
              <span className={styles.date}>
                {Number(one.slice(8))}{" "}
                <span className={styles.weekday}>
                  {new Date(`${one}T00:00:00Z`).toLocaleDateString("en-GB", { weekday: "short", timeZone: "UTC" })}
                </span>
              </span>
              {found.map((each) => (
                <span
                  key={`${each.scheduleId} ${each.from.toISOString()}`}
                  className={styles.turn}
                  data-override={each.overrideId === undefined ? undefined : ""}
                  data-nobody={each.name === undefined ? "" : undefined}
                  title={`${formatMinute(each.from)} to ${formatMinute(each.to)}${each.reason === undefined || each.reason === "" ? "" : `: ${each.reason}`}`}
                >
                  {wallOf(each.from, zone).slice(0, 10) === one && (
                    <span className={styles.time}>{wallOf(each.from, zone).slice(11)} </span>
                  )}
                  {turnWords(each, names)}
                </span>
              ))}
            </>
          );
          return (
            <li
              key={one}
              className={styles.day}
              data-today={one === today ? "" : undefined}
              data-other={view === "month" && one.slice(0, 7) !== day.slice(0, 7) ? "" : undefined}
            >
              {onPick === undefined ? (
                <div className={styles.cell}>{inside}</div>
              ) : (
                <button
                  type="button"
                  className={styles.cell}
                  onClick={() => onPick(one)}
                  aria-label={`${one}: ${found.map((each) => turnWords(each, names)).join(", ")}. Put somebody else on call`}
                >
                  {inside}
                </button>
              )}
            </li>
          );
        })}
      </ol>
    </>
  );
}
