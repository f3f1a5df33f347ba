#!/usr/bin/env node
// `npm test`: brings what the tests need, runs them all, ends with `N passed, N failed, N skipped`. `--long` runs the long forms;
// everything else goes to vitest.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

import { createProgress, ensureNode, ensurePackages, ensureWebApp, enter, root, run, Stop } from "./runtime.mjs";

const programs = [
  { name: "chromium", packages: ["chromium"], for: "the browser stories" },
  { name: "mosquitto", packages: ["mosquitto"], for: "the bridge to Home Assistant's broker, and comparisons with another broker" },
  { name: "mosquitto_pub", packages: ["mosquitto-clients"], for: "tests with foreign MQTT clients" },
  { name: "g++", packages: ["g++", "libc6-dev"], for: "the tests that compile and run what garden nodes are programmed with" },
  { name: "prometheus", packages: ["prometheus"], for: "the test with a real Prometheus" },
  { name: "prometheus-alertmanager", packages: ["prometheus-alertmanager"], for: "the test with a real Alertmanager" },
];

function isHere(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.some((folder) => folder !== "" && existsSync(join(folder, name)));
}

/** Installs Debian's programs where we may; elsewhere says what is missing and the command, and the tests that need it are skipped. */
async function ensurePrograms(progress) {
  const missing = programs.filter((program) => !isHere(program.name));
  if (missing.length === 0) return;
  const packages = missing.flatMap((program) => program.packages);
  const tell = () => {
    for (const program of missing.filter(({ name }) => !isHere(name)))
      progress.say(`${program.name} is missing: ${program.for} will be skipped.`);
    progress.say(`To run them too: sudo apt-get install ${packages.join(" ")}`);
  };
  if (process.getuid?.() !== 0 || !isHere("apt-get")) {
    tell();
    return;
  }
  const step = progress.step(`Installing ${packages.join(", ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () => run("apt-get", ["install", "-y", "--no-install-recommends", ...packages], { env });
  try {
    await install().catch(async () => {
      await run("apt-get", ["update"], { env });
      await install();
    });
    // Debian starts these services at once; the tests start their own.
    spawnSync("systemctl", ["disable", "--now", "mosquitto", "prometheus", "prometheus-alertmanager"], { stdio: "ignore" });
    step.done();
  } catch {
    step.failed();
    tell();
  }
}

async function main() {
  const args = process.argv.slice(2);
  const long = args.includes("--long");
  const progress = createProgress();
  await ensureNode(fileURLToPath(import.meta.url), args, progress);
  await ensurePackages(progress);
  await ensurePrograms(progress);
  await ensureWebApp(progress);
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  if (!existsSync(vitest)) throw new Stop("vitest is not installed: remove node_modules and run npm test again.");
  const child = spawn(process.execPath, [vitest, "run", ...args.filter((arg) => arg !== "--long")], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      // Hundreds of servers, agents and commands are started: what Node made of their sources is made once.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, "node_modules/.cache/node"),
      ...(long ? { ROOST_TEST_LONG: "1" } : {}),
    },
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  const code = await new Promise((done) => {
    child.once("error", () => done(1));
    child.once("exit", (exitCode) => done(exitCode ?? 1));
  });
  process.exit(code);
}

await enter(main);
