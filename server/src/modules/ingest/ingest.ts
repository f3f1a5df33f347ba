import type { Heartbeat, Status } from "@roost/contract/envelope";
import type { IngestReply } from "@roost/contract/ingest";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { IntakeGate, PublishRoute } from "../../platform/intake.ts";
import type { Log } from "../../platform/log.ts";
import type { Refusal } from "../../platform/mqtt/principal.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { SampleWriter } from "../telemetry/sample-writer.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";

/** The device a message came from, as the registry holds it. */
export interface SendingDevice {
  readonly id: string;
  readonly key: number;
  readonly organisationId: string;
}

/** Signs of life, as the devices module wants them. */
export interface PresenceSteps {
  heard(deviceKey: number, nowMs: number): void;
  heartbeat(deviceKey: number, heartbeat: Heartbeat, nowMs: number): void;
  status(deviceKey: number, status: Status, nowMs: number): void;
}

/** The steps of the hot path, in the order of `createApp`: store, evaluate, tell. */
export interface IngestDeps {
  readonly db: Db;
  readonly presence: PresenceSteps;
  readonly samples: SampleWriter;
  readonly telemetry: Pick<Telemetry, "knownSeries" | "recordCommitted">;
  readonly alarms: Pick<Alarms, "watchFor" | "settle">;
  readonly gate: IntakeGate;
  readonly clock: Clock;
  readonly log: Log;
}

/** A message that the door refused, to be counted and kept. */
export interface RefusedMessage {
  readonly code: string;
  readonly topic: string;
  /** Start of the payload; made printable and cut here. */
  readonly excerpt: Uint8Array | string;
  readonly device?: SendingDevice | undefined;
  readonly organisationId?: string | undefined;
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

export interface Ingest {
  /** What a device may publish to; asked once per connection and topic. */
  routeFor(device: SendingDevice, topic: string): PublishRoute | Refusal;
  /** Counts and keeps what was refused before it came here. Never waits. */
  reject(message: RefusedMessage): void;
  /** Stores a body as the telemetry topic does; resolves after the commit. */
  acceptHttp(device: SendingDevice, body: Buffer): Promise<IngestReply>;
  /** Drops what is in memory about a removed device. */
  forgetDevice(deviceKey: number): void;
  /** Resolves when all that was accepted is committed and acknowledged. */
  drain(): Promise<void>;
  stats(): IngestStats;
}
