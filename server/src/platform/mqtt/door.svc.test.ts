import { RawMqtt } from "@roost/testbed/raw-mqtt";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

describe.each([4, 5] as const)("a client of protocol level %i", (protocolVersion) => {
  let at: TestDoor;
  beforeAll(async () => {
    at = await openTestDoor();
    at.addDevice("coop-1");
    at.addDevice("coop-2", "two");
  });
  afterAll(async () => at.door.close({ drainMs: 100 }));

  it.each(["mqtt", "mqtts"] as const)("publishes at QoS 0, 1 and 2 over %s and is acknowledged", async (scheme) => {
    const client = await connectAsync({
      protocol: scheme,
      host: "127.0.0.1",
      port: scheme === "mqtt" ? at.plain.port : at.tls.port,
      ca: at.tls.ca,
      username: "coop-1",
      password: "secret",
      clientId: "coop-1",
      protocolVersion,
    });
    at.taken.length = 0;
    await client.publishAsync("devices/coop-1/telemetry", '{"temperature":1}', { qos: 0 });
    await client.publishAsync("devices/coop-1/telemetry", '{"temperature":2}', { qos: 1 });
    await client.publishAsync("devices/coop-1/telemetry", '{"temperature":3}', { qos: 2 });
    expect(at.taken.map(({ topic, payload }) => [topic, payload])).toEqual(
      [1, 2, 3].map((value) => ["devices/coop-1/telemetry", `{"temperature":${value}}`]),
    );
    await client.endAsync();
  });

  it("gets no PUBACK and no PUBREC before the commit, and gets them in the order of its messages after it", async () => {
    at.holdCommits();
    const { client } = await RawMqtt.connect(at.plain, {
      clientId: "coop-1",
      username: "coop-1",
      password: Buffer.from("secret"),
      protocolVersion,
    });
    const topic = "devices/coop-1/telemetry";
    for (const [messageId, qos] of [
      [7, 1],
      [8, 2],
      [9, 1],
    ] as const) {
      client.send({ cmd: "publish", topic, payload: "{}", qos, messageId, dup: false, retain: false });
    }
    client.send({ cmd: "pingreq" });
    await client.next("pingresp");
    expect(client.packets).toEqual([]);
    const tickets = [...at.waitingTickets()];
    expect(tickets).toHaveLength(3);
    at.waitingTickets().reverse();
    at.commit();
    await client.next("pubrec");
    client.send({ cmd: "pubrel", messageId: 8 });
    await client.next("pubcomp");
    expect(client.packets).toMatchObject([
      { cmd: "puback", messageId: 7 },
      { cmd: "puback", messageId: 9 },
    ]);
    client.close();
  });
});
