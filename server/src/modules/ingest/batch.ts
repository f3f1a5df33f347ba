import type { Ticket } from "../../platform/intake.ts";
import type { AckRow } from "../commands/commands.ts";
import type { DeviceEventRow, ReportRow, RetainRow } from "../devices/devices.ts";
import { SampleRows } from "../telemetry/telemetry.ts";
import type { CommittedMessage } from "../telemetry/telemetry.ts";
import type { DecodedSample } from "./decode.ts";
import type { DeviceLane, SeriesSet } from "./lane.ts";
import { RejectBook } from "./reject-book.ts";
import type { TopicBudget } from "./reject-book.ts";

/** What became of the values of one message, for those who are told. */
export interface Tally {
  stored: number;
  duplicates: number;
  /** Texts kept as attributes. */
  texts: number;
  /** By code. */
  readonly rejected: Map<string, number>;
}

export function emptyTally(): Tally {
  return { stored: 0, duplicates: 0, texts: 0, rejected: new Map() };
}

/** What a device said of a command, with where it said so. */
export interface WaitingAck extends AckRow {
  readonly lane: DeviceLane;
  readonly topic: string;
  readonly excerpt: string;
}

/** A message whose fate the database must help to decide. */
export interface WaitingMessage {
  readonly lane: DeviceLane;
  readonly samples: readonly DecodedSample[];
  /** Receive time of each sample, all different. Epoch microseconds. */
  readonly receivedUs: readonly number[];
  readonly topic: string;
  readonly ticket: Ticket | undefined;
  readonly tally: Tally;
}

/** All that is committed together: rows in COPY form, and beside them the other facts of the same messages. */
export class Batch {
  readonly rows = new SampleRows();
  readonly rejects: RejectBook;
  /** Answers to commands that cannot be true, found out by the commit. */
  refusedAcks: RejectBook | undefined = undefined;
  /** In the order of arrival. */
  tickets: Ticket[] = [];
  /** Which ticket a row belongs to, for the rows that the database refuses. */
  rowTickets: (Ticket | undefined)[] = [];
  waiting: WaitingMessage[] = [];
  events: DeviceEventRow[] = [];
  retained: RetainRow[] = [];
  acks: WaitingAck[] = [];
  configurations: ReportRow[] = [];
  attributes = new Map<number, Record<string, string>>();
  number = 0;
  bytes = 0;
  messages = 0;
  values = 0;
  duplicates = 0;
  /** A rule saw a value that turns an alarm. */
  turned = false;
  readonly #budget: TopicBudget;
  #touched: SeriesSet[] = [];
  #rowSets: SeriesSet[] = [];

  constructor(budget: TopicBudget) {
    this.#budget = budget;
    this.rejects = new RejectBook(budget);
  }

  /** A new book for this try of the commit. */
  beginRefusedAcks(): RejectBook {
    return (this.refusedAcks = new RejectBook(this.#budget));
  }

  /** True while there is nothing to commit and nobody to answer. */
  get isEmpty(): boolean {
    return this.messages === 0 && this.rejects.size === 0;
  }

  get hasFacts(): boolean {
    return (
      this.rejects.size > 0 ||
      this.events.length > 0 ||
      this.retained.length > 0 ||
      this.acks.length > 0 ||
      this.configurations.length > 0 ||
      this.attributes.size > 0
    );
  }

  /** Appends a row of new values, judged before: remembers them, asks the rules. */
  append(
    lane: DeviceLane,
    set: SeriesSet,
    values: ArrayLike<number>,
    at: { measuredUs: number; receivedUs: number; quality: number; seq: number | undefined; ticket: Ticket | undefined },
  ): void {
    const { lanes } = set;
    const { measuredUs } = at;
    for (let index = 0; index < lanes.length; index += 1) {
      const one = lanes[index] as SeriesSet["lanes"][number];
      const value = values[index] as number;
      one.note(measuredUs, value);
      if (one.watch.observe(value, measuredUs)) this.turned = true;
    }
    if (measuredUs > lane.newestUs) lane.newestUs = measuredUs;
    if (at.seq !== undefined && at.seq > lane.highestSeq) lane.highestSeq = at.seq;
    const row = this.rows.append(set.template, values, measuredUs, at.receivedUs, at);
    this.rowTickets[row] = at.ticket;
    this.#rowSets[row] = set;
    this.values += lanes.length;
    const mark = set.marks[(this.number & 1) as 0 | 1];
    if (mark.batch !== this.number) {
      mark.batch = this.number;
      mark.row = row;
      mark.us = measuredUs;
      this.#touched.push(set);
    } else if (measuredUs >= mark.us) {
      mark.row = row;
      mark.us = measuredUs;
    }
  }

  setAttribute(lane: DeviceLane, name: string, text: string): void {
    const known = this.attributes.get(lane.device.key);
    // A name cannot be one of Object's own that matter: the pattern of names keeps underscores out of the first place.
    if (known === undefined) this.attributes.set(lane.device.key, { [name]: text });
    else known[name] = text;
  }

  /** What the newest values and the open charts are told: all rows of devices somebody watches, else the newest row of each set of series. */
  committedMessages(isWatched: ((deviceKey: number) => boolean) | undefined): CommittedMessage[] {
    const newest = (set: SeriesSet): number => set.marks[(this.number & 1) as 0 | 1].row;
    if (isWatched === undefined) return this.#touched.map((set) => this.#messageOf(set, newest(set)));
    const messages: CommittedMessage[] = [];
    for (const [row, set] of this.#rowSets.entries()) {
      if (row === newest(set) || isWatched(this.rows.deviceKeyOf(row))) messages.push(this.#messageOf(set, row));
    }
    return messages;
  }

  #messageOf(set: SeriesSet, row: number): CommittedMessage {
    const values: number[] = [];
    this.rows.eachValue(row, (_, value) => values.push(value));
    return {
      deviceKey: this.rows.deviceKeyOf(row),
      measuredAtUs: this.rows.measuredUsOf(row),
      receivedAtUs: this.rows.receivedUsOf(row),
      quality: this.rows.qualityOf(row),
      series: set.entries,
      values,
    };
  }

  /** Makes it ready to be filled again. */
  reset(number: number): void {
    this.number = number;
    this.rows.clear();
    this.rejects.clear();
    this.tickets = [];
    this.rowTickets = [];
    this.waiting = [];
    this.events = [];
    this.retained = [];
    this.acks = [];
    this.configurations = [];
    this.refusedAcks = undefined;
    this.attributes = new Map();
    this.#touched = [];
    this.#rowSets = [];
    this.bytes = 0;
    this.messages = 0;
    this.values = 0;
    this.duplicates = 0;
    this.turned = false;
  }
}
