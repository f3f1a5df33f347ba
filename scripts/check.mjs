#!/usr/bin/env node
// `npm run check`: all gates, one after the other, each by its npm script; goes on after a failure and tells all of them at the end.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { createProgress, ensureNode, ensurePackages, ensureWebApp, enter, root } from "./runtime.mjs";

const steps = ["format:check", "lint", "types", "arch", "dead", "house", "docs:check", "size"];

async function main() {
  const progress = createProgress();
  await ensureNode(fileURLToPath(import.meta.url), process.argv.slice(2), progress);
  await ensurePackages(progress);
  await ensureWebApp(progress);
  const failed = [];
  for (const step of steps) {
    const startedMs = performance.now();
    const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", step], { cwd: root, encoding: "utf8" });
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    if (status === 0) {
      process.stdout.write(`ok    ${step} (${seconds} s)\n`);
    } else {
      failed.push(step);
      process.stdout.write(`FAIL  ${step} (${seconds} s)\n${stdout}${stderr}\n`);
    }
  }
  process.stdout.write(failed.length === 0 ? `All ${steps.length} gates hold.\n` : `Failed: ${failed.join(", ")}\n`);
  process.exit(failed.length === 0 ? 0 : 1);
}

await enter(main);
