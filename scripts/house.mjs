// House rules that no linter says: one regular expression and one reason each.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter(Boolean);
const sources = files.filter((file) => /^(?:contract|kits|server|agent|web|cli|testbed|scripts)\/.*\.(?:ts|tsx|mjs)$/.test(file));

const forbiddenNames = /^(?:index|utils?|helpers?|common|shared|misc|types|constants|manager|base)\.(?:ts|tsx|mjs)$/;

/** @type {readonly { name: string, reason: string, pattern: RegExp, where?: RegExp, except?: RegExp }[]} */
const rules = [
  {
    name: "topic-strings",
    reason: "Topics are built and taken apart in contract/src/topics.ts only.",
    pattern: /["'`]devices\/(?:\$\{|\+|#)/,
    where: /^(?:server|agent|web|cli)\/src\//,
    except: /\.test\.tsx?$|\/test-[a-z-]+\.ts$/,
  },
  {
    name: "message-as-protocol",
    reason: "Branch on the code of an error, never on its text.",
    pattern: /\bif\s*\([^)]*\b(?:err|error|cause|caught|reason)\w*\.message\b/,
    where: /^(?:contract|server|agent|web|cli)\/src\//,
  },
  {
    name: "todo-without-issue",
    reason: "A TODO names its issue: TODO(#123).",
    pattern: /\bTODO\b(?!\(#\d+\))/,
    except: /^scripts\/house\.mjs$/,
  },
  {
    name: "one-egress-door",
    reason: "Outgoing requests go through server/src/platform/egress.ts.",
    pattern: /\bfetch\(|\bhttps?\.(?:request|get)\(|from "undici"/,
    where: /^server\/src\//,
    except: /^server\/src\/platform\/egress[^/]*\.ts$|\.test\.ts$|\/test-[a-z-]+\.ts$/,
  },
  {
    name: "one-way-to-acknowledge",
    reason: "Only code that saw a commit succeed makes a receipt.",
    pattern: /\breceiptOfCommit\(/,
    where: /^server\/src\//,
    except:
      /^server\/src\/platform\/receipt\.ts$|^server\/src\/modules\/(?:telemetry|ingest)\/[a-z-]*writer\.ts$|\.test\.ts$|\/test-[a-z-]+\.ts$/,
  },
  {
    name: "no-mock-of-ours",
    reason: "Our own modules are not mocked: pull the pure part out instead.",
    pattern: /\bvi\.mock\(/,
    except: /^scripts\/house\.mjs$/,
  },
];

const faults = [];
for (const file of sources) {
  if (forbiddenNames.test(basename(file))) faults.push(`${file}: a name that says nothing; call it after what it does`);
  const lines = readFileSync(file, "utf8").split("\n");
  for (const rule of rules) {
    if (rule.where !== undefined && !rule.where.test(file)) continue;
    if (rule.except?.test(file)) continue;
    for (const [index, line] of lines.entries()) {
      if (rule.pattern.test(line)) faults.push(`${file}:${index + 1}: ${rule.name}: ${rule.reason}`);
    }
  }
}
if (sources.length === 0) faults.push("The gate looked at no file.");
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(`${sources.length} files, ${faults.length} faults\n`);
process.exit(faults.length === 0 ? 0 : 1);
