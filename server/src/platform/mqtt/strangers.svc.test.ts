import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";

import { printFigures } from "@roost/testbed/figures";
import { RawMqtt } from "@roost/testbed/raw-mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";

import { systemClock } from "../clock.ts";
import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const addresses = (count: number) => Array.from({ length: count }, (_, index) => `127.0.1.${index + 1}`);
const honest = { clientId: "coop-1", username: "coop-1", password: Buffer.from("secret") };

describe("strangers at the door", () => {
  let at: TestDoor;
  afterEach(async () => at.door.close({ drainMs: 100 }));

  it("M3: hundreds of silent, slow and lying sockets from many addresses are closed in time, cost little, and an honest client gets in", async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    at = await openTestDoor({ clock, limits: { connectTimeMs: 120_000, unauthenticatedPerAddress: 20 } });
    at.addDevice("coop-1");
    const kinds: ((client: RawMqtt) => void)[] = [
      () => undefined,
      (client) => client.sendBytes("10ffffff7f"),
      (client) => client.sendBytes("10"),
      (client) => client.sendBytes("108040 00044d5154540402003c"),
      (client) => client.sendBytes("c000"),
    ];
    const rssBefore = process.memoryUsage().rss;
    const strangers: RawMqtt[] = [];
    for (const [index, localAddress] of addresses(40).entries()) {
      for (let own = 0; own < 10; own += 1) {
        const client = await RawMqtt.open({ port: own % 2 === 0 ? at.plain.port : at.tls.port, localAddress }, 4).catch(() => undefined);
        if (client === undefined) continue;
        strangers.push(client);
        if (own % 2 === 0) kinds[(index + own) % kinds.length]?.(client);
        // A TLS hello's first bytes, then silence.
        else if (own % 3 === 0) client.sendBytes("16030100c8010000c40303");
      }
    }
    const perSocket = (process.memoryUsage().rss - rssBefore) / strangers.length;
    const { connack, client } = await RawMqtt.connect(at.tls, honest);
    expect(connack.reasonCode).toBe(0);
    aheadMs = 120_000;
    await Promise.all(strangers.map(async (stranger) => stranger.closed()));
    expect(strangers.map((stranger) => stranger.receivedBytes).filter((bytes) => bytes > 100)).toEqual([]);
    expect(at.door.stats().exceeded.connectTimeMs).toBeGreaterThan(200);
    expect(at.door.stats().exceeded.packetBytesBeforeAuth).toBeGreaterThan(10);
    await expect.poll(() => at.door.stats().unauthenticated).toBe(0);
    // Both ends live in this process.
    expect(perSocket).toBeLessThan(2 * 20_000 + 20_000_000 / strangers.length);
    printFigures("M3", { sockets: strangers.length, rssPerSocketBothEndsKb: perSocket / 1_000 });
    client.close();
  });

  it("M3: one byte at a time does not buy more time", async () => {
    at = await openTestDoor({ withTls: false, limits: { connectTimeMs: 800 } });
    const client = await RawMqtt.open(at.plain, 4);
    const bytes = Buffer.from("101200044d51545404020000000663", "hex");
    const drip = setInterval(() => client.sendBytes(bytes.subarray(0, 1)), 10_000);
    client.sendBytes(bytes.subarray(0, 3));
    let next = 3;
    const slow = setInterval(() => {
      if (next < bytes.length && !client.isClosed) client.sendBytes(bytes.subarray(next, (next += 1)));
    }, 150);
    await client.closed();
    clearInterval(drip);
    clearInterval(slow);
    expect(next).toBeLessThan(bytes.length);
    expect(at.door.stats().exceeded.connectTimeMs).toBe(1);
  });

  it("M3: an address with too many strangers is refused before TLS, others are not", async () => {
    at = await openTestDoor({ limits: { unauthenticatedPerAddress: 5 } });
    at.addDevice("coop-1");
    const quiet = await Promise.all(Array.from({ length: 5 }, async () => RawMqtt.open({ port: at.tls.port, localAddress: "127.0.2.1" })));
    const sixth = connect({ host: "127.0.0.1", port: at.tls.port, localAddress: "127.0.2.1" });
    await new Promise((resolve) => sixth.on("error", () => undefined).on("close", resolve));
    expect(at.door.stats().exceeded.unauthenticatedPerAddress).toBe(1);
    const { connack, client } = await RawMqtt.connect({ ...at.tls, localAddress: "127.0.2.2" }, honest);
    expect(connack.reasonCode).toBe(0);
    for (const socket of [...quiet, client]) socket.close();
  });

  it("counts all connections, signed-in ones by address, and CONNECTs a second", async () => {
    // A hundredth of the time goes by, so that no second is over before all have come.
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() / 100 };
    at = await openTestDoor({ withTls: false, clock, limits: { connections: 3, connectionsPerAddress: 1, connectsPerSecond: 2 } });
    at.addDevice("coop-1");
    at.addDevice("coop-2");
    const first = await RawMqtt.connect(at.plain, honest);
    const second = await RawMqtt.connect(at.plain, { ...honest, clientId: "coop-2", username: "coop-2" });
    expect([first.connack.reasonCode, second.connack.reasonCode]).toEqual([0, 0x97]);
    const codes = [];
    for (let index = 0; index < 4; index += 1)
      codes.push((await RawMqtt.connect(at.plain, { ...honest, protocolVersion: 4, password: Buffer.from("wrong") })).connack.returnCode);
    expect(codes).toEqual([4, 4, 3, 3]);
    await expect.poll(() => at.door.stats().unauthenticated).toBe(0);
    await Promise.all([RawMqtt.open(at.plain), RawMqtt.open(at.plain)]);
    await (await RawMqtt.open(at.plain)).closed();
    expect(at.door.stats().exceeded).toMatchObject({ connections: 1, connectionsPerAddress: 1, connectsPerSecond: 2 });
  });

  it("M7: clients that come all at once are let in one after the other, and none is lost", async () => {
    at = await openTestDoor({ limits: { handshakesPerSecond: 40 } });
    at.addDevice("coop-1");
    for (let index = 0; index < 60; index += 1) at.addDevice(`coop-${index}`);
    const all = await Promise.all(
      Array.from({ length: 60 }, async (_, index) =>
        RawMqtt.connect(at.tls, { ...honest, clientId: `coop-${index}`, username: `coop-${index}` }),
      ),
    );
    expect(all.map(({ connack }) => connack.reasonCode)).toEqual(Array.from({ length: 60 }, () => 0));
    expect(at.door.stats().exceeded.handshakesPerSecond).toBeGreaterThan(10);
    expect(at.door.stats().connections).toBe(60);
    for (const { client } of all) client.close();
  });

  it("a wrong password is refused, and the answer is the same for a device that does not exist", async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const wrong = await RawMqtt.connect(at.plain, { ...honest, password: Buffer.from("guess") });
    const unknown = await RawMqtt.connect(at.plain, { clientId: "coop-9", username: "coop-9", password: Buffer.from("guess") });
    expect(wrong.connack).toEqual(unknown.connack);
    expect(wrong.connack.reasonCode).toBe(0x86);
  });

  it("somebody who only looks whether the port is open takes no place, whatever they say", async () => {
    at = await openTestDoor();
    for (const { port } of [at.plain, at.tls]) {
      for (const words of ["", "GET / HTTP/1.0\r\n\r\n", "\u0016\u0003\u0001\u0000"]) {
        const socket = connect({ host: "127.0.0.1", port });
        socket.on("error", () => undefined).end(words);
        await new Promise((resolve) => socket.on("close", resolve).resume());
      }
    }
    await expect.poll(() => at.door.stats().unauthenticated).toBe(0);
    expect(at.door.stats().exceeded.connectTimeMs).toBe(0);
  });

  it("a client that leaves during its sign-in leaves nothing behind", async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    for (let index = 0; index < 20; index += 1) {
      const client = await RawMqtt.open(at.plain);
      client.send({ cmd: "connect", protocolId: "MQTT", protocolVersion: 5, clean: true, keepalive: 10, ...honest });
      client.socket.resetAndDestroy();
    }
    await expect.poll(() => at.door.stats()).toMatchObject({ connections: 0, unauthenticated: 0, sessions: 0 });
  });
});

