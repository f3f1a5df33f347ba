import { RawMqtt } from "@roost/testbed/raw-mqtt";
import { describe, expect, it } from "vitest";

import { createMetrics } from "../http/metrics.ts";
import { countDoor } from "./door-metrics.ts";
import { mqttLimits } from "./limits.ts";
import { makeCertificate, openTestDoor } from "./test-door.ts";

const device = { clientId: "coop-1", username: "coop-1", password: Buffer.from("secret") };
const will = { topic: "devices/coop-1/status", payload: Buffer.from("offline"), qos: 1 as const, retain: true };

describe("closing the door", () => {
  it("R14: takes nothing new, acknowledges what was taken, then says 0x8B; wills stay unsaid", async () => {
    const at = await openTestDoor({ autoCommit: false });
    at.addDevice("coop-1");
    at.addDevice("coop-2");
    const { client } = await RawMqtt.connect(at.tls, { ...device, will });
    const { client: older } = await RawMqtt.connect(at.plain, { ...device, clientId: "coop-2", username: "coop-2", protocolVersion: 4 });
    const message = (id: string, messageId: number) => ({
      cmd: "publish" as const,
      topic: `devices/${id}/telemetry`,
      payload: "{}",
      qos: 1 as const,
      messageId,
      dup: false,
      retain: false,
    });
    for (let messageId = 1; messageId <= 50; messageId += 1) {
      client.send(message("coop-1", messageId));
      older.send(message("coop-2", messageId));
    }
    await expect.poll(() => at.taken.length).toBe(100);
    const closing = at.door.close({ drainMs: 60_000 });
    client.send(message("coop-1", 51));
    await expect(RawMqtt.open(at.plain)).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([client.packets, client.isClosed]).toEqual([[], false]);
    at.commit();
    expect((await client.next("disconnect")).reasonCode).toBe(0x8b);
    await Promise.all([client.closed(), older.closed(), closing]);
    expect(client.packets.map((packet) => packet.messageId)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(older.packets).toHaveLength(50);
    expect(at.taken).toHaveLength(100);
  });

  it("R14: does not wait for ever for a commit that never comes", async () => {
    const at = await openTestDoor({ withTls: false, autoCommit: false });
    at.addDevice("coop-1");
    const { client } = await RawMqtt.connect(at.plain, device);
    client.send({ cmd: "publish", topic: "devices/coop-1/telemetry", payload: "{}", qos: 1, messageId: 1, dup: false, retain: false });
    await expect.poll(() => at.taken.length).toBe(1);
    await at.door.close({ drainMs: 200 });
    await client.closed();
    expect(client.packets.map((packet) => packet.cmd)).toEqual(["disconnect"]);
  });

  it("GA-30: a message that cannot be stored is not acknowledged; its client is closed and comes again with it, QoS 1 and 2", async () => {
    const at = await openTestDoor({ withTls: false, autoCommit: false });
    at.addDevice("coop-1");
    const lasting = { ...device, clean: false, properties: { sessionExpiryInterval: 60 } };
    const { client } = await RawMqtt.connect(at.plain, lasting);
    for (const qos of [1, 2] as const) {
      client.send({ cmd: "publish", topic: "devices/coop-1/telemetry", payload: "{}", qos, messageId: qos, dup: false, retain: false });
    }
    await expect.poll(() => at.taken.length).toBe(2);
    for (const ticket of at.waitingTickets().splice(0)) ticket.abandon?.();
    expect((await client.next("disconnect")).reasonCode).toBe(0x80);
    await client.closed();
    expect([client.packets, at.door.stats().ticketsInFlight]).toEqual([[], 0]);
    const { client: again } = await RawMqtt.connect(at.plain, lasting);
    again.send({ cmd: "publish", topic: "devices/coop-1/telemetry", payload: "{}", qos: 2, messageId: 2, dup: true, retain: false });
    await expect.poll(() => at.taken.length).toBe(3);
    at.commit();
    await again.next("pubrec");
    await at.door.close({ drainMs: 100 });
  });

  it("shows its counts and every limit to the metrics", async () => {
    const at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const metrics = createMetrics({ processMetrics: false });
    countDoor(metrics, at.door);
    const { client } = await RawMqtt.connect(at.plain, device);
    client.send({
      cmd: "publish",
      topic: `devices/coop-1/${"x".repeat(300)}`,
      payload: "",
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
    });
    await client.next("puback");
    const { text } = await metrics.expose();
    expect(text).toMatch(/^roost_door_connections 1$/m);
    expect(text).toMatch(/^roost_door_publish_refused_total 1$/m);
    expect(text).toMatch(/^roost_door_limit_topic_bytes_total 1$/m);
    for (const name of Object.keys(mqttLimits))
      expect(text.replaceAll("_", "").toLowerCase()).toContain(`roostdoorlimit${name.toLowerCase()}total`);
    client.close();
    await at.door.close({ drainMs: 100 });
  });

  it("takes a new certificate for new connections and leaves those that are here", async () => {
    const at = await openTestDoor();
    at.addDevice("coop-1");
    at.addDevice("coop-2");
    const { client } = await RawMqtt.connect(at.tls, device);
    const renewed = await makeCertificate();
    at.door.renewTls(renewed);
    await expect(RawMqtt.open(at.tls)).rejects.toThrow(/self-signed/);
    const second = await RawMqtt.connect({ port: at.tls.port, ca: renewed.cert }, { ...device, clientId: "coop-2", username: "coop-2" });
    expect(second.connack.reasonCode).toBe(0);
    client.send({ cmd: "pingreq" });
    await client.next("pingresp");
    await at.door.close({ drainMs: 100 });
  });
});
