import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

import { sql } from "@roost/contract/sql";
import type { LiveSample } from "@roost/contract/telemetry";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { createLiveHub } from "./live-hub.ts";
import type { LiveHub } from "./live-hub.ts";
import { createLiveStreams } from "./live-stream.ts";
import type { LiveStreams } from "./live-stream.ts";
import { createSeriesRegistry } from "./series-registry.ts";
import type { SeriesEntry } from "./series.ts";
import { addTestDevice, rotate, writeHot } from "./telemetry-fixture.ts";
import { createTelemetry } from "./telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

const log = createLog({ level: "silent", pretty: false });
const t0 = Date.UTC(2026, 4, 1) * 1_000;

interface Event {
  readonly name: string;
  readonly id: string;
  readonly samples: readonly LiveSample[];
}

/** A client that reads a stream as a browser does, and can be cut off. */
function watch(streams: LiveStreams, deviceKey: number, more: { lastEventId?: string; metrics?: string[] } = {}) {
  const cut = new AbortController();
  const events: Event[] = [];
  let lastEventId = more.lastEventId ?? "";
  let texts = 0;
  const reading = (async () => {
    for await (const text of streams.stream({ deviceKey, metrics: more.metrics, lastEventId: more.lastEventId, signal: cut.signal })) {
      const fields = Object.fromEntries(
        text
          .trimEnd()
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      texts += 1;
      if (fields["id"] !== undefined) lastEventId = fields["id"];
      if (fields["event"] !== undefined)
        events.push({ name: fields["event"], id: fields["id"] ?? "", samples: JSON.parse(fields["data"] ?? "[]") as LiveSample[] });
    }
  })();
  return {
    events,
    values: () => events.flatMap(({ samples }) => samples.map(({ value }) => value)),
    isOpen: () => texts > 0,
    names: () => events.map(({ name }) => name),
    lastEventId: () => lastEventId,
    async until(fact: () => boolean) {
      for (const deadline = Date.now() + 60_000; !fact(); await wait(5))
        if (Date.now() > deadline) throw new Error("It did not come true in time.");
    },
    async cut() {
      cut.abort();
      await reading;
    },
  };
}

describe("live streams", () => {
  let database: TestDatabase;
  let db: Db;
  let telemetry: Telemetry;
  let hub: LiveHub;
  let streams: LiveStreams;
  let deviceKey: number;
  let series: SeriesEntry;
  let other: SeriesEntry;
  let next = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    telemetry = createTelemetry({ audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }), db, clock: systemClock, log });
    await rotate(db);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });
  const restart = (more: { keepAliveSeconds?: number; replaySeconds?: number } = {}) => {
    hub = createLiveHub();
    streams = createLiveStreams({ db, hub, registry: createSeriesRegistry({ db }), log, ...more });
  };
  beforeEach(async () => {
    restart();
    const device = await addTestDevice(db, telemetry, ["temperature", "humidity"]);
    deviceKey = device.deviceKey;
    [series, other] = device.series as [SeriesEntry, SeriesEntry];
    next = 0;
  });

  /** Commits a message, as ingest does; answers what tells the hub. */
  async function commit(of = series): Promise<() => void> {
    const value = ++next;
    const measuredUs = t0 + value * 1_000_000;
    await writeHot(db, [{ deviceKey, measuredUs, receivedUs: measuredUs + 40_000, values: [{ seriesKey: of.key, value }] }]);
    return () =>
      hub.publish([{ deviceKey, measuredAtUs: measuredUs, receivedAtUs: measuredUs + 40_000, quality: 0, series: [of], values: [value] }]);
  }
  /** @param elsewhere - Only commits it, as another server does. */
  async function send({ elsewhere = false, of = series }: { elsewhere?: boolean; of?: SeriesEntry } = {}): Promise<void> {
    const tell = await commit(of);
    if (!elsewhere) tell();
  }
  const opened = async (more: { lastEventId?: string; metrics?: string[] } = {}) => {
    const client = watch(streams, deviceKey, more);
    await client.until(client.isOpen);
    return client;
  };

  it("carry what is committed from now on, of the metrics asked for, and cost nothing once nobody watches", async () => {
    await send();
    const client = await opened({ metrics: ["temperature"] });
    expect(hub.watched()).toBe(1);
    await send({ of: other });
    await send();
    await client.until(() => client.values().length === 1);
    expect(client.events[0]?.samples).toEqual([{ metric: "temperature", at: t0 / 1_000 + 3_000, value: 3, quality: "ok" }]);
    await client.cut();
    expect(hub.watched()).toBe(0);
  });

  it("miss and repeat nothing after a cut, whatever the server's memory lost meanwhile", async () => {
    const client = await opened();
    await send();
    await send();
    await client.until(() => client.values().length === 2);
    await client.cut();
    await send();
    restart();
    await send();
    await rotate(db);
    await telemetry.compact({ force: true });
    await send();
    const again = await opened({ lastEventId: client.lastEventId() });
    await send();
    await again.until(() => again.values().length >= 4);
    expect([...client.values(), ...again.values()]).toEqual([1, 2, 3, 4, 5, 6]);
    await again.cut();
  });

  it("tell apart what a slow commit brought late from what was known", async () => {
    const client = await opened();
    // Written before the client's events, committed after them.
    const slow = await db.connect("a-slow-writer");
    await slow.query("begin");
    await slow.query(
      `insert into hot_samples (segment_id, device_key, measured_at, received_at, quality, series_keys, sample_values)
       select max(s.id), $1, '2026-04-01Z', '2026-04-01Z', 0, array[$2::integer], array[777] from hot_segments s where s.closed_at is null`,
      [deviceKey, series.key],
    );
    await send();
    await client.until(() => client.values().length === 1);
    await client.cut();
    await slow.query("commit");
    await slow.end();
    const again = await opened({ lastEventId: client.lastEventId() });
    await again.until(() => again.values().length === 1);
    expect(again.values()).toEqual([777]);
    await again.cut();
    const third = await opened({ lastEventId: again.lastEventId() });
    expect(third.events).toEqual([]);
    await third.cut();
  });

  it("bring what other servers committed, once", async () => {
    restart({ keepAliveSeconds: 0.2 });
    const client = await opened();
    for (let i = 0; i < 10; i++) await send({ elsewhere: i % 2 === 0 });
    await client.until(() => client.values().length >= 10);
    await wait(500);
    expect(client.values().toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await client.cut();
  });

  it("tell once what is found committed before whoever committed it has heard of that", async () => {
    restart({ keepAliveSeconds: 0.1 });
    const client = await opened();
    const tellOpen = await commit();
    await client.until(() => client.values().length === 1);
    await client.cut();
    const tell = await commit();
    const again = await opened({ lastEventId: client.lastEventId() });
    expect(again.values()).toEqual([2]);
    tellOpen();
    tell();
    await send();
    await again.until(() => again.values().includes(3));
    expect(again.values()).toEqual([2, 3]);
    await again.cut();
  });

  it("are repeated exactly for a client that is cut again and again while messages pour in", async () => {
    restart({ keepAliveSeconds: 0.1 });
    const values: number[] = [];
    const early = await opened();
    let lastEventId = early.lastEventId();
    await early.cut();
    let sending = true;
    const sender = (async () => {
      for (let i = 0; i < 150; i++) await send({ elsewhere: i % 5 === 0 });
      sending = false;
    })();
    while (sending) {
      const client = await opened({ lastEventId });
      // No longer than an id can list what it knows.
      for (const endMs = performance.now() + 25; performance.now() < endMs && client.values().length < 30;) await wait(5);
      await client.cut();
      expect(client.names()).not.toContain("resync");
      values.push(...client.values());
      lastEventId = client.lastEventId();
    }
    await sender;
    const last = await opened({ lastEventId });
    values.push(...last.values());
    await last.cut();
    expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
  });

  it("ask the client to load the range again where they cannot tell: an id too old, or not ours", async () => {
    for (const lastEventId of ["", "x", "1:2;3;4;5", "1:1:;0;", "9".repeat(5_000), "1:1:1,x;5;"].slice(1)) {
      const client = await opened({ lastEventId });
      expect(client.names()).toEqual(["resync"]);
      await send();
      await client.until(() => client.names().length === 2);
      await client.cut();
    }
  });

  it("M6: hold a bounded number of messages for a client that does not read, and then ask it to load again", async () => {
    const cut = new AbortController();
    const slow = streams.stream({ deviceKey, signal: cut.signal });
    await slow.next();
    for (let i = 0; i < 2_500; i++) {
      const measuredAtUs = t0 + i;
      hub.publish([{ deviceKey, measuredAtUs, receivedAtUs: measuredAtUs, quality: 0, series: [series], values: [i] }]);
    }
    const { value } = await slow.next();
    expect(value).toMatch(/^event: resync\n/);
    await send();
    expect((await slow.next()).value).toMatch(/^event: samples\n/);
    cut.abort();
    await slow.return(undefined);
    expect(hub.watched()).toBe(0);
    expect(await db.query(sql`select 1 as one`)).toHaveLength(1);
  });
});
