/** What tells copies of a sample apart: the device's own instant, or its counter where it has no clock. */
export type SampleKey =
  | { readonly deviceKey: number; readonly measuredUs: number; readonly seq?: undefined }
  | { readonly deviceKey: number; readonly measuredUs?: undefined; readonly seq: number };

/** One value that is stored already. Instants in epoch microseconds. */
export interface StoredSample {
  readonly deviceKey: number;
  readonly seriesKey: number;
  readonly measuredUs: number;
  readonly seq: number | undefined;
  readonly value: number;
}
