import { secretPrefixOf } from "./node-build.ts";
import type { NodeBuild } from "./node-build.ts";

/** JSON text is YAML text. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** The same, each line that much further right. */
export function indented(text: string, spaces: number): string {
  const margin = " ".repeat(spaces);
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : margin + line))
    .join("\n");
}

/** A block of C++ below a key that stands `spaces` from the left. */
export function code(text: string, spaces: number): string {
  return `!lambda |-\n${indented(text, spaces + 2)}`;
}

/** Where one of the node's secrets stands. */
export function secret(build: NodeBuild, name: string): string {
  return `!secret ${secretPrefixOf(build.deviceId)}_${name}`;
}
