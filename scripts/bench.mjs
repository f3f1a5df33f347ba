#!/usr/bin/env node
// `npm run bench`: runs the programs of testbed/bench and of the kits one after the other; `-- NAME …` runs one, `-- --list` tells what there is.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { createProgress, ensureNode, ensurePackages, enter, root, Stop } from "./runtime.mjs";

/** Where benchmarks lie; those of a kit go by its name: `garden-nodes`. */
function folders() {
  const kits = join(root, "kits/src");
  const ofKits = readdirSync(kits).map((kit) => ({ folder: join(kits, kit, "bench"), prefix: `${kit}-` }));
  return [{ folder: join(root, "testbed/bench"), prefix: "" }, ...ofKits].filter(({ folder }) => existsSync(folder));
}

/** A benchmark is a program that says in its first comment line what it measures; parts of others stand in folders. */
function benches() {
  return folders()
    .flatMap(({ folder, prefix }) =>
      readdirSync(folder).map((file) => ({ file, name: prefix + basename(file, ".ts"), path: join(folder, file) })),
    )
    .filter(({ file }) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map(({ name, path }) => ({ name, path, text: readFileSync(path, "utf8") }))
    .filter(({ text }) => /^(?:#!.*\n)?\/\/ /.test(text))
    .map(({ name, path, text }) => ({ name, path, says: /^\/\/ (.*)$/m.exec(text)?.[1] ?? "" }));
}

async function main() {
  const args = process.argv.slice(2);
  await ensureNode(fileURLToPath(import.meta.url), args, createProgress());
  await ensurePackages(createProgress());
  const all = benches();
  if (args[0] === "--list" || args[0] === "--help") {
    for (const { name, says } of all) process.stdout.write(`${name.padEnd(24)} ${says}\n`);
    return;
  }
  const chosen = args.length === 0 ? all : all.filter(({ name }) => name === args[0]);
  if (chosen.length === 0) throw new Stop(`There is no benchmark ${args[0] ?? "at all"}. See: npm run bench -- --list`, 2);
  let failed = 0;
  for (const { name, path, says } of chosen) {
    process.stdout.write(`\n${name}: ${says}\n`);
    const child = spawn(process.execPath, [path, ...args.slice(1)], { cwd: root, stdio: "inherit" });
    const code = await new Promise((done) => {
      child.once("error", () => done(1));
      child.once("exit", (exitCode) => done(exitCode ?? 1));
    });
    if (code !== 0) failed += 1;
  }
  process.exit(failed === 0 ? 0 : 1);
}

await enter(main);
