import { readFileSync } from "node:fs";

import { isAlias, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Document, Node } from "yaml";

import { cliErrors } from "../settings.ts";
import { readStdin } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";

const largestBytes = 1024 * 1024;

export type Path = readonly (string | number)[];

/** A configuration file: what it says, and on which line. */
export interface ConfigurationFile {
  readonly name: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** Of the nearest thing at this path or above it that the file has. */
  lineOf(path: Path): number;
}

/** Reads a file, or standard input for `-`. @throws {AppError} `cli.misused` with file, line and what is wrong */
export async function readConfiguration(terminal: Terminal, file: string): Promise<ConfigurationFile> {
  let text: string;
  try {
    text = file === "-" ? await readStdin(terminal) : readFileSync(file, "utf8");
  } catch (cause) {
    throw cliErrors.misused({ file, because: "the file cannot be read" }, { cause });
  }
  return parseConfiguration(file, text);
}

/**
 * Takes YAML for what it is here, plain data: maps, lists and scalars of the core schema. Tags, anchors, aliases and merge keys are refused: they
 * make one thing out of another, or much out of little.
 *
 * @throws {AppError} `cli.misused`
 */
export function parseConfiguration(file: string, text: string): ConfigurationFile {
  if (Buffer.byteLength(text) > largestBytes) throw cliErrors.misused({ file, because: "the file is larger than 1 MiB" });
  const counter = new LineCounter();
  const lineAt = (node: Node | undefined) => counter.linePos(node?.range?.[0] ?? 0).line;
  const document = parseDocument(text, {
    schema: "core",
    version: "1.2",
    lineCounter: counter,
    stringKeys: true,
    uniqueKeys: true,
    merge: false,
  });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) throw cliErrors.misused({ file, line: counter.linePos(fault.pos[0]).line, because: firstLine(fault.message) });
  refuseTricks(document, file, lineAt);
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw cliErrors.misused({ file, line: 1, because: "the file holds no map of nouns, such as `rules:` with a list below it" });
  return {
    name: file,
    value: value as Record<string, unknown>,
    lineOf(path) {
      for (let length = path.length; length > 0; length -= 1) {
        const node: unknown = document.getIn(path.slice(0, length), true);
        if (isNode(node)) return lineAt(node);
      }
      return 1;
    },
  };
}

function refuseTricks(document: Document, file: string, lineAt: (node: Node) => number): void {
  visit(document, {
    Node(_key, node) {
      const refused = isAlias(node)
        ? "an alias"
        : node.anchor !== undefined
          ? "an anchor"
          : node.tag !== undefined && !isPlain(node)
            ? "a tag"
            : undefined;
      if (refused !== undefined)
        throw cliErrors.misused({ file, line: lineAt(node), because: `${refused} is not taken here: write it out` });
    },
  });
}

/** Of a tag that was written, only what the core schema would have said anyway. */
function isPlain(node: Node): boolean {
  return isScalar(node) && node.tag === "tag:yaml.org,2002:str" && typeof node.value === "string";
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
