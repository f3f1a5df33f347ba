#!/usr/bin/env node
// `npm run agent`: the agent by itself, on a host whose server is elsewhere. `-- --prepare` installs only.
import { fileURLToPath } from "node:url";

import { createProgress, ensureAgentPackages, ensureNode, enter, watchNpm } from "./runtime.mjs";

async function main() {
  const args = process.argv.slice(2);
  const progress = createProgress();
  await ensureNode(fileURLToPath(import.meta.url), args, progress);
  await ensureAgentPackages(progress);
  if (args.includes("--prepare")) return;
  watchNpm(() => process.kill(process.pid, "SIGTERM"));
  await import("../agent/src/main.ts");
}

await enter(main);
