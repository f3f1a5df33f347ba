import { printFigures } from "@roost/testbed/figures";
import { RawMqtt } from "@roost/testbed/raw-mqtt";
import type { IConnectPacket } from "mqtt-packet";
import { generate } from "mqtt-packet";
import { afterEach, describe, expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const device = { clientId: "coop-1", username: "coop-1", password: Buffer.from("secret") };
const telemetry = "devices/coop-1/telemetry";

describe("bounds of one client", () => {
  let at: TestDoor;
  afterEach(async () => at.door.close({ drainMs: 100 }));

  async function open(over: Parameters<typeof openTestDoor>[0] = {}): Promise<void> {
    at = await openTestDoor({ withTls: false, ...over });
    at.addDevice("coop-1");
  }
  const connect = async (over: Partial<IConnectPacket> = {}) => RawMqtt.connect(at.plain, { ...device, ...over });
  const publish = (client: RawMqtt, over: object) =>
    client.send({ cmd: "publish", topic: telemetry, payload: "{}", qos: 1, messageId: 1, dup: false, retain: false, ...over });

  it.each([4, 5] as const)(
    "M4: a payload over 128 KiB ends the connection at level %i, one of 128 KiB is taken",
    async (protocolVersion) => {
      await open();
      const { client } = await connect({ protocolVersion });
      publish(client, { payload: "x".repeat(131_072) });
      await client.next("puback");
      publish(client, { payload: "x".repeat(131_073) });
      if (protocolVersion === 5) expect((await client.next("disconnect")).reasonCode).toBe(0x95);
      await client.closed();
      expect([at.taken.length, at.door.stats().exceeded.payloadBytes]).toEqual([1, 1]);
    },
  );

  it("M4: a packet over the announced maximum is refused by its length alone", async () => {
    await open();
    const { client } = await connect();
    client.sendBytes("30ffff7f");
    expect((await client.next("disconnect")).reasonCode).toBe(0x95);
    await client.closed();
    expect(at.door.stats().exceeded.packetBytes).toBe(1);
  });

  it.each([
    ["of more than 8 levels", "devices/coop-1/a/b/c/d/e/f/g", "topicLevels"],
    ["of more than 256 bytes", `devices/coop-1/${"x".repeat(250)}`, "topicBytes"],
  ] as const)("M4: a topic %s is refused with 0x90, a filter with 0x8F, and the connection goes on", async (_what, topic, limit) => {
    await open();
    const { client } = await connect();
    publish(client, { topic });
    expect((await client.next("puback")).reasonCode).toBe(0x90);
    publish(client, { topic, qos: 2, messageId: 2 });
    expect((await client.next("pubrec")).reasonCode).toBe(0x90);
    client.send({ cmd: "subscribe", messageId: 2, subscriptions: [{ topic, qos: 0 }] });
    expect((await client.next("suback")).granted).toEqual([0x8f]);
    publish(client, {});
    expect((await client.next("puback")).reasonCode).toBe(0);
    expect(at.door.stats().exceeded[limit]).toBe(3);
    expect(at.rejects.map(({ code }) => code)).toEqual(["ingest.unknown_topic", "ingest.unknown_topic"]);
    client.close();
  });

  it("M4: a client id of 65,535 bytes, or anything large before CONNECT is through, is closed and takes no memory", async () => {
    await open();
    const client = await RawMqtt.open(at.plain, 5);
    client.send({ cmd: "connect", protocolId: "MQTT", protocolVersion: 5, clean: true, keepalive: 1, clientId: "x".repeat(65_535) });
    await client.closed();
    expect(at.door.stats().exceeded.packetBytesBeforeAuth).toBe(1);
    const { connack } = await connect({ clientId: "x".repeat(129) });
    expect(connack.reasonCode).toBe(0x85);
    expect(at.door.stats().exceeded.clientIdBytes).toBe(1);
  });

  it("M4: 1,000 filters in one SUBSCRIBE are refused one by one, too many subscriptions as well", async () => {
    await open({ limits: { subscriptionsPerSession: 2 } });
    const { client } = await connect();
    const filters = Array.from({ length: 1_000 }, (_, index) => ({ topic: `devices/coop-1/commands/${index}`, qos: 1 as const }));
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: filters });
    const { granted } = await client.next("suback");
    expect([granted.length, new Set(granted)]).toEqual([1_000, new Set([0x97])]);
    client.send({ cmd: "subscribe", messageId: 2, subscriptions: filters.slice(0, 3) });
    expect((await client.next("suback")).granted).toEqual([1, 1, 0x97]);
    client.send({ cmd: "subscribe", messageId: 3, subscriptions: filters.slice(1, 2) });
    expect((await client.next("suback")).granted).toEqual([1]);
    expect(at.door.stats().exceeded).toMatchObject({ filtersPerSubscribe: 1, subscriptionsPerSession: 1 });
    client.close();
  });

  it("M4: floods of user properties are refused in every packet", async () => {
    await open();
    const userProperties = { a: Array.from({ length: 33 }, () => "b") };
    const before = await connect({ properties: { userProperties } });
    expect(before.connack.reasonCode).toBe(0x97);
    const { client: publisher } = await connect();
    publish(publisher, { properties: { userProperties } });
    expect((await publisher.next("disconnect")).reasonCode).toBe(0x97);
    const { client: subscriber } = await connect();
    subscriber.send({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [{ topic: "devices/coop-1/config", qos: 0 }],
      properties: { userProperties },
    });
    expect((await subscriber.next("disconnect")).reasonCode).toBe(0x97);
    expect([at.door.stats().exceeded.userProperties, at.taken]).toEqual([3, []]);
  });

  it.each([
    ["different ids", 5, 1],
    ["one id", 5, 0],
    ["different ids", 4, 1],
  ] as const)(
    "M5: 100,000 PUBLISH of QoS 2 without PUBREL, %s, level %i, end in time and take no memory",
    async (what, protocolVersion, step) => {
      await open({ limits: { qos2Pending: 1_000 } });
      const { client } = await connect({ protocolVersion });
      client.socket.on("data", () => undefined);
      const rssBefore = process.memoryUsage().rss;
      let messageId = 1;
      for (let batch = 0; batch < 100 && !client.isClosed; batch += 1) {
        const packets = [];
        for (let index = 0; index < 1_000; index += 1) {
          packets.push(
            generate(
              { cmd: "publish", topic: telemetry, payload: "{}", qos: 2, messageId, dup: false, retain: false },
              { protocolVersion },
            ),
          );
          messageId = (messageId % 65_535) + step;
        }
        client.sendBytes(Buffer.concat(packets));
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (step === 0) {
        await expect.poll(() => at.door.stats().duplicatesHeld).toBe(99_999);
        expect(at.taken).toHaveLength(1);
      } else {
        await client.closed();
        if (protocolVersion === 5) expect((await client.next("disconnect")).reasonCode).toBe(0x93);
        expect(at.taken).toHaveLength(1_000);
      }
      const growth = (process.memoryUsage().rss - rssBefore) / 1e6;
      printFigures("M5", { level: protocolVersion, ids: what, taken: at.taken.length, rssGrowthMb: growth });
      client.close();
    },
  );

  it("M5: Receive Maximum holds for QoS 1 in 5; a 3.1.1 client is not read until earlier messages are stored", async () => {
    await open({ autoCommit: false, limits: { receiveMaximum: 10 } });
    const { client } = await connect();
    for (let messageId = 1; messageId <= 11; messageId += 1) publish(client, { messageId });
    expect((await client.next("disconnect")).reasonCode).toBe(0x93);
    await client.closed();
    at.commit();
    at.taken.length = 0;
    const { client: older } = await connect({ protocolVersion: 4 });
    for (let messageId = 1; messageId <= 25; messageId += 1) publish(older, { messageId });
    await expect.poll(() => at.taken.length).toBe(10);
    for (const total of [20, 25]) {
      at.commit();
      await expect.poll(() => at.taken.length).toBe(total);
    }
    at.commit();
    await expect.poll(() => older.packets.length).toBe(25);
    expect(older.packets.map((packet) => packet.messageId)).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    older.close();
  });

  it("the gate stops reading while too much waits for its commit, and lets it go on", async () => {
    await open({ autoCommit: false });
    const { client } = await connect({ protocolVersion: 4 });
    at.gate.take(2_000_000);
    for (let messageId = 1; messageId <= 5; messageId += 1) publish(client, { messageId });
    client.send({ cmd: "pingreq" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([at.taken.length, client.packets]).toEqual([0, []]);
    at.gate.release(2_000_000);
    await client.next("pingresp");
    expect(at.taken).toHaveLength(5);
    client.close();
  });

  it("M6: a reader that takes nothing loses QoS 0 by count, is closed in the end, and others hear everything", async () => {
    // Hardly any time goes by until it is put ahead: who is slow to take all of it, on a slow machine, is not who takes nothing.
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() / 100 + aheadMs };
    await open({ clock, limits: { outBufferBytes: 65_536, stalledSeconds: 60, queueMessages: 50 } });
    const reader = { username: "token", password: Buffer.from("one") };
    const { client: stalled } = await RawMqtt.connect(at.plain, { ...reader, clientId: "stalled", keepalive: 0 });
    const { client: lively } = await RawMqtt.connect(at.plain, { ...reader, clientId: "lively" });
    for (const [index, one] of [stalled, lively].entries()) {
      one.send({
        cmd: "subscribe",
        messageId: 1,
        subscriptions: [
          { topic: "devices/+/telemetry", qos: index === 0 ? 1 : 0 },
          { topic: "devices/+/event", qos: 0 },
        ],
      });
      await one.next("suback");
    }
    stalled.socket.pause();
    const payload = "x".repeat(100_000);
    let heard = 0;
    for (let index = 0; index < 150; index += 1) {
      at.door.publish({ topic: index % 2 === 0 ? telemetry : "devices/coop-1/event", payload, qos: 1, retain: false });
      heard += 1;
      await expect.poll(() => lively.packets.length, { interval: 1 }).toBe(heard);
    }
    expect(at.door.stats().exceeded.outBufferBytes).toBeGreaterThan(10);
    expect(at.door.stats().exceeded.queueBytes + at.door.stats().exceeded.queueMessages).toBeGreaterThan(10);
    aheadMs = 61_000;
    await expect.poll(() => at.door.stats()).toMatchObject({ connections: 1, queuedBytes: 0 });
    expect(at.door.stats().exceeded.stalledSeconds).toBe(1);
    lively.close();
    stalled.close();
  });

  it("bounds sessions in all and of one token, and bytes that wait for all", async () => {
    await open({ limits: { sessions: 3, sessionsPerPrincipal: 1, queueTotalBytes: 300 } });
    const reader = { username: "token", password: Buffer.from("one"), clean: false, properties: { sessionExpiryInterval: 60 } };
    const first = await RawMqtt.connect(at.plain, { ...reader, clientId: "r1" });
    const second = await RawMqtt.connect(at.plain, { ...reader, clientId: "r2" });
    expect([first.connack.reasonCode, second.connack.reasonCode]).toEqual([0, 0x97]);
    for (const id of ["a", "b"]) await RawMqtt.connect(at.plain, { ...reader, clientId: "r", password: Buffer.from(id) });
    const { connack } = await connect();
    expect(connack.reasonCode).toBe(0x97);
    first.client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "devices/#", qos: 1 }] });
    await first.client.next("suback");
    first.client.close();
    await expect.poll(() => at.door.stats().connections).toBe(2);
    at.door.publish({ topic: telemetry, payload: "x", qos: 1, retain: false });
    at.door.publish({ topic: telemetry, payload: "x".repeat(200), qos: 1, retain: false });
    expect(at.door.stats().exceeded).toMatchObject({ sessions: 1, sessionsPerPrincipal: 1, queueTotalBytes: 1 });
  });
});

