import { request as requestPlain } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as requestSecure } from "node:https";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

import { login } from "@roost/contract/auth";
import { routes } from "@roost/contract/routes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { breachesOf, passiveRules } from "../src/passive-rules.ts";
import type { SeenAnswer } from "../src/passive-rules.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const id = "0198c0de-0000-7000-8000-000000000000";
/** These end the session that the others are asked with. */
const lastOnes = new Set(["signOut", "signOutEverywhere", "changePassword", "removeAccount"]);

describe("S16: every answer of a running server", () => {
  let server: ServerProcess;
  let administrator: Administrator;
  let plainPort = 0;
  let securePort = 0;
  const folder = createDataDir();
  const seen: SeenAnswer[] = [];
  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    administrator = await setUpAdministrator(server);
    plainPort = Number(new URL(server.ready.url).port);
    securePort = Number(new URL(server.ready.httpsUrl ?? "").port);
  });
  afterAll(async () => {
    await server?.terminate();
    folder.remove();
  });

  interface Question {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly isSecure?: boolean;
  }
  async function ask(path: string, { method = "GET", headers = {}, body, isSecure = false }: Question = {}): Promise<SeenAnswer> {
    return new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: isSecure ? securePort : plainPort,
        path,
        method,
        headers,
        rejectUnauthorized: false,
        agent: false as const,
      };
      const onAnswer = (answer: IncomingMessage) => {
        let text = "";
        const end = () => {
          const one = {
            what: `${method} ${path}`,
            isSecure,
            insistsOnTls: false,
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: text,
          };
          seen.push(one);
          resolve(one);
        };
        // Streams have no end of their own.
        const isStream = String(answer.headers["content-type"]).startsWith("text/event-stream");
        if (isStream) sent.destroy();
        answer.on("data", (chunk: Buffer) => (text += text.length < 100_000 ? chunk.toString() : ""));
        answer.once("close", end);
      };
      const sent = isSecure ? requestSecure(options, onAnswer) : requestPlain(options, onAnswer);
      sent.on("error", reject);
      sent.end(body);
    });
  }

  it("of every operation, to nobody, to a person by cookie and by a token, with and without TLS", async () => {
    const ordered = [...routes].sort((one, other) => Number(lastOnes.has(one.operation)) - Number(lastOnes.has(other.operation)));
    const answer = await ask(login.path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: administrator.email, password: administrator.password }),
    });
    const bearer = (JSON.parse(answer.body) as { access_token: string }).access_token;
    for (const isSecure of [false, true]) {
      for (const route of ordered) {
        const path = route.path.replaceAll(/:\w+/g, id);
        const body = route.body === undefined ? undefined : "{}";
        const json = body === undefined ? {} : { "content-type": "application/json" };
        const origin = isSecure ? `https://127.0.0.1:${securePort}` : server.ready.url;
        for (const credential of [{}, { authorization: `Bearer ${bearer}` }, { cookie: administrator.cookie, origin }] as Record<
          string,
          string
        >[]) {
          // The last of a kind that asks for a session that is there is by cookie: what ends sessions comes at the end.
          await ask(path, { method: route.method, isSecure, headers: { ...json, ...credential }, ...(body === undefined ? {} : { body }) });
        }
        if (route.method === "GET" && route.streams === undefined) await ask(path, { method: "HEAD", isSecure });
      }
    }
    expect(seen.length).toBeGreaterThan(routes.length * 6);
  });

  it("of files, of addresses that are none, of methods that are none, of faulty requests", async () => {
    const page = await ask("/");
    const files = [...page.body.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = ""]) => path);
    for (const isSecure of [false, true]) {
      for (const path of [
        "/",
        "/index.html",
        "/devices/x",
        "/sign-in",
        "/api/docs",
        "/robots.txt",
        "/.env",
        "/.git/config",
        "/assets/none.js",
        "/api",
        "/api/v1/nothing",
        "/mqtt",
        ...files,
      ]) {
        await ask(path, { isSecure });
        await ask(path, {
          isSecure,
          method: "OPTIONS",
          headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
        });
        await ask(path, { isSecure, method: "DELETE" });
      }
      const post = { method: "POST", isSecure };
      await ask(login.path, { ...post, body: "{", headers: { "content-type": "application/json" } });
      await ask(login.path, { ...post, body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } });
      await ask(login.path, { ...post, body: "x".repeat(100_000), headers: { "content-type": "application/json" } });
      await ask(login.path, { ...post, body: "{}", headers: { "content-type": "application/json", "content-encoding": "gzip" } });
      await ask(login.path, {
        ...post,
        body: "{}",
        headers: { "content-type": "application/json", origin: "https://evil.example", cookie: "a=b" },
      });
      await ask("/api/v1/%ZZ", { isSecure });
      await ask("/api/v1/devices", { isSecure, method: "PUT" });
      await ask("/api/v1/devices", { isSecure, method: "TRACE" });
      await ask("/", { isSecure, headers: { host: "evil.example" } });
      await ask("/api/v1/devices", { isSecure, headers: { authorization: "Bearer roost_pat_wrong" } });
    }
    const statuses = new Set(seen.map(({ status }) => status));
    for (const status of [200, 400, 401, 403, 404, 405, 413, 415, 421]) expect([status, statuses.has(status)]).toEqual([status, true]);
  });

  it("of what is no request and of refused handshakes", async () => {
    const raw = async (bytes: string, isSecure: boolean) =>
      new Promise<void>((resolve) => {
        let text = "";
        const socket = isSecure
          ? connectTls({ host: "127.0.0.1", port: securePort, rejectUnauthorized: false }, () => socket.write(bytes))
          : connect(plainPort, "127.0.0.1", () => socket.write(bytes));
        socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
        socket.on("error", () => undefined);
        socket.on("close", () => {
          const [head = "", body = ""] = text.split("\r\n\r\n", 2);
          const [line = "", ...fields] = head.split("\r\n");
          const headers = Object.fromEntries(
            fields.map((field) => [field.slice(0, field.indexOf(":")).toLowerCase(), field.slice(field.indexOf(":") + 1).trim()]),
          );
          seen.push({
            what: `RAW ${bytes.slice(0, 24).trim()}`,
            isSecure,
            insistsOnTls: false,
            status: Number(line.slice(9, 12)),
            headers,
            body,
          });
          resolve();
        });
      });
    const handshake = (path: string, more = "") =>
      `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
    const before = seen.length;
    // All at once: the server lets some of them wait for its patience to end.
    await Promise.all(
      [false, true].flatMap((isSecure) =>
        [
          "no http at all\r\n\r\n",
          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
          `GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`,
          "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
          "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
          handshake("/other"),
          handshake("/mqtt", "origin: https://evil.example\r\n"),
          handshake("/mqtt", "sec-websocket-protocol: chat\r\n"),
          handshake("/mqtt", "sec-websocket-protocol: mqtt\r\n").replace("version: 13", "version: 99"),
          handshake("/mqtt", "sec-websocket-protocol: mqtt\r\n").replace("hlIHNhb", ""),
        ].map(async (bytes) => raw(bytes, isSecure)),
      ),
    );
    const statuses = seen.slice(before).map(({ status }) => status);
    expect(statuses).toHaveLength(20);
    expect(statuses).not.toContain(101);
    expect(statuses.every((status) => status >= 400 && status < 500)).toBe(true);
  });

  it("breaks no rule", () => {
    const breaches = seen.flatMap(breachesOf);
    const hashed = new Set(seen.map(({ status }) => status));
    process.stdout.write(
      `S16 ${seen.length} answers of ${routes.length} operations, files and refusals, statuses ${[...hashed].toSorted((a, b) => a - b).join(" ")}: ` +
        `${Object.keys(passiveRules).length} rules, ${breaches.length} breaches\n`,
    );
    expect([...new Set(breaches)].slice(0, 40)).toEqual([]);
    // Without TLS the set cookie is checked as well: there is at least one of each kind.
    for (const isSecure of [false, true]) expect(seen.filter((one) => one.isSecure === isSecure).length).toBeGreaterThan(500);
  });
});
