import "reflect-metadata";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { refusedHosts, resolveElsewhere as resolve } from "@roost/testbed/refused-hosts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { createEgress } from "./egress.ts";

describe("egress", () => {
  let canary: Server;
  let canary6: Server;
  let port: number;
  let touched = 0;
  const sockets: Socket[] = [];
  let catcher: Catcher;
  beforeAll(async () => {
    const onConnection = (socket: Socket) => {
      touched += 1;
      sockets.push(socket);
    };
    canary = createServer(onConnection);
    await new Promise<void>((ready) => canary.listen(0, "0.0.0.0", ready));
    ({ port } = canary.address() as AddressInfo);
    canary6 = createServer(onConnection);
    await new Promise<void>((ready) => canary6.once("error", () => ready()).listen({ port, host: "::", ipv6Only: true }, ready));
    catcher = await startCatcher();
  });
  afterEach(() => catcher.forget());
  afterAll(async () => {
    await catcher.close();
    for (const socket of sockets) socket.destroy();
    await Promise.all([canary, canary6].map((server) => new Promise((ended) => server.close(ended))));
  });

  const strict = createEgress({ allow: [], resolve });
  // A machine that takes its time is not slow to answer.
  const patient = { resolve, timeoutMs: 60_000 };
  const local = () => createEgress({ allow: ["127.0.0.1", "open.lan"], ...patient });

  it.each(refusedHosts)("S10: connects to nobody for %s", async (host) => {
    const before = touched;
    const url = `http://${host}:${port}/`;
    await expect(strict.request({ url, method: "POST", body: "{}" })).rejects.toMatchObject({ code: "egress.refused_address" });
    await expect(strict.check(url)).rejects.toMatchObject({ code: "egress.refused_address" });
    expect(touched).toBe(before);
  });

  it.each([
    "file:///etc/passwd",
    "ftp://example.org/",
    "gopher://127.0.0.1:6379/_x",
    "dict://127.0.0.1:11211/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "unix:/var/run/docker.sock",
    "http://public.example@127.0.0.1/",
    "http://user:password@open.lan/",
    "https://user@open.lan/",
    "http://[fe80::1%25lo]/",
    "http://",
    "http:///x",
    "//127.0.0.1/",
    "127.0.0.1",
    "",
  ])("S10: %j is no address to call", async (url) => {
    const refused = expect.objectContaining({ code: expect.stringMatching(/^egress\.(?:bad_url|unreachable)$/) });
    await expect(local().request({ url })).rejects.toEqual(refused);
    expect(touched).toBe(0);
  });

  it("S10: the canary hears a connection when one is made", async () => {
    const egress = createEgress({ allow: ["127.0.0.1"], resolve, timeoutMs: 2_000 });
    await expect(egress.request({ url: `http://127.1:${port}/` })).rejects.toMatchObject({ code: "egress.too_slow" });
    await expect.poll(() => touched).toBe(1);
    touched = 0;
  });

  it("S10: a name that answers public first and private later is asked once, and the connection goes to what was checked", async () => {
    const answers = [["192.0.2.77"], ["127.0.0.1"]];
    let asked = 0;
    const egress = createEgress({
      // The first answer stands for a public address that nobody listens on here.
      allow: ["192.0.2.77"],
      resolve: async () => answers[asked++] ?? ["127.0.0.1"],
      timeoutMs: 400,
    });
    const code = expect.stringMatching(/^egress\.(?:too_slow|unreachable)$/) as string;
    await expect(egress.request({ url: `http://rebind.example:${port}/` })).rejects.toMatchObject({ code });
    expect(asked).toBe(1);
    await expect(egress.request({ url: `http://rebind.example:${port}/` })).rejects.toMatchObject({ code: "egress.refused_address" });
    expect(touched).toBe(0);
  });

  it("S10: follows three redirects, checks each, and no more", async () => {
    const hop = (to: string) => ({ status: 307, headers: { location: to } });
    catcher.plan(hop("/2"), hop(`http://open.lan:${catcher.port}/3`), hop("/4"), { status: 200, body: "there" });
    expect(await local().request({ url: `${catcher.url}/1`, method: "POST", body: "x" })).toEqual({ status: 200, text: "there" });
    expect(catcher.caught.map(({ method, path, body }) => `${method} ${path} ${body}`)).toEqual([
      "POST /1 x",
      "POST /2 x",
      "POST /3 x",
      "POST /4 x",
    ]);
    catcher.otherwise(hop("/again"));
    await expect(local().request({ url: `${catcher.url}/1` })).rejects.toMatchObject({ code: "egress.too_many_redirects" });
    expect(catcher.caught).toHaveLength(8);
    catcher.otherwise({ status: 204 });
  });

  it.each([
    "http://127.0.0.2:PORT/",
    "http://[::1]:PORT/",
    "http://0.0.0.0:PORT/",
    "//10.0.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://loop6.example:PORT/",
  ])("S10: a redirect to %s leads nowhere", async (to) => {
    catcher.plan({ status: 302, headers: { location: to.replace("PORT", String(port)) } });
    await expect(local().request({ url: catcher.url })).rejects.toMatchObject({ code: "egress.refused_address" });
    expect(touched).toBe(0);
  });

  it("S10: a redirect to another scheme leads nowhere", async () => {
    catcher.plan({ status: 302, headers: { location: "file:///etc/passwd" } });
    await expect(local().request({ url: catcher.url })).rejects.toMatchObject({ code: "egress.bad_url" });
  });

  it("takes proofs off a redirect that leaves the origin, and turns a 302 into a GET without a body", async () => {
    catcher.plan({ status: 302, headers: { location: `http://open.lan:${catcher.port}/other` } });
    const headers = { "x-roost-signature": "v1=00", authorization: "Bearer x", "x-api-key": "sk-1", "x-roost-event": "test" };
    await local().request({ url: catcher.url, method: "POST", headers, body: "secret" });
    const [first, second] = catcher.caught;
    expect(first?.headers).toMatchObject(headers);
    expect(second).toMatchObject({ method: "GET", body: "", headers: { "x-roost-event": "test" } });
    for (const proof of ["x-roost-signature", "authorization", "x-api-key"]) expect(second?.headers).not.toHaveProperty(proof);
  });

  it("reads 64 KiB of an answer and no more, however long it is", async () => {
    catcher.plan({ status: 200, body: "x".repeat(10_000_000) });
    const { status, text } = await local().request({ url: catcher.url });
    expect([status, text.length]).toEqual([200, 65_536]);
  });

  it("ends a slow drip in time", async () => {
    const egress = createEgress({ allow: ["127.0.0.1"], resolve, timeoutMs: 300 });
    catcher.plan({ status: 200, body: "x".repeat(1_000), dripEveryMs: 50 });
    await expect(egress.request({ url: catcher.url })).rejects.toMatchObject({ code: "egress.too_slow" });
  });

  it("ends a resolver that never answers in time", async () => {
    const egress = createEgress({ allow: [], resolve: () => new Promise(() => undefined), timeoutMs: 100 });
    await expect(egress.request({ url: "http://slow.example/" })).rejects.toMatchObject({ code: "egress.too_slow" });
  });

  it("tells what a server asks for by Retry-After, in seconds or as a date", async () => {
    catcher.plan(
      { status: 429, headers: { "retry-after": "7" } },
      { status: 503, headers: { "retry-after": new Date(Date.now() + 60_000).toUTCString() } },
    );
    expect(await local().request({ url: catcher.url })).toMatchObject({ status: 429, retryAfterMs: 7_000 });
    const { retryAfterMs } = await local().request({ url: catcher.url });
    expect(retryAfterMs).toBeGreaterThan(1_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it("says that nobody is there, in one code, whoever is missing", async () => {
    await expect(local().request({ url: "http://nowhere.example/" })).rejects.toMatchObject({ code: "egress.unreachable" });
    await expect(local().request({ url: "http://none.example/" })).rejects.toMatchObject({ code: "egress.unreachable" });
    catcher.plan({ drop: true });
    await expect(local().request({ url: catcher.url })).rejects.toMatchObject({ code: "egress.unreachable" });
  });
});

describe("egress over TLS", () => {
  let secure: Catcher;
  let ca: string;
  beforeAll(async () => {
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: "CN=test",
      keys,
      signingAlgorithm: algorithm,
      extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: "open.lan" }])],
    });
    const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    ca = certificate.toString("pem");
    secure = await startCatcher({ tls: { key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, cert: ca } });
  });
  afterAll(async () => {
    await secure.close();
  });

  it("S10: checks the certificate for the name that was asked for, not for the address", async () => {
    const egress = createEgress({ allow: ["127.0.0.1"], resolve, ca, timeoutMs: 60_000 });
    expect(await egress.request({ url: `https://open.lan:${secure.port}/` })).toMatchObject({ status: 204 });
    expect(secure.caught[0]?.headers.host).toBe(`open.lan:${secure.port}`);
    await expect(egress.request({ url: `https://hooks.lan:${secure.port}/` })).rejects.toMatchObject({ code: "egress.bad_certificate" });
    await expect(egress.request({ url: `https://127.0.0.1:${secure.port}/` })).rejects.toMatchObject({ code: "egress.bad_certificate" });
    expect(secure.caught).toHaveLength(1);
  });

  it("S10: sends nothing to a server whose certificate nobody vouches for", async () => {
    const egress = createEgress({ allow: ["127.0.0.1"], resolve });
    await expect(egress.request({ url: `https://open.lan:${secure.port}/` })).rejects.toMatchObject({ code: "egress.bad_certificate" });
    expect(secure.caught).toHaveLength(1);
  });
});
