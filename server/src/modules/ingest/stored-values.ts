import type { SampleKey, SampleRows, StoredSample } from "../telemetry/telemetry.ts";
import type { WaitingMessage } from "./batch.ts";
import type { DecodedSample } from "./decode.ts";

/**
 * The values known to be stored or under way, of the samples that may be copies: by device and instant, or by device and
 * counter where the device has no clock.
 */
export class StoredValues {
  readonly #byInstant = new Map<number, Map<number, Map<number, number>>>();
  readonly #bySeq = new Map<number, Map<number, Map<number, number>>>();

  /** The values stored for an instant of a device, by series. */
  at(deviceKey: number, us: number): ReadonlyMap<number, number> | undefined {
    return this.#byInstant.get(deviceKey)?.get(us);
  }

  /** The values stored under a counter of a device, by series. */
  under(deviceKey: number, seq: number): ReadonlyMap<number, number> | undefined {
    return this.#bySeq.get(deviceKey)?.get(seq);
  }

  add(stored: readonly StoredSample[]): void {
    for (const { deviceKey, measuredUs, seriesKey, value, seq } of stored) {
      this.note(deviceKey, measuredUs, seriesKey, value);
      if (seq !== undefined) this.noteSeq(deviceKey, seq, seriesKey, value);
    }
  }

  /** Takes in the rows of a batch that is not committed yet, as far as they are asked about. */
  addRows(rows: SampleRows, keys: readonly SampleKey[]): void {
    const wanted = new Map<number, Set<string>>();
    for (const key of keys) {
      const device = wanted.get(key.deviceKey);
      if (device === undefined) wanted.set(key.deviceKey, new Set([nameOf(key)]));
      else device.add(nameOf(key));
    }
    for (let row = 0; row < rows.count; row += 1) {
      const deviceKey = rows.deviceKeyOf(row);
      const device = wanted.get(deviceKey);
      if (device === undefined) continue;
      const us = rows.measuredUsOf(row);
      const seq = rows.seqOf(row);
      if (device.has(`t${us}`)) rows.eachValue(row, (series, value) => this.note(deviceKey, us, series, value));
      if (seq !== undefined && device.has(`s${seq}`)) rows.eachValue(row, (series, value) => this.noteSeq(deviceKey, seq, series, value));
    }
  }

  note(deviceKey: number, us: number, seriesKey: number, value: number): void {
    put(this.#byInstant, { deviceKey, mark: us, seriesKey, value });
  }

  noteSeq(deviceKey: number, seq: number, seriesKey: number, value: number): void {
    put(this.#bySeq, { deviceKey, mark: seq, seriesKey, value });
  }
}

type Marked = Map<number, Map<number, Map<number, number>>>;

function put(
  all: Marked,
  { deviceKey, mark, seriesKey, value }: { deviceKey: number; mark: number; seriesKey: number; value: number },
): void {
  let device = all.get(deviceKey);
  if (device === undefined) all.set(deviceKey, (device = new Map()));
  let values = device.get(mark);
  if (values === undefined) device.set(mark, (values = new Map()));
  values.set(seriesKey, value);
}

function nameOf(key: SampleKey): string {
  return key.measuredUs === undefined ? `s${key.seq}` : `t${key.measuredUs}`;
}

/** The counter that tells copies of a sample apart; `undefined` where its instant does, or nothing. */
export function countedBy(sample: DecodedSample): number | undefined {
  return sample.stamp.kind === "stamped" ? undefined : sample.seq;
}

/** What must be looked up before messages can be judged: samples that are not newer than all that is known of their device. */
export function ambiguousKeys(waiting: readonly WaitingMessage[]): SampleKey[] {
  const keys: SampleKey[] = [];
  for (const { lane, samples } of waiting) {
    for (const sample of samples) {
      const deviceKey = lane.device.key;
      const seq = countedBy(sample);
      if (sample.stamp.kind === "stamped") {
        if (sample.stamp.us <= lane.newestUs) keys.push({ deviceKey, measuredUs: sample.stamp.us });
      } else if (seq !== undefined && seq <= lane.highestSeq) keys.push({ deviceKey, seq });
    }
  }
  return keys;
}
