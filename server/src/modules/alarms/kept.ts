import type { Alarm } from "@roost/contract/alarms";
import type { Unit } from "@roost/contract/units";

/** An alarm as the database has it. */
export interface Kept {
  readonly alarm: Alarm;
  readonly organisationId: string;
  /** Raised in a window that records nothing: in no list, until the window is over and it still holds. */
  readonly keptBack: boolean;
  /** When we were last told of it, by our own clock: others' clocks may be wrong, and what waits for time must end. */
  readonly turnedAt: Date;
}

/** What is known of a device when an alarm is about it. */
export interface AlarmedDevice {
  readonly name: string;
  readonly purpose: string | undefined;
  readonly lastSeenAt: Date | undefined;
  readonly siteId: string | undefined;
  readonly siteName: string | undefined;
  /** By metric, where the metric is known. */
  readonly units: ReadonlyMap<string, Unit>;
  /** What it is reached through, nearest first. */
  readonly ancestors: readonly string[];
}
