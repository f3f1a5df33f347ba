import type { PlanState } from "@roost/contract/rollout-plans";

import { planStateWords } from "./flag-words.ts";

import styles from "./flags.module.css";

const stroke = { fill: "none", stroke: "currentColor", strokeWidth: 1.7, strokeLinecap: "round", strokeLinejoin: "round" } as const;

/** A plan's state as shape and word; the shape alone tells them apart without colour. */
export function PlanStateMark({ state }: { readonly state: PlanState }) {
  return (
    <span className={styles.state} data-plan={state}>
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
        {state === "draft" && <circle cx="7" cy="7" r="5" strokeDasharray="2.6 2.6" {...stroke} />}
        {state === "running" && <path d="M4 2.5v9l7.5-4.5z" fill="currentColor" />}
        {state === "waiting" && <path d="M7 1.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 1 0 0-11M7 4.2V7l2 1.6" {...stroke} />}
        {state === "paused" && <path d="M4.5 3v8M9.5 3v8" {...stroke} strokeWidth={2.6} />}
        {state === "done" && <path d="m2.5 7.5 3 3 6-7" {...stroke} />}
        {state === "rolled_back" && <path d="M4.8 2.2 2.2 4.8l2.6 2.6M2.5 4.8h5.7a3.3 3.3 0 0 1 0 6.6H5" {...stroke} />}
      </svg>
      {planStateWords[state]}
    </span>
  );
}
