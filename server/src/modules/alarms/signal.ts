import type { AlarmKind, Severity } from "@roost/contract/alarms";

/** What somebody says of the world: this is wrong, or not any more. The one way in for whatever makes alarms. */
export interface Signal {
  /** UUID. The same signal twice turns an alarm once. */
  readonly id: string;
  readonly what: "raise" | "clear";
  readonly organisationId: string;
  /** With `type` what makes it one alarm: the device's id, or the name of what spoke, such as `channel:<id>`. */
  readonly source: string;
  /** Such as `offline`, `rule:<id>:above`, `external:HighLatency`; at most 200 characters. */
  readonly type: string;
  /** Absent: it is about no device. */
  readonly deviceId?: string | undefined;
  readonly kind: AlarmKind;
  /** When it became true. */
  readonly at: Date;
  readonly severity: Severity;
  readonly metric?: string | undefined;
  readonly threshold?: number | undefined;
  /** The value that turned it, where one did. */
  readonly value?: number | undefined;
  /** One line, at most 200 characters; without it the kind, metric and values say it. */
  readonly title?: string | undefined;
  /** Additional text (X.733), at most 2,000 characters. */
  readonly text?: string | undefined;
  readonly probableCause?: string | undefined;
  readonly ruleId?: string | undefined;
  /** Of a clear: why, and who. */
  readonly detail?: string | undefined;
  readonly by?: string | undefined;
}

/** A device does not answer: what hangs behind it cannot either. */
export function isSilence(kind: AlarmKind): boolean {
  return kind === "offline" || kind === "no_data";
}

/** Says something happened, each time anew; the other kinds say how things are, and saying it twice says no more. */
export function isPulse(kind: AlarmKind): boolean {
  return kind === "event" || kind === "external";
}

/** What tells alarms apart. */
export function keyOf({ organisationId, source, type }: Pick<Signal, "organisationId" | "source" | "type">): string {
  return JSON.stringify([organisationId, source, type]);
}
