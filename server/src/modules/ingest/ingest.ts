import { setTimeout as wait } from "node:timers/promises";

import type { Heartbeat } from "@roost/contract/envelope";
import { httpErrors } from "@roost/contract/errors";
import { ingestErrors, ingestLimits } from "@roost/contract/ingest";
import type { IngestErrorName, IngestReject, IngestReply } from "@roost/contract/ingest";
import type { HeartbeatMetric } from "@roost/contract/kit";
import { deviceTopics, isTopicBelow, parseDeviceTopic } from "@roost/contract/topics";
import type { DeviceTopic } from "@roost/contract/topics";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { acknowledge } from "../../platform/intake.ts";
import type { IntakeGate, PublishRoute, Ticket } from "../../platform/intake.ts";
import { withCorrelationId } from "../../platform/log.ts";
import type { Log } from "../../platform/log.ts";
import type { RefusedPublish } from "../../platform/mqtt/hub.ts";
import type { Refusal } from "../../platform/mqtt/principal.ts";
import type { Within } from "../../platform/tenancy.ts";
import type { Commands } from "../commands/commands.ts";
import type { Devices } from "../devices/devices.ts";
import type { Rules } from "../rules/rules.ts";
import type { CommittedBatch, SampleWriter, Telemetry } from "../telemetry/telemetry.ts";
import { Batch, emptyTally } from "./batch.ts";
import type { Tally, WaitingMessage } from "./batch.ts";
import { sampleOfBeat } from "./beat.ts";
import { codeOf, decodeTelemetry, excerptOf } from "./decode.ts";
import { writeFacts } from "./facts.ts";
import { errorByCode, HttpTicket } from "./http-ticket.ts";
import { listRejectPage } from "./ingest-store.ts";
import { DeviceLane, SeriesLane } from "./lane.ts";
import type { SendingDevice } from "./lane.ts";
import { createPreparing } from "./preparing.ts";
import { TopicBudget } from "./reject-book.ts";
import { MessageShape } from "./shape.ts";
import type { StoredValues } from "./stored-values.ts";
import { isCertain, reasonFor, takeSample, takeShape } from "./taking.ts";
import { readUpMessage } from "./up-message.ts";

export type { SendingDevice } from "./lane.ts";

/** The steps of the hot path, in their order: who is heard, what is stored, what is judged, who is told. */
export interface IngestDeps {
  readonly db: Db;
  readonly devices: Pick<
    Devices,
    "presence" | "retain" | "mergeAttributes" | "loadAttributes" | "insertDeviceEvents" | "reportConfigurations"
  >;
  readonly telemetry: Pick<
    Telemetry,
    "forgetDevice" | "knownSeries" | "loadSeries" | "seriesOf" | "ensureSeries" | "recordCommitted" | "watchedDevices" | "isWatched"
  >;
  readonly samples: SampleWriter;
  readonly rules: Pick<Rules, "watchFor" | "settle" | "noteEvents">;
  readonly commands: Pick<Commands, "settle" | "settled">;
  readonly gate: IntakeGate;
  readonly clock: Clock;
  readonly log: Log;
  /** What of a device's heartbeats is kept as its metrics; absent: nothing. */
  readonly beatMetricsOf?: (deviceId: string) => readonly HeartbeatMetric[];
}

/** Figures since the start, for `/metrics` and the status page. */
export interface IngestStats {
  readonly messages: number;
  readonly valuesStored: number;
  readonly duplicates: number;
  /** By code. */
  readonly rejects: ReadonlyMap<string, number>;
  readonly batches: number;
  readonly largestBatchMessages: number;
  readonly waitingMessages: number;
  readonly waitingBytes: number;
}

