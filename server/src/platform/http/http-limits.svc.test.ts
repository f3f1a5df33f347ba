import { request as rawRequest } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";

import rateLimitPlugin from "@fastify/rate-limit";
import { afterEach, describe, expect, it } from "vitest";

import type { Clock } from "../clock.ts";
import { addressKey } from "./client-address.ts";
import type { HttpOptions } from "./http.ts";
import type { SecurityEvent } from "./security-events.ts";
import { startEdge } from "./test-edge.ts";
import type { Edge } from "./test-edge.ts";

/** Callers by what stands in their token: `person-1`, `key-1`, `device-1`. */
const authenticate: HttpOptions["authenticate"] = {
  async person({ headers }) {
    const [, kind, id = ""] = /^Bearer (person|key)-(\w+)$/.exec(String(headers["authorization"])) ?? [];
    if (kind === undefined) return undefined;
    const base = { id, name: id, organisationId: id.startsWith("b") ? "b" : "a", permissions: new Set(["devices:read"] as const) };
    return { ...base, kind: kind === "key" ? "token" : "person", signal: new AbortController().signal, hold: () => () => undefined };
  },
  async device({ headers }) {
    const id = /^Bearer (device-\w+)$/.exec(String(headers["authorization"]))?.[1];
    return id === undefined ? undefined : { kind: "device", id, deviceKey: 1, organisationId: "a" };
  },
};
/** An hour that begins now, and goes by at a tenth of its pace, so that no window ends in the middle of a count. */
function newHour(): Clock {
  const startMs = performance.now();
  const monotonicMs = () => (performance.now() - startMs) / 10;
  return { nowMs: () => 1_800_000_000_000 + monotonicMs(), monotonicMs };
}
/** As they are where nobody configured anything. */
const defaults = { ROOST_RATE_LIMITS: "" };
const byProxy = { ...defaults, ROOST_TRUSTED_PROXIES: "127.0.0.1" };

