import type { AlarmKind } from "@roost/contract/alarms";

import type { Stay, Verdict } from "./stay.ts";

/** Something that judges the values of one metric of one device, in the order in which they were measured. */
export interface Judge {
  /** Of the alarm it makes. */
  readonly kind: AlarmKind;
  readonly stay: Stay;
  /** The limit as it stands at the alarm. */
  readonly threshold: number | undefined;
  /** The caller leaves out what is not newer than the last one. */
  observe(value: number, measuredAtUs: number): Verdict;
  /** How far back from the newest value it has to look to know what one knows that heard everything; 0: nowhere. */
  lookbackUs(newest: number): number;
  /** What the value and the limit alone do not say, of the moment it raised. */
  words(): string | undefined;
}
