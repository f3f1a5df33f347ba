import { printFigures } from "@roost/testbed/figures";
import { RawMqtt } from "@roost/testbed/raw-mqtt";
import type { IConnectPacket } from "mqtt-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const secret = Buffer.from("secret");
const deviceA = { clientId: "coop-a", username: "coop-a", password: secret };
const deviceB = { clientId: "coop-b", username: "coop-b", password: secret };
const tokenOf = (organisation: string) => ({ clientId: `reader-${organisation}`, username: "token", password: Buffer.from(organisation) });

/** What somebody might try to hear others with. */
const hostileFilters = [
  "#",
  "+",
  "/#",
  "+/#",
  "+/+",
  "+/+/+",
  "+/+/#",
  "/+",
  "//#",
  "devices",
  "devices/",
  "devices/#",
  "devices/+",
  "devices/+/#",
  "devices/+/+",
  "devices/+/telemetry",
  "devices/+/status",
  "devices/+/config",
  "devices/+/commands/+",
  "devices/+/commands/#",
  "devices/coop-a/#",
  "devices/coop-a/+",
  "devices/coop-a/telemetry",
  "devices/coop-a/config",
  "devices/coop-a/commands/+",
  "devices//telemetry",
  "/devices/coop-a/telemetry",
  "devices/coop-a//telemetry",
  "devices/coop-a/telemetry/",
  "devices/COOP-A/telemetry",
  "Devices/coop-a/telemetry",
  "devices/coop-a/telemetry/#",
  "$SYS/#",
  "$SYS/broker/uptime",
  "$SYS/+",
  "$share/g/#",
  "$share/g/devices/+/telemetry",
  "$share/g/devices/coop-a/telemetry",
  "$share//#",
  "$share",
  "$queue/devices/+/telemetry",
  "$exclusive/devices/coop-a/config",
  "$devices/coop-a/telemetry",
  "devices/$coop-a/telemetry",
  "devices/cоop-a/telemetry",
  "devices/coop‐a/telemetry",
  "devices/coop-a /telemetry",
  " devices/coop-a/telemetry",
  "devices/ｃoop-a/telemetry",
  "devices/coop-a%2ftelemetry",
  "devices/%63oop-a/telemetry",
  "devices/../devices/coop-a/telemetry",
  "devices/coop-a\\telemetry",
  "devices/./coop-a/telemetry",
  "devices/coop-?/telemetry",
  "devices/coop-*/telemetry",
  "devices/*/telemetry",
  "devices/coop-a*",
  "+/coop-a/telemetry",
  "+/coop-a/#",
  "+/+/telemetry",
  "a/b/c/d/e/f/g/h/#",
  "devices/coop+/telemetry",
  "devices/coop#",
  "##",
  "#/devices",
  "devices/#/telemetry",
  "+devices/coop-a",
] as const;