describe("the door over WebSocket", () => {
  async function webServer(at: TestDoor) {
    const server = createServer().on("upgrade", (request, socket, head) => at.door.handleUpgrade(request, socket, head));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/mqtt` };
  }

  it("refuses other subprotocols, closes on text, and counts strangers there too", async () => {
    const at = await openTestDoor({ withTls: false, limits: { unauthenticatedPerAddress: 1 } });
    const { server, url } = await webServer(at);
    const statusOf = async (socket: WebSocket) =>
      new Promise((resolve) =>
        socket.on("unexpected-response", (_, response) => resolve(response.statusCode)).on("error", () => undefined),
      );
    expect(await statusOf(new WebSocket(url))).toBe(400);
    expect(await statusOf(new WebSocket(url, ["chat"]))).toBe(400);
    const text = new WebSocket(url, ["mqtt"]);
    await new Promise((resolve) => text.once("open", resolve));
    expect(text.protocol).toBe("mqtt");
    expect(await statusOf(new WebSocket(url, ["mqtt"]))).toBe(503);
    text.send("hello");
    expect(await new Promise((resolve) => text.once("close", resolve))).toBe(1003);
    await expect.poll(() => at.door.stats().unauthenticated).toBe(0);
    server.close();
    await at.door.close({ drainMs: 100 });
  });

  it("takes packets that are cut and joined anyhow by frames", async () => {
    const at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const { server, url } = await webServer(at);
    const socket = new WebSocket(url, ["mqtt"]);
    await new Promise((resolve) => socket.once("open", resolve));
    const received: Buffer[] = [];
    socket.on("message", (data) => received.push(data as Buffer));
    const stream = Buffer.concat([
      Buffer.from("102400044d51545404c2003c0006636f6f702d310006636f6f702d310006736563726574".replace("1024", "1022"), "hex"),
      Buffer.from("c000c000", "hex"),
    ]);
    for (const byte of stream.subarray(0, 30)) socket.send(Buffer.from([byte]));
    socket.send(stream.subarray(30));
    await expect.poll(() => Buffer.concat(received).toString("hex")).toBe("20020000d000d000");
    socket.terminate();
    await expect.poll(() => at.door.stats().connections).toBe(0);
    server.close();
    await at.door.close({ drainMs: 100 });
  });
});