interface AskOptions {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
interface Asked {
  readonly status: number;
  readonly headers: Headers;
}

describe("limits on how often somebody may ask", () => {
  let edge: Edge | undefined;
  afterEach(async () => {
    edge?.waiting.leave.open();
    await edge?.http.close({ drainMs: 100 });
  });

  async function ask(path: string, who?: string, more: AskOptions = {}): Promise<Asked> {
    const answer = await fetch(`${edge?.url}${path}`, {
      ...more,
      headers: { ...more.headers, ...(who === undefined ? {} : { authorization: `Bearer ${who}` }) },
    });
    await answer.body?.cancel();
    return { status: answer.status, headers: answer.headers };
  }
  /** Asks until it is refused, at most `most` times. */
  async function askUntilRefused(most: number, one: () => Promise<Asked>) {
    let passed = 0;
    for (; passed < most; passed += 1) {
      const asked = await one();
      if (asked.status === 429) return { passed, refused: asked };
    }
    return { passed, refused: undefined };
  }
  function expectTold(refused: Asked | undefined, limit: number): void {
    const told = Object.fromEntries(refused?.headers ?? []);
    expect(Number(told["retry-after"])).toBeGreaterThan(0);
    expect([told["x-ratelimit-limit"], told["x-ratelimit-remaining"], told["x-ratelimit-reset"]]).toEqual([
      String(limit),
      "0",
      told["retry-after"],
    ]);
    expect(told["ratelimit"]).toMatch(/^"\w+-\d+";r=0;t=\d+$/);
    expect(told["ratelimit-policy"]).toMatch(new RegExp(`q=${limit};w=\\d+`));
    expect(told["content-security-policy"]).toContain("default-src 'none'");
  }

  it("S-F17: each kind of caller exceeds its number and is told so; others of its kind go on", async () => {
    const events: SecurityEvent[] = [];
    edge = await startEdge(
      { clock: newHour(), authenticate, onSecurityEvent: (event) => events.push(event) },
      { ...byProxy, ROOST_RATE_LIMITS: "apiKey=1000/min, changes=60/min 1000/h, anonymous=60/min 1000/h" },
    );
    const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
    const kinds: Record<string, [number, (index: number) => Promise<Asked>]> = {
      "anonymous, by address": [
        60,
        async (index) => ask("/api/v1/echo/a", undefined, { ...from(`198.51.100.${index}`), method: "POST", body: "{}" }),
      ],
      "anonymous where nothing is": [60, async (index) => ask("/api/v1/nothing", undefined, from(`203.0.113.${index}`))],
      "a bad credential": [60, async (index) => ask("/api/v1/read", "nobody", from(`198.51.99.${index}`))],
      "sign-ins, by address": [
        60,
        async (index) => ask("/api/v1/auth/sign-in", undefined, { ...from(`198.51.98.${index}`), method: "POST" }),
      ],
      "a person's changes": [60, async (index) => ask("/api/v1/change", `person-a${index}`, { method: "POST" })],
      "an API key": [1_000, async (index) => ask("/api/v1/read", `key-a${index}`)],
    };
    for (const [name, [limit, one]] of Object.entries(kinds)) {
      const { passed, refused } = await askUntilRefused(limit + 10, async () => one(1));
      expect([name, passed]).toEqual([name, limit]);
      expectTold(refused, limit);
      const other = await one(2);
      expect([name, other.status === 429]).toEqual([name, false]);
      expect(Number(other.headers.get("x-ratelimit-remaining"))).toBeGreaterThan(0);
    }
    await edge.http.close();
    const limited = events.filter(({ kind }) => kind === "rate_limited");
    expect(limited.length).toBeGreaterThanOrEqual(6);
    expect(limited.find(({ by }) => by?.kind === "token")).toMatchObject({
      organisationId: "a",
      by: { id: "a1" },
      operations: ["read"],
      count: 1,
    });
  });

  it("S-F17: a signed-in person who looks at pages meets no limit, and what they change does not count against it", async () => {
    edge = await startEdge({ clock: newHour(), authenticate }, defaults);
    const { passed } = await askUntilRefused(1_500, async () => ask("/api/v1/read", "person-a1"));
    expect(passed).toBe(1_500);
    const forbidden = await askUntilRefused(100, async () => ask("/api/v1/write", "person-a1", { method: "POST" }));
    // What is forbidden counts as well: twenty at once, and sixty in a minute.
    expect(forbidden.passed).toBeGreaterThanOrEqual(20);
    expect(forbidden.passed).toBeLessThanOrEqual(60);
    expect((await ask("/api/v1/read", "person-a1")).status).toBe(200);
  });

  it("S-F17: a forged forwarding header resets nothing, where no proxy is named and where one is", async () => {
    edge = await startEdge({ clock: newHour(), authenticate }, { ROOST_RATE_LIMITS: "anonymous=10/min" });
    let turn = 0;
    const forged = async () => {
      turn += 1;
      const address = `198.51.100.${turn}`;
      return ask("/api/v1/nothing", undefined, {
        headers: {
          "x-forwarded-for": address,
          "x-real-ip": address,
          forwarded: `for=${address}`,
          "client-ip": address,
          "cf-connecting-ip": address,
        },
      });
    };
    expect((await askUntilRefused(50, forged)).passed).toBe(10);
    await edge.http.close();
    edge = await startEdge(
      { clock: newHour(), authenticate },
      { ROOST_RATE_LIMITS: "anonymous=10/min", ROOST_TRUSTED_PROXIES: "127.0.0.1" },
    );
    // A proxy adds the address it saw behind what the client wrote: only the last one is the proxy's own.
    const behind = async () => {
      turn += 1;
      return ask("/api/v1/nothing", undefined, { headers: { "x-forwarded-for": `10.1.1.${turn}, 192.0.2.66` } });
    };
    expect((await askUntilRefused(50, behind)).passed).toBe(10);
  });

  it("CO-54, N-F25: failing sign-ins count, and so does everything of one /64 of IPv6 together", async () => {
    edge = await startEdge({ clock: newHour(), authenticate }, byProxy);
    let host = 0;
    const fromNet = async (net: string) => {
      host += 1;
      return ask("/api/v1/auth/sign-in", undefined, {
        method: "POST",
        headers: { "x-forwarded-for": `${net}:${host.toString(16)}:1:2:3` },
      });
    };
    expect((await askUntilRefused(100, async () => fromNet("2001:db8:1:2"))).passed).toBe(60);
    expect((await fromNet("2001:db8:1:3")).status).toBe(204);
  });

  it("bounds a device, and all of an organisation together, so that one tenant does not use up what all share", async () => {
    edge = await startEdge({ clock: newHour(), authenticate }, { ROOST_RATE_LIMITS: "device=5/min, organisation=30/min" });
    const send = async (device: string) => ask("/api/v1/send", device, { method: "POST", body: "1" });
    expect((await askUntilRefused(20, async () => send("device-1"))).passed).toBe(5);
    expect((await send("device-2")).status).toBe(200);
    let person = 0;
    const read = async () => ask("/api/v1/read", `person-a${(person += 1)}`);
    const { passed, refused } = await askUntilRefused(50, read);
    expect([passed, refused?.headers.get("ratelimit")]).toEqual([30, expect.stringMatching(/^"organisation-60"/)]);
    expect((await ask("/api/v1/read", "person-b1")).status).toBe(200);
  });

  it("counts addresses as the rate limiter of Fastify does", () => {
    for (const [one, other] of [
      ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"],
      ["2001:db8::1", "2001:db8:0:1::1"],
      ["2001:0db8:0001:0002::1", "2001:db8:1:2::7"],
      ["::1", "::2"],
      ["198.51.100.1", "198.51.100.2"],
      ["fe80::1", "fe80::1:0:0:1"],
    ] as const) {
      const { normalizeIP } = rateLimitPlugin as unknown as { normalizeIP: (address: string) => string };
      expect([one, other, addressKey(one) === addressKey(other)]).toEqual([one, other, normalizeIP(one) === normalizeIP(other)]);
    }
  });

  it("S17: cuts what one address opens beyond its bound, over both ways in, and takes it in again when others have closed", async () => {
    edge = await startEdge({ limits: { connectionsPerAddress: 10 } });
    const { port } = edge;
    const open = async () =>
      new Promise<{ socket: Socket; taken: boolean }>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        socket.once("data", () => resolve({ socket, taken: true }));
        socket.once("close", () => resolve({ socket, taken: false }));
        socket.on("error", () => undefined);
      });
    const first = await Promise.all(Array.from({ length: 30 }, open));
    expect(first.filter(({ taken }) => taken)).toHaveLength(10);
    for (const { socket } of first) socket.destroy();
    await expect.poll(async () => (await open()).taken).toBe(true);
  });
});