describe("access at the door", () => {
  let at: TestDoor;
  beforeEach(async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-a", "one");
    at.addDevice("coop-b", "two");
  });
  afterEach(async () => at.door.close({ drainMs: 100 }));

  const connect = async (packet: Partial<IConnectPacket> & { clientId: string }) => RawMqtt.connect(at.plain, packet);
  async function grantOf(client: RawMqtt, topic: string): Promise<number> {
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 1 }] });
    return Number((await client.next("suback")).granted[0]);
  }
  async function settle(client: RawMqtt): Promise<void> {
    client.send({ cmd: "pingreq" });
    await client.next("pingresp");
  }

  it.each([4, 5] as const)(
    "M9: no filter brings a foreign byte at level %i, neither to a device nor to a token; refusal is told by SUBACK",
    async (protocolVersion) => {
      at.door.publish({ topic: "devices/coop-a/config", payload: "foreign", qos: 1, retain: true });
      at.door.publish({ topic: "devices/coop-a/status", payload: "foreign", qos: 1, retain: true });
      const listeners = [
        (await connect({ ...deviceB, protocolVersion })).client,
        (await connect({ ...tokenOf("two"), protocolVersion })).client,
      ];
      const { client: owner } = await connect(deviceA);
      const granted: string[] = [];
      const codes = new Set<number>();
      for (const [index, listener] of listeners.entries()) {
        for (const filter of hostileFilters) {
          const code = await grantOf(listener, filter);
          if (code < 0x80) granted.push(`${index === 0 ? "device" : "token"} ${filter}`);
          else codes.add(code);
        }
      }
      // A token's wildcards span its own organisation alone, so they are granted; a device hears nothing but its own.
      expect(granted.filter((grant) => grant.startsWith("device"))).toEqual([]);
      expect([...codes].toSorted((one, other) => one - other)).toEqual(protocolVersion === 4 ? [0x80] : [0x87, 0x8f, 0x9e]);
      owner.send({
        cmd: "publish",
        topic: "devices/coop-a/telemetry",
        payload: "foreign",
        qos: 1,
        messageId: 1,
        dup: false,
        retain: false,
      });
      await owner.next("puback");
      owner.send({ cmd: "publish", topic: "devices/coop-a/status", payload: "foreign", qos: 1, messageId: 2, dup: false, retain: true });
      await owner.next("puback");
      at.door.publish({ topic: "devices/coop-a/commands/1", payload: "foreign", qos: 1, retain: false });
      for (const listener of listeners) {
        await settle(listener);
        expect(listener.packets).toEqual([]);
      }
      expect(at.door.stats().deliveryDenied).toBeGreaterThan(0);
      printFigures("M9", { level: protocolVersion, filters: hostileFilters.length * 2, foreignBytes: 0 });
      for (const client of [...listeners, owner]) client.close();
    },
  );

  it.each(["devices/+/telemetry\0", "devices/\u0001/telemetry"])(
    "M9: a filter with a control character ends the connection: %j",
    async (topic) => {
      const { client } = await connect(deviceB);
      client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 0 }] });
      expect((await client.next("disconnect")).reasonCode).toBe(0x81);
      await client.closed();
    },
  );

  it("M9: a token hears its own organisation, live and retained", async () => {
    at.door.publish({ topic: "devices/coop-a/status", payload: "online", qos: 1, retain: true });
    at.door.publish({ topic: "devices/coop-b/status", payload: "foreign", qos: 1, retain: true });
    const { client: reader } = await connect(tokenOf("one"));
    expect(await grantOf(reader, "devices/#")).toBe(1);
    const { client: owner } = await connect(deviceA);
    owner.send({ cmd: "publish", topic: "devices/coop-a/telemetry", payload: "{}", qos: 1, messageId: 1, dup: false, retain: false });
    const messages = [await reader.next("publish"), await reader.next("publish")];
    expect(messages.map(({ topic, payload, retain }) => [topic, payload.toString(), retain])).toEqual([
      ["devices/coop-a/status", "online", true],
      ["devices/coop-a/telemetry", "{}", false],
    ]);
    await settle(reader);
    expect(reader.packets).toEqual([]);
    for (const client of [reader, owner]) client.close();
  });

  it("M9: foreign publishes are refused and counted, by alias and response topic too, and the next own one is taken", async () => {
    const { client } = await connect(deviceB);
    const foreign = [
      "devices/coop-a/telemetry",
      "devices/coop-b/commands/1",
      "devices/coop-b/config",
      "$SYS/broker",
      "devices/coop-b",
      "other",
    ];
    for (const [index, topic] of foreign.entries()) {
      const properties = { topicAlias: 1, responseTopic: "devices/coop-a/config" };
      client.send({ cmd: "publish", topic, payload: "x", qos: 1, messageId: index * 2 + 1, dup: false, retain: true, properties });
      expect((await client.next("puback")).reasonCode).toBe(0x87);
      client.send({
        cmd: "publish",
        topic: "",
        payload: "x",
        qos: 1,
        messageId: index * 2 + 2,
        dup: false,
        retain: false,
        properties: { topicAlias: 1 },
      });
      expect((await client.next("puback")).reasonCode).toBe(0x87);
    }
    expect(at.rejects).toHaveLength(foreign.length * 2);
    expect(at.taken).toEqual([]);
    client.send({ cmd: "publish", topic: "devices/coop-b/telemetry", payload: "x", qos: 1, messageId: 50, dup: false, retain: false });
    expect((await client.next("puback")).reasonCode).toBe(0);
    client.close();
  });

  it("M9: a 3.1.1 client that publishes to a foreign topic is closed where the refusal cannot be put on record", async () => {
    const { client } = await connect({ ...deviceB, protocolVersion: 4 });
    client.send({ cmd: "publish", topic: "devices/coop-a/telemetry", payload: "x", qos: 1, messageId: 1, dup: false, retain: false });
    await client.closed();
    expect([client.packets, at.rejects.length]).toEqual([[], 1]);
  });

  it("M10: B cannot come as A, and A goes on undisturbed", async () => {
    const { client: owner } = await connect(deviceA);
    const asA = await connect({ ...deviceB, clientId: "coop-a" });
    expect(asA.connack.reasonCode).toBe(0x85);
    const as311 = await connect({ ...deviceB, clientId: "coop-a", protocolVersion: 4 });
    expect(as311.connack.returnCode).toBe(2);
    owner.send({ cmd: "publish", topic: "devices/coop-a/telemetry", payload: "{}", qos: 1, messageId: 1, dup: false, retain: false });
    expect((await owner.next("puback")).reasonCode).toBe(0);
    expect(at.door.stats().takeovers).toBe(0);
    owner.close();
  });

  it("M10: two tokens with the same client id do not meet", async () => {
    const one = await connect({ ...tokenOf("one"), clientId: "same" });
    const two = await connect({ ...tokenOf("two"), clientId: "same" });
    await settle(one.client);
    await settle(two.client);
    expect(at.door.stats()).toMatchObject({ sessions: 2, takeovers: 0 });
    for (const { client } of [one, two]) client.close();
  });

  it("M10: a revoked device is cut within seconds, its session, queue and halves of QoS 2 are gone, and it does not get in again", async () => {
    at.holdCommits();
    const lasting = { ...deviceA, clean: false, properties: { sessionExpiryInterval: 3_600 } };
    const { client } = await connect(lasting);
    expect(await grantOf(client, "devices/coop-a/commands/+")).toBe(1);
    client.send({ cmd: "publish", topic: "devices/coop-a/telemetry", payload: "{}", qos: 2, messageId: 1, dup: false, retain: false });
    at.door.publish({ topic: "devices/coop-a/commands/1", payload: "{}", qos: 1, retain: false });
    await client.next("publish");
    at.revoke("coop-a");
    expect(at.door.publish({ topic: "devices/coop-a/commands/2", payload: "{}", qos: 1, retain: false })).toBe(0);
    expect((await client.next("disconnect")).reasonCode).toBe(0x87);
    await client.closed();
    await expect.poll(() => at.door.stats()).toMatchObject({ sessions: 0, connections: 0, queuedBytes: 0 });
    at.commit();
    expect(at.door.publish({ topic: "devices/coop-a/commands/3", payload: "{}", qos: 1, retain: false })).toBe(0);
    const again = await connect(lasting);
    expect(again.connack.reasonCode).toBe(0x86);
  });

  it("M10: a revoked device's next message is not taken, even before the sweep", async () => {
    const { client } = await connect(deviceA);
    at.revoke("coop-a");
    client.send({ cmd: "publish", topic: "devices/coop-a/telemetry", payload: "{}", qos: 1, messageId: 1, dup: false, retain: false });
    expect((await client.next("disconnect")).reasonCode).toBe(0x87);
    expect(at.taken).toEqual([]);
  });

  it("M10: the session of a revoked device that is away is dropped too, and its will is not published", async () => {
    const will = {
      topic: "devices/coop-a/status",
      payload: Buffer.from("offline"),
      qos: 1 as const,
      retain: true,
      properties: { willDelayInterval: 3_600 },
    };
    const { client } = await connect({ ...deviceA, clean: false, will, properties: { sessionExpiryInterval: 3_600 } });
    client.socket.resetAndDestroy();
    await expect.poll(() => at.door.stats().connections).toBe(0);
    at.revoke("coop-a");
    await expect.poll(() => at.door.stats()).toMatchObject({ sessions: 0, willsRefused: 1, wills: 0 });
    expect(at.taken).toEqual([]);
  });

  it("cuts a principal at once when told to", async () => {
    const { client } = await connect(deviceA);
    at.door.disconnect("coop-a", 0x98);
    expect((await client.next("disconnect")).reasonCode).toBe(0x98);
    await client.closed();
    expect(at.door.stats().sessions).toBe(0);
  });
});
