import { RawMqtt } from "@roost/testbed/raw-mqtt";
import type { IConnectPacket, IPublishPacket } from "mqtt-packet";
import { afterEach, describe, expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const device = { clientId: "coop-1", username: "coop-1", password: Buffer.from("secret") };
const commands = "devices/coop-1/commands/+";
const command = (id: string) => ({ topic: `devices/coop-1/commands/${id}`, payload: `{"name":"${id}"}`, qos: 1 as const, retain: false });
const status = "devices/coop-1/status";
const will = { topic: status, payload: Buffer.from("offline"), qos: 1 as const, retain: true };

describe.each([4, 5] as const)("sessions at level %i", (protocolVersion) => {
  let at: TestDoor;
  afterEach(async () => at.door.close({ drainMs: 100 }));

  const lasting: Partial<IConnectPacket> = {
    clean: false,
    protocolVersion,
    ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 300 } } : {}),
  };
  const connect = async (over: Partial<IConnectPacket> = {}) => RawMqtt.connect(at.plain, { ...device, protocolVersion, ...over });

  async function subscribed(client: RawMqtt, topic: string, qos: 0 | 1 | 2 = 1): Promise<unknown> {
    client.send({ cmd: "subscribe", messageId: 77, subscriptions: [{ topic, qos }] });
    return (await client.next("suback")).granted;
  }

  it("keep subscriptions and what was sent meanwhile, say so, and forget them for a clean start", async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const first = await connect(lasting);
    expect(first.connack.sessionPresent).toBe(false);
    expect(await subscribed(first.client, commands, 2)).toEqual([1]);
    first.client.send({ cmd: "disconnect" });
    await first.client.closed();
    expect(at.door.publish(command("one"))).toBe(1);
    expect(at.door.publish({ ...command("zero"), qos: 0 })).toBe(0);
    at.door.publish(command("two"));

    const second = await connect(lasting);
    expect(second.connack.sessionPresent).toBe(true);
    const received = [await second.client.next("publish"), await second.client.next("publish")];
    expect(received.map(({ topic, qos, dup }) => [topic, qos, dup])).toEqual([
      ["devices/coop-1/commands/one", 1, false],
      ["devices/coop-1/commands/two", 1, false],
    ]);
    second.client.send({ cmd: "puback", messageId: received[0]?.messageId ?? 0 });
    second.client.send({ cmd: "pingreq" });
    await second.client.next("pingresp");
    second.client.close();
    await expect.poll(() => at.door.stats().connections).toBe(0);

    const third = await connect(lasting);
    expect(await third.client.next("publish")).toMatchObject({
      topic: "devices/coop-1/commands/two",
      dup: true,
      messageId: received[1]?.messageId,
    });
    const fourth = await connect({ clean: true });
    expect(fourth.connack.sessionPresent).toBe(false);
    expect(at.door.publish(command("three"))).toBe(0);
    expect(at.door.stats().queuedBytes).toBe(0);
    fourth.client.close();
  });

  it("are taken over by a newer connection, and the older is closed", async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const first = await connect(lasting);
    await subscribed(first.client, commands);
    const second = await connect(lasting);
    expect(second.connack.sessionPresent).toBe(true);
    if (protocolVersion === 5) expect((await first.client.next("disconnect")).reasonCode).toBe(0x8e);
    await first.client.closed();
    at.door.publish(command("one"));
    expect((await second.client.next("publish")).topic).toBe("devices/coop-1/commands/one");
    await expect.poll(() => at.door.stats()).toMatchObject({ takeovers: 1, sessions: 1, connections: 1 });
    second.client.close();
  });

  it("M8: a take-over publishes the will of the older connection once, and none of the newer", async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const first = await connect({ will });
    const second = await connect({ will });
    await first.client.closed();
    await expect.poll(() => at.taken).toMatchObject([{ topic: status, payload: "offline", retain: true }]);
    second.client.send({ cmd: "disconnect" });
    await second.client.closed();
    await expect.poll(() => at.door.stats().sessions).toBe(0);
    expect(at.taken).toHaveLength(1);
    expect(at.door.stats().wills).toBe(1);
  });

  it("publish the will when the connection is lost, when the keep-alive passes and after a protocol error, but not after a goodbye", async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const lost = await connect({ will });
    lost.client.socket.resetAndDestroy();
    await expect.poll(() => at.taken.length).toBe(1);
    const wrong = await connect({ will });
    wrong.client.sendBytes("c001ff");
    await expect.poll(() => at.taken.length).toBe(2);
    const silent = await connect({ will, keepalive: 1 });
    await silent.client.closed();
    expect(at.taken).toHaveLength(3);
    expect(at.door.stats().exceeded.keepAliveSeconds).toBe(1);
    const polite = await connect({ will });
    polite.client.send({ cmd: "disconnect" });
    await polite.client.closed();
    await expect.poll(() => at.door.stats().sessions).toBe(0);
    expect(at.taken).toHaveLength(3);
  });

  it("keep both halves of QoS 2 across connections: a message is passed on once, whatever is sent again", async () => {
    at = await openTestDoor({ withTls: false, autoCommit: false });
    at.addDevice("coop-1");
    const packet: IPublishPacket = {
      cmd: "publish",
      topic: "devices/coop-1/telemetry",
      payload: "{}",
      qos: 2,
      messageId: 5,
      dup: false,
      retain: false,
    };
    const first = await connect(lasting);
    first.client.send(packet);
    await expect.poll(() => at.taken.length).toBe(1);
    first.client.send({ ...packet, dup: true });
    first.client.close();
    await expect.poll(() => at.door.stats().connections).toBe(0);

    const second = await connect(lasting);
    second.client.send({ ...packet, dup: true });
    second.client.send({ cmd: "pingreq" });
    await second.client.next("pingresp");
    expect(second.client.packets).toEqual([]);
    at.commit();
    expect((await second.client.next("pubrec")).messageId).toBe(5);
    second.client.send({ ...packet, dup: true });
    expect((await second.client.next("pubrec")).messageId).toBe(5);
    second.client.send({ cmd: "pubrel", messageId: 5 });
    await second.client.next("pubcomp");
    expect(at.taken).toHaveLength(1);
    second.client.send(packet);
    await expect.poll(() => at.taken.length).toBe(2);
    second.client.close();
  });

  it("go on where both ends of a take-over wait for the same commit", async () => {
    at = await openTestDoor({ withTls: false, autoCommit: false });
    at.addDevice("coop-1");
    const first = await connect(lasting);
    first.client.send({ cmd: "publish", topic: "devices/coop-1/telemetry", payload: "1", qos: 1, messageId: 1, dup: false, retain: false });
    await expect.poll(() => at.taken.length).toBe(1);
    const second = await connect(lasting);
    second.client.send({ cmd: "publish", topic: "devices/coop-1/telemetry", payload: "1", qos: 1, messageId: 1, dup: true, retain: false });
    await expect.poll(() => at.taken.length).toBe(2);
    at.commit();
    await second.client.next("puback");
    expect(second.client.packets).toEqual([]);
    expect(at.door.stats().ticketsInFlight).toBe(0);
    second.client.close();
  });

  it("M6: what waits for a client that never returns is bounded, drops are counted, and it ends", async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    at = await openTestDoor({ withTls: false, clock, limits: { queueMessages: 3, sessionExpirySeconds: 30 } });
    at.addDevice("coop-1");
    const { client } = await connect(lasting);
    await subscribed(client, commands);
    client.close();
    await expect.poll(() => at.door.stats().connections).toBe(0);
    for (let index = 0; index < 5; index += 1) at.door.publish(command(`c${index}`));
    expect(at.door.stats().exceeded.queueMessages).toBe(2);
    expect(at.door.stats().queuedBytes).toBeGreaterThan(0);
    aheadMs = 31_000;
    await expect.poll(() => at.door.stats()).toMatchObject({ sessions: 0, queuedBytes: 0, sessionsExpired: 1 });
  });
});
