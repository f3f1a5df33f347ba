import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { listeningSocketsOf } from "../src/listening-sockets.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

interface Declared {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly setBy: readonly string[];
}
const declared = JSON.parse(readFileSync(new URL("../../deploy/ports.json", import.meta.url), "utf8")) as {
  readonly sockets: readonly Declared[];
  readonly off: readonly Declared[];
};

let server: ServerProcess;
let ports: Readonly<Record<string, number>>;
const folder = createDataDir();
beforeAll(async () => {
  // Ports are free ones, so that this runs beside another Roost; hosts and all else are the defaults.
  server = await startServer({ dataDir: folder.dataDir, env: { ROOST_HTTPS_HOST: "", ROOST_MQTT_HOST: "" } });
  ports = {
    ROOST_HTTP_PORT: Number(new URL(server.ready.url).port),
    ROOST_HTTPS_PORT: Number(new URL(server.ready.httpsUrl ?? "").port),
    ROOST_MQTT_PORT: server.ready.mqttPort,
  };
});
afterAll(async () => {
  await server?.terminate();
  folder.remove();
});

describe("M11: what Roost listens on by default", () => {
  it.skipIf(process.platform !== "linux")("is what deploy/ports.json declares and nothing else, the database's process included", () => {
    const portOf = ({ setBy }: Declared) => ports[setBy[1] ?? ""];
    const expected = declared.sockets.map((socket) => `${socket.host}:${portOf(socket)}`);
    const real = listeningSocketsOf(server.child.pid ?? 0).map(({ host, port }) => `${host}:${port}`);
    expect(real.toSorted()).toEqual(expected.toSorted());
    expect(declared.sockets.filter((socket) => !socket.tls).map((socket) => socket.host)).toEqual(["127.0.0.1"]);
    expect(server.ready.mqttPlainPort).toBeUndefined();
  });

  it.skipIf(process.platform !== "linux")("the look would find a socket that nobody declared", async () => {
    const stray = createPlainServer().listen(0, "127.0.0.1");
    await once(stray, "listening");
    const { port } = stray.address() as AddressInfo;
    expect(listeningSocketsOf(process.pid)).toContainEqual({ pid: process.pid, host: "127.0.0.1", port });
    const plain = await startServer({
      dataDir: join(folder.dataDir, "..", "plain"),
      env: { ROOST_MQTT_PLAIN_PORT: "0", ROOST_HTTPS: "off" },
    });
    const real = listeningSocketsOf(plain.child.pid ?? 0).map(({ host, port: at }) => `${host}:${at}`);
    expect(real).toContain(`127.0.0.1:${plain.ready.mqttPlainPort}`);
    expect([real.length, plain.ready.httpsUrl]).toEqual([3, undefined]);
    await plain.terminate();
    stray.close();
  });

  it("a port that is taken is said by a code, with the variable to change", async () => {
    for (const variable of ["ROOST_MQTT_PORT", "ROOST_HTTPS_PORT"]) {
      // Wildcard and loopback are in each other's way too: 0.0.0.0 holds the port by now.
      const dataDir = join(folder.dataDir, "..", "taken");
      const ended = await startServer({ dataDir, env: { [variable]: String(ports[variable]) } }).then(
        () => "it started",
        (error: unknown) => String(error),
      );
      expect(ended).toContain("The server ended with 1");
      expect(ended).toContain('"code":"listen.address_in_use"');
      expect(ended).toContain(`"variable":"${variable}"`);
    }
  });

  it("the declared ports are the defaults of the reference", () => {
    const reference = readFileSync(new URL("../../docs/reference/config.md", import.meta.url), "utf8");
    for (const { setBy, host, port } of declared.sockets) {
      const [hostVariable, portVariable] = setBy;
      expect(reference).toContain(`| \`${hostVariable}\` | \`${host}\` |`);
      expect(reference).toContain(`| \`${portVariable}\` | \`${port}\` |`);
    }
    for (const { setBy, host } of declared.off) {
      expect(reference).toContain(`| \`${setBy[0]}\` | \`${host}\` |`);
      expect(reference).toContain(`| \`${setBy[1]}\` |  |`);
    }
  });
});

/** What came of a handshake: the protocol and suite agreed on, or the reason there is none. */
async function shake(port: number, options: ConnectionOptions): Promise<{ agreed?: string; refused?: string; socket: TLSSocket }> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  return new Promise((resolve) => {
    socket.once("secureConnect", () => resolve({ agreed: `${socket.getProtocol()} ${socket.getCipher().standardName}`, socket }));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve({ refused: error.code ?? error.message, socket }));
  });
}

/** Whether the peer takes part in a renegotiation. */
async function renegotiates(socket: TLSSocket): Promise<boolean> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once("close", () => resolve(false));
    if (socket.renegotiate({}, (error) => resolve(error === null)) === false) resolve(false);
  });
}

