import type { AlarmState, Severity } from "@roost/contract/alarms";
import type { DeviceState } from "@roost/contract/devices";

import styles from "./marks.module.css";

/** The words people see for states, everywhere the same. */
export const stateWords: Readonly<Record<DeviceState, string>> = {
  online: "Online",
  offline: "Offline",
  waiting: "Waiting",
  revoked: "Revoked",
};
export const severityWords: Readonly<Record<Severity, string>> = {
  info: "Info",
  warning: "Warning",
  minor: "Minor",
  major: "Major",
  critical: "Critical",
};
export const alarmStateWords: Readonly<Record<AlarmState, string>> = { raised: "Raised", acknowledged: "Acknowledged", cleared: "Cleared" };

/** A device's state as shape and word: filled disc, crossed ring, dashed ring, barred ring. The shape alone tells them apart without colour. */
export function StateMark({ state }: { readonly state: DeviceState }) {
  return (
    <span className={styles.mark} data-state={state}>
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" className={styles.shape}>
        {state === "online" && <circle cx="7" cy="7" r="5" fill="currentColor" />}
        {state === "offline" && <path d="M4.5 4.5l5 5M9.5 4.5l-5 5M7 1.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 1 0 0-11" {...stroke} />}
        {state === "waiting" && <circle cx="7" cy="7" r="5" strokeDasharray="2.6 2.6" {...stroke} />}
        {state === "revoked" && <path d="M3.5 7h7M7 1.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 1 0 0-11" {...stroke} />}
      </svg>
      {stateWords[state]}
    </span>
  );
}

const stroke = { fill: "none", stroke: "currentColor", strokeWidth: 1.6, strokeLinecap: "round" } as const;

/** A severity as shape and word: octagon, square on its corner, square, triangle, ring. A cleared alarm keeps the shape and loses the colour. */
export function SeverityMark({ severity, quiet = false }: { readonly severity: Severity; readonly quiet?: boolean }) {
  return (
    <span className={styles.mark} data-severity={severity} data-quiet={quiet || undefined}>
      <SeverityShape severity={severity} />
      {severityWords[severity]}
    </span>
  );
}

export function SeverityShape({ severity }: { readonly severity: Severity }) {
  return (
    <svg width="15" height="15" viewBox="0 0 15 15" aria-hidden="true" className={styles.shape} data-severity={severity}>
      {severity === "critical" && <path d="M4.7 1h5.6L14 4.7v5.6L10.3 14H4.7L1 10.3V4.7z" fill="currentColor" />}
      {severity === "major" && <path d="M7.5.6 14.4 7.5 7.5 14.4.6 7.5z" fill="currentColor" />}
      {severity === "minor" && <rect x="1.5" y="1.5" width="12" height="12" rx="1.5" fill="currentColor" />}
      {severity === "warning" && <path d="M7.5 1.2 14.5 13.5H.5z" fill="currentColor" />}
      {severity === "info" && <circle cx="7.5" cy="7.5" r="6" fill="none" stroke="currentColor" strokeWidth="1.8" />}
      {severity === "info" ? (
        <path d="M7.5 7v3.4M7.5 4.6v.1" {...stroke} />
      ) : (
        <path d={severity === "warning" ? "M7.5 5.5v3.6M7.5 11.4v.1" : "M7.5 4v4.2M7.5 10.8v.1"} {...stroke} stroke="var(--panel)" />
      )}
    </svg>
  );
}

export function AlarmStateMark({ state }: { readonly state: AlarmState }) {
  return (
    <span className={styles.tag} data-alarm={state}>
      {alarmStateWords[state]}
    </span>
  );
}