/** What a waiting message costs beside its bytes: its row and its ticket. */
const messageOverheadBytes = 256;
/** Rejects nobody waits for are gathered this long. */
const rejectDelayMs = 100;
/** An HTTP client is answered within 5 s, whatever the database does. */
const httpPatienceMs = 4_000;
const notAuthorized = 0x87;
const topicNameInvalid = 0x90;
const payloadFormatInvalid = 0x99;
const clockAheadUs = ingestLimits.clockAheadSeconds * 1_000_000;

/**
 * Takes what devices send, stores it exactly once and acknowledges it after the commit.
 *
 * One batch is being committed while the next one fills; a batch starts as soon as the one before is done.
 */
export function createIngest({ db, devices, telemetry, samples, rules, commands, gate, clock, log, beatMetricsOf = () => [] }: IngestDeps) {
  const lanes = new Map<number, DeviceLane>();
  const preparing = createPreparing({ devices, telemetry, samples, find: findLane, log });
  const rejects = new Map<string, number>();
  const counts = { messages: 0, valuesStored: 0, duplicates: 0, batches: 0, largestBatchMessages: 0 };
  const topicBudget = new TopicBudget();
  let filling = new Batch(topicBudget);
  let spare: Batch | undefined = new Batch(topicBudget);
  let committing: Batch | undefined;
  let running = false;
  let closed = false;
  let rejectTimer: NodeJS.Timeout | undefined;
  let lastReceivedUs = 0;
  let idle: (() => void)[] = [];
  filling.reset(1);

  function laneOf(device: SendingDevice): DeviceLane {
    let lane = lanes.get(device.key);
    if (lane === undefined) lanes.set(device.key, (lane = new DeviceLane(device)));
    return lane;
  }

  function findLane(lane: DeviceLane, metric: string): SeriesLane | undefined {
    const known = lane.series.get(metric);
    if (known !== undefined) return known;
    const entry = telemetry.knownSeries(lane.device.key, metric);
    if (entry === undefined) return undefined;
    const series = new SeriesLane(entry, rules.watchFor(lane.device.id, metric), lane.baseUs);
    lane.series.set(metric, series);
    return series;
  }

  /**
   * The receive time in epoch microseconds, another one for each call and never a whole millisecond: samples without a clock must fall neither
   * onto each other nor onto what their device measured at an instant of its own.
   */
  function receive(): number {
    const us = clock.nowMs() * 1_000 + 1;
    // After the wall clock was set back, time goes on from there and does not wait for the old time to come again.
    const isClose = us <= lastReceivedUs && lastReceivedUs - us < 1_000_000;
    lastReceivedUs = isClose ? lastReceivedUs + 1 : us;
    if (lastReceivedUs % 1_000 === 0) lastReceivedUs += 1;
    return lastReceivedUs;
  }

  /** Puts a message's ticket and bytes on the batch's account. */
  function admit(bytes: number, ticket: Ticket | undefined): void {
    const size = bytes + messageOverheadBytes;
    gate.take(size);
    filling.bytes += size;
    filling.messages += 1;
    if (ticket !== undefined) filling.tickets.push(ticket);
    wake();
  }

  function wake(): void {
    if (running || closed) return;
    running = true;
    // After the sockets of this turn were read: what came together is committed together.
    setImmediate(() => void run());
  }

  function countReject(code: string): void {
    rejects.set(code, (rejects.get(code) ?? 0) + 1);
  }

  function refuse(batch: Batch, fault: { name: IngestErrorName; excerpt: string }, message: Sender): void {
    const code = codeOf(fault.name);
    message.tally.rejected.set(code, (message.tally.rejected.get(code) ?? 0) + 1);
    countReject(code);
    const { device } = message.lane;
    batch.rejects.add({ code, topic: message.topic, excerpt: fault.excerpt, device, organisationId: device.organisationId }, clock.nowMs());
  }

  function acceptTelemetry(lane: DeviceLane, topic: string, message: Payload): void {
    const { bytes, start, end, ticket } = message;
    admit(end - start, ticket);
    const receivedUs = receive();
    devices.presence.heard(lane.device.key, receivedUs / 1_000);
    if (lane.waiting === 0 && lane.loaded) {
      const { shapes } = lane;
      for (let index = 0; index < shapes.length; index += 1) {
        const known = shapes[index] as (typeof shapes)[number];
        if (!known.shape.read(bytes, start, end, receivedUs + clockAheadUs)) continue;
        if (takeShape(filling, lane, known, receivedUs, ticket)) return;
        break;
      }
    }
    acceptDecoded({ lane, topic, ticket, tally: emptyTally() }, message, receivedUs);
  }

  /** The long way: through a parser, and through the database where memory does not know. */
  function acceptDecoded(sender: Sender, { bytes, start, end }: Payload, receivedUs: number): void {
    const { lane, ticket } = sender;
    const decoded = decodeTelemetry(bytes, start, end, receivedUs + clockAheadUs);
    for (const fault of decoded.faults) refuse(filling, fault, sender);
    if (decoded.refused) {
      if (ticket !== undefined) ticket.reason = payloadFormatInvalid;
      return;
    }
    const received = decoded.samples.map((_, index) => (index === 0 ? receivedUs : receive()));
    if (!takeOrWait({ ...sender, samples: decoded.samples, receivedUs: received })) return;
    if (decoded.faults.length === 0 && decoded.samples.length === 1 && lane.mayLearn()) {
      const shape = MessageShape.learn(bytes, start, end);
      if (shape !== undefined) lane.adopt(shape);
    }
  }

  /** Takes a message at once where memory knows enough; else it waits for the database. @returns Whether it was taken. */
  function takeOrWait(message: WaitingMessage): boolean {
    const { lane } = message;
    if (lane.waiting > 0 || !lane.loaded || !isCertain(lane, message.samples, findLane)) {
      lane.waiting += 1;
      filling.waiting.push(message);
      return false;
    }
    takeMessage(filling, message, undefined);
    return true;
  }

  /** Keeps what a heartbeat measures. Whatever becomes of that, the heartbeat itself was heard. */
  function keepBeat(lane: DeviceLane, topic: string, beat: Heartbeat, receivedUs: number): void {
    const sample = sampleOfBeat(beat, beatMetricsOf(lane.device.id), receivedUs + clockAheadUs);
    if (sample !== undefined)
      takeOrWait({ lane, topic, ticket: undefined, tally: emptyTally(), samples: [sample], receivedUs: [receivedUs] });
  }

  function takeMessage(batch: Batch, message: WaitingMessage, stored: StoredValues | undefined): void {
    const steps = { find: findLane, stored, refuse: (fault: { name: IngestErrorName; excerpt: string }) => refuse(batch, fault, message) };
    for (let index = 0; index < message.samples.length; index += 1) takeSample(batch, message, index, steps);
    if (message.ticket !== undefined) message.ticket.reason = reasonFor(message.tally);
  }

  /** Judges the messages of a batch that needed the database, in their order. */
  async function takeWaiting(batch: Batch): Promise<void> {
    const { waiting } = batch;
    if (waiting.length === 0) return;
    try {
      const stored = await preparing.prepare(batch, waiting, isClosed);
      for (const message of waiting) takeMessage(batch, message, stored);
    } catch (error) {
      if (closed) throw error;
      log.error({ err: error }, "messages could not be prepared together; each is tried alone");
      for (const message of waiting) await takeAlone(batch, message);
    }
    for (const message of waiting) message.lane.waiting -= 1;
  }

  async function takeAlone(batch: Batch, message: WaitingMessage): Promise<void> {
    try {
      takeMessage(batch, message, await preparing.prepare(batch, [message], isClosed));
    } catch (error) {
      if (closed) throw error;
      log.error({ err: error, deviceId: message.lane.device.id }, "a message could not be prepared; it is refused");
      refuse(batch, { name: "not_storable", excerpt: message.samples[0]?.metrics.join(", ") ?? "" }, message);
      if (message.ticket !== undefined) message.ticket.reason = payloadFormatInvalid;
    }
  }

  function acceptOther(lane: DeviceLane, topic: DeviceTopic & { direction: "up" }, name: string, message: Payload, retain: boolean): void {
    if (topic.kind === "telemetry") return;
    const { ticket } = message;
    const { device } = lane;
    const payload = Buffer.from(message.bytes.subarray(message.start, message.end));
    admit(payload.length, ticket);
    const receivedUs = receive();
    const nowMs = Math.floor(receivedUs / 1_000);
    // An empty retained message takes the last one back and says nothing of its own.
    if (retain && payload.length === 0) return void filling.retained.push({ ...ownerOf(device), topic: name, payload, qos: 0 });
    // A will is the door's word about a device that is gone, and no sign of life.
    if (topic.kind !== "status") devices.presence.heard(device.key, nowMs);
    const said = readUpMessage(topic.kind, topic.item, payload, receivedUs + clockAheadUs);
    switch (said.kind) {
      case "refused":
        refuse(filling, { name: said.name, excerpt: excerptOf(payload) }, { lane, topic: name, ticket, tally: emptyTally() });
        if (ticket !== undefined) ticket.reason = payloadFormatInvalid;
        return;
      case "heartbeat":
        devices.presence.heartbeat(device.key, said.heartbeat, nowMs);
        keepBeat(lane, name, said.heartbeat, receivedUs);
        break;
      case "status":
        devices.presence.status(device.key, said.status, nowMs);
        break;
      case "commandAck":
        // What the device reports of a command that never was is known only to the database.
        filling.acks.push({
          commandId: topic.item ?? "",
          deviceId: device.id,
          ack: said.ack,
          lane,
          topic: name,
          excerpt: excerptOf(payload),
        });
        break;
      case "configReported":
        filling.configurations.push({ deviceId: device.id, reported: said.reported });
        break;
      case "event": {
        if (said.stamp.kind === "wrong") {
          refuse(filling, { name: "bad_clock", excerpt: excerptOf(payload) }, { lane, topic: name, ticket, tally: emptyTally() });
        }
        const receivedAt = new Date(lane.eventMs(nowMs));
        const measuredAt = said.stamp.kind === "stamped" ? new Date(said.stamp.us / 1_000) : receivedAt;
        filling.events.push({ ...ownerOf(device), type: said.type, data: said.data, measuredAt, receivedAt });
        break;
      }
    }
    if (retain) filling.retained.push({ ...ownerOf(device), topic: name, payload, qos: ticket === undefined ? 0 : 1 });
  }

  async function run(): Promise<void> {
    while (!filling.isEmpty && !closed) {
      const batch = filling;
      filling = spare ?? new Batch(topicBudget);
      spare = undefined;
      filling.reset(batch.number + 1);
      committing = batch;
      try {
        await withCorrelationId(newId(), () => commit(batch));
      } catch (error) {
        giveUp(batch, error);
      }
      committing = undefined;
      spare = batch;
    }
    running = false;
    const waiting = idle;
    idle = [];
    for (const done of waiting) done();
  }

  /** Nothing of the batch is acknowledged: devices send it again, and the database is asked what it has of it. */
  function giveUp(batch: Batch, error: unknown): void {
    if (closed) return log.warn({ err: error, messages: batch.messages }, "ingest ended with a batch that is not committed");
    log.error({ err: error, messages: batch.messages }, "a batch was given up and not acknowledged");
    for (const message of batch.waiting) message.lane.waiting = filling.waiting.filter(({ lane }) => lane === message.lane).length;
    for (const lane of lanes.values()) lane.reset();
    for (const ticket of batch.tickets) ticket.abandon?.();
    gate.release(batch.bytes);
  }

  async function commit(batch: Batch): Promise<void> {
    await takeWaiting(batch);
    const committed = await samples.commit(
      batch.rows,
      batch.hasFacts
        ? (tx, careful) => writeFacts(tx, batch, { devices, rules, commands, careful, leftOut, nowMs: clock.nowMs() })
        : undefined,
    );
    settle(batch, committed);
  }

  function settle(batch: Batch, { receipt, refusedRows }: CommittedBatch): void {
    for (const row of refusedRows) refuseRow(batch, row);
    counts.messages += batch.messages;
    counts.valuesStored += batch.values;
    counts.duplicates += batch.duplicates;
    counts.batches += 1;
    counts.largestBatchMessages = Math.max(counts.largestBatchMessages, batch.messages);
    log.debug({ messages: batch.messages, values: batch.values, duplicates: batch.duplicates }, "messages are acknowledged");
    acknowledge(receipt, batch.tickets);
    gate.release(batch.bytes);
    for (const { code, count } of batch.refusedAcks?.rows() ?? []) for (let n = 0; n < count; n += 1) countReject(code);
    if (batch.acks.length > 0) commands.settled(new Set(batch.acks.map(({ deviceId }) => deviceId)));
    try {
      if (batch.rows.count > 0)
        telemetry.recordCommitted(batch.committedMessages(telemetry.watchedDevices() === 0 ? undefined : telemetry.isWatched));
      if (batch.turned) void rules.settle();
    } catch (error) {
      log.error({ err: error }, "a committed batch could not be told to those who watch");
    }
  }

  /** What the database refused for what it carries becomes a reject of the next batch; the others of its batch are stored. */
  function refuseRow(batch: Batch, row: number): void {
    const lane = lanes.get(batch.rows.deviceKeyOf(row));
    const ticket = batch.rowTickets[row];
    if (ticket !== undefined) ticket.reason = payloadFormatInvalid;
    let excerpt = "";
    batch.rows.eachValue(row, (series, value) => {
      batch.values -= 1;
      excerpt += ` ${series}=${value}`;
    });
    const code = ingestErrors.not_storable.code;
    countReject(code);
    const device = lane?.device;
    const topic = device === undefined ? "" : deviceTopics(device.id).telemetry;
    filling.rejects.add({ code, topic, excerpt: excerpt.trim(), device, organisationId: device?.organisationId }, clock.nowMs());
    wake();
  }

  function leftOut(error: unknown): void {
    log.error({ err: error }, "the database refused one fact of a batch; it is left out");
    countReject(ingestErrors.not_storable.code);
  }

  async function drain(): Promise<void> {
    if (!running && filling.isEmpty) return;
    await new Promise<void>((resolve) => {
      idle.push(resolve);
      wake();
    });
  }

  function close(): void {
    closed = true;
    clearTimeout(rejectTimer);
  }

  function isClosed(): boolean {
    return closed;
  }

  return {
    /** What a device may publish to; asked once per connection and topic. */
    routeFor(device: SendingDevice, name: string): PublishRoute | Refusal {
      const topic = parseDeviceTopic(name);
      if (topic === undefined) {
        return isTopicBelow(device.id, name)
          ? { refused: true, code: ingestErrors.unknown_topic.code, reason: topicNameInvalid }
          : { refused: true, code: ingestErrors.not_allowed.code, reason: notAuthorized };
      }
      if (topic.deviceId !== device.id || topic.direction !== "up") {
        return { refused: true, code: ingestErrors.not_allowed.code, reason: notAuthorized };
      }
      const lane = laneOf(device);
      if (topic.kind === "telemetry") {
        return { mayRetain: false, accept: (bytes, start, end, ticket) => acceptTelemetry(lane, name, { bytes, start, end, ticket }) };
      }
      return {
        mayRetain: topic.kind === "status",
        accept: (bytes, start, end, ticket, retain) => acceptOther(lane, topic, name, { bytes, start, end, ticket }, retain),
      };
    },

    /**
     * Counts and keeps what the door refused.
     *
     * @param ticket - Settled with the commit of the record; without one nobody waits.
     * @returns True where the ticket was taken.
     */
    refused(message: RefusedPublish, ticket: Ticket | undefined): boolean {
      const { principal } = message;
      countReject(message.code);
      const device = principal?.kind === "device" ? { id: principal.id } : undefined;
      const { code, topic, excerpt } = message;
      filling.rejects.add({ code, topic, excerpt, device, organisationId: principal?.organisationId }, clock.nowMs());
      if (ticket !== undefined) admit(0, ticket);
      else if (!running && rejectTimer === undefined) {
        rejectTimer = setTimeout(() => {
          rejectTimer = undefined;
          wake();
        }, rejectDelayMs);
        rejectTimer.unref();
      }
      return ticket !== undefined;
    },

    /**
     * Stores a body as the telemetry topic does; resolves after the commit.
     *
     * @throws {AppError} the ingest error of a body of which nothing could be read, after it was counted; `http.unavailable` while the
     * database is away (sent again, the values are stored once).
     */
    async acceptHttp(device: SendingDevice, body: Buffer): Promise<IngestReply> {
      if (gate.closed || closed) throw httpErrors.unavailable();
      const lane = laneOf(device);
      const ticket = new HttpTicket();
      const tally = emptyTally();
      const topic = deviceTopics(device.id).telemetry;
      admit(body.length, ticket);
      const receivedUs = receive();
      devices.presence.heard(device.key, receivedUs / 1_000);
      acceptDecoded({ lane, topic, ticket, tally }, { bytes: body, start: 0, end: body.length, ticket }, receivedUs);
      const reason = ticket.reason;
      await ticket.inTime(httpPatienceMs);
      if (reason !== 0) throw errorByCode([...tally.rejected.keys()][0]);
      const rejected = [...tally.rejected].map(([code, count]) => ({ code, message: errorByCode(code).message, count }));
      return { stored: tally.stored, duplicates: tally.duplicates, rejected };
    },

    /** What was refused in an organisation, newest first. */
    listRejects: (
      whose: Within,
      query: { deviceId?: string | undefined; code?: string | undefined; limit: number; cursor?: string | undefined },
    ): Promise<{ items: IngestReject[]; next?: string }> => listRejectPage(db.within(whose), whose.organisationId, query),

    /** Hears every fact, in memory: lets go of devices that were removed. */
    observe(fact: Fact): void {
      const { key } = fact.data;
      if (fact.type !== "device.removed" || typeof key !== "number") return;
      lanes.delete(key);
      telemetry.forgetDevice(key);
    },

    /** Resolves when all that was accepted is committed and acknowledged. */
    drain,

    /** Commits and acknowledges what was accepted, as far as that goes in the time given, then takes nothing more. */
    async stop(withinMs: number): Promise<void> {
      const patience = new AbortController();
      await Promise.race([drain(), wait(withinMs, undefined, { signal: patience.signal }).catch(() => undefined)]);
      patience.abort();
      close();
    },

    /** Takes nothing more; what is not committed stays unacknowledged. */
    close,

    stats(): IngestStats {
      return {
        ...counts,
        rejects: new Map(rejects),
        waitingMessages: filling.messages + (committing?.messages ?? 0),
        waitingBytes: gate.bytes,
      };
    },
  };
}

export type Ingest = ReturnType<typeof createIngest>;

/** One message as the door hands it over; `bytes` is valid during the call only. */
interface Payload {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly ticket: Ticket | undefined;
}

/** Who sent a message, and who is told what became of it. */
interface Sender {
  readonly lane: DeviceLane;
  readonly topic: string;
  readonly ticket: Ticket | undefined;
  readonly tally: Tally;
}

function ownerOf(device: SendingDevice): { deviceId: string; organisationId: string } {
  return { deviceId: device.id, organisationId: device.organisationId };
}
