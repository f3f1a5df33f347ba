import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A fault to plant, the gate that must find it, and what the gate must say. */
const plants = [
  {
    gate: "format:check",
    command: ["node_modules/.bin/oxfmt", "--check", "contract/src/planted.ts"],
    file: "contract/src/planted.ts",
    text: "export const   planted = 1\n",
    says: "planted.ts",
  },
  {
    gate: "lint, type-aware",
    command: ["node_modules/.bin/oxlint", "--type-aware", "contract/src/planted.ts"],
    file: "contract/src/planted.ts",
    text: "async function work(): Promise<void> {}\n/** Floats. */\nexport function planted(): void {\n  work();\n}\n",
    says: "no-floating-promises",
  },
  {
    gate: "types",
    command: ["node_modules/.bin/tsc", "-p", "contract"],
    file: "contract/src/planted.ts",
    text: 'export const planted: number = "text";\n',
    says: "TS2322",
  },
  {
    gate: "arch: a kit that knows the server",
    command: ["node", "scripts/arch.mjs"],
    file: "kits/src/host/planted.ts",
    text: 'import { newId } from "../../../server/src/platform/id.ts";\n\nexport const planted = newId();\n',
    says: "kit-knows-contract-and-itself",
  },
  {
    gate: "arch: a module that knows a higher one",
    command: ["node", "scripts/arch.mjs"],
    file: "server/src/modules/auth/planted.ts",
    text: 'import type { Readiness } from "../readiness/readiness.ts";\n\nexport type Planted = Readiness;\n',
    says: "rank-of-auth",
  },
  {
    gate: "dead code",
    command: ["node_modules/.bin/knip"],
    file: "server/src/planted.ts",
    text: "export const planted = 1;\n",
    says: "server/src/planted.ts",
  },
  {
    gate: "house: a drawer",
    command: ["node", "scripts/house.mjs"],
    file: "server/src/platform/utils.ts",
    text: "export const planted = 1;\n",
    says: "server/src/platform/utils.ts",
  },
  {
    gate: "house: a receipt without a commit",
    command: ["node", "scripts/house.mjs"],
    file: "server/src/platform/planted.ts",
    text: 'import { receiptOfCommit } from "./receipt.ts";\n\nexport const planted = receiptOfCommit(0);\n',
    says: "one-way-to-acknowledge",
  },
  {
    gate: "docs:check",
    command: ["node", "scripts/docs.mjs", "--check"],
    file: "docs/reference/errors.md",
    text: "# Stale\n",
    says: "docs/reference/errors.md is out of date",
  },
] as const;

describe("every gate finds a planted fault", () => {
  let copy: string;
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), "roost-gates-"));
    const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
      .split("\n")
      .filter(Boolean);
    for (const file of files) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      cpSync(join(root, file), join(copy, file), { force: true, errorOnExist: false });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    execFileSync("git", ["init", "--quiet"], { cwd: copy });
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  for (const plant of plants) {
    it(`${plant.gate} says ${plant.says}`, () => {
      const path = join(copy, plant.file);
      const original = plant.file.startsWith("docs/") ? join(root, plant.file) : undefined;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, plant.text);
      try {
        const [program, ...args] = plant.command;
        const { status, stdout, stderr } = spawnSync(program === "node" ? process.execPath : join(copy, program), args, {
          cwd: copy,
          encoding: "utf8",
        });
        expect(stdout + stderr).toContain(plant.says);
        expect(status).not.toBe(0);
      } finally {
        rmSync(path);
        if (original !== undefined) cpSync(original, path);
      }
    });
  }
});
