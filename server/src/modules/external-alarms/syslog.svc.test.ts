import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";

import type { Alarm } from "@roost/contract/alarms";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { until } from "@roost/testbed/waiting";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAlarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { createExternalAlarms } from "./external-alarms.ts";
import { createSyslogAlarms, quietMs } from "./syslog-alarms.ts";
import { createSyslogListener } from "./syslog-listener.ts";
import { parseSyslog } from "./syslog.ts";

const log = createLog({ level: "silent", pretty: false });
const start = Date.parse("2026-03-02T10:00:00Z");

describe("syslog", () => {
  let database: TestDatabase;
  let db: Db;
  let nowMs = start;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const organisationId = newId();
  let alarms: ReturnType<typeof createAlarms>;
  let external: ReturnType<typeof createExternalAlarms>;
  let syslog: ReturnType<typeof createSyslogAlarms>;
  let listener: ReturnType<typeof createSyslogListener>;
  let metrics: ReturnType<typeof createMetrics>;
  let port = 0;

  async function listen(allow: readonly string[] = []): Promise<void> {
    syslog = createSyslogAlarms({
      db,
      external,
      organisationId: () => organisationId,
      isDevice: (id) => id === "switch-1",
      mildest: 3,
      clock,
      log,
    });
    metrics = createMetrics();
    listener = createSyslogListener({ alarms: syslog, host: "127.0.0.1", port: 0, allow, clock, metrics, log });
    port = await listener.listen();
  }
  const counted = async (what: string): Promise<number> =>
    (await metrics.read("roost_syslog_messages_total"))?.find(({ labels }) => labels["what"] === what)?.value ?? 0;
  const soon = async (what: string, holds: () => Promise<boolean>) => until(what, holds);
  const list = async (state: "open" | "all" = "open"): Promise<Alarm[]> =>
    (await alarms.list({ organisationId }, { limit: 200, state })).items;

  async function byUdp(...messages: readonly (string | Uint8Array)[]): Promise<void> {
    const all = async () => (await counted("taken")) + (await counted("mild")) + (await counted("too_many"));
    const before = await all();
    const socket = createSocket("udp4");
    for (const message of messages) await new Promise((done) => socket.send(message, port, "127.0.0.1", done));
    await new Promise<void>((done) => socket.close(done));
    await soon("the messages are heard", async () => (await all()) > before);
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', 'ours')`);
    await db.query(sql`
      insert into devices (id, organisation_id, name, kind, attributes) values ('switch-1', ${organisationId}, 'Switch', 'generic', '{}'),
        ('olt-1', ${organisationId}, 'OLT', 'generic', '{"hostname": "OLT-North"}')`);
  });
  beforeEach(async () => {
    nowMs = start;
    await db.query(sql`truncate external_alarms, external_alarm_watch, alarms, incidents, events cascade`);
    alarms = createAlarms({ db, audit: createAudit({ db, clock, log, key: randomBytes(32) }), clock, log });
    external = createExternalAlarms({ db, alarms, findDevice: () => undefined, clock, log });
    await listen();
  });
  afterEach(async () => {
    await listener.close();
    await external.close();
    await alarms.close();
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("becomes alarms from a severity on: of a device by its name, else of the host, one for all that differ in numbers alone", async () => {
    await byUdp("<11>1 - switch-1 ifmgr - LINKDOWN - Port 7 is down", "<14>1 - switch-1 ifmgr - - - only information");
    await byUdp("<3>Feb  5 17:32:18 olt-north pon[12]: ONT 17 lost", "<3>Feb  5 17:32:19 olt-north pon[12]: ONT 18 lost");
    await byUdp("<2>Feb  5 17:32:19 fan-box: fan 1 stopped");
    await soon("all are heard", async () => (await counted("taken")) === 4 && (await counted("mild")) === 1);
    await syslog.flush();
    expect((await list()).map(({ source, deviceId, severity, title }) => `${source} ${deviceId} ${severity} ${title}`).toSorted()).toEqual([
      "olt-1 olt-1 major pon: ONT 18 lost",
      "switch-1 switch-1 major ifmgr: Port 7 is down",
      "syslog:127.0.0.1 undefined critical fan-box: fan 1 stopped",
    ]);
  });

  it("comes by TCP too, in pieces, and does not end before the stream does", async () => {
    const socket = connect(port, "127.0.0.1");
    const first = "<11>1 - a x - - - first";
    socket.write(`${first.length} ${first}<11>1 - b x`);
    await soon("the first is heard", async () => (await counted("taken")) === 1);
    socket.end(" - - - second");
    await soon("the second is heard", async () => (await counted("taken")) === 2);
    await syslog.flush();
    expect((await list()).map(({ title = "" }) => title).toSorted()).toEqual(["x: first", "x: second"]);
  });

  it("is told whole: what is heard while something is being told comes right after it", async () => {
    syslog.hear("127.0.0.1", parseSyslog(Buffer.from("<11>1 - one app - - - error")));
    const underWay = syslog.flush();
    syslog.hear("127.0.0.1", parseSyslog(Buffer.from("<11>1 - two app - - - error")));
    await Promise.all([syslog.flush(), syslog.flush()]);
    expect((await list()).map(({ source }) => source).toSorted()).toEqual(["syslog:one", "syslog:two"]);
    await underWay;
  });

  it("is one alarm while it goes on, and over when it was quiet for an hour", async () => {
    const message = "<11>1 - host app - - - error 5";
    const said = async () => {
      await byUdp(message);
      await syslog.flush();
    };
    /** Somebody listened all the time until then. */
    const listenedUntil = async (ms: number) => {
      nowMs = ms;
      await db.query(sql`update external_alarm_watch set watched_at = ${new Date(ms - 1_000)}`);
      await external.runOnce();
    };
    await external.runOnce();
    for (const seconds of [0, 30, 50, 120]) {
      await listenedUntil(start + seconds * 1_000);
      await said();
    }
    // Within a minute it is the same occurrence.
    expect(await list()).toMatchObject([{ occurrences: 2 }]);
    await listenedUntil(start + 119_000 + quietMs);
    expect(await list()).toHaveLength(1);
    await listenedUntil(start + 121_000 + quietMs);
    expect(await list("all")).toMatchObject([{ state: "cleared", clearedAt: new Date(start + 120_000 + quietMs) }]);
  });

  it("S14: takes hostile bytes for text, bounds a flood, what one host says, and who may send", async () => {
    await byUdp("<3>\u001b[31m<script>alert(1)</script>\u202E\u0000", randomBytes(200), Buffer.from([0x3c, 0x33, 0x3e, 0xff, 0xfe]));
    await soon("all are heard", async () => (await counted("taken")) >= 2);
    await syslog.flush();
    expect((await list()).some(({ title }) => title === "[31m<script>alert(1)</script>")).toBe(true);
    const words = Array.from(
      { length: 400 },
      (_, at) => `<3>1 - noisy app - - - ${"abcdefghijklmnopqrst"[at % 20]}${"abcdefghijklmnopqrst"[Math.floor(at / 20)]} broke`,
    );
    nowMs += 10_000;
    // Not by UDP, which loses what comes too fast before anybody bounds it.
    connect(port, "127.0.0.1").end(`${words.join("\n")}\n`);
    await soon("the flood is bounded", async () => (await counted("too_many")) === 300);
    await syslog.flush();
    expect((await list()).filter(({ source }) => source === "syslog:noisy").length).toBe(51);
    await listener.close();
    await listen(["192.0.2.0/24"]);
    const socket = createSocket("udp4");
    await new Promise((done) => socket.send("<3>x", port, "127.0.0.1", done));
    await new Promise<void>((done) => socket.close(done));
    await soon("it is refused", async () => (await counted("refused")) === 1);
  });
});
