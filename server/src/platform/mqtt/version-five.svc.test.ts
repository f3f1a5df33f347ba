import { RawMqtt } from "@roost/testbed/raw-mqtt";
import { connectAsync } from "mqtt";
import type { IConnectPacket, ISubscribePacket } from "mqtt-packet";
import { afterEach, describe, expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const password = Buffer.from("secret");
const device = { clientId: "coop-1", username: "coop-1", password };
const token = { clientId: "reader", username: "token", password: Buffer.from("one") };
const telemetry = "devices/coop-1/telemetry";

describe("MQTT 5", () => {
  let at: TestDoor;
  afterEach(async () => at.door.close({ drainMs: 100 }));

  async function open(over: Parameters<typeof openTestDoor>[0] = {}): Promise<void> {
    at = await openTestDoor({ withTls: false, ...over });
    at.addDevice("coop-1");
    at.addDevice("coop-2");
  }
  const connect = async (over: Partial<IConnectPacket>) => RawMqtt.connect(at.plain, { ...device, protocolVersion: 5, ...over });
  async function subscribe(client: RawMqtt, packet: Omit<ISubscribePacket, "cmd" | "messageId">) {
    client.send({ cmd: "subscribe", messageId: 9, ...packet });
    return (await client.next("suback")).granted;
  }
  const publish = (client: RawMqtt, payload: string, over = {}) =>
    client.send({ cmd: "publish", topic: telemetry, payload, qos: 0, dup: false, retain: false, ...over });

  it("announces its limits, takes QoS 2, and keeps the client's own keep-alive", async () => {
    await open();
    const { connack, client } = await connect({ keepalive: 60, properties: { sessionExpiryInterval: 4_000_000_000 } });
    expect(connack.properties).toEqual({
      sessionExpiryInterval: 604_800,
      receiveMaximum: 1_000,
      maximumPacketSize: 135_168,
      topicAliasMaximum: 10,
      sharedSubscriptionAvailable: false,
    });
    client.close();
    const { connack: second, client: forever } = await connect({ keepalive: 0 });
    expect(second.properties?.serverKeepAlive).toBe(3_600);
    forever.close();
  });

  it("assigns a client id where there is none", async () => {
    await open();
    const { connack, client } = await connect({ ...token, clientId: "" });
    expect(connack.properties?.assignedClientIdentifier).toMatch(/^roost-[0-9a-f]{18}$/);
    const { connack: own, client: owner } = await connect({ clientId: "" });
    expect(own.properties?.assignedClientIdentifier).toBe("coop-1");
    client.close();
    owner.close();
  });

  it("passes properties on as they came, in their order, with the subscription's identifier", async () => {
    await open();
    const reader = await connect(token);
    expect(
      await subscribe(reader.client, {
        subscriptions: [{ topic: "devices/+/telemetry", qos: 1 }],
        properties: { subscriptionIdentifier: 268_435_455 },
      }),
    ).toEqual([1]);
    const { client } = await connect({});
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 60,
      contentType: "application/json",
      responseTopic: "devices/coop-1/answers",
      correlationData: Buffer.from([1, 2, 3]),
      userProperties: { z: "1", a: ["2", "3"], ключ: "значение" },
    };
    publish(client, "{}", { qos: 1, messageId: 3, properties: { ...properties, topicAlias: 2 } });
    publish(client, "[]", { topic: "", properties: { topicAlias: 2 } });
    const first = await reader.client.next("publish");
    expect(first).toMatchObject({ topic: telemetry, qos: 1, properties: { ...properties, subscriptionIdentifier: 268_435_455 } });
    expect(Object.keys(first.properties?.userProperties ?? {})).toEqual(["z", "a", "ключ"]);
    expect(await reader.client.next("publish")).toMatchObject({ topic: telemetry, qos: 0, payload: Buffer.from("[]") });
    client.close();
    reader.client.close();
  });

  it("delivers one copy for overlapping filters, at the highest QoS, with every identifier", async () => {
    await open();
    const { client: reader } = await connect(token);
    await subscribe(reader, { subscriptions: [{ topic: "devices/+/telemetry", qos: 0 }], properties: { subscriptionIdentifier: 1 } });
    await subscribe(reader, { subscriptions: [{ topic: "devices/#", qos: 1 }], properties: { subscriptionIdentifier: 2 } });
    const { client } = await connect({});
    publish(client, "{}", { qos: 2, messageId: 3 });
    const message = await reader.next("publish");
    expect(message.qos).toBe(1);
    expect([message.properties?.subscriptionIdentifier].flat().toSorted((one = 0, other = 0) => one - other)).toEqual([1, 2]);
    reader.send({ cmd: "pingreq" });
    await reader.next("pingresp");
    expect(reader.packets).toEqual([]);
    for (const one of [client, reader]) one.close();
  });

  it("respects No Local, Retain As Published and Retain Handling", async () => {
    await open();
    const config = "devices/coop-1/config";
    at.door.publish({ topic: config, payload: "v1", qos: 1, retain: true });
    const { client } = await connect({});
    const wanted = { topic: config, qos: 0 as const };
    await subscribe(client, { subscriptions: [{ ...wanted, rh: 2, rap: true }] });
    client.send({ cmd: "pingreq" });
    await client.next("pingresp");
    expect(client.packets).toEqual([]);
    at.door.publish({ topic: config, payload: "v2", qos: 1, retain: true });
    expect(await client.next("publish")).toMatchObject({ payload: Buffer.from("v2"), retain: true });
    await subscribe(client, { subscriptions: [{ ...wanted, rh: 1, rap: false }] });
    at.door.publish({ topic: config, payload: "v3", qos: 1, retain: true });
    expect(await client.next("publish")).toMatchObject({ payload: Buffer.from("v3"), retain: false });
    await subscribe(client, { subscriptions: [wanted] });
    expect(await client.next("publish")).toMatchObject({ payload: Buffer.from("v3"), retain: true });
    client.close();
  });

  it("does not send a client back its own message under No Local", async () => {
    await open();
    const own = at.principal("coop-1");
    expect(own).toBeUndefined();
    const { client } = await connect({});
    const principal = at.principal("coop-1");
    if (principal !== undefined) Object.assign(principal, { maySubscribe: () => true, mayReceive: () => true });
    await subscribe(client, { subscriptions: [{ topic: telemetry, qos: 0, nl: true }] });
    publish(client, "quiet");
    await subscribe(client, { subscriptions: [{ topic: telemetry, qos: 0, nl: false }] });
    publish(client, "loud");
    expect((await client.next("publish")).payload.toString()).toBe("loud");
    client.close();
  });

  it("sends no more than the client's Receive Maximum, and nothing larger than its Maximum Packet Size", async () => {
    await open();
    const { client } = await connect({ properties: { receiveMaximum: 2, maximumPacketSize: 100 } });
    await subscribe(client, { subscriptions: [{ topic: "devices/coop-1/commands/+", qos: 1 }] });
    for (const payload of ["1", "x".repeat(200), "2", "3"])
      at.door.publish({ topic: "devices/coop-1/commands/a", payload, qos: 1, retain: false });
    const [one, two] = [await client.next("publish"), await client.next("publish")];
    client.send({ cmd: "pingreq" });
    await client.next("pingresp");
    expect([one.payload.toString(), two.payload.toString(), client.packets]).toEqual(["1", "2", []]);
    client.send({ cmd: "puback", messageId: one.messageId ?? 0 });
    expect((await client.next("publish")).payload.toString()).toBe("3");
    client.close();
  });

  it("lets messages expire while they wait, and counts the rest of their time down", async () => {
    await open();
    const lasting = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const { client } = await connect(lasting);
    await subscribe(client, { subscriptions: [{ topic: "devices/coop-1/commands/+", qos: 1 }] });
    client.send({ cmd: "disconnect" });
    await client.closed();
    at.door.publish({ topic: "devices/coop-1/commands/short", payload: "1", qos: 1, retain: false, expirySeconds: 1 });
    at.door.publish({ topic: "devices/coop-1/commands/long", payload: "2", qos: 1, retain: false, expirySeconds: 60 });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const { client: again } = await connect(lasting);
    const message = await again.next("publish");
    expect(message.topic).toBe("devices/coop-1/commands/long");
    expect(message.properties?.messageExpiryInterval).toBeLessThan(60);
    again.close();
  });

  it("waits with a delayed will, drops it when the client is back, publishes it at the session's end at the latest", async () => {
    let aheadMs = 0;
    await open({ clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs } });
    const will = {
      topic: "devices/coop-1/status",
      payload: Buffer.from("offline"),
      qos: 1 as const,
      retain: false,
      properties: { willDelayInterval: 60 },
    };
    const lasting = { clean: false, properties: { sessionExpiryInterval: 30 }, will };
    const first = await connect(lasting);
    first.client.socket.resetAndDestroy();
    await expect.poll(() => at.door.stats().connections).toBe(0);
    const second = await connect(lasting);
    expect(second.connack.sessionPresent).toBe(true);
    expect(at.taken).toEqual([]);
    second.client.socket.resetAndDestroy();
    await expect.poll(() => at.door.stats().connections).toBe(0);
    aheadMs = 31_000;
    await expect.poll(() => at.taken.length).toBe(1);
    expect(at.door.stats().sessions).toBe(0);
  });

  it("publishes the will after DISCONNECT 0x04, and takes a new session expiry from DISCONNECT", async () => {
    await open();
    const will = { topic: "devices/coop-1/status", payload: Buffer.from("offline"), qos: 0 as const, retain: false };
    const { client } = await connect({ will });
    client.send({ cmd: "disconnect", reasonCode: 4 });
    await expect.poll(() => at.taken.length).toBe(1);
    const { client: second } = await connect({ clean: false, properties: { sessionExpiryInterval: 60 } });
    second.send({ cmd: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
    await expect.poll(() => at.door.stats().sessions).toBe(0);
  });

  it("answers UNSUBSCRIBE filter by filter, and PUBREL for nothing", async () => {
    await open();
    const { client } = await connect({});
    await subscribe(client, { subscriptions: [{ topic: "devices/coop-1/config", qos: 0 }] });
    client.send({ cmd: "unsubscribe", messageId: 4, unsubscriptions: ["devices/coop-1/config", "devices/coop-1/nothing"] });
    expect((await client.next("unsuback")).granted).toEqual([0, 0x11]);
    expect(at.door.publish({ topic: "devices/coop-1/config", payload: "x", qos: 0, retain: false })).toBe(0);
    client.send({ cmd: "pubrel", messageId: 4 });
    expect((await client.next("pubcomp")).reasonCode).toBe(0x92);
    client.send({ cmd: "pubrec", messageId: 4 });
    expect((await client.next("pubrel")).reasonCode).toBe(0x92);
    client.close();
  });

  it("tells a refused message by its reason code, QoS 1 and 2 alike, and goes on", async () => {
    await open();
    const { client } = await connect({});
    publish(client, "x", { topic: "devices/coop-2/telemetry", qos: 1, messageId: 1 });
    publish(client, "x", { topic: "devices/coop-2/telemetry", qos: 2, messageId: 2 });
    publish(client, "x", { topic: "devices/coop-2/telemetry", qos: 0 });
    expect(await client.next("puback")).toMatchObject({ messageId: 1, reasonCode: 0x87 });
    expect(await client.next("pubrec")).toMatchObject({ messageId: 2, reasonCode: 0x87 });
    publish(client, "ok", { qos: 2, messageId: 2 });
    expect(await client.next("pubrec")).toMatchObject({ messageId: 2, reasonCode: 0 });
    expect(at.rejects.map(({ code, topic }) => [code, topic])).toEqual(
      Array.from({ length: 3 }, () => ["ingest.not_allowed", "devices/coop-2/telemetry"]),
    );
    expect(at.taken.map(({ payload }) => payload)).toEqual(["ok"]);
    client.close();
  });

  it("works with a real client: subscription, request and response, several identifiers", async () => {
    await open();
    const reader = await connectAsync(`mqtt://127.0.0.1:${at.plain.port}`, {
      username: "token",
      password: "one",
      clientId: "reader",
      protocolVersion: 5,
    });
    const received: string[] = [];
    reader.on("message", (topic, payload, packet) =>
      received.push(`${topic} ${payload.toString()} ${packet.properties?.responseTopic ?? ""}`),
    );
    await reader.subscribeAsync("devices/+/event", { qos: 1, properties: { subscriptionIdentifier: 3 } });
    const sender = await connectAsync(`mqtt://127.0.0.1:${at.plain.port}`, {
      username: "coop-1",
      password: "secret",
      clientId: "coop-1",
      protocolVersion: 5,
    });
    await sender.publishAsync("devices/coop-1/event", "ask", {
      qos: 2,
      properties: { responseTopic: "devices/coop-1/answer", correlationData: Buffer.from("1") },
    });
    await expect.poll(() => received).toEqual(["devices/coop-1/event ask devices/coop-1/answer"]);
    await Promise.all([reader.endAsync(), sender.endAsync()]);
  });
});
