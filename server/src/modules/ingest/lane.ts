import type { Watch } from "../rules/rules.ts";
import { rowTemplate } from "../telemetry/telemetry.ts";
import type { RowTemplate, SeriesEntry } from "../telemetry/telemetry.ts";
import type { MessageShape } from "./shape.ts";

/** The device a message came from, as the registry holds it. */
export interface SendingDevice {
  readonly id: string;
  readonly key: number;
  readonly organisationId: string;
}

/** What a value is to what is known: new, the same again, another one for the same instant, or to be looked up. */
export type Verdict = "new" | "copy" | "conflict" | "unknown";

/** Instants a series remembers: enough for what a device sends again after a lost connection. */
const remembered = 8;

/** One metric of one device on the hot path. */
export class SeriesLane {
  readonly entry: SeriesEntry;
  readonly watch: Watch;
  /** Nothing newer than this is stored or under way. Epoch microseconds. */
  newestUs: number;
  /** Instants, then their values: a ring. */
  readonly #recent: number[] = Array.from({ length: 2 * remembered }, () => Number.NaN);
  #next = 0;

  constructor(entry: SeriesEntry, watch: Watch, newestUs: number) {
    this.entry = entry;
    this.watch = watch;
    this.newestUs = newestUs;
  }

  judge(us: number, value: number): Verdict {
    if (us > this.newestUs) return "new";
    const recent = this.#recent;
    for (let index = 0; index < remembered; index += 1) {
      if (recent[index] === us) return recent[index + remembered] === value ? "copy" : "conflict";
    }
    return "unknown";
  }

  /** Notes a value that goes into a batch. */
  note(us: number, value: number): void {
    if (us > this.newestUs) this.newestUs = us;
    const next = this.#next;
    this.#recent[next] = us;
    this.#recent[next + remembered] = value;
    this.#next = next + 1 === remembered ? 0 : next + 1;
  }

  /** Whether the metric can have this value. */
  holds(value: number): boolean {
    const { min, max } = this.entry;
    return !((min !== undefined && value < min) || (max !== undefined && value > max));
  }
}

/** An ordered set of a device's series, as a message carries them, with the row they make. */
export interface SeriesSet {
  readonly lanes: readonly SeriesLane[];
  readonly entries: readonly SeriesEntry[];
  readonly template: RowTemplate;
  /** The newest row of this set in the batch that fills and in the one that is being committed, by the last bit of its number. */
  readonly marks: readonly [NewestRow, NewestRow];
}

/** Which row of a batch is the newest of a set of series. */
export interface NewestRow {
  batch: number;
  row: number;
  us: number;
}

/** A shape and the series its metrics are. */
export interface KnownShape {
  readonly shape: MessageShape;
  readonly set: SeriesSet;
}

const shapesPerDevice = 4;
const setsPerDevice = 32;
const freeLessons = 16;
const seldom = 64;

/** All that the hot path knows of a device. It lives as long as the process does, or until the device is removed. */
export class DeviceLane {
  readonly device: SendingDevice;
  readonly series = new Map<string, SeriesLane>();
  /** False until the database was asked what it has of the device. */
  loaded = false;
  /** Whether the open segment may have rows of the device that are forgotten here. */
  hasWritten = false;
  /** Messages of this device that wait for the database; those that come later wait behind them, so that order is kept. */
  waiting = 0;
  /** Nothing newer is stored or under way, for no metric. Epoch microseconds. */
  newestUs = -Infinity;
  /** The newest instant the database had at the start; series that are met later begin with it. */
  baseUs = -Infinity;
  /** The highest counter stored or under way. */
  highestSeq = -1;
  attributes = new Map<string, string>();
  /** The ways messages of this device were seen to look, the latest first. */
  readonly shapes: KnownShape[] = [];
  readonly #sets = new Map<string, SeriesSet>();
  #misses = 0;
  #lastEventMs = 0;

  constructor(device: SendingDevice) {
    this.device = device;
  }

  setOf(lanes: readonly SeriesLane[]): SeriesSet {
    const keys = lanes.map((lane) => lane.entry.key);
    const name = keys.join();
    const known = this.#sets.get(name);
    if (known !== undefined) return known;
    const set: SeriesSet = {
      lanes: [...lanes],
      entries: lanes.map((lane) => lane.entry),
      template: rowTemplate(this.device.key, keys),
      marks: [
        { batch: -1, row: 0, us: 0 },
        { batch: -1, row: 0, us: 0 },
      ],
    };
    // A device that sends another subset each time is served without being remembered.
    if (this.#sets.size < setsPerDevice) this.#sets.set(name, set);
    return set;
  }

  /** Forgets what is known, so that the database is asked again: after a batch that was given up. */
  reset(): void {
    this.series.clear();
    this.#sets.clear();
    this.shapes.length = 0;
    this.hasWritten ||= this.loaded;
    this.loaded = false;
    this.newestUs = -Infinity;
    this.baseUs = -Infinity;
    this.highestSeq = -1;
  }

  /** Whether another shape is worth learning: a device that never repeats itself learns seldom. */
  mayLearn(): boolean {
    this.#misses += 1;
    return this.#misses <= freeLessons || this.#misses % seldom === 0;
  }

  /** A time for an event without a clock, another one for each. Epoch milliseconds. */
  eventMs(nowMs: number): number {
    this.#lastEventMs = nowMs <= this.#lastEventMs && this.#lastEventMs - nowMs < 1_000 ? this.#lastEventMs + 1 : nowMs;
    return this.#lastEventMs;
  }

  /** Remembers a shape, if all its metrics are known. */
  adopt(shape: MessageShape): void {
    const lanes: SeriesLane[] = [];
    for (const metric of shape.metrics) {
      const lane = this.series.get(metric);
      if (lane === undefined) return;
      lanes.push(lane);
    }
    this.shapes.unshift({ shape, set: this.setOf(lanes) });
    if (this.shapes.length > shapesPerDevice) this.shapes.pop();
  }
}
