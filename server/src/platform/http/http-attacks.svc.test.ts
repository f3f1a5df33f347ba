import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as rawRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import helmet from "@fastify/helmet";
import fastify from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { HttpOptions } from "./http.ts";
import { raw, startEdge } from "./test-edge.ts";
import type { Edge } from "./test-edge.ts";

describe("the HTTP edge under attack", () => {
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
      `GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`,
      "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET /mqtt HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ]) {
      const text = (await raw(edge.port, bytes)).toLowerCase();
      expect(text).toMatch(/^http\/1\.1 4\d\d /);
      for (const name of wanted) expect(text).toContain(`\r\n${name}: `);
      expect(text).toContain('{"error":{"code":"http.');
    }
  });

  it("S16: sends no header fewer than the helmet of Fastify does, and insists on TLS where people come by https", async () => {
    const yardstick = fastify();
    await yardstick.register(helmet);
    yardstick.get("/", async () => ({}));
    const theirs = Object.keys((await yardstick.inject("/")).headers);
    // For browsers that are gone: a switch of a filter that had holes of its own, and of Internet Explorer's downloads.
    const gone = new Set(["x-xss-protection", "x-download-options", "content-type", "content-length", "date", "connection"]);
    const own = await startEdge({}, { ROOST_PUBLIC_URL: "https://roost.example.org" });
    for (const path of ["/api/v1/read", "/api/v1/nothing", "/", "/api/v1/fails"]) {
      const answer = await fetch(own.url + path);
      const missing = theirs.filter((name) => !gone.has(name) && !answer.headers.has(name));
      expect([path, missing]).toEqual([path, []]);
      expect(answer.headers.get("strict-transport-security")).toBe("max-age=63072000; includeSubDomains");
    }
    expect(await raw(own.port, "no http at all\r\n\r\n")).toContain("strict-transport-security: max-age=63072000; includeSubDomains");
    await yardstick.close();
    await own.http.close();
  });

  it("S16: the page's policy names the nonce that the page carries, a new one each time", async () => {
    const [one, two] = await Promise.all([fetch(edge.url), fetch(edge.url)]);
    const nonce = /name="roost-style-nonce" content="([\w-]{22})"/.exec(await one.text())?.[1] ?? "";
    expect(nonce).not.toBe("");
    expect(one.headers.get("content-security-policy")).toContain(`style-src 'self' 'nonce-${nonce}'`);
    expect(two.headers.get("content-security-policy")).not.toContain(nonce);
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

  it("S16: refuses changes that another site makes a browser send, and takes those of its own pages", async () => {
    const change = async (headers: Record<string, string>) =>
      new Promise((resolve) =>
        rawRequest({ port: edge.port, path: "/api/v1/change", method: "POST", headers }, (answer) =>
          resolve(answer.resume().statusCode),
        ).end(),
      );
    const cookie = "s=keeper";
    expect(await change({ cookie, origin: `http://localhost:${edge.port}`, host: `localhost:${edge.port}` })).toBe(204);
    // Who brings a cookie and does not say from where may be an old browser with a form of another site, unless no form can send it.
    expect(await change({ cookie })).toBe(403);
    expect(await change({ cookie, "content-type": "text/plain" })).toBe(403);
    expect(await change({ cookie, "content-type": "application/json" })).toBe(204);
    expect(await change({})).toBe(401);
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

  it("S17: cuts those that send their headers or body drop by drop, while others are served", async () => {
    const own = await startEdge({ limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
    const slow = [
      raw(own.port, "GET / HTTP/1.1\r\nhost: localhost\r\nx-slow", { keepOpen: true }),
      raw(own.port, "POST /api/v1/echo/a HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{", {
        keepOpen: true,
      }),
      raw(own.port, "", { keepOpen: true }),
    ];
    // Who asks in one piece is served; where the machine itself takes its time between hello and question, at the next try.
    await expect.poll(async () => (await fetch(`${own.url}/api/v1/nothing`)).status).toBe(404);
    const texts = await Promise.all(slow);
    expect(texts[0]).toContain("408");
    expect(texts[1]).toContain("408");
    await own.http.close();
  });

  it("S17: refuses a request that is measured in two ways, and one with too many headers", async () => {
    const twice = await raw(
      edge.port,
      "POST /api/v1/echo/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    );
    expect(twice).toMatch(/^HTTP\/1\.1 400 /);
    expect(twice.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    const many = Array.from({ length: 10_000 }, (_, index) => `x-${index}: 1\r\n`).join("");
    expect(await raw(edge.port, `GET / HTTP/1.1\r\nhost: localhost\r\n${many}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
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
