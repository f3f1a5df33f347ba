import type { Transaction } from "../../platform/db.ts";
import type { CommitReceipt } from "../../platform/receipt.ts";
import type { StoredSample, SampleKey } from "./sample-lookup.ts";
import type { SampleRows } from "./sample-rows.ts";
import type { SeriesEntry } from "./series.ts";

export type { SampleKey, StoredSample } from "./sample-lookup.ts";

/** A series that a batch needs and that may not exist yet. */
export interface SeriesWish {
  readonly deviceKey: number;
  readonly organisationId: string;
  readonly metric: string;
  readonly kind: "number" | "boolean";
}

/** A batch's end. */
export interface CommittedBatch {
  readonly receipt: CommitReceipt;
  /** Indexes of rows that the database refuses for what they carry, ascending; nearly always empty. */
  readonly refusedRows: readonly number[];
}

/**
 * The write side of the telemetry store: one writer per process, one batch at a time.
 *
 * Nothing here gives up while the database is away: calls wait and try again until {@link close}.
 */
export interface SampleWriter {
  /**
   * Commits a batch durably and exactly once, whatever happens to the connection or the server meanwhile.
   *
   * @param companion - Writes the batch's other facts in the same transaction; run again when the batch is.
   */
  commit(rows: SampleRows, companion: ((tx: Transaction) => Promise<void>) | undefined): Promise<CommittedBatch>;
  /** The series wished for, in that order, those that are missing added; `undefined` where the device was removed. */
  ensureSeries(wishes: readonly SeriesWish[]): Promise<(SeriesEntry | undefined)[]>;
  /** For each device the newest instant stored, in epoch microseconds; devices without samples are absent. */
  findNewest(deviceKeys: readonly number[]): Promise<Map<number, number>>;
  /** Exact look-up: what is stored under each (device, instant) or (device, seq). */
  findStored(keys: readonly SampleKey[]): Promise<StoredSample[]>;
  close(): Promise<void>;
}