describe("names and origins", () => {
  let edge: Edge | undefined;
  afterEach(async () => edge?.http.close({ drainMs: 100 }));

  async function statusOf(path: string, headers: Record<string, string>, method = "GET") {
    return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const sent = rawRequest({ port: edge?.port, path, method, headers }, (answer) => {
        let body = "";
        answer.on("data", (chunk: Buffer) => (body += chunk.toString()));
        answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body }));
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  it("S16: answers to its own names only, on every path but those of watchdogs", async () => {
    edge = await startEdge(
      { ownNames: () => ["coop-pi", "*.farm.example", "203.0.113.9"] },
      { ROOST_PUBLIC_URL: "http://roost.example.org:9000", ROOST_PUBLIC_HOSTS: "roost.lan,2001:db8::7" },
    );
    const own = [
      "localhost",
      "127.0.0.1",
      "[::1]:8080",
      "roost.localhost",
      "ROOST.example.org.",
      "roost.lan:8443",
      "[2001:DB8::7]",
      "coop-pi",
      "coop-pi.local",
      "a.farm.example",
      "192.168.1.20:8443",
      "203.0.113.9",
    ];
    const foreign = [
      "evil.example",
      "roost.example.org.evil.example",
      "a.b.farm.example",
      "farm.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "8.8.8.8",
      "[2606:4700::8]",
      "evil.example:80@localhost",
      "localhost, evil.example",
      "other-pi",
    ];
    for (const host of own) expect([host, (await statusOf("/api/v1/nothing", { host })).status]).toEqual([host, 404]);
    for (const host of foreign) {
      for (const path of ["/api/v1/nothing", "/", "/assets/x.js", "/api/v1/read"]) {
        const { status, body, headers } = await statusOf(path, { host });
        expect([host, path, status]).toEqual([host, path, 421]);
        expect([body.includes('"http.wrong_host"'), body.includes("evil"), headers["x-frame-options"]]).toEqual([true, false, "DENY"]);
      }
    }
    // Watchdogs ask by the name of a container or by none. There is no such route here, but no objection either.
    expect((await statusOf("/health", { host: "roost-7f9c:8080" })).status).toBe(404);
  });

  it("S16: of two Host headers neither is believed, and a forwarded one only from a proxy that is named", async () => {
    edge = await startEdge({});
    const twice = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(edge?.port ?? 0, "127.0.0.1", () =>
        socket.end("GET /api/v1/nothing HTTP/1.1\r\nhost: localhost\r\nHost: evil.example\r\n\r\n"),
      );
      socket.on("data", (chunk) => (text += chunk.toString()));
      socket.on("close", () => resolve(text));
    });
    expect(twice).toMatch(/^HTTP\/1\.1 4(?:00|21) /);
    expect((await statusOf("/api/v1/nothing", { "x-forwarded-host": "evil.example" })).status).toBe(404);
    await edge.http.close();
    edge = await startEdge({}, { ROOST_TRUSTED_PROXIES: "127.0.0.1", ROOST_PUBLIC_HOSTS: "roost.example.org" });
    expect((await statusOf("/api/v1/nothing", { "x-forwarded-host": "evil.example" })).status).toBe(421);
    expect((await statusOf("/api/v1/nothing", { host: "upstream", "x-forwarded-host": "roost.example.org" })).status).toBe(404);
    // What a client wrote stands in front of what the proxy added.
    expect((await statusOf("/api/v1/nothing", { host: "upstream", "x-forwarded-host": "roost.example.org, evil.example" })).status).toBe(
      421,
    );
  });

  it("CO-54: a foreign origin gets no allow header; a listed one gets its own name, with cookies, and its preflight", async () => {
    const tool = "https://tool.example.org";
    edge = await startEdge({}, { ROOST_CORS_ORIGINS: tool });
    const allowed = (headers: Record<string, unknown>) => Object.keys(headers).filter((name) => name.startsWith("access-control-allow"));
    for (const origin of [
      "https://evil.example",
      "null",
      `${tool}.evil.example`,
      "http://tool.example.org",
      `${tool}:8443`,
      "https://TOOL.example.org",
    ]) {
      for (const [path, method] of [
        ["/api/v1/read", "GET"],
        ["/api/v1/change", "OPTIONS"],
        ["/", "GET"],
        ["/api/v1/nothing", "GET"],
        ["/api/v1/change", "POST"],
      ] as const) {
        const asked = await statusOf(path, { origin, "access-control-request-method": "POST", cookie: "s=keeper" }, method);
        expect([origin, path, allowed(asked.headers)]).toEqual([origin, path, []]);
        expect([origin, path, asked.headers["vary"]]).toEqual([origin, path, "origin"]);
        if (method === "POST") expect([origin, asked.status]).toEqual([origin, 403]);
      }
    }
    const read = await statusOf("/api/v1/read", {
      origin: tool,
      cookie: "s=keeper",
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "cors",
    });
    expect([read.status, read.headers["access-control-allow-origin"], read.headers["access-control-allow-credentials"]]).toEqual([
      200,
      tool,
      "true",
    ]);
    // Refusals are for its eyes too, and so is where it stands with the limits.
    const refused = await statusOf("/api/v1/read", { origin: tool });
    expect([refused.status, refused.headers["access-control-allow-origin"]]).toEqual([401, tool]);
    expect(String(refused.headers["access-control-expose-headers"])).toContain("ratelimit");
    const preflight = await statusOf(
      "/api/v1/change",
      { origin: tool, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
      "OPTIONS",
    );
    expect([preflight.status, preflight.headers["access-control-allow-methods"], preflight.headers["access-control-max-age"]]).toEqual([
      204,
      "POST",
      "3600",
    ]);
    expect(String(preflight.headers["access-control-allow-headers"])).not.toContain("*");
    expect((await statusOf("/api/v1/change", { origin: tool, "access-control-request-method": "DELETE" }, "OPTIONS")).status).toBe(405);
    expect((await statusOf("/api/v1/change", { origin: tool, cookie: "s=keeper" }, "POST")).status).toBe(204);
  });

  it("CO-54: a wildcard lets any page look with a token of its own, never with the browser's cookies, and change nothing", async () => {
    edge = await startEdge({}, { ROOST_CORS_ORIGINS: "*" });
    const origin = "https://anybody.example";
    const read = await statusOf("/api/v1/read", { origin, authorization: "Bearer keeper" });
    expect([read.status, read.headers["access-control-allow-origin"], read.headers["access-control-allow-credentials"]]).toEqual([
      200,
      "*",
      undefined,
    ]);
    const look = await statusOf("/api/v1/read", { origin, "access-control-request-method": "GET" }, "OPTIONS");
    expect([look.status, look.headers["access-control-allow-methods"]]).toEqual([204, "GET"]);
    expect((await statusOf("/api/v1/change", { origin, "access-control-request-method": "POST" }, "OPTIONS")).status).toBe(405);
    expect((await statusOf("/api/v1/change", { origin, cookie: "s=keeper" }, "POST")).status).toBe(403);
    await edge.http.close();
    for (const entry of ["https://a.example/path", "a.example", "https://*.example", "file://x", "null"])
      await expect(startEdge({}, { ROOST_CORS_ORIGINS: entry })).rejects.toMatchObject({ code: "config.invalid" });
  });

  it("CO-17: what a page of another site loads by itself gets nothing by the browser's cookies, streams least of all", async () => {
    edge = await startEdge();
    const cookie = "s=keeper";
    const refused: Record<string, string>[] = [
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" },
      { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors", origin: "http://127.0.0.1:1" },
    ];
    for (const headers of refused)
      expect([headers, (await statusOf("/api/v1/read", { cookie, ...headers })).status]).toEqual([headers, 403]);
    expect((await statusOf("/api/v1/tail", { cookie, origin: "https://evil.example" })).status).toBe(403);
    expect((await statusOf("/api/v1/tail", { cookie, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).status).toBe(403);
    // A link from a mail leads to the page and to a download.
    expect((await statusOf("/api/v1/read", { cookie, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).status).toBe(200);
    expect((await statusOf("/api/v1/read", { cookie, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" })).status).toBe(200);
    expect((await statusOf("/api/v1/read", { cookie })).status).toBe(200);
  });

  it("CO-17: no header and no field of a form makes another method of a request", async () => {
    edge = await startEdge();
    const cookie = "s=keeper";
    for (const name of ["x-http-method-override", "x-http-method", "x-method-override"])
      expect((await statusOf("/api/v1/change", { cookie, [name]: "POST" })).status).toBe(405);
    expect((await statusOf("/api/v1/change?_method=POST", { cookie })).status).toBe(405);
  });
});
