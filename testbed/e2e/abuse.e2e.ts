import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { deflateRawSync } from "node:zlib";

import { listDevices } from "@roost/contract/devices";
import { streamFacts } from "@roost/contract/system";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { startVisitor } from "../src/visitor.ts";
import { pause } from "../src/waiting.ts";

/** Where the attackers are: others share nothing with them but the server. */
const elsewhere = "127.0.0.2";
const megabyte = 1024 * 1024;
const handshake =
  "GET /mqtt HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: mqtt\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n";

/** One attack: sockets that do something, of which all have to be closed by the server. */
interface Attack {
  readonly name: string;
  readonly sockets: number;
  /** Called once it is connected; `read` false: nothing the server says is ever taken. */
  readonly run: (socket: Socket, index: number) => void;
  readonly read?: false;
  /** What it is told, if anything. */
  readonly told?: RegExp;
}

/** A frame of a client, masked by zeros, with a length the caller makes up. */
function frame(first: number, payload: Buffer, claimed: number = payload.length): Buffer {
  const head = Buffer.alloc(14);
  head[0] = first;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(claimed), 2);
  return Buffer.concat([head, payload]);
}
const bomb = deflateRawSync(Buffer.alloc(64 * megabyte));
const drip = (socket: Socket, head: string, piece: string) => {
  socket.write(head);
  const timer = setInterval(() => socket.write(piece), 1_000);
  socket.once("close", () => clearInterval(timer));
};

const attacks: readonly Attack[] = [
  {
    name: "slow headers",
    sockets: 150,
    run: (socket) => drip(socket, "GET / HTTP/1.1\r\nhost: localhost\r\n", "x-slow: 1\r\n"),
    told: /^HTTP\/1\.1 408/,
  },
  {
    name: "slow bodies",
    sockets: 100,
    run: (socket) =>
      drip(
        socket,
        "POST /api/v1/auth/sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n",
        "{",
      ),
    told: /^HTTP\/1\.1 408/,
  },
  { name: "silence", sockets: 100, run: () => undefined },
  {
    name: "ten thousand headers",
    sockets: 50,
    run: (socket) =>
      socket.write(
        `GET / HTTP/1.1\r\nhost: localhost\r\n${Array.from({ length: 10_000 }, (_, index) => `x-${index}: 1\r\n`).join("")}\r\n`,
      ),
    told: /^HTTP\/1\.1 431/,
  },
  { name: "HTTP/2 in clear", sockets: 20, run: (socket) => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), told: /^HTTP\/1\.1 400/ },
  {
    name: "WebSocket flood of garbage",
    sockets: 80,
    run(socket) {
      socket.write(handshake);
      for (let index = 0; index < 200; index += 1) socket.write(frame(0x82, Buffer.alloc(1_000, 0xff)));
    },
  },
  {
    name: "WebSocket compression bomb",
    sockets: 20,
    run(socket) {
      socket.write(handshake);
      socket.write(frame(0xc2, bomb));
    },
  },
  {
    name: "WebSocket frames that claim to be endless",
    sockets: 20,
    run(socket) {
      socket.write(handshake);
      socket.write(frame(0x82, Buffer.alloc(1_000), 2 ** 52));
    },
  },
  { name: "WebSocket that says nothing", sockets: 20, run: (socket) => socket.write(handshake) },
  {
    name: "answers that nobody reads",
    sockets: 30,
    read: false,
    run: (socket) => socket.write("GET /api/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(300)),
  },
];

