#!/usr/bin/env node
// The command itself is TypeScript, which Node runs as it is from 24 on. With an older one at hand, the one that `npm start` fetched runs it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const main = new URL("./src/main.ts", import.meta.url);
if (Number(process.versions.node.split(".")[0]) >= 24) await import(main.href);
else {
  const node = fileURLToPath(new URL("../.runtime/node_modules/node/bin/node", import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write("roost needs Node 24 or newer. Run `npm start` once, which fetches it, or install it.\n");
    process.exit(78);
  }
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: "inherit" });
  // The terminal sends Ctrl-C to both of us; how it ends is the child's to say.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
  child.once("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
