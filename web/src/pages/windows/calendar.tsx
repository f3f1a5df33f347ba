import { ActionIcon, Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { NextIcon, PreviousIcon } from "../../parts/icons.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi, useNow } from "../../roost.tsx";
import { occurrences } from "./questions.ts";
import { byDay, daysOf, instantOf, turn, wallOf } from "./window-times.ts";

import styles from "./windows.module.css";

const views = [
  { value: "month", label: "Month" },
  { value: "week", label: "Week" },
] as const;

/** When windows are in force, by the days of the reader's own zone. */
export function Calendar({
  day,
  view,
  zone,
  onLook,
}: {
  readonly day: string;
  readonly view: "month" | "week";
  readonly zone: string;
  readonly onLook: (look: { readonly day?: string; readonly view?: "month" | "week" }) => void;
}) {
  const { call } = useApi();
  const days = useMemo(() => daysOf(day, view), [day, view]);
  const midnight = (of: string | undefined) => instantOf(`${of}T00:00`, zone) ?? new Date(0);
  const from = midnight(days[0]);
  // The last day may have 25 hours.
  const to = new Date(midnight(days.at(-1)).getTime() + 25 * 3_600_000);
  const found = useQuery(occurrences(call, from, to));
  const perDay = useMemo(() => byDay(found.data?.items ?? [], days, zone), [found.data, days, zone]);
  const today = wallOf(new Date(useNow(60_000)), zone).slice(0, 10);
  const title = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));
  return (
    <div>
      <div className={styles.calendarHead}>
        <div className={styles.turns}>
          <ActionIcon aria-label={`The ${view} before`} onClick={() => onLook({ day: turn(day, view, -1) })}>
            <PreviousIcon />
          </ActionIcon>
          <h3 aria-live="polite">{view === "month" ? title : `${days[0]} to ${days.at(-1)}`}</h3>
          <ActionIcon aria-label={`The ${view} after`} onClick={() => onLook({ day: turn(day, view, 1) })}>
            <NextIcon />
          </ActionIcon>
          <Button variant="subtle" onClick={() => onLook({ day: today })}>
            Today
          </Button>
        </div>
        <Chips label="How much" choices={views} value={view} onChange={(next) => onLook({ view: next })} />
      </div>
      {found.isError && <Fault title="The calendar could not be loaded" error={found.error} onRetry={() => void found.refetch()} />}
      {found.data === undefined && !found.isError ? (
        <Bone height={view === "month" ? 420 : 160} />
      ) : (
        <ol className={styles.calendar} data-view={view}>
          {days.map((one) => (
            <Day
              key={one}
              day={one}
              zone={zone}
              items={perDay.get(one) ?? []}
              isToday={one === today}
              isOther={view === "month" && one.slice(0, 7) !== day.slice(0, 7)}
              most={view === "month" ? 4 : 20}
            />
          ))}
        </ol>
      )}
      {found.data?.more === true && <p className="quiet">There is more than fits. Look at a week.</p>}
    </div>
  );
}

interface Item {
  readonly windowId: string;
  readonly title: string;
  readonly silence: boolean;
  readonly from: Date;
  readonly to: Date;
}

function Day({
  day,
  zone,
  items,
  isToday,
  isOther,
  most,
}: {
  readonly day: string;
  readonly zone: string;
  readonly items: readonly Item[];
  readonly isToday: boolean;
  readonly isOther: boolean;
  readonly most: number;
}) {
  const date = new Date(`${day}T00:00:00Z`);
  const word = new Intl.DateTimeFormat("en-GB", { weekday: "short", timeZone: "UTC" }).format(date);
  const clock = (at: Date) => {
    const wall = wallOf(at, zone);
    return wall.slice(0, 10) === day ? wall.slice(11) : undefined;
  };
  return (
    <li
      className={styles.day}
      data-today={isToday || undefined}
      data-other={isOther || undefined}
      data-empty={items.length === 0 || undefined}
    >
      <span className={styles.date}>
        <span className={styles.weekday}>{word}</span> {date.getUTCDate()}
        {isToday && <span className={styles.todayWord}> today</span>}
      </span>
      {items.slice(0, most).map((item) => {
        const begins = clock(item.from);
        const ends = clock(item.to);
        const time =
          begins === undefined
            ? ends === undefined
              ? "all day"
              : `to ${ends}`
            : ends === undefined
              ? `from ${begins}`
              : `${begins}–${ends}`;
        return (
          <a
            key={`${item.windowId} ${item.from.toISOString()}`}
            className={styles.item}
            data-silence={item.silence || undefined}
            href={`#window-${item.windowId}`}
            title={`${item.title}, ${time}`}
          >
            <span className={styles.time}>{time}</span> {item.title}
          </a>
        );
      })}
      {items.length > most && <span className="quiet">{items.length - most} more</span>}
    </li>
  );
}
