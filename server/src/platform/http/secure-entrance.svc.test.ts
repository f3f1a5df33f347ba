import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { request } from "node:https";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import type { TLSSocket } from "node:tls";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeCertificate } from "../mqtt/test-door.ts";
import { startEdge } from "./test-edge.ts";
import type { Edge } from "./test-edge.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const secure = { ROOST_HTTPS_HOST: "127.0.0.1", ROOST_HTTPS_PORT: "0" };

describe("the web server by TLS", () => {
  let edge: Edge;
  let certificate: Awaited<ReturnType<typeof makeCertificate>>;
  const upgraded: string[] = [];

  async function ask(path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}, to = edge) {
    const { method = "GET", headers = {}, body } = options;
    return new Promise<Answer>((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port: to.httpsPort, path, method, headers, ca: certificate.cert, servername: "localhost", agent: false },
        (answer) => {
          let text = "";
          answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }
  const dial = async (port = edge.httpsPort): Promise<TLSSocket> => {
    const socket = connect({ host: "127.0.0.1", port, ca: certificate.cert, servername: "localhost" });
    await once(socket, "secureConnect");
    return socket;
  };

  beforeAll(async () => {
    certificate = await makeCertificate();
    edge = await startEdge(
      {
        tls: certificate,
        onUpgrade: (_request, socket, _head, remoteAddress) => {
          upgraded.push(remoteAddress);
          socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
        },
      },
      secure,
    );
  });
  afterAll(async () => {
    edge.waiting.leave.open();
    await edge.http.close({ drainMs: 100 });
  });

  it("has the same routes, access, limits and headers as the one without, and asks for no TLS where the authority is our own", async () => {
    const json = { "content-type": "application/json" };
    const answers = [
      await ask("/api/v1/echo/coop?limit=3", { method: "POST", headers: json, body: "{}" }),
      await ask("/api/v1/nothing"),
      await ask("/api/v1/read"),
      await ask("/api/v1/read", { headers: { authorization: "Bearer keeper" } }),
      await ask("/api/v1/echo/coop", { method: "POST", headers: json, body: "x".repeat(70_000) }),
      await ask("/api/v1/send", { method: "POST", headers: { authorization: "Bearer device" }, body: "12345" }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([200, 404, 401, 200, 413, 200]);
    const plain = await fetch(`${edge.url}/api/v1/nothing`);
    for (const { headers } of answers) {
      expect(headers["strict-transport-security"]).toBeUndefined();
      expect(headers["content-security-policy"]).toBe(plain.headers.get("content-security-policy"));
    }
  });

  it("knows that a request came by TLS: a page of https under our name is ours, one of http or of another name is not", async () => {
    const post = async (origin: string) =>
      (await ask("/api/v1/change", { method: "POST", headers: { origin, cookie: "s=keeper", host: `localhost:${edge.httpsPort}` } }))
        .status;
    expect(await post(`https://localhost:${edge.httpsPort}`)).toBe(204);
    expect(await post(`http://localhost:${edge.httpsPort}`)).toBe(403);
    expect(await post("https://localhost")).toBe(403);
    expect(await post("https://evil.example")).toBe(403);
    expect(await post("null")).toBe(403);
  });

  it("hands WebSockets of /mqtt on, and refuses those of foreign pages", async () => {
    const shake = async (origin: string) => {
      const socket = await dial();
      let text = "";
      socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
      socket.write(
        `GET /mqtt HTTP/1.1\r\nhost: localhost:${edge.httpsPort}\r\nconnection: upgrade\r\nupgrade: websocket\r\norigin: ${origin}\r\n\r\n`,
      );
      await once(socket, "close");
      return text.slice(9, 12);
    };
    expect(await shake(`https://localhost:${edge.httpsPort}`)).toBe("101");
    expect(await shake("https://evil.example")).toBe("403");
    expect(upgraded).toEqual(["127.0.0.1"]);
  });

  it("does not wait for who never shakes hands, nor for who shakes hands and asks nothing", async () => {
    const own = await startEdge({ tls: certificate, limits: { headersTimeoutMs: 1_000 } }, secure);
    const mute = connectPlain(own.httpsPort, "127.0.0.1");
    const quiet = await dial(own.httpsPort);
    mute.on("error", () => undefined);
    quiet.on("error", () => undefined);
    quiet.resume();
    mute.resume();
    await Promise.all([once(mute, "close"), once(quiet, "close")]);
    const plain = connectPlain(own.httpsPort, "127.0.0.1", () => plain.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    let text = "";
    plain.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    plain.on("error", () => undefined);
    await once(plain, "close");
    expect(text).not.toContain("HTTP/1.1");
    await expect.poll(async () => (await ask("/api/openapi.json", {}, own).catch(() => undefined))?.status).toBe(200);
    await own.http.close({ drainMs: 100 });
  });

  it("shows a renewed certificate to new connections without a restart, and keeps those that are here", async () => {
    const before = await dial();
    const old = certificate;
    certificate = await makeCertificate();
    edge.http.renewTls(certificate);
    const after = await dial();
    expect(after.getPeerX509Certificate()?.fingerprint256).toBe(new X509Certificate(certificate.cert).fingerprint256);
    expect(before.getPeerX509Certificate()?.fingerprint256).toBe(new X509Certificate(old.cert).fingerprint256);
    before.write("GET /api/openapi.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    const [chunk] = (await once(before, "data")) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 /);
    before.destroy();
    after.destroy();
  });

  it("finishes open requests of both ways when it closes, and takes nobody new", async () => {
    const other = await startEdge({ tls: certificate }, secure);
    const slow = ask("/api/v1/wait", {}, other);
    await other.waiting.entered.opened;
    const silent = await dial(other.httpsPort);
    silent.on("error", () => undefined).resume();
    const gone = once(silent, "close");
    const closed = other.http.close({ drainMs: 60_000 });
    await gone;
    await expect(dial(other.httpsPort)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    other.waiting.leave.open();
    const answer = await slow;
    expect([answer.status, answer.body]).toEqual([200, '{"ok":true}']);
    await closed;
    // Who never ends shaking hands is sent away when the time for the rest is over.
    const third = await startEdge({ tls: certificate }, secure);
    const handshaking = connectPlain(third.httpsPort, "127.0.0.1");
    handshaking.on("error", () => undefined).resume();
    await once(handshaking, "connect");
    const sentAway = once(handshaking, "close");
    await third.http.close({ drainMs: 200 });
    await sentAway;
  });

  it("S17: counts the connections of an address over both ways in, and hands those of WebSockets on to the door's own count", async () => {
    const own = await startEdge(
      {
        tls: certificate,
        limits: { connectionsPerAddress: 6 },
        onUpgrade: (_request, socket) => void socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n"),
      },
      secure,
    );
    const plain = Array.from({ length: 3 }, () => connectPlain(own.port, "127.0.0.1"));
    await Promise.all(plain.map(async (socket) => once(socket, "connect")));
    // A connection counts where the server has taken it, which is a moment after the client thinks so.
    expect((await fetch(`${own.url}/api/v1/nothing`, { headers: { connection: "close" } })).status).toBe(404);
    const secured: TLSSocket[] = [];
    for (let index = 0; index < 3; index += 1) secured.push(await dial(own.httpsPort));
    await expect(dial(own.httpsPort)).rejects.toThrow();
    for (const socket of secured) {
      socket.write(`GET /mqtt HTTP/1.1\r\nhost: localhost:${own.httpsPort}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
      await once(socket, "data");
    }
    secured.push(await dial(own.httpsPort));
    for (const socket of [...plain, ...secured]) socket.on("error", () => undefined).destroy();
    await own.http.close({ drainMs: 100 });
  });

  it("says which variable to change when a port is taken", async () => {
    const taken = String(edge.httpsPort);
    const start = (env: Record<string, string>) => startEdge({ tls: certificate }, { ...secure, ...env });
    await expect(start({ ROOST_HTTPS_PORT: taken })).rejects.toMatchObject({
      code: "listen.address_in_use",
      details: { port: edge.httpsPort, variable: "ROOST_HTTPS_PORT" },
    });
    await expect(start({ ROOST_HTTP_PORT: taken })).rejects.toMatchObject({
      code: "listen.address_in_use",
      details: { port: edge.httpsPort, variable: "ROOST_HTTP_PORT" },
    });
    await expect(start({ ROOST_HTTPS_HOST: "192.0.2.77" })).rejects.toMatchObject({ code: "listen.no_such_address" });
  });
});
