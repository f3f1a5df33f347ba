import type { Quality } from "@roost/contract/quality";
import type { Unit } from "@roost/contract/units";

/** How a stored quality is read: the low four bits; bit 16 says that the receive time stands in for a wrong or missing clock. */
export const qualityByCode: readonly Quality[] = ["ok", "suspect", "stale", "estimated"];

/** Bit of a stored quality: the device's clock was wrong or missing, `measuredAt` is the receive time. */
export const clockBit = 16;

/** The quality of a stored code. What a newer program may have stored is told as `suspect`, never as `ok`. */
export function qualityOf(code: number): Quality {
  return qualityByCode[code & 15] ?? "suspect";
}

/** The newest value of a series. */
export interface LatestSample {
  readonly value: number;
  readonly measuredAtUs: number;
  readonly receivedAtUs: number;
  readonly quality: number;
}

/**
 * One metric of one device: one object for as long as the process knows the series, kept current in place,
 * so that whoever holds it sees new limits at once.
 */
export interface SeriesEntry {
  /** Stands for (device, metric) in the big tables. */
  readonly key: number;
  readonly deviceKey: number;
  readonly organisationId: string;
  readonly metric: string;
  readonly kind: "number" | "boolean";
  readonly unit: Unit;
  /** Physical limits; what lies outside is refused. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly createdAtMs: number;
}

/** A metric that a device named and that is to have a series. */
export interface WantedSeries {
  readonly metric: string;
  readonly kind: "number" | "boolean";
  /** Used where the series is new. */
  readonly unit?: Unit;
  readonly min?: number;
  readonly max?: number;
}

/** A message whose commit succeeded: what the latest values and open charts are told. */
export interface CommittedMessage {
  readonly deviceKey: number;
  readonly measuredAtUs: number;
  readonly receivedAtUs: number;
  /** As stored: 0 ok, 1 suspect, 2 stale, 3 estimated; +16 where the receive time stands in. */
  readonly quality: number;
  readonly series: readonly SeriesEntry[];
  /** One per series, in its order. */
  readonly values: ArrayLike<number>;
}
