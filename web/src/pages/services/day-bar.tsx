import { complianceStates } from "@roost/contract/service-levels";
import type { ComplianceDay } from "@roost/contract/services";
import { type KeyboardEvent, useRef, useState } from "react";

import { complianceWords, dayInWords } from "./service-words.ts";

import styles from "./services.module.css";

interface BarProps {
  /** Oldest first. */
  readonly days: readonly ComplianceDay[];
  readonly targetPercent: number;
}

/**
 * A cell for each day. What is wrong is told by how much is cut out of the cell, by colour, and by words: below the bar for the day that is
 * pointed at, and to screen readers for each. The bar is one stop of the tabulator; arrows go from day to day.
 */
export function DayBar({ days, targetPercent }: BarProps) {
  const [chosen, setChosen] = useState(days.length - 1);
  const bar = useRef<HTMLFieldSetElement>(null);
  const at = Math.min(chosen, days.length - 1);
  const onKey = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -7,
      ArrowDown: 7,
      Home: -days.length,
      End: days.length,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(days.length - 1, at + step));
    setChosen(next);
    bar.current?.querySelectorAll<HTMLElement>("button")[next]?.focus();
  };
  const shown = days[at];
  return (
    <div className={styles.days}>
      <fieldset ref={bar} className={styles.bar} aria-label={`The last ${days.length} days, the oldest first`}>
        {days.map((day, index) => (
          <button
            key={day.day}
            type="button"
            className={styles.day}
            data-state={day.state}
            data-planned={day.plannedSeconds > 0 || undefined}
            data-chosen={index === at || undefined}
            tabIndex={index === at ? 0 : -1}
            aria-label={dayInWords(day, targetPercent)}
            title={dayInWords(day, targetPercent)}
            onClick={() => setChosen(index)}
            onKeyDown={onKey}
            onFocus={() => setChosen(index)}
            onMouseEnter={() => setChosen(index)}
          >
            <span />
          </button>
        ))}
      </fieldset>
      <div className={styles.ends} aria-hidden="true">
        <span>{days[0]?.day}</span>
        <span>today</span>
      </div>
      {shown !== undefined && <p className={styles.dayWords}>{dayInWords(shown, targetPercent)}</p>}
      <ul className={styles.legend} aria-label="What the cells mean">
        {complianceStates.toReversed().map((state) => (
          <li key={state}>
            <span className={styles.day} data-state={state}>
              <span />
            </span>
            {complianceWords[state]}
          </li>
        ))}
      </ul>
    </div>
  );
}
