import { ingestErrors, ingestLimits } from "@roost/contract/ingest";
import type { IngestErrorName } from "@roost/contract/ingest";

import { clockBit } from "../telemetry/telemetry.ts";
import type { Batch, Tally, WaitingMessage } from "./batch.ts";
import type { DecodedSample } from "./decode.ts";
import type { DeviceLane, KnownShape, SeriesLane } from "./lane.ts";
import { countedBy } from "./stored-values.ts";
import type { StoredValues } from "./stored-values.ts";

/** A refusal of one message's part: counted for its sender and for the answer. */
export type Refuse = (fault: { name: IngestErrorName; excerpt: string }) => void;

/** Finds a metric's lane, if its series is in memory. */
export type FindLane = (lane: DeviceLane, metric: string) => SeriesLane | undefined;

/**
 * Takes a message that a known shape has just read, if all of it is certainly new.
 *
 * @returns False where it must go the long way: not newer than what is known, or out of a metric's limits.
 */
export function takeShape(
  batch: Batch,
  lane: DeviceLane,
  { shape, set }: KnownShape,
  receivedUs: number,
  ticket: Batch["tickets"][number] | undefined,
): boolean {
  let measuredUs = receivedUs;
  let quality = clockBit;
  let seq: number | undefined;
  if (shape.hasTimestamp) {
    measuredUs = shape.measuredUs;
    if (measuredUs <= lane.newestUs) return false;
    quality = 0;
  } else if (shape.hasSeq) {
    if (shape.seq <= lane.highestSeq) return false;
    seq = shape.seq;
  }
  const { lanes } = set;
  const { values } = shape;
  for (let index = 0; index < lanes.length; index += 1) {
    if (!(lanes[index] as SeriesLane).holds(values[index] as number)) return false;
  }
  batch.append(lane, set, values, { measuredUs, receivedUs, quality, seq, ticket });
  return true;
}

/** Whether a message can be judged by what is in memory. */
export function isCertain(lane: DeviceLane, samples: readonly DecodedSample[], find: FindLane): boolean {
  let afterUs = -Infinity;
  let afterSeq = -1;
  for (const sample of samples) {
    const seq = countedBy(sample);
    if (sample.stamp.kind === "stamped") {
      // Samples of one message in another order than time may be copies of each other further back than lanes remember.
      if (sample.stamp.us <= afterUs) return false;
      afterUs = sample.stamp.us;
    } else if (seq !== undefined) {
      if (seq <= lane.highestSeq || seq <= afterSeq) return false;
      afterSeq = seq;
    }
    for (const [index, metric] of sample.metrics.entries()) {
      const series = find(lane, metric);
      if (series === undefined) return false;
      if (sample.stamp.kind === "stamped" && series.judge(sample.stamp.us, sample.values[index] as number) === "unknown") return false;
    }
  }
  return true;
}

/** Takes a sample whose series are known; what the database had to say is in `stored`. */
export function takeSample(
  batch: Batch,
  message: WaitingMessage,
  index: number,
  { find, refuse, stored }: { find: FindLane; refuse: Refuse; stored: StoredValues | undefined },
): void {
  const { lane, tally } = message;
  const sample = message.samples[index] as DecodedSample;
  const receivedUs = message.receivedUs[index] as number;
  takeTexts(batch, message, sample, refuse);
  const stamped = sample.stamp.kind === "stamped" ? sample.stamp.us : undefined;
  const seq = countedBy(sample);
  const lanes: SeriesLane[] = [];
  const values: number[] = [];
  const copies = seq === undefined ? undefined : copiesUnder(lane, sample, seq, find, stored);
  for (const [at, metric] of sample.metrics.entries()) {
    const value = sample.values[at] as number;
    const series = find(lane, metric);
    if (series === undefined) refuse({ name: "too_many_metrics", excerpt: metric });
    else if (!series.holds(value)) refuse({ name: "out_of_limits", excerpt: `${metric}: ${value}` });
    else if (copies?.has(series) === true) countCopy(batch, tally);
    else if (stamped === undefined) take(lanes, values, series, value);
    else {
      const known = stored?.at(lane.device.key, stamped)?.get(series.entry.key);
      const verdict = known === undefined ? series.judge(stamped, value) : known === value ? "copy" : "conflict";
      if (verdict === "copy") countCopy(batch, tally);
      else if (verdict === "conflict") refuse({ name: "conflicting_value", excerpt: `${metric}: ${value}` });
      else take(lanes, values, series, value);
    }
  }
  if (lanes.length === 0) return;
  const measuredUs = stamped ?? receivedUs;
  const quality = stamped === undefined ? sample.quality + clockBit : sample.quality;
  batch.append(lane, lane.setOf(lanes), values, { measuredUs, receivedUs, quality, seq, ticket: message.ticket });
  tally.stored += lanes.length;
  if (stored === undefined) return;
  for (const [at, series] of lanes.entries()) {
    const value = values[at] as number;
    stored.note(lane.device.key, measuredUs, series.entry.key, value);
    if (seq !== undefined) stored.noteSeq(lane.device.key, seq, series.entry.key, value);
  }
}

function take(lanes: SeriesLane[], values: number[], series: SeriesLane, value: number): void {
  lanes.push(series);
  values.push(value);
}

function countCopy(batch: Batch, tally: Tally): void {
  batch.duplicates += 1;
  tally.duplicates += 1;
}

/**
 * The metrics of a counted sample that are stored already. A counter that comes again with other values was restarted by the
 * device: nothing of such a sample is a copy.
 */
function copiesUnder(
  lane: DeviceLane,
  sample: DecodedSample,
  seq: number,
  find: FindLane,
  stored: StoredValues | undefined,
): Set<SeriesLane> | undefined {
  const known = stored?.under(lane.device.key, seq);
  if (known === undefined) return undefined;
  const copies = new Set<SeriesLane>();
  for (const [index, metric] of sample.metrics.entries()) {
    const series = find(lane, metric);
    const value = series === undefined ? undefined : known.get(series.entry.key);
    if (series === undefined || value === undefined) continue;
    if (value !== sample.values[index]) return undefined;
    copies.add(series);
  }
  return copies;
}

function takeTexts(batch: Batch, { lane, tally }: WaitingMessage, sample: DecodedSample, refuse: Refuse): void {
  for (const [name, text] of sample.texts) {
    tally.texts += 1;
    if (lane.attributes.get(name) === text) continue;
    if (!lane.attributes.has(name) && lane.attributes.size >= ingestLimits.attributesPerDevice) {
      refuse({ name: "bad_attribute", excerpt: `${name}: ${text}` });
      tally.texts -= 1;
      continue;
    }
    lane.attributes.set(name, text);
    batch.setAttribute(lane, name, text);
  }
}

const payloadFormatInvalid = 0x99;

/** What an MQTT 5 device is answered: refused only where nothing of its message was kept. A wrong clock alone refuses nothing. */
export function reasonFor({ stored, duplicates, texts, rejected }: Tally): number {
  const faults = rejected.size - (rejected.has(ingestErrors.bad_clock.code) ? 1 : 0);
  return stored + duplicates + texts === 0 && faults > 0 ? payloadFormatInvalid : 0;
}
