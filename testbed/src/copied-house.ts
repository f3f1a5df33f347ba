import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { scratchFolder } from "./scratch.ts";

const house = fileURLToPath(new URL("../../", import.meta.url));
const parts = ["contract", "kits", "server", "agent", "cli", "web", "testbed"];
const left = new Set(["node_modules", "dist", ".roost", ".runtime", ".git"]);

/** A copy of the whole house that a test may take to pieces; what is installed is shared. */
export interface CopiedHouse {
  readonly root: string;
  /** Rewrites one file. */
  edit(file: string, change: (text: string) => string): void;
  write(file: string, text: string): void;
  removeFolder(folder: string): void;
  remove(): void;
}

/** Copies the sources, with links to what is installed; packages of the house lead to the copy. */
export function copyHouse(): CopiedHouse {
  const root = mkdtempSync(join(scratchFolder(), "roost-e2e-house-"));
  for (const part of [...parts, "tsconfig.json", "tsconfig.base.json", "package.json"]) {
    cpSync(join(house, part), join(root, part), { recursive: true, filter: (from) => !left.has(basename(from)) });
  }
  linkInstalled("");
  for (const part of parts) linkInstalled(part);
  mkdirSync(join(root, "node_modules/@roost"));
  for (const part of parts) symlinkSync(join(root, part), join(root, "node_modules/@roost", part));

  function linkInstalled(part: string): void {
    const from = join(house, part, "node_modules");
    if (!existsSync(from)) return;
    const to = join(root, part, "node_modules");
    mkdirSync(to);
    for (const name of readdirSync(from)) if (name !== ".cache" && name !== "@roost") symlinkSync(join(from, name), join(to, name));
  }

  return {
    root,
    edit(file, change) {
      writeFileSync(join(root, file), change(readFileSync(join(root, file), "utf8")));
    },
    write(file, text) {
      mkdirSync(join(root, file, ".."), { recursive: true });
      writeFileSync(join(root, file), text);
    },
    removeFolder(folder) {
      rmSync(join(root, folder), { recursive: true });
    },
    remove() {
      rmSync(root, { recursive: true, force: true });
    },
  };
}
