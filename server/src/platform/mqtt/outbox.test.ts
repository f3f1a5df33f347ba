import { parser } from "mqtt-packet";
import type { IPublishPacket } from "mqtt-packet";
import { describe, expect, it } from "vitest";

import type { Link } from "./link.ts";
import type { Message } from "./message.ts";
import { Outbox } from "./outbox.ts";
import type { OutboxRules } from "./outbox.ts";
import type { Principal } from "./principal.ts";

function scene(over: Partial<OutboxRules> = {}) {
  const drops: string[] = [];
  const sent: IPublishPacket[] = [];
  const retained = new Map<string, Message>();
  const state = { nowMs: 1_000, isCongested: false, forbidden: new Set<string>() };
  const rules: OutboxRules = {
    queueMessages: 4,
    queueBytes: 10_000,
    queueTotalBytes: 20_000,
    outgoingInflight: 2,
    totalBytes: 0,
    nowMs: () => state.nowMs,
    retainedTopics: () => [...retained.keys()],
    retainedOn: (topic) => retained.get(topic),
    dropped: (limit) => void drops.push(limit),
    ...over,
  };
  const link: Link = {
    version: 5,
    remoteAddress: "",
    isOpen: true,
    receiveMaximum: 65_535,
    maximumPacketBytes: 5_000,
    get isCongested() {
      return state.isCongested;
    },
    send(packet) {
      const reader = parser({ protocolVersion: 5 });
      reader.on("packet", (read) => void sent.push(read as IPublishPacket));
      reader.parse(Buffer.from(packet));
    },
    sendPacket: () => undefined,
    acknowledge: () => undefined,
    fail: () => undefined,
    windowFreed: () => undefined,
  };
  const principal = { mayReceive: (topic: string) => !state.forbidden.has(topic) } as Principal;
  const outbox = new Outbox(rules);
  const pump = () => outbox.pump(link, principal);
  return { outbox, rules, drops, sent, retained, state, link, principal, pump };
}

function message(topic: string, over: Partial<Message> = {}): Message {
  return {
    topic,
    payload: Buffer.from("{}"),
    qos: 1,
    retain: false,
    properties: undefined,
    expiresAtMs: Infinity,
    author: undefined,
    origin: undefined,
    ...over,
  };
}

describe("the outbox of one client", () => {
  it("sends as much as the window allows, and the next with every PUBACK, in order", () => {
    const { outbox, sent, pump } = scene();
    for (const topic of ["a", "b", "c"]) outbox.enqueue(message(topic), false, undefined);
    pump();
    expect(sent.map(({ topic }) => topic)).toEqual(["a", "b"]);
    expect(outbox.settled(sent[0]?.messageId ?? 0)).toBe(true);
    expect(outbox.settled(999)).toBe(false);
    pump();
    expect(sent.map(({ topic }) => topic)).toEqual(["a", "b", "c"]);
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(3);
  });

  it("M6: is bounded in messages, in bytes and in bytes of all outboxes together; the newest is dropped and counted", () => {
    const messages = scene();
    for (let index = 0; index < 6; index += 1) messages.outbox.enqueue(message(`t${index}`), false, undefined);
    expect([messages.outbox.messages, messages.drops]).toEqual([4, ["queueMessages", "queueMessages"]]);
    const bytes = scene({ queueBytes: 1_000 });
    bytes.outbox.enqueue(message("a", { payload: Buffer.alloc(600) }), false, undefined);
    bytes.outbox.enqueue(message("b", { payload: Buffer.alloc(600) }), false, undefined);
    expect([bytes.outbox.messages, bytes.drops]).toEqual([1, ["queueBytes"]]);
    const total = scene({ totalBytes: 19_990 });
    total.outbox.enqueue(message("a"), false, undefined);
    expect([total.outbox.messages, total.drops]).toEqual([0, ["queueTotalBytes"]]);
  });

  it("gives back every byte it took, however a message leaves", () => {
    const { outbox, rules, sent, state, pump, link, principal } = scene();
    outbox.enqueue(message("settled"), false, undefined);
    outbox.enqueue(message("expired", { expiresAtMs: 500 }), false, undefined);
    outbox.enqueue(message("forbidden"), false, undefined);
    outbox.enqueue(message("large", { payload: Buffer.alloc(6_000) }), false, undefined);
    state.forbidden.add("forbidden");
    pump();
    expect(sent.map(({ topic }) => topic)).toEqual(["settled"]);
    state.forbidden.add("settled");
    outbox.resend(link, principal);
    expect([outbox.bytes, rules.totalBytes, outbox.messages]).toEqual([0, 0, 0]);
    outbox.enqueue(message("x"), false, undefined);
    outbox.clear();
    expect([rules.totalBytes, outbox.messages]).toEqual([0, 0]);
  });

  it("sends again with DUP what was not acknowledged, under the same packet id", () => {
    const { outbox, sent, pump, link, principal } = scene();
    outbox.enqueue(message("a"), false, [5]);
    pump();
    outbox.resend(link, principal);
    expect(sent).toMatchObject([
      { topic: "a", dup: false, messageId: 1, properties: { subscriptionIdentifier: 5 } },
      { topic: "a", dup: true, messageId: 1 },
    ]);
  });

  it("counts the expiry down while a message waits", () => {
    const { outbox, sent, state, pump } = scene();
    outbox.enqueue(message("a", { expiresAtMs: 61_000 }), false, undefined);
    state.nowMs = 41_000;
    pump();
    expect(sent[0]?.properties?.messageExpiryInterval).toBe(20);
  });

  it("waits while the client takes nothing", () => {
    const { outbox, sent, state, pump } = scene();
    outbox.enqueue(message("a"), false, undefined);
    state.isCongested = true;
    pump();
    expect(sent).toEqual([]);
    state.isCongested = false;
    pump();
    expect(sent).toHaveLength(1);
  });

  it("sends retained messages as the window allows, as they are at that moment, and none that may not be received", () => {
    const { outbox, sent, retained, state, pump } = scene();
    for (const topic of ["a", "b", "c", "d"]) retained.set(topic, message(topic, { retain: true }));
    state.forbidden.add("a");
    outbox.addRetained("#", 1, undefined);
    pump();
    expect(sent.map(({ topic, retain }) => [topic, retain])).toEqual([
      ["b", true],
      ["c", true],
    ]);
    retained.set("d", message("d", { retain: true, payload: Buffer.from("newer") }));
    outbox.settled(sent[0]?.messageId ?? 0);
    pump();
    expect(sent.at(-1)?.payload.toString()).toBe("newer");
  });
});
