import { RawMqtt } from "@roost/testbed/raw-mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";

import { systemClock } from "../clock.ts";
import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const topic = "devices/coop-1/commands/c1";
let door: TestDoor;
const heard: string[] = [];
let aheadMs = 0;
const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };

beforeAll(async () => {
  door = await openTestDoor({ withTls: false, clock, onListening: ({ id }) => void heard.push(id) });
  door.addDevice("coop-1");
});
afterAll(() => door.door.close({ drainMs: 100 }));

async function listen({ clean = true, qos = 1 }: { clean?: boolean; qos?: 0 | 1 } = {}): Promise<RawMqtt> {
  const { client } = await RawMqtt.connect(door.plain, {
    clientId: "coop-1",
    username: "coop-1",
    password: Buffer.from("secret"),
    protocolVersion: 5,
    clean,
    properties: { sessionExpiryInterval: clean ? 0 : 60 },
  });
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "devices/coop-1/commands/+", qos }] });
  await client.next("suback");
  return client;
}

function offer(key: string, answers: number[] = [], expirySeconds = 60) {
  return door.door.offer({ topic, payload: key, expirySeconds, key, answered: (reason) => void answers.push(reason) });
}

test("an offer goes once over a connection, and its PUBACK is heard with what it says", async () => {
  expect([door.door.hears(topic), offer("a")]).toEqual([false, "away"]);
  const client = await listen();
  expect(heard).toContain("coop-1");
  const answers: number[] = [];
  expect([door.door.hears(topic), offer("a", answers), offer("a", answers), offer("b", answers)]).toEqual([true, "held", "held", "held"]);
  const [one, two] = [await client.next("publish"), await client.next("publish")];
  expect([one.payload.toString(), two.payload.toString(), client.packets]).toEqual(["a", "b", []]);
  client.send({ cmd: "puback", messageId: one.messageId ?? 0 });
  client.send({ cmd: "puback", messageId: two.messageId ?? 0, reasonCode: 0x97 });
  await expect.poll(() => answers).toEqual([0, 0x97]);
  client.close();
});

test("a kept session gets the same packet again, unless it expired; a new one gets nothing by itself", async () => {
  const client = await listen({ clean: false });
  offer("kept", [], 7_200);
  offer("short", [], 3_600);
  const first = await client.next("publish");
  await client.next("publish");
  client.close();
  aheadMs = 3_600_000;
  heard.length = 0;
  const back = await listen({ clean: false });
  const again = await back.next("publish");
  expect([again.dup, again.messageId, again.payload.toString()]).toEqual([true, first.messageId, "kept"]);
  expect(back.packets).toEqual([]);
  // It listens from its coming back on, and again from its SUBSCRIBE.
  expect(heard).toEqual(["coop-1", "coop-1"]);
  back.close();
  const fresh = await listen();
  expect(fresh.packets).toEqual([]);
  expect(offer("kept")).toBe("held");
  expect((await fresh.next("publish")).dup).toBe(false);
  fresh.close();
});

test("nobody is offered to at QoS 0, nor what is larger than they take", async () => {
  const client = await listen({ qos: 0 });
  expect(offer("zero")).toBe("away");
  client.close();
  const { client: small } = await RawMqtt.connect(door.plain, {
    clientId: "coop-1",
    username: "coop-1",
    password: Buffer.from("secret"),
    protocolVersion: 5,
    properties: { maximumPacketSize: 64 },
  });
  small.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "devices/coop-1/commands/+", qos: 1 }] });
  await small.next("suback");
  expect([offer("x".repeat(100)), offer("y")]).toEqual(["too_large", "held"]);
  small.close();
});
