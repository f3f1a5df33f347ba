// Runs the import rules and makes sure that the gate looked at every source file: one that saw nothing would pass.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

// dependency-cruiser asks the parser for TypeScript without JSX; a page would not parse. So the parser is told first, the cruiser loads it after.
const swc = createRequire(import.meta.url)("@swc/core");
const parseFileSync = swc.parseFileSync.bind(swc);
swc.parseFileSync = (path, options) => parseFileSync(path, { ...options, tsx: path.endsWith(".tsx") });
const { cruise } = await import("dependency-cruiser");
const { default: extractOptions } = await import("dependency-cruiser/config-utl/extract-depcruise-options");

const roots = ["contract", "kits", "server", "agent", "web", "cli", "testbed"];
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...roots], { encoding: "utf8" })
  .split("\n")
  .filter((file) => /^[a-z]+\/(?:src|e2e|bench)\/.*\.tsx?$/.test(file));
const options = await extractOptions("./.dependency-cruiser.mjs");
const result = await cruise(files, { ...options, validate: true, outputType: "err" });
const { output } = result;
process.stdout.write(typeof output === "string" ? output : `${JSON.stringify(output)}\n`);
const json = await cruise(files, { ...options, outputType: "json" });
const cruised = new Set(JSON.parse(json.output).modules.map((module) => module.source));
const missed = files.filter((file) => !cruised.has(file));
if (missed.length > 0 || files.length === 0) {
  process.stderr.write(`The gate did not look at ${missed.length} of ${files.length} source files: ${missed.slice(0, 5).join(", ")}\n`);
  process.exit(1);
}
process.stdout.write(`${files.length} source files looked at\n`);
process.exit(result.exitCode);
