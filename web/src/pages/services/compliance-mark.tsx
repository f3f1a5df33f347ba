import type { ComplianceState } from "@roost/contract/service-levels";

import { complianceWords } from "./service-words.ts";

import styles from "./services.module.css";

const stroke = { fill: "none", stroke: "currentColor", strokeWidth: 1.7, strokeLinecap: "round", strokeLinejoin: "round" } as const;

/** How a promise stands as shape and word: ring with a tick, triangle, square on its corner, octagon, dashed ring. */
export function ComplianceMark({ state }: { readonly state: ComplianceState }) {
  return (
    <span className={styles.mark} data-state={state}>
      <svg width="15" height="15" viewBox="0 0 15 15" aria-hidden="true">
        {state === "compliant" && <path d="M4.6 7.7l2 2 3.8-4.2M7.5 1.2a6.3 6.3 0 1 0 0 12.6 6.3 6.3 0 1 0 0-12.6" {...stroke} />}
        {state === "at_risk" && <path d="M7.5 1.2 14.5 13.5H.5z" fill="currentColor" />}
        {state === "breached" && <path d="M7.5.6 14.4 7.5 7.5 14.4.6 7.5z" fill="currentColor" />}
        {state === "critical" && <path d="M4.7 1h5.6L14 4.7v5.6L10.3 14H4.7L1 10.3V4.7z" fill="currentColor" />}
        {state === "unknown" && <circle cx="7.5" cy="7.5" r="6" strokeDasharray="2.6 2.6" {...stroke} />}
        {state !== "compliant" && state !== "unknown" && (
          <path d={state === "at_risk" ? "M7.5 5.5v3.6M7.5 11.4v.1" : "M7.5 4v4.2M7.5 10.8v.1"} {...stroke} stroke="var(--panel)" />
        )}
      </svg>
      {complianceWords[state]}
    </span>
  );
}

/** How much of what may be down was used. */
export function BudgetMeter({ usedSeconds, allowedSeconds, words }: { usedSeconds: number; allowedSeconds: number; words: string }) {
  const share = allowedSeconds > 0 ? Math.min(1, usedSeconds / allowedSeconds) : usedSeconds > 0 ? 1 : 0;
  return (
    <span className={styles.meter} title={words} data-over={usedSeconds > allowedSeconds || undefined}>
      <span style={{ width: `${share * 100}%` }} />
    </span>
  );
}
