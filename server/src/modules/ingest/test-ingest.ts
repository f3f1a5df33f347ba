import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";

import { systemClock } from "../../platform/clock.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Ticket } from "../../platform/intake.ts";
import { IntakeGate } from "../../platform/intake.ts";
import { createLog } from "../../platform/log.ts";
import type { CommitReceipt } from "../../platform/receipt.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAlarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { createCommands } from "../commands/commands.ts";
import type { CommandDeps } from "../commands/commands.ts";
import { createDevices } from "../devices/devices.ts";
import type { Devices } from "../devices/devices.ts";
import { createRules, offlineRules } from "../rules/rules.ts";
import type { RuleDeps } from "../rules/rules.ts";
import { createSampleWriter, createTelemetry } from "../telemetry/telemetry.ts";
import type { SampleWriter, Telemetry } from "../telemetry/telemetry.ts";
import { createIngest } from "./ingest.ts";
import type { Ingest, SendingDevice } from "./ingest.ts";

/** A ticket that remembers what became of it. */
export class TestTicket implements Ticket {
  reason = 0;
  receipt: CommitReceipt | undefined;
  settle(receipt: CommitReceipt): void {
    if (this.receipt !== undefined) throw new Error("A ticket was settled twice.");
    this.receipt = receipt;
  }
}

export interface TestIngestOptions {
  readonly db: Db;
  readonly clock?: Clock;
  readonly closeAfterSeconds?: number;
  readonly closeAfterRows?: number;
  readonly gate?: IntakeGate;
  readonly level?: string;
  /** What rules read of what is stored; absent: nothing. */
  readonly ruleReads?: (devices: Devices, telemetry: Telemetry) => Pick<RuleDeps, "placeOf" | "unitOf" | "history">;
  /** What kinds of devices understand; absent: no kind is known, so any name may be sent. */
  readonly manifestsOf?: CommandDeps["manifestsOf"];
  /** Stands between ingest and the writer, to break what is real on purpose. */
  readonly between?: (samples: SampleWriter) => SampleWriter;
}

const nothingStored: RuleDeps["history"] = {
  latest: async (wanted) => wanted.map(() => undefined),
  samples: async function* () {},
  hours: async () => [],
};

/** Ingest with everything real below it, as the composition root builds it. */
export async function startIngest({
  db,
  clock = systemClock,
  level = "silent",
  gate,
  ruleReads = ({ find: placeOf }) => ({ placeOf, unitOf: () => "1", history: nothingStored }),
  between = (one) => one,
  manifestsOf = () => undefined,
  ...segments
}: TestIngestOptions) {
  const log = createLog({ level, pretty: false });
  const reach = { host: "localhost", hosts: ["localhost"], mqttPort: 1, httpUrl: (host: string) => `http://${host}`, caPem: "" };
  const devices = createDevices({
    audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
    db,
    seal: createSeal(randomBytes(32)),
    clock,
    log,
    reach: () => reach,
  });
  await devices.start();
  const telemetry = createTelemetry({ audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }), db, clock, log });
  const samples = createSampleWriter({ db, clock, log, closeAfterSeconds: 300, ...segments });
  const alarms = createAlarms({
    audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
    db,
    clock,
    log,
    offlineRuleOf: offlineRules({ placeOf: devices.find }),
  });
  const rules = createRules({
    audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
    db,
    alarms,
    clock,
    log,
    ...ruleReads(devices, telemetry),
  });
  await rules.catchUp();
  const commands = createCommands({
    audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
    db,
    devices,
    manifestsOf,
    log,
  });
  const intake = gate ?? new IntakeGate({ highBytes: 32 << 20, lowBytes: 16 << 20 });
  const ingest = createIngest({ db, devices, telemetry, samples: between(samples), rules, commands, gate: intake, clock, log });
  return {
    ingest,
    samples,
    alarms,
    rules,
    commands,
    devices,
    telemetry,
    gate: intake,
    /** As a process that is killed: nothing is settled any more. */
    async kill(): Promise<void> {
      ingest.close();
      await commands.close();
      await samples.close();
      await rules.close();
      await alarms.close();
      await devices.stop();
    },
    async stop(): Promise<void> {
      await ingest.drain();
      await this.kill();
    },
  };
}
export type TestIngest = Awaited<ReturnType<typeof startIngest>>;

/** Sends one message on a device's topic, QoS 1. */
export function send(
  ingest: Ingest,
  device: SendingDevice,
  payload: string | Buffer | object,
  topic = "telemetry",
  retain = false,
): TestTicket {
  const route = ingest.routeFor(device, `devices/${device.id}/${topic}`);
  if ("refused" in route) throw new Error(`refused: ${route.code}`);
  const ticket = new TestTicket();
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
  // Not at the start of its buffer, as in a socket's.
  const padded = Buffer.concat([Buffer.from("##"), bytes, Buffer.from("9#")]);
  route.accept(padded, 2, 2 + bytes.length, ticket, retain);
  padded.fill(0);
  return ticket;
}

/** A device of its own for a test, in the database and in memory. */
export async function addDevice(
  db: Db,
  { devices }: Pick<TestIngest, "devices">,
  organisationId: string,
  id: string,
): Promise<SendingDevice> {
  await db.query(sql`insert into devices (id, organisation_id, name, kind) values (${id}, ${organisationId}, ${id}, 'generic')`);
  await devices.refresh();
  const device = devices.find(id);
  if (device === undefined) throw new Error("the device is not there");
  return device;
}

/** Every stored value of a device, oldest first, hot or in chunks. */
export async function storedValues(
  db: Db,
  device: SendingDevice,
): Promise<{ metric: string; us: number; value: number; quality: number; seq: number | null }[]> {
  return db.query(sql`
    select s.metric, (extract(epoch from v.measured_at) * 1000000)::bigint as us, v.value, v.quality, v.seq
    from (
      select h.measured_at, u.series_key, u.value, h.quality, h.seq
      from hot_samples h join hot_segments g on g.id = h.segment_id and g.compacted_at is null
      cross join lateral unnest(h.series_keys, h.sample_values) as u (series_key, value)
      where h.device_key = ${device.key} and h.device_key >= g.compacted_below
      union all
      select c.measured_at, ch.series_key, c.value, c.quality, c.seq
      from chunks ch cross join lateral chunk_samples(ch) c
      where ch.device_key = ${device.key}
    ) v join series s on s.key = v.series_key
    order by v.measured_at, s.metric`);
}