describe("S17: abuse of HTTP and WebSocket while others work", () => {
  let server: ServerProcess;
  let administrator: Administrator;
  let port = 0;
  const folder = createDataDir();
  let quietReader: Socket;
  let quietText = "";
  let quietSinceMs = 0;
  beforeAll(async () => {
    // The young part of the heap has its full size from the start: it grows once with any work, which is no attack's doing.
    server = await startServer({ dataDir: folder.dataDir, execArgv: ["--min-semi-space-size=16"] });
    administrator = await setUpAdministrator(server);
    port = Number(new URL(server.ready.url).port);
    // A stream that says next to nothing and is read: open from here on, looked at when all the rest is over.
    quietReader = connect(port, "127.0.0.1", () =>
      quietReader.write(`GET ${streamFacts.path} HTTP/1.1\r\nhost: localhost\r\ncookie: ${administrator.cookie}\r\n\r\n`),
    );
    quietReader.on("data", (chunk: Buffer) => (quietText += chunk.toString()));
    quietReader.on("error", () => undefined);
    quietSinceMs = performance.now();
  });
  afterAll(async () => {
    quietReader?.destroy();
    await server?.terminate();
    folder.remove();
  });

  const residentBytes = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1] ?? 0) * 1_024;

  const visitor = () => startVisitor(server.ready.url + listDevices.path, administrator.cookie);

  async function attack({ name, sockets, run, read, told }: Attack, startedMs: number, results: string[]): Promise<void> {
    let open = sockets;
    let lastMs = 0;
    const texts = await Promise.all(
      Array.from(
        { length: sockets },
        async (_, index) =>
          new Promise<string>((resolve) => {
            let text = "";
            const socket = connect({ port, host: "127.0.0.1", localAddress: elsewhere }, () => run(socket, index));
            if (read === false) socket.pause();
            else socket.on("data", (chunk: Buffer) => (text += text.length < 2_000 ? chunk.toString("latin1") : ""));
            socket.on("error", () => undefined);
            socket.once("close", () => {
              open -= 1;
              lastMs = performance.now() - startedMs;
              resolve(text);
            });
            // Who does not read does not see the end either, except by writing.
            if (read === false) {
              const probe = setInterval(() => socket.write("x"), 1_000);
              socket.once("close", () => clearInterval(probe));
            }
          }),
      ),
    );
    results.push(`${name}: ${sockets} closed within ${(lastMs / 1_000).toFixed(1)} s`);
    if (told !== undefined) expect([name, texts.every((text) => told.test(text))]).toEqual([name, true]);
    expect(texts.every((text) => !/sec-websocket-extensions/i.test(text))).toBe(true);
    expect([name, open]).toEqual([name, 0]);
  }

  it("every attacker is sent away within the time, the server stays, and others are served", async () => {
    const warming = visitor();
    await pause(1_500);
    await warming.stop();
    // The first of anything takes memory for good: programs are compiled, heaps get their size. Each attack does its worst once before.
    const swift = attacks.filter(({ name }) => !/slow|silence|says nothing|claim/.test(name));
    for (let round = 0; round < 2; round += 1) await Promise.all(swift.map(async (one) => attack(one, 0, [])));
    await pause(1_000);
    const quiet = visitor();
    await pause(3_000);
    const base = await quiet.stop();
    const beforeBytes = residentBytes();
    let peakBytes = beforeBytes;
    const watch = setInterval(() => (peakBytes = Math.max(peakBytes, residentBytes())), 100);

    const busy = visitor();
    const startedMs = performance.now();
    const results: string[] = [];
    await Promise.all(attacks.map(async (one) => attack(one, startedMs, results)));
    const during = await busy.stop();
    clearInterval(watch);
    await pause(1_000);
    const afterBytes = residentBytes();
    process.stdout.write(
      `S17 ${results.join("; ")}\n` +
        `S17 others: p99 ${base.p99.toFixed(1)} ms before, ${during.p99.toFixed(1)} ms during (x${(during.p99 / base.p99).toFixed(2)}), ${during.asked} asked, ${during.faults} faults; ` +
        `memory +${((peakBytes - beforeBytes) / megabyte).toFixed(0)} MB at most, +${((afterBytes - beforeBytes) / megabyte).toFixed(0)} MB after\n`,
    );
    expect(during.faults).toBe(0);
    expect(server.child.exitCode).toBeNull();
    expect(server.output()).not.toContain("an error that nobody caught");
    expect(server.output()).not.toContain("a request failed");
    expect((peakBytes - beforeBytes) / megabyte).toBeLessThanOrEqual(50);
  });

  const smuggled = "GET /api/v1/smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
  it.each([
    ["both lengths", "content-length: 6\r\ntransfer-encoding: chunked", `0\r\n\r\nG${smuggled}`],
    ["both lengths, the other way round", "transfer-encoding: chunked\r\ncontent-length: 4", `0\r\n\r\n${smuggled}`],
    ["two lengths", "content-length: 0\r\ncontent-length: 50", smuggled],
    ["a length with a sign", "content-length: +0", smuggled],
    ["a length in hexadecimal", "content-length: 0x0", smuggled],
    ["a coding that is none", "transfer-encoding: xchunked", smuggled],
    ["chunked, and then not", "transfer-encoding: chunked, identity", `0\r\n\r\n${smuggled}`],
    ["a space before the colon", "transfer-encoding : chunked", `0\r\n\r\n${smuggled}`],
    ["a folded header", "x-a: 1\r\n transfer-encoding: chunked", `0\r\n\r\n${smuggled}`],
    ["a line that ends with a line feed alone", "x-a: 1\ntransfer-encoding: chunked", `0\r\n\r\n${smuggled}`],
    ["a chunk length that is none", "transfer-encoding: chunked", `0x0\r\n\r\n${smuggled}`],
  ])("CL.TE: %s gets one answer of refusal, and what follows is no request", async (_name, headers, body) => {
    const text = await new Promise<string>((resolve) => {
      let all = "";
      const socket = connect(port, "127.0.0.1", () =>
        socket.write(`POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}\r\n\r\n${body}`),
      );
      socket.on("data", (chunk: Buffer) => (all += chunk.toString()));
      socket.on("error", () => undefined);
      socket.once("close", () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it("offers no HTTP/2: who wants nothing else is refused in the handshake", async () => {
    const securePort = Number(new URL(server.ready.httpsUrl ?? "").port);
    const offer = async (protocols: string[]) =>
      new Promise<string | false | null>((resolve) => {
        const socket = connectTls({ host: "127.0.0.1", port: securePort, rejectUnauthorized: false, ALPNProtocols: protocols }, () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        });
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
      });
    expect(await offer(["h2"])).toMatch(/ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL|ECONNRESET/);
    expect(await offer(["h2", "http/1.1"])).toBe("http/1.1");
  });

  it("what one address opens beyond its bound is cut, and those who are in are served", async () => {
    const sockets = await Promise.all(
      Array.from(
        { length: 1_400 },
        async () =>
          new Promise<Socket>((resolve) => {
            const socket = connect({ port, host: "127.0.0.1", localAddress: elsewhere }, () => resolve(socket));
            socket.on("error", () => resolve(socket));
          }),
      ),
    );
    await expect
      .poll(() => sockets.filter((socket) => !socket.destroyed && socket.readyState === "open").length)
      .toBeLessThanOrEqual(1_024);
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await fetch(`${server.ready.url}/health`).catch(() => undefined))?.status).toBe(200);
  });

  it("a quiet stream that is read is not taken for a stalled one", async () => {
    await pause(Math.max(0, 28_000 - (performance.now() - quietSinceMs)));
    expect(quietText).toContain("HTTP/1.1 200");
    expect(quietReader.destroyed).toBe(false);
  });
});
