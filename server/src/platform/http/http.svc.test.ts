import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as rawRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { defineRoute } from "@roost/contract/route";
import { getMetrics } from "@roost/contract/system";
import { instant } from "@roost/contract/time";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
const read = defineRoute({
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

interface Edge {
  readonly http: Http;
  readonly url: string;
  readonly port: number;
  readonly lines: string[];
  readonly rightEnds: AbortController;
  readonly holds: { now: number };
  readonly streamEnded: { promise: Promise<void>; open: () => void };
  readonly waiting: { entered: ReturnType<typeof gate>; leave: ReturnType<typeof gate> };
}

async function startEdge(options: Partial<HttpOptions> = {}, env: Record<string, string> = {}): Promise<Edge> {
  const lines: string[] = [];
  const log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
  const metrics = createMetrics({ processMetrics: false });
  const rightEnds = new AbortController();
  const holds = { now: 0 };
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
    config: loadConfig({ ROOST_HTTP_PORT: "0", ...env }),
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
  mountEdge(http.mount, { routes: [echo], version: "1.2.3", metrics });
  const { port } = await http.listen();
  return {
    http,
    url: `http://127.0.0.1:${port}`,
    port,
    lines,
    rightEnds,
    holds,
    streamEnded: { promise: ended.opened, open: ended.open },
    waiting,
  };
}

async function raw(port: number, bytes: string, { keepOpen = false } = {}): Promise<string> {
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

describe("the HTTP edge", () => {
  let edge: Edge;
  const webRoot = mkdtempSync(join(tmpdir(), "roost-web-"));
  const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(edge.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: new Uint8Array(Buffer.from(body)),
    });

  beforeAll(async () => {
    mkdirSync(join(webRoot, "assets"));
    writeFileSync(join(webRoot, "index.html"), "<!doctype html><html><head><title>Roost</title></head><body></body></html>");
    writeFileSync(join(webRoot, "assets", "main-1a2b3c4d.js"), `console.log("${"x".repeat(4_000)}")`);
    writeFileSync(join(webRoot, "manifest.webmanifest"), "{}");
    edge = await startEdge({ webRoot });
  });
  afterAll(async () => {
    edge.waiting.leave.open();
    await edge.http.close({ drainMs: 100 });
    rmSync(webRoot, { recursive: true });
  });

  it("gives each part in the form that code works with, and encodes the reply", async () => {
    const answer = await post("/api/v1/echo/coop?limit=3", '{"at":"2026-01-02T03:04:05+01:00"}');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ place: "coop", limit: 3, at: "2026-01-02T02:04:05.000Z", keys: ["at"], isDate: true });
  });

  it("lists each fault of a request with its path", async () => {
    const answer = await post("/api/v1/echo/much-too-long?limit=9", '{"at":"yesterday","text":1}');
    const { error } = (await answer.json()) as { error: { code: string; details: { faults: { path: string }[] } } };
    expect(answer.status).toBe(400);
    expect(error.code).toBe("http.invalid");
    expect(error.details.faults.map((fault) => fault.path)).toEqual(["params.place", "query.limit", "body.at", "body.text"]);
  });

  it("answers every refusal in the one form, with a stable code", async () => {
    const big = JSON.stringify({ text: "x".repeat(70_000) });
    const cases: readonly (readonly [Promise<Response>, number, string])[] = [
      [fetch(`${edge.url}/api/v1/nothing`), 404, "http.not_found"],
      [fetch(`${edge.url}/api`), 404, "http.not_found"],
      [fetch(`${edge.url}/assets/none.js`), 404, "http.not_found"],
      [fetch(`${edge.url}/anything`, { method: "POST" }), 404, "http.not_found"],
      [fetch(`${edge.url}/api/v1/echo/coop`), 405, "http.method_not_allowed"],
      [post("/api/v1/echo/coop", "{}", { "content-type": "text/plain" }), 415, "http.unsupported_media"],
      [post("/api/v1/echo/coop", big), 413, "http.too_large"],
      [post("/api/v1/echo/coop", "{"), 400, "http.invalid"],
      [fetch(`${edge.url}/api/v1/echo/%ZZ`, { method: "POST" }), 400, "http.invalid"],
      [fetch(`${edge.url}/api/v1/echo/${"x".repeat(300)}`, { method: "POST" }), 404, "http.not_found"],
      [fetch(`${edge.url}/api/v1/fails`), 500, "http.internal"],
      [fetch(`${edge.url}/api/v1/read`), 401, "http.unauthenticated"],
      [fetch(`${edge.url}/api/v1/write`, { method: "POST", headers: { authorization: "Bearer keeper" } }), 403, "http.forbidden"],
    ];
    for (const [asked, status, code] of cases) {
      const answer = await asked;
      const body = (await answer.json()) as { error: { code: string; message: string; requestId: string } };
      expect([answer.status, body.error.code]).toEqual([status, code]);
      expect(Object.keys(body.error)).toEqual(["code", "message", "details", "requestId"]);
      expect(body.error.requestId).toBe(answer.headers.get("x-request-id"));
    }
    expect((await fetch(`${edge.url}/api/v1/echo/coop`)).headers.get("allow")).toBe("POST");
  });

  it("keeps the text of an unknown error inside, and logs it with the request's id", async () => {
    const answer = await fetch(`${edge.url}/api/v1/fails`);
    const text = await answer.text();
    expect(text).not.toContain("inner secret");
    const id = answer.headers.get("x-request-id") ?? "";
    expect(edge.lines.some((line) => line.includes(id) && line.includes("inner secret") && line.includes('"level":"error"'))).toBe(true);
  });

  it("takes a correlation id along, and makes one of its own where it got none or a bad one", async () => {
    const given = await fetch(`${edge.url}/api/v1/nothing`, { headers: { "x-correlation-id": "walk-17" } });
    expect(given.headers.get("x-correlation-id")).toBe("walk-17");
    const bad = await fetch(`${edge.url}/api/v1/nothing`, { headers: { "x-correlation-id": "a b{}" } });
    expect(bad.headers.get("x-correlation-id")).toBe(bad.headers.get("x-request-id"));
  });

  it("S16: sends the whole header set with every answer: pages, files, errors, streams and what is no HTTP", async () => {
    const page = await fetch(`${edge.url}/devices/coop-1`);
    const file = await fetch(`${edge.url}/assets/main-1a2b3c4d.js`);
    const stop = new AbortController();
    const answers = [
      page,
      file,
      await fetch(`${edge.url}/assets/main-1a2b3c4d.js`, { headers: { "if-none-match": file.headers.get("etag") ?? "" } }),
      await fetch(`${edge.url}/`, { method: "HEAD" }),
      await fetch(`${edge.url}/`, { method: "OPTIONS" }),
      await fetch(`${edge.url}/api/docs`),
      await fetch(`${edge.url}/api/openapi.json`),
      await fetch(`${edge.url}/api/v1/nothing`),
      await fetch(`${edge.url}/api/v1/echo/%ZZ`, { method: "POST" }),
      await fetch(`${edge.url}/api/v1/fails`),
      await fetch(`${edge.url}/api/v1/read`),
      await fetch(`${edge.url}/api/v1/change`, { method: "POST", headers: { authorization: "Bearer keeper" } }),
      await fetch(`${edge.url}/api/v1/tail`, { headers: { authorization: "Bearer keeper" }, signal: stop.signal }),
      await post("/api/v1/echo/coop", "x".repeat(70_000)),
      await post("/api/v1/echo/coop", "{}", { "content-encoding": "gzip" }),
    ];
    const wanted = [
      "content-security-policy",
      "x-content-type-options",
      "x-frame-options",
      "referrer-policy",
      "cross-origin-opener-policy",
      "cross-origin-resource-policy",
    ];
    const statuses = new Set<number>();
    for (const answer of answers) {
      statuses.add(answer.status);
      for (const name of wanted)
        expect([answer.url, answer.status, name, answer.headers.has(name)]).toEqual([answer.url, answer.status, name, true]);
      const policy = answer.headers.get("content-security-policy") ?? "";
      for (const part of ["default-src 'none'", "script-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
        expect(policy).toContain(part);
      expect(policy).not.toContain("unsafe");
      expect(answer.headers.has("cache-control")).toBe(true);
      expect(answer.headers.has("access-control-allow-origin")).toBe(false);
      expect(answer.headers.has("x-powered-by")).toBe(false);
    }
    stop.abort();
    expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 204, 304, 400, 401, 404, 413, 415, 500]);
    for (const bytes of [
      "no http at all\r\n\r\n",
      `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`,
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET /mqtt HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ]) {
      const text = (await raw(edge.port, bytes)).toLowerCase();
      expect(text).toMatch(/^http\/1\.1 4\d\d /);
      for (const name of wanted) expect(text).toContain(`\r\n${name}: `);
      expect(text).toContain('{"error":{"code":"http.');
    }
  });

  it("S16: the page's policy names the nonce that the page carries, a new one each time", async () => {
    const [one, two] = await Promise.all([fetch(edge.url), fetch(edge.url)]);
    const nonce = /name="roost-style-nonce" content="([\w-]{22})"/.exec(await one.text())?.[1] ?? "";
    expect(nonce).not.toBe("");
    expect(one.headers.get("content-security-policy")).toContain(`style-src 'self' 'nonce-${nonce}'`);
    expect(two.headers.get("content-security-policy")).not.toContain(nonce);
  });

  it("serves the built app: hashed files for ever and gzipped, the page for every address, 404 for missing files", async () => {
    const file = await fetch(`${edge.url}/assets/main-1a2b3c4d.js`);
    expect(file.headers.get("cache-control")).toContain("immutable");
    expect(file.headers.get("content-encoding")).toBe("gzip");
    expect(await file.text()).toContain("console.log");
    const page = await fetch(`${edge.url}/devices/coop-1`);
    expect([page.status, page.headers.get("cache-control"), page.headers.get("content-type")]).toEqual([
      200,
      "no-cache",
      "text/html; charset=utf-8",
    ]);
    expect((await fetch(`${edge.url}/manifest.webmanifest`)).headers.get("cache-control")).toBe("no-cache");
    for (const path of ["/../package.json", "/%2e%2e/package.json", "/assets/..%2f..%2fpackage.json", "/.env"]) {
      const status = await new Promise((resolve) =>
        rawRequest({ port: edge.port, path }, (answer) => resolve(answer.resume().statusCode)).end(),
      );
      expect([path, status]).toEqual([path, 404]);
    }
  });

  it("S8: refuses what JSON can be made to carry, and Object.prototype stays as it was", async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).toSorted().join();
    const bad = [
      "",
      "{",
      "[1,]",
      "nul",
      "01",
      "'a'",
      "\u00a0{}",
      '{"text":"\u0001"}',
      '{"text":"\\x"}',
      "[".repeat(100_000),
      "[".repeat(100_000) + "]".repeat(100_000),
      '{"any":'.repeat(5_000) + "1" + "}".repeat(5_000),
      '{"__proto__":{"polluted":1}}',
      '{"any":{"\\u005f_proto__":{"polluted":1}}}',
      '{"any":{"constructor":{"prototype":{"polluted":1}}}}',
      '{"text":"a\\u0000b"}',
      '{"any":[{"\\u0000":1}]}',
      '{"text":"\\ud800"}',
      "NaN",
      "Infinity",
    ];
    for (const text of bad) {
      const answer = await post("/api/v1/echo/coop", text);
      expect([text.slice(0, 60), answer.status]).toEqual([text.slice(0, 60), text.length > 65_536 ? 413 : 400]);
      await answer.body?.cancel();
    }
    for (const bytes of [
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      Buffer.from("\ufeff{}"),
      Buffer.from('{"text":"a"}', "utf16le"),
    ]) {
      expect((await post("/api/v1/echo/coop", bytes)).status).toBe(400);
    }
    const good = [
      '{"any":1e400}',
      '{"any":-0}',
      '{"any":123456789012345678901234567890}',
      '{"any":1,"any":2}',
      '{"any":{"constructor":"a coop builder"}}',
      ' {"text":"\\ud83d\\udc14"}\n',
      "{}",
    ];
    for (const text of good) expect([text, (await post("/api/v1/echo/coop", text)).status]).toEqual([text, 200]);
    for (const path of ["/api/v1/echo/a%00b", "/api/v1/echo/coop?limit=1%00"]) expect((await post(path, "{}")).status).toBe(400);
    expect((await post("/api/v1/echo/coop", Buffer.from("1f8b0800", "hex"), { "content-encoding": "gzip" })).status).toBe(415);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(Object.getOwnPropertyNames(Object.prototype).toSorted().join()).toBe(before);
  });

  it("hands a raw body on as it came, to routes that check it themselves", async () => {
    const answer = await post("/api/v1/send", "{ not JSON", { authorization: "Bearer device", "content-type": "application/octet-stream" });
    expect([answer.status, await answer.json()]).toEqual([200, { bytes: 10 }]);
    expect((await post("/api/v1/send", "{}", { authorization: "Bearer keeper" })).status).toBe(401);
  });

  it("denies by default: a route without access does not start, a permission is asked for, a device is no person", async () => {
    const { access: _, ...without } = read;
    expect(() => edge.http.mount({ ...without, path: "/api/v1/open" } as unknown as typeof read, async () => ({ by: "nobody" }))).toThrow(
      TypeError,
    );
    const ask = async (authorization: string) => (await fetch(`${edge.url}/api/v1/read`, { headers: { authorization } })).status;
    expect([await ask("Bearer keeper"), await ask("Bearer device"), await ask("Bearer other"), await ask("Basic keeper")]).toEqual([
      200, 401, 401, 401,
    ]);
  });

  it("S16: refuses changes that another site makes a browser send, and takes those of its own pages", async () => {
    const change = async (headers: Record<string, string>) =>
      new Promise((resolve) =>
        rawRequest({ port: edge.port, path: "/api/v1/change", method: "POST", headers }, (answer) =>
          resolve(answer.resume().statusCode),
        ).end(),
      );
    const cookie = "s=keeper";
    expect(await change({ cookie, origin: `http://localhost:${edge.port}`, host: `localhost:${edge.port}` })).toBe(204);
    expect(await change({ cookie })).toBe(204);
    expect(await change({ cookie, "sec-fetch-site": "same-origin" })).toBe(204);
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `http://localhost:1` },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ]) {
      expect([headers, await change({ cookie, ...headers })]).toEqual([headers, 403]);
    }
    expect(await change({ authorization: "Bearer keeper", origin: "https://tool.example" })).toBe(204);
  });

  it("starts a stream before anything happens, and ends it when the right ends", async () => {
    const own = await startEdge();
    const answer = await fetch(`${own.url}/api/v1/tail`, { headers: { authorization: "Bearer keeper" } });
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("data: 1")) text += (await reader?.read())?.value ?? "";
    expect(own.holds.now).toBe(1);
    own.rightEnds.abort();
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
    await own.http.close();
    expect(own.holds.now).toBe(0);
  });

  it("lets go of a stream's source when the client has gone", async () => {
    const own = await startEdge();
    const stop = new AbortController();
    const answer = await fetch(`${own.url}/api/v1/tail`, { headers: { authorization: "Bearer keeper" }, signal: stop.signal });
    expect(answer.status).toBe(200);
    stop.abort();
    await expect.poll(() => own.holds.now).toBe(0);
    await own.http.close();
  });

  it("R14: closing lets an open request finish, ends streams in good order and takes no more", async () => {
    const own = await startEdge();
    const slow = fetch(`${own.url}/api/v1/wait`);
    const stream = await fetch(`${own.url}/api/v1/tail`, { headers: { authorization: "Bearer keeper" } });
    await own.waiting.entered.opened;
    const closed = own.http.close();
    expect(await stream.text()).toContain("data: 1");
    own.waiting.leave.open();
    expect(await (await slow).json()).toEqual({ ok: true });
    await closed;
    await expect(fetch(`${own.url}/api/v1/wait`)).rejects.toThrow();
  });

  it("answers 503 where a handler does not come back, and stays alive", async () => {
    const own = await startEdge({ limits: { deadlineMs: 50 } });
    const answer = await fetch(`${own.url}/api/v1/wait`);
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([503, "http.unavailable"]);
    expect(answer.headers.get("retry-after")).not.toBeNull();
    own.waiting.leave.open();
    expect((await fetch(`${own.url}/api/v1/nothing`)).status).toBe(404);
    await own.http.close();
  });

  it("bounds requests for each address, and says when to come again", async () => {
    const own = await startEdge({ limits: { requestsPerMinute: 5, requestsPerMinuteOf: { echo: 2 } } });
    const statuses: number[] = [];
    for (let turn = 0; turn < 7; turn += 1) statuses.push((await fetch(`${own.url}/api/v1/fails`)).status);
    expect(statuses).toEqual([500, 500, 500, 500, 500, 429, 429]);
    const refused = await fetch(`${own.url}/api/v1/fails`);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(((await refused.json()) as { error: { code: string } }).error.code).toBe("http.too_many_requests");
    const own2 = async () =>
      (await fetch(`${own.url}/api/v1/echo/a`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).status;
    expect([await own2(), await own2(), await own2()]).toEqual([200, 200, 429]);
    await own.http.close();
  });

  it("S17: cuts those that send their headers or body drop by drop, while others are served", async () => {
    const own = await startEdge({ limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
    const slow = [
      raw(own.port, "GET / HTTP/1.1\r\nhost: x\r\nx-slow", { keepOpen: true }),
      raw(own.port, "POST /api/v1/echo/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{", {
        keepOpen: true,
      }),
      raw(own.port, "", { keepOpen: true }),
    ];
    expect((await fetch(`${own.url}/api/v1/nothing`)).status).toBe(404);
    const texts = await Promise.all(slow);
    expect(texts[0]).toContain("408");
    expect(texts[1]).toContain("408");
    await own.http.close();
  });

  it("S17: refuses a request that is measured in two ways, and one with too many headers", async () => {
    const twice = await raw(
      edge.port,
      "POST /api/v1/echo/a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    );
    expect(twice).toMatch(/^HTTP\/1\.1 400 /);
    expect(twice.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    const many = Array.from({ length: 10_000 }, (_, index) => `x-${index}: 1\r\n`).join("");
    expect(await raw(edge.port, `GET / HTTP/1.1\r\nhost: x\r\n${many}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it("S16: believes forwarded headers of named proxies only", async () => {
    const seen: string[] = [];
    const person: HttpOptions["authenticate"]["person"] = async ({ remoteAddress }) => {
      seen.push(remoteAddress);
      return undefined;
    };
    const forged = { "x-forwarded-for": "10.0.0.9, 203.0.113.7" };
    for (const env of [{}, { ROOST_TRUSTED_PROXIES: "127.0.0.1" }, { ROOST_TRUSTED_PROXIES: "127.0.0.0/8,203.0.113.0/24" }] as Record<
      string,
      string
    >[]) {
      const own = await startEdge({ authenticate: { person, device: async () => undefined } }, env);
      await fetch(`${own.url}/api/v1/read`, { headers: forged });
      await own.http.close();
    }
    expect(seen).toEqual(["127.0.0.1", "203.0.113.7", "10.0.0.9"]);
    await expect(startEdge({}, { ROOST_TRUSTED_PROXIES: "proxy.example" })).rejects.toMatchObject({ code: "config.invalid" });
  });

  it("opens the metrics to this machine, but not to what a proxy or another name brings here", async () => {
    const ask = async (headers: Record<string, string>) =>
      new Promise((resolve) =>
        rawRequest({ port: edge.port, path: getMetrics.path, headers }, (answer) => resolve(answer.resume().statusCode)).end(),
      );
    expect(await ask({})).toBe(200);
    for (const headers of [{ "x-forwarded-for": "127.0.0.1" }, { forwarded: "for=127.0.0.1" }, { host: "rebound.example" }]) {
      expect([headers, await ask(headers)]).toEqual([headers, 401]);
    }
    const text = await (await fetch(edge.url + getMetrics.path)).text();
    expect(text).toMatch(/roost_http_requests_total\{method="POST",route="\/api\/v1\/echo\/:place",status="200"\} \d+/);
  });

  it("S16: refuses a WebSocket handshake from a foreign page, and hands others over with the client's address", async () => {
    const taken: string[] = [];
    const own = await startEdge({
      onUpgrade: (_request, socket, _head, remoteAddress) => {
        taken.push(remoteAddress);
        socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      },
    });
    const shake = (path: string, origin?: string) =>
      raw(
        own.port,
        `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${own.port}\r\n${origin === undefined ? "" : `origin: ${origin}\r\n`}connection: upgrade\r\nupgrade: websocket\r\n\r\n`,
      );
    expect(await shake("/mqtt", "https://evil.example")).toMatch(/^HTTP\/1\.1 403 /);
    expect(await shake("/other")).toMatch(/^HTTP\/1\.1 404 /);
    expect(await shake("/mqtt")).toMatch(/^HTTP\/1\.1 101 /);
    expect(await shake("/mqtt", own.url)).toMatch(/^HTTP\/1\.1 101 /);
    expect(taken).toEqual(["127.0.0.1", "127.0.0.1"]);
    await own.http.close();
  });
});