describe("M8: retained messages", () => {
  let at: TestDoor;
  afterEach(async () => at.door.close({ drainMs: 100 }));

  const retainable = "devices/coop-1/status";
  async function open(over: Parameters<typeof openTestDoor>[0] = {}) {
    at = await openTestDoor({ withTls: false, ...over });
    at.addDevice("coop-1");
    const { client } = await RawMqtt.connect(at.plain, device);
    return client;
  }
  const retain = (client: RawMqtt, messageId: number, over = {}) =>
    client.send({ cmd: "publish", topic: retainable, payload: "online", qos: 1, messageId, dup: false, retain: true, ...over });
  async function readRetained(): Promise<string[]> {
    const { client } = await RawMqtt.connect(at.plain, { clientId: "reader", username: "token", password: Buffer.from("one") });
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "devices/+/status", qos: 1 }] });
    client.send({ cmd: "pingreq" });
    await client.next("pingresp");
    client.close();
    return client.packets.filter((packet) => packet.cmd === "publish").map(({ topic, payload }) => `${topic} ${payload.toString()}`);
  }

  it("are shown after their commit and not before, and forgotten by an empty one", async () => {
    const client = await open({ autoCommit: false });
    retain(client, 1);
    await expect.poll(() => at.taken.length).toBe(1);
    expect(await readRetained()).toEqual([]);
    at.commit();
    await client.next("puback");
    expect(await readRetained()).toEqual(["devices/coop-1/status online"]);
    retain(client, 2, { payload: "" });
    await expect.poll(() => at.taken.length).toBe(2);
    at.commit();
    await client.next("puback");
    expect(await readRetained()).toEqual([]);
    client.close();
  });

  it("are not kept where the payload was refused, nor on topics that are not for it", async () => {
    const client = await open({ autoCommit: false });
    retain(client, 1);
    await expect.poll(() => at.waitingTickets().length).toBe(1);
    for (const ticket of at.waitingTickets()) ticket.reason = 0x99;
    at.commit();
    expect((await client.next("puback")).reasonCode).toBe(0x99);
    retain(client, 2, { topic: telemetry });
    await expect.poll(() => at.waitingTickets().length).toBe(1);
    at.commit();
    expect((await client.next("puback")).reasonCode).toBe(0);
    expect(at.door.stats()).toMatchObject({ retained: 0, retainIgnored: 1 });
    expect(at.taken.at(-1)?.retain).toBe(false);
    client.close();
  });

  it("of one device are bounded in number and bytes: 10,000 topics end at the limit", async () => {
    const client = await open({ limits: { retainedPerPrincipal: 20, retainedBytesPerPrincipal: 2_000 } });
    const principal = at.principal("coop-1");
    const route = principal?.mayPublish(retainable);
    if (principal !== undefined && route !== undefined) principal.mayPublish = () => route;
    client.socket.setMaxListeners(0);
    const reasons: (number | undefined)[] = [];
    for (let index = 0; index < 10_000; index += 500) {
      for (let own = 1; own <= 500; own += 1) retain(client, own, { topic: `devices/coop-1/x${index + own}` });
      for (let own = 1; own <= 500; own += 1) reasons.push((await client.next("puback")).reasonCode);
    }
    expect(reasons.filter((reason) => reason === 0)).toHaveLength(20);
    expect(reasons.filter((reason) => reason === 0x97)).toHaveLength(9_980);
    expect(at.door.stats()).toMatchObject({ retained: 20, exceeded: { retainedPerPrincipal: 9_980 } });
    retain(client, 1, { topic: "devices/coop-1/x1", payload: "y".repeat(3_000) });
    expect((await client.next("puback")).reasonCode).toBe(0x97);
    expect(at.door.stats().exceeded.retainedBytesPerPrincipal).toBe(1);
    client.close();
  });

  it("of a device that lost its right are shown to nobody", async () => {
    const client = await open({ retained: [{ topic: "devices/coop-0/status", payload: Buffer.from("stored"), qos: 1 }] });
    at.addDevice("coop-0");
    retain(client, 1);
    await client.next("puback");
    expect((await readRetained()).toSorted()).toEqual(["devices/coop-0/status stored", "devices/coop-1/status online"]);
    at.revoke("coop-1");
    expect(await readRetained()).toEqual(["devices/coop-0/status stored"]);
    await client.closed();
  });

  it.each(["devices/coop-2/status", "$SYS/broker", "devices/coop-1/commands/1"])(
    "a will on %s is refused at CONNECT and counted",
    async (topic) => {
      const client = await open();
      at.addDevice("coop-2");
      const will = { topic, payload: Buffer.from("x"), qos: 1 as const, retain: true };
      const five = await RawMqtt.connect(at.plain, { ...device, will });
      const older = await RawMqtt.connect(at.plain, { ...device, will, protocolVersion: 4 });
      expect([five.connack.reasonCode, older.connack.returnCode]).toEqual([0x87, 5]);
      expect([at.door.stats().willsRefused, at.rejects.length]).toEqual([2, 2]);
      // Who was refused has taken nobody over.
      client.send({ cmd: "pingreq" });
      await client.next("pingresp");
      client.close();
    },
  );

  it("a will whose right ended since CONNECT is not published", async () => {
    const client = await open();
    client.close();
    await expect.poll(() => at.door.stats().connections).toBe(0);
    const will = { topic: retainable, payload: Buffer.from("offline"), qos: 1 as const, retain: true };
    const { client: second } = await RawMqtt.connect(at.plain, { ...device, will });
    const principal = at.principal("coop-1");
    if (principal !== undefined) principal.mayPublish = () => ({ refused: true, code: "ingest.not_allowed", reason: 0x87 });
    second.socket.resetAndDestroy();
    await expect.poll(() => at.door.stats().willsRefused).toBe(1);
    expect(at.taken).toEqual([]);
  });
});
