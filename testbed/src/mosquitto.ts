import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "./free-port.ts";
import { pause } from "./waiting.ts";

const passwordProgram = "/usr/bin/mosquitto_passwd";
const program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"].find((path) => existsSync(path));

/** Debian's Mosquitto, the broker most people have beside Home Assistant. */
export interface Mosquitto {
  readonly port: number;
  /** Absent without a certificate. */
  readonly tlsPort?: number;
  readonly username: string;
  readonly password: string;
  /** Ends it; what it retained is lost. */
  stop(): Promise<void>;
  /** Starts it again on the same ports. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/**
 * Starts a broker on free ports of loopback that lets nobody in without a password.
 *
 * @param tls - Key and certificate in PEM for a second listener.
 */
export async function startMosquitto({ tls }: { tls?: { readonly key: string; readonly cert: string } } = {}): Promise<Mosquitto> {
  if (program === undefined) throw new Error("There is no Mosquitto on this machine. On Debian: apt-get install mosquitto");
  const folder = mkdtempSync(join(tmpdir(), "roost-mosquitto-"));
  const at = (name: string) => join(folder, name);
  const [port, tlsPort] = [await freePort(), tls === undefined ? undefined : await freePort()];
  const [username, password] = ["keeper", "a password of the broker"];
  writeFileSync(at("passwords"), `${username}:${password}\n`, { mode: 0o600 });
  const hashed = spawnSync(passwordProgram, ["-U", at("passwords")], { stdio: "ignore" });
  if (hashed.status !== 0) throw new Error("mosquitto_passwd did not work.");
  if (tls !== undefined) {
    writeFileSync(at("key.pem"), tls.key, { mode: 0o600 });
    writeFileSync(at("cert.pem"), tls.cert);
  }
  const lines = [
    // Started as root, it would become somebody who may not read its files.
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    "persistence false",
    "allow_anonymous false",
    `password_file ${at("passwords")}`,
    `listener ${port} 127.0.0.1`,
    ...(tlsPort === undefined ? [] : [`listener ${tlsPort} 127.0.0.1`, `certfile ${at("cert.pem")}`, `keyfile ${at("key.pem")}`]),
  ];
  writeFileSync(at("mosquitto.conf"), `${lines.join("\n")}\n`);
  let child: ChildProcess | undefined;

  const broker: Mosquitto = {
    port,
    ...(tlsPort === undefined ? {} : { tlsPort }),
    username,
    password,
    async start() {
      if (child !== undefined && child.exitCode === null) return;
      const started = spawn(program, ["-c", at("mosquitto.conf")], { stdio: "ignore" });
      child = started;
      for (let tries = 0; !(await isOpen(port)); tries += 1) {
        if (tries > 3_000 || started.exitCode !== null) throw new Error("Mosquitto did not start.");
        await pause(20);
      }
    },
    async stop() {
      const ending = child;
      child = undefined;
      if (ending === undefined || ending.exitCode !== null) return;
      const over = new Promise((resolve) => ending.once("exit", resolve));
      ending.kill("SIGKILL");
      await over;
    },
    async close() {
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await broker.start();
  return broker;
}

async function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