// Each of them works with a server that allows it: see the last test.
const everything = { ciphers: "ALL:@SECLEVEL=0" };
const refused: readonly (readonly [string, ConnectionOptions])[] = [
  ["TLS 1.0", { ...everything, minVersion: "TLSv1", maxVersion: "TLSv1" }],
  ["TLS 1.1", { ...everything, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" }],
  ["CBC with SHA-1", { ciphers: "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0", maxVersion: "TLSv1.2" }],
  ["CBC with SHA-2", { ciphers: "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0", maxVersion: "TLSv1.2" }],
];

describe("M11: TLS on both ports", () => {
  const places = () =>
    [
      ["web", Number(new URL(server.ready.httpsUrl ?? "").port)],
      ["MQTT", server.ready.mqttPort],
    ] as const;

  it("GA-28: refuses TLS 1.0, TLS 1.1 and CBC suites, and agrees on 1.3 or on 1.2 with AEAD", async () => {
    for (const [place, port] of places()) {
      for (const [what, options] of refused) {
        const { agreed, socket } = await shake(port, options);
        expect([place, what, agreed]).toEqual([place, what, undefined]);
        socket.destroy();
      }
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const { agreed, socket } = await shake(port, { ...everything, maxVersion });
        expect(agreed).toMatch(new RegExp(`^${maxVersion} .*(?:GCM_SHA|POLY1305)`));
        socket.destroy();
      }
    }
  });

  it("does not renegotiate", async () => {
    // Both at once: each waits until the server ends what never comes.
    await Promise.all(
      places().map(async ([place, port]) => {
        const { agreed, socket } = await shake(port, { maxVersion: "TLSv1.2" });
        expect([place, agreed?.slice(0, 7)]).toEqual([place, "TLSv1.2"]);
        expect([place, await renegotiates(socket)]).toEqual([place, false]);
        socket.destroy();
      }),
    );
  });

  it("another server that allows all this agrees to it: the tries are real", async () => {
    const dir = join(folder.dataDir, "..");
    const files = ["-keyout", join(dir, "key.pem"), "-out", join(dir, "cert.pem")];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x"];
    execFileSync("openssl", ["req", "-x509", ...kind, ...files], { stdio: "ignore" });
    const lax = createServer({
      ...everything,
      key: readFileSync(join(dir, "key.pem")),
      cert: readFileSync(join(dir, "cert.pem")),
      minVersion: "TLSv1",
    }).listen(0, "127.0.0.1");
    lax.on("secureConnection", (socket) => socket.on("error", () => undefined).resume());
    await once(lax, "listening");
    const { port } = lax.address() as AddressInfo;
    for (const [what, options] of refused) {
      const { agreed, socket } = await shake(port, options);
      expect([what, agreed]).toEqual([what, expect.stringContaining("TLSv1")]);
      socket.destroy();
    }
    const { socket } = await shake(port, { maxVersion: "TLSv1.2" });
    expect(await renegotiates(socket)).toBe(true);
    socket.destroy();
    lax.close();
  });
});

const hasOpenssl = spawnSync("which", ["openssl"]).status === 0;

describe.skipIf(!hasOpenssl)("M11: TLS as openssl sees it", () => {
  /** What `openssl s_client` tells of a handshake; typed at it: a line for the server, or one of its own commands. */
  async function openssl(port: number, options: readonly string[], typed = "Q\n"): Promise<string> {
    const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...options], { timeout: 60_000 });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    // One that was refused has gone before it is typed at.
    child.stdin.on("error", () => undefined);
    child.stdin.end(typed);
    await once(child, "close");
    return text;
  }
  const agreed = (text: string) => /New, (TLSv[\d.]+), Cipher is (?!\(NONE\))(\S+)/.exec(text)?.slice(1).join(" ");

  it("speaks TLS 1.3 and of 1.2 the AEAD suites with ephemeral keys, and nothing else", async () => {
    const { webPort, mqttPort } = { webPort: Number(new URL(server.ready.httpsUrl ?? "").port), mqttPort: server.ready.mqttPort };
    // What this openssl can offer at all, each suite alone.
    const suites = execFileSync("openssl", ["ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], { encoding: "utf8" })
      .trim()
      .split(":")
      .filter((name) => !name.startsWith("TLS_") && !name.includes("PSK") && !name.includes("SRP"));
    const tryPort = async (port: number) => {
      expect(agreed(await openssl(port, ["-tls1_3"]))).toMatch(/^TLSv1\.3 TLS_(?:AES|CHACHA20)/);
      for (const old of ["-tls1", "-tls1_1"])
        expect([old, agreed(await openssl(port, [old, "-cipher", "ALL:@SECLEVEL=0"]))]).toEqual([old, undefined]);
      const taken: string[] = [];
      for (const name of suites)
        if (agreed(await openssl(port, ["-tls1_2", "-cipher", `${name}:@SECLEVEL=0`])) !== undefined) taken.push(name);
      expect(taken.length).toBeGreaterThan(0);
      expect(taken.filter((name) => !/^ECDHE-.+-(?:GCM-SHA\d+|POLY1305)$/.test(name))).toEqual([]);
      process.stdout.write(
        `M11 port of ${port === webPort ? "the web" : "MQTT"}: TLS 1.3, and of ${suites.length} suites of TLS 1.2 ${taken.join(", ")}\n`,
      );
      const text = await openssl(port, ["-tls1_2"]);
      expect(text).toContain("Secure Renegotiation IS supported");
      expect(text).toContain("Compression: NONE");
      // R asks for a renegotiation: the server does not take part.
      expect(await openssl(port, ["-tls1_2"], "R\nQ\n")).toMatch(/no[_ ]renegotiation/i);
    };
    await Promise.all([tryPort(webPort), tryPort(mqttPort)]);
  });
});
