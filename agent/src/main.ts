import { chmodSync, mkdirSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join, resolve } from "node:path";
import { setFlagsFromString } from "node:v8";

// The agent shares a small board with what it watches. Measured at the peak of a catch-up of 100,000 readings: 162 MB without these
// lines (V8 lets garbage lie while the machine has memory), 116 with them. They come before the program, so it is loaded after them.
setFlagsFromString("--memory-saver-mode");
setFlagsFromString("--max-semi-space-size=1");

// Credentials and measurements are for our own user's eyes.
process.umask(0o077);
const dataDir = resolve(process.env["ROOST_AGENT_DATA_DIR"] || ".roost-agent");
try {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
  enableCompileCache(join(dataDir, "compiled"));
} catch {
  // A disk that takes nothing is told of, and lived with, by the program itself.
}

const { runProgram } = await import("./program.ts");
runProgram(process.env);
