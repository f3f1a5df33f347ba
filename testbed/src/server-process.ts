import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { freePort } from "./free-port.ts";
import { looseRateLimits } from "./rate-limits.ts";
import { scratchFolder } from "./scratch.ts";

const program = fileURLToPath(new URL("../../server/src/main.ts", import.meta.url));
/** As `npm start` has it. */
const nodeOptions = JSON.parse(readFileSync(new URL("../../server/node-options.json", import.meta.url), "utf8")) as string[];

/** What the server says of itself when it is ready. */
export interface Ready {
  readonly type: "ready";
  readonly url: string;
  /** The same by TLS, by the installation's own authority. */
  readonly httpsUrl?: string;
  readonly mqttPort: number;
  readonly mqttPlainPort?: number;
  readonly syslogPort?: number;
  readonly setupCode?: string;
  readonly claimFile?: string;
  readonly databaseSocketDir?: string;
}

/** A real server in a process of its own, with a data folder of its own. */
export interface ServerProcess {
  readonly dataDir: string;
  readonly ready: Ready;
  readonly child: ChildProcess;
  /** Everything it wrote so far. */
  output(): string;
  /** Ends the process the hard way and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; answers exit code and milliseconds. */
  terminate(): Promise<{ code: number | null; durationMs: number }>;
  /** Starts again on the same data folder and the same ports. @param more - What its environment says from now on. */
  restart(more?: Readonly<Record<string, string>>): Promise<ServerProcess>;
}

/**
 * A data folder for one test; an unprivileged PostgreSQL must be able to walk to it.
 *
 * @param onDisk - For tests of what a disk keeps; all others have it where it is quickest.
 */
export function createDataDir({ onDisk = false }: { onDisk?: boolean } = {}): { dataDir: string; remove(): void } {
  const folder = mkdtempSync(join(onDisk ? tmpdir() : scratchFolder(), "roost-e2e-"));
  chmodSync(folder, 0o755);
  return { dataDir: join(folder, "data"), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Puts a port of its own in the place of each "any": one that is there again when the server is. */
async function withPorts(env: Readonly<Record<string, string | undefined>>): Promise<Record<string, string | undefined>> {
  const given = { ...env };
  for (const name of Object.keys(env)) if (name.endsWith("_PORT") && env[name] === "0") given[name] = String(await freePort());
  return given;
}

/**
 * Starts the server and waits until it says it is ready.
 *
 * @throws with the output when it ends before.
 */
export async function startServer({
  dataDir,
  env = {},
  execArgv = [],
  root,
}: {
  dataDir: string;
  /** Another checkout to run; this one unless given. */
  root?: string;
  env?: Readonly<Record<string, string>>;
  /** Of Node itself: a profiler, a smaller heap. */
  execArgv?: readonly string[];
}): Promise<ServerProcess> {
  const child = fork(root === undefined ? program : join(root, "server/src/main.ts"), {
    env: await withPorts({
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOME: process.env["HOME"],
      TMPDIR: process.env["TMPDIR"],
      ROOST_DATA_DIR: dataDir,
      ROOST_HTTP_PORT: "0",
      ROOST_HTTPS_HOST: "127.0.0.1",
      ROOST_HTTPS_PORT: "0",
      ROOST_MQTT_HOST: "127.0.0.1",
      ROOST_MQTT_PORT: "0",
      ROOST_LOG_PRETTY: "false",
      ROOST_RATE_LIMITS: looseRateLimits,
      // A machine that is busy with other things is slow, and its database is not away.
      ROOST_ANSWER_SECONDS: "20",
      ...env,
    }),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: [...nodeOptions, ...execArgv],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const gone = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const ready = await new Promise<Ready>((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`The server was not ready within 8 min:\n${output.slice(-4_000)}`));
    }, 480_000);
    child.on("message", (message: { type?: string }) => {
      if (message.type !== "ready") return;
      clearTimeout(late);
      resolve(message as Ready);
    });
    void gone.then((code) => {
      clearTimeout(late);
      reject(new Error(`The server ended with ${code}:\n${output.slice(-4_000)}`));
    });
  });
  return {
    dataDir,
    ready,
    child,
    output: () => output,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
    async terminate() {
      const startedMs = performance.now();
      child.kill("SIGTERM");
      const code = await gone;
      return { code, durationMs: performance.now() - startedMs };
    },
    restart: (more = {}) =>
      startServer({
        dataDir,
        ...(root === undefined ? {} : { root }),
        execArgv,
        env: {
          ...env,
          ...more,
          ROOST_HTTP_PORT: new URL(ready.url).port,
          ...(ready.httpsUrl === undefined ? {} : { ROOST_HTTPS_PORT: new URL(ready.httpsUrl).port }),
          ROOST_MQTT_PORT: String(ready.mqttPort),
          ...(ready.mqttPlainPort === undefined ? {} : { ROOST_MQTT_PLAIN_PORT: String(ready.mqttPlainPort) }),
        },
      }),
  };
}
