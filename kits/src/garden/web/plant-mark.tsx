import { Age } from "@roost/web/parts/age.tsx";

import type { Plant, PlantState } from "../contract/plants.ts";
import { stateWords } from "./plant-words.ts";

import styles from "./plant-mark.module.css";

const shapes: Readonly<Record<PlantState, string>> = {
  // A leaf, a leaf with a mark, a crossed drop, a broken ring, a question: the shape alone tells them apart.
  healthy: "M3 13c0-6 3.5-9.5 10-10 .5 6-3 10-8.5 9.5M3 13c1-3 3-5.5 6-7",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.5v.01",
  critical: "M8 1.8a6.2 6.2 0 1 0 .01 0M5.5 5.5l5 5M10.5 5.5l-5 5",
  stale: "M8 2a6 6 0 0 1 6 6M14 10a6 6 0 0 1-4 3.7M7 14a6 6 0 0 1-5-5M2.3 6A6 6 0 0 1 5 3M8 5v3.5l2 1.5",
  unknown: "M5.5 6a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .7-1 1.5M8 12.5v.01",
};

/** How a plant is, as shape and word; of a silent one since when. Where some of its values are fresh, the oldest of the others tells. */
export function PlantMark({ plant: { state, latest } }: { readonly plant: Pick<Plant, "state" | "latest"> }) {
  const old = latest.filter(({ isStale }) => isStale).toSorted((one, other) => one.measuredAt.getTime() - other.measuredAt.getTime());
  const isPart = state === "stale" && old.length < latest.length;
  const silentSince = isPart ? old[0]?.measuredAt : old.at(-1)?.measuredAt;
  return (
    <span className={styles.mark} data-state={state}>
      <svg
        width="16"
        height="16"
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        <path d={shapes[state]} />
      </svg>
      {isPart ? "A sensor is silent" : stateWords[state]}
      {state === "stale" && silentSince !== undefined && (
        <span className={styles.age}>
          <Age at={silentSince} short />
        </span>
      )}
    </span>
  );
}
