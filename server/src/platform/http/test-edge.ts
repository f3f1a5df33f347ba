import { connect } from "node:net";

import { defineRoute } from "@roost/contract/route";
import { instant } from "@roost/contract/time";
import { looseRateLimits } from "@roost/testbed/rate-limits";
import { z } from "zod";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../clock.ts";
import { createLog } from "../log.ts";
import type { HeldCaller } from "./access.ts";
import { mountEdge } from "./edge-routes.ts";
import { createHttp } from "./http.ts";
import type { Http, HttpOptions } from "./http.ts";
import { createMetrics } from "./metrics.ts";

const echo = defineRoute({
  operation: "echo",
  method: "POST",
  path: "/api/v1/echo/:place",
  access: "public",
  summary: "Answers what it was told.",
  params: z.object({ place: z.string().max(8) }),
  query: z.object({ limit: z.coerce.number().int().max(5).default(1) }),
  body: z.object({ at: instant.optional(), text: z.string().optional(), any: z.unknown().optional() }),
  reply: z.object({ place: z.string(), limit: z.number(), at: instant.optional(), keys: z.array(z.string()), isDate: z.boolean() }),
});
const wait = defineRoute({
  operation: "wait",
  method: "GET",
  path: "/api/v1/wait",
  access: "public",
  summary: "Answers when it is let.",
  reply: z.object({ ok: z.boolean() }),
});
const fails = defineRoute({ operation: "fails", method: "GET", path: "/api/v1/fails", access: "public", summary: "Throws." });
const change = defineRoute({
  operation: "change",
  method: "POST",
  path: "/api/v1/change",
  access: "signedIn",
  summary: "Changes something.",
});
export const read = defineRoute({
  operation: "read",
  method: "GET",
  path: "/api/v1/read",
  access: "devices:read",
  summary: "Needs a permission.",
  reply: z.object({ by: z.string() }),
});
const write = defineRoute({
  operation: "write",
  method: "POST",
  path: "/api/v1/write",
  access: "devices:write",
  summary: "Needs another.",
});
const send = defineRoute({
  operation: "send",
  method: "POST",
  path: "/api/v1/send",
  access: "device",
  summary: "For devices.",
  body: z.unknown(),
  rawBody: true,
  reply: z.object({ bytes: z.number() }),
});
const breaks = defineRoute({
  operation: "breaks",
  method: "GET",
  path: "/api/v1/breaks",
  access: "public",
  summary: "Breaks off.",
  streams: "text/csv",
});
const large = defineRoute({
  operation: "large",
  method: "GET",
  path: "/api/v1/large",
  access: "public",
  summary: "64 MB.",
  streams: "text/csv",
});
const guess = defineRoute({
  operation: "signIn",
  method: "POST",
  path: "/api/v1/auth/sign-in",
  access: "public",
  summary: "Counted alone.",
});
const tail = defineRoute({
  operation: "tail",
  method: "GET",
  path: "/api/v1/tail",
  access: "signedIn",
  summary: "Streams.",
  streams: "text/event-stream",
});

/** Resolves when it is told to. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

export interface Edge {
  readonly http: Http;
  readonly url: string;
  readonly port: number;
  /** 0 where there is no TLS. */
  readonly httpsPort: number;
  readonly lines: string[];
  readonly rightEnds: AbortController;
  readonly holds: { now: number };
  /** Rows that the large stream was asked for. */
  readonly made: { rows: number };
  readonly streamEnded: { promise: Promise<void>; open: () => void };
  readonly waiting: { entered: ReturnType<typeof gate>; leave: ReturnType<typeof gate> };
}

/** Starts an edge of its own with a few routes, a person, a device and a log that is kept. */
export async function startEdge(options: Partial<HttpOptions> = {}, env: Record<string, string> = {}): Promise<Edge> {
  const lines: string[] = [];
  const log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
  const metrics = createMetrics({ processMetrics: false });
  const rightEnds = new AbortController();
  const holds = { now: 0 };
  const made = { rows: 0 };
  const ended = gate();
  const waiting = { entered: gate(), leave: gate() };
  const keeper: HeldCaller = {
    kind: "person",
    id: "p",
    name: "keeper@example.org",
    organisationId: "o",
    permissions: new Set(["devices:read"]),
    signal: rightEnds.signal,
    hold() {
      holds.now += 1;
      return () => {
        holds.now -= 1;
      };
    },
  };
  const http = createHttp({
    config: loadConfig({ ROOST_HTTP_PORT: "0", ROOST_RATE_LIMITS: looseRateLimits, ROOST_ANSWER_SECONDS: "20", ...env }),
    clock: systemClock,
    log,
    metrics,
    authenticate: {
      person: async ({ headers }) =>
        headers["authorization"] === "Bearer keeper" || headers["cookie"] === "s=keeper" ? keeper : undefined,
      device: async ({ headers }) =>
        headers["authorization"] === "Bearer device" ? { kind: "device", id: "coop-1", deviceKey: 1, organisationId: "o" } : undefined,
    },
    webRoot: "/nonexistent",
    ...options,
  });
  http.mount(echo, async ({ params, query, body }) => ({
    place: params.place,
    limit: query.limit,
    at: body.at,
    keys: Object.keys(body),
    isDate: body.at instanceof Date,
  }));
  http.mount(wait, async () => {
    waiting.entered.open();
    await waiting.leave.opened;
    return { ok: true };
  });
  http.mount(fails, async () => {
    throw new TypeError("the inner secret of the house");
  });
  http.mount(guess, async () => undefined);
  http.mount(change, async () => undefined);
  http.mount(read, async ({ caller }) => ({ by: caller.name }));
  http.mount(write, async () => undefined);
  http.mount(send, async ({ request }) => ({ bytes: request.rawBody.length }));
  http.mount(tail, async () => ({
    body: (async function* () {
      try {
        yield "event: one\ndata: 1\n\n";
        await new Promise(() => undefined);
      } finally {
        ended.open();
      }
    })(),
  }));
  http.mount(breaks, async () => ({
    body: (async function* () {
      yield "first row\n";
      await waiting.leave.opened;
      throw new TypeError("the inner secret of the stream");
    })(),
  }));
  http.mount(large, async () => ({
    body: (async function* () {
      for (let row = 0; row < 2_000; row += 1) {
        made.rows += 1;
        yield "x".repeat(32_768);
      }
    })(),
  }));
  mountEdge(http.mount, { routes: [echo], version: "1.2.3", metrics });
  const { port, httpsPort = 0 } = await http.listen();
  return {
    http,
    url: `http://127.0.0.1:${port}`,
    port,
    httpsPort,
    lines,
    rightEnds,
    holds,
    made,
    streamEnded: { promise: ended.opened, open: ended.open },
    waiting,
  };
}

/** Sends bytes as they are, and answers all that came back until the server closed. */
export async function raw(port: number, bytes: string, { keepOpen = false } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => (keepOpen ? socket.write(bytes) : socket.end(bytes)));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}
