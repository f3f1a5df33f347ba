import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { until } from "./waiting.ts";

const program = fileURLToPath(new URL("../../server/src/main.ts", import.meta.url));

/** Starts a server with what it cannot start with, and answers what it wrote until it gave up or the time was over. */
export async function startWrongly(dataDir: string, env: Readonly<Record<string, string>>, waitMs = 8_000): Promise<string> {
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOME: process.env["HOME"],
      TMPDIR: process.env["TMPDIR"],
      ROOST_DATA_DIR: dataDir,
      ROOST_LOG_LEVEL: "debug",
      ROOST_LOG_PRETTY: "false",
      ROOST_HTTP_PORT: "0",
      ROOST_HTTPS: "off",
      ROOST_MQTT_PORT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // The time begins when it runs: on a machine that is busy with other things a start takes as long.
  await Promise.race([gone, until("it says something", () => output !== "", 180_000)]);
  await Promise.race([gone, sleep(waitMs, undefined, { ref: false })]);
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  await gone;
  return output;
}
