// The door alone in a process of its own, for measuring what an idle connection costs: nothing else shares the memory.
// Prints `{"port"}` as its first line; answers every line of standard input with its memory as one line of JSON.
import { createInterface } from "node:readline";

import { issueAuthority, issueServer } from "../certificate-issue.ts";
import { systemClock } from "../clock.ts";
import { IntakeGate } from "../intake.ts";
import { createLog } from "../log.ts";
import { createDoor } from "./door.ts";
import type { Principal } from "./principal.ts";

class Device implements Principal {
  readonly kind = "device";
  readonly organisationId = "one";
  readonly revoked = false;
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  mayUseClientId(clientId: string): boolean {
    return clientId === this.id;
  }

  mayPublish() {
    return { mayRetain: false, accept: () => undefined };
  }

  maySubscribe(filter: string): boolean {
    return filter.startsWith(`devices/${this.id}/`);
  }

  mayReceive(topic: string): boolean {
    return topic.startsWith(`devices/${this.id}/`);
  }
}

const authority = await issueAuthority(Date.now());
const server = await issueServer(authority, [{ type: "dns", value: "localhost" }], Date.now());
const isPlain = process.argv.includes("--plain");
const loopback = { host: "127.0.0.1", port: 0 };
const door = createDoor({
  authenticate: async ({ clientId }) => new Device(clientId),
  gate: new IntakeGate({ highBytes: 64_000_000, lowBytes: 32_000_000 }),
  retained: [],
  tls: { cert: server.certPem, key: server.keyPem },
  ports: isPlain ? { plain: loopback } : { tls: loopback },
  limits: { unauthenticatedPerAddress: 1_000, connectsPerSecond: 100_000, handshakesPerSecond: 100_000 },
  clock: systemClock,
  log: createLog({ level: "warn", pretty: false }),
  onRefused: () => undefined,
});
const { plain, tls } = await door.listen();
process.stdout.write(`${JSON.stringify({ port: plain ?? tls })}\n`);
createInterface({ input: process.stdin })
  .on("line", () => {
    globalThis.gc?.();
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    process.stdout.write(`${JSON.stringify({ rss, heapUsed, external, arrayBuffers, connections: door.stats().connections })}\n`);
  })
  .on("close", () => process.exit(0));
