// Memory of the door per idle TLS connection, with 10,000 connected (bar: 30 kB). Arguments: connections (10000), `--plain`.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls, createSecureContext } from "node:tls";
import { fileURLToPath } from "node:url";

import { generate } from "mqtt-packet";

// The server runs alone in its process; clients live here, so that theirs is not counted. Every second client speaks 3.1.1, the others 5.
// Counted is what one more connection costs: memory with the first three tenths of the clients is taken first, and the server has been quiet
// for some seconds both times. The young space of its JavaScript heap has its full size from the start: it grows by tens of megabytes with
// any work, once, and that is not to be blamed on the clients that happen to come at that moment.
const program = fileURLToPath(new URL("../../server/src/platform/mqtt/test-idle-door.ts", import.meta.url));
const count = Number(process.argv.find((argument) => /^\d+$/.test(argument)) ?? 10_000);
const isPlain = process.argv.includes("--plain");
const warmUp = Math.round(count * 0.3);
const atOnce = 64;
const quietMs = 5_000;

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly connections: number;
}

const files = Number(spawnSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).stdout);
if (files < count + 500) {
  console.log(`idle-connections: ${files} open files are allowed here, ${count + 500} are needed. Raise it: ulimit -n 20000`);
  process.exit(1);
}

const server = spawn(process.execPath, ["--expose-gc", "--min-semi-space-size=16", program, ...(isPlain ? ["--plain"] : [])], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
async function nextLine(): Promise<unknown> {
  const line = await lines.next();
  if (line.done === true) throw new Error("The server ended.");
  return JSON.parse(line.value);
}
const { port } = (await nextLine()) as { port: number };
const secureContext = createSecureContext({});
const sockets: Socket[] = [];

async function connectOne(index: number): Promise<void> {
  const at = { host: "127.0.0.1", port };
  const socket = isPlain ? connect(at) : connectTls({ ...at, rejectUnauthorized: false, secureContext });
  await once(socket, isPlain ? "connect" : "secureConnect");
  const protocolVersion = index % 2 === 0 ? 4 : 5;
  socket.write(generate({ cmd: "connect", protocolId: "MQTT", protocolVersion, clientId: `device-${index}`, clean: true, keepalive: 0 }));
  const [connack] = (await once(socket, "data")) as [Buffer];
  if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error(`The door refused a client: ${connack.toString("hex")}`);
  sockets.push(socket.pause());
}

async function connectAll(from: number, to: number): Promise<void> {
  let next = from;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < to) {
        next += 1;
        await connectOne(next);
      }
    }),
  );
}

async function memoryAfterQuiet(): Promise<Memory> {
  await new Promise((resolve) => setTimeout(resolve, quietMs));
  server.stdin.write("\n");
  await nextLine();
  await new Promise((resolve) => setTimeout(resolve, 500));
  server.stdin.write("\n");
  return (await nextLine()) as Memory;
}

await connectAll(0, warmUp);
const before = await memoryAfterQuiet();
const startedAt = performance.now();
await connectAll(warmUp, count);
const perSecond = ((count - warmUp) / (performance.now() - startedAt)) * 1_000;
const after = await memoryAfterQuiet();
const perConnection = (after.rss - before.rss) / (after.connections - before.connections) / 1_000;
const ofHeap = (after.heapUsed - before.heapUsed) / (after.connections - before.connections) / 1_000;
console.log(
  `idle-connections ${isPlain ? "plain" : "tls"}: ${perConnection.toFixed(1)} kB per connection (${ofHeap.toFixed(1)} kB of it JavaScript), ` +
    `${after.connections} connected, bar 30 kB, ratio ${(perConnection / 30).toFixed(2)}; ${perSecond.toFixed(0)} sign-ins/s`,
);
server.stdin.end();
for (const socket of sockets) socket.destroy();
process.exit(after.connections === count ? 0 : 1);
