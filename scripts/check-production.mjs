#!/usr/bin/env node
// `npm run check:production`: looks at the environment as a start in production would, tells every fault, starts nothing. 0 fit, 78 not.
import { fileURLToPath } from "node:url";

import { createProgress, ensureNode, ensurePackages, enter } from "./runtime.mjs";

async function main() {
  const progress = createProgress();
  await ensureNode(fileURLToPath(import.meta.url), process.argv.slice(2), progress);
  await ensurePackages(progress);
  if (!process.argv.includes("--check")) process.argv.push("--check");
  await import("../server/src/main.ts");
}

await enter(main);
