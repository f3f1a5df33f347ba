import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as rawRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { getMetrics } from "@roost/contract/system";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { read, startEdge } from "./test-edge.ts";
import type { Edge } from "./test-edge.ts";

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

  it("GA-37: answers every refusal in the one form, with a stable code", async () => {
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
      [post(`/api/v1/echo/${"x".repeat(300)}`, "{}"), 400, "http.invalid"],
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

  it("GA-32: takes a correlation id along, and makes one of its own where it got none or a bad one", async () => {
    const given = await fetch(`${edge.url}/api/v1/nothing`, { headers: { "x-correlation-id": "walk-17" } });
    expect(given.headers.get("x-correlation-id")).toBe("walk-17");
    const bad = await fetch(`${edge.url}/api/v1/nothing`, { headers: { "x-correlation-id": "a b{}" } });
    expect(bad.headers.get("x-correlation-id")).toBe(bad.headers.get("x-request-id"));
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

  it("breaks a stream off where its source fails, so that nobody takes the part for the whole, and tells the log", async () => {
    const own = await startEdge();
    const answer = await fetch(`${own.url}/api/v1/breaks`);
    expect(answer.status).toBe(200);
    own.waiting.leave.open();
    await expect(answer.text()).rejects.toThrow();
    await expect.poll(() => own.lines.filter((line) => line.includes("inner secret of the stream")).length).toBe(1);
    expect((await fetch(`${own.url}/api/v1/nothing`)).status).toBe(404);
    await own.http.close();
  });

  it("asks a stream's source for no more than the client takes", async () => {
    const own = await startEdge();
    const socket = connect(own.port, "127.0.0.1", () => socket.write("GET /api/v1/large HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    // A client that reads its headers and then no more; the network's own buffers hold a few MB.
    await new Promise<void>((resolve) => socket.once("readable", () => resolve()));
    let before = -1;
    await expect
      .poll(
        () => {
          const still = own.made.rows === before;
          before = own.made.rows;
          return still;
        },
        { interval: 200 },
      )
      .toBe(true);
    expect(own.made.rows).toBeLessThan(500);
    socket.destroy();
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
    // A minute that does not go by, however long the asking takes.
    const clock = { nowMs: () => 1_800_000_000_000, monotonicMs: () => 0 };
    const own = await startEdge({ clock }, { ROOST_RATE_LIMITS: "anonymous=5/min, signIn=2/min" });
    const statuses: number[] = [];
    for (let turn = 0; turn < 7; turn += 1) statuses.push((await fetch(`${own.url}/api/v1/fails`)).status);
    expect(statuses).toEqual([500, 500, 500, 500, 500, 429, 429]);
    const refused = await fetch(`${own.url}/api/v1/fails`);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(((await refused.json()) as { error: { code: string } }).error.code).toBe("http.too_many_requests");
    const signIn = async () => (await fetch(`${own.url}/api/v1/auth/sign-in`, { method: "POST" })).status;
    expect([await signIn(), await signIn(), await signIn()]).toEqual([204, 204, 429]);
    await own.http.close();
  });

  it("opens the metrics to this machine, but not to what a proxy or another name brings here", async () => {
    const ask = async (headers: Record<string, string>) =>
      new Promise((resolve) =>
        rawRequest({ port: edge.port, path: getMetrics.path, headers }, (answer) => resolve(answer.resume().statusCode)).end(),
      );
    expect(await ask({})).toBe(200);
    for (const headers of [{ "x-forwarded-for": "127.0.0.1" }, { forwarded: "for=127.0.0.1" }, { host: "192.168.1.7" }]) {
      expect([headers, await ask(headers)]).toEqual([headers, 401]);
    }
    expect(await ask({ host: "rebound.example" })).toBe(421);
    const text = await (await fetch(edge.url + getMetrics.path)).text();
    expect(text).toMatch(/roost_http_requests_total\{method="POST",route="\/api\/v1\/echo\/:place",status="200"\} \d+/);
  });
});
