import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { until } from "./waiting.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = fileURLToPath(new URL("../../scripts/start.mjs", import.meta.url));

/** `npm start` as a person runs it, with ports of its own. */
export interface Launcher {
  readonly child: ChildProcess;
  /** All it printed so far. */
  output(): string;
  /** Address and, at the first start, the set-up code, as the box on the screen shows them; waits for it. */
  ready(): Promise<{ readonly url: string; readonly setupCode?: string; readonly tookMs: number }>;
  /** How it ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** Runs the launcher on a data folder, itself or through npm as people do. */
export function launch({
  dataDir,
  env = {},
  args = [],
  throughNpm = false,
}: {
  dataDir: string;
  env?: Readonly<Record<string, string>>;
  args?: readonly string[];
  throughNpm?: boolean;
}): Launcher {
  const startedMs = performance.now();
  const [command, prefix] = throughNpm ? ["npm", ["start", "--silent", "--"]] : [process.execPath, [script]];
  const child = spawn(command, [...prefix, ...args], {
    cwd: root,
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOME: process.env["HOME"],
      ROOST_DATA_DIR: dataDir,
      ROOST_HTTP_PORT: "0",
      ROOST_HTTPS_HOST: "127.0.0.1",
      ROOST_HTTPS_PORT: "0",
      ROOST_MQTT_HOST: "127.0.0.1",
      ROOST_MQTT_PORT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  let gone = false;
  const ended = new Promise<Awaited<Launcher["ended"]>>((resolve) => {
    child.once("close", (code, signal) => {
      gone = true;
      resolve({ code, signal });
    });
  });
  return {
    child,
    ended,
    output: () => output,
    async ready() {
      await until("the launcher shows the address", () => gone || /Stop +Ctrl-C/.test(output), 120_000).catch((error: unknown) => {
        throw new Error(`not ready:\n${output.slice(-4_000)}`, { cause: error });
      });
      const url = /Open +(http\S+)/.exec(output)?.[1];
      if (url === undefined) throw new Error(`The launcher ended:\n${output.slice(-4_000)}`);
      const setupCode = /Code +(\S+)/.exec(output)?.[1];
      return { url, ...(setupCode === undefined ? {} : { setupCode }), tookMs: performance.now() - startedMs };
    },
  };
}
