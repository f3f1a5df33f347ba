import { createClient } from "@roost/contract/client";
import type { Call } from "@roost/contract/client";
import { Option } from "commander";
import type { Command } from "commander";

import { formats } from "./print.ts";
import type { Format } from "./print.ts";
import { renewingFetch } from "./renewal.ts";
import { findAccess } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** What every command has at hand once it runs. */
export interface Bench {
  readonly terminal: Terminal;
  readonly format: Format;
  readonly url: string;
  readonly token: string;
  readonly call: Call;
  /** Prints to standard output, with a line end. */
  print(text: string): void;
  /** Tells the person at the terminal something that is no result. */
  note(text: string): void;
}

/** Options that every command has. */
export function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option("-o, --output <format>", "how to print").choices([...formats]).default("table"))
    .option("--url <address>", "where Roost is; else ROOST_URL, else where you signed in");
}

/** Makes the bench of a command out of its options, wherever on the line they stood. */
export function benchOf(terminal: Terminal, command: Command): Bench {
  const { output, url: given } = command.optsWithGlobals<{ output: Format; url?: string }>();
  const { url, token } = findAccess(terminal.env, { url: given });
  const newKey = () => crypto.randomUUID();
  const call = createClient({ baseUrl: url, token, fetch: renewingFetch(terminal, { url, token }), newKey });
  return {
    terminal,
    format: output,
    url,
    token,
    call,
    print: (text) => void terminal.stdout.write(`${text}\n`),
    note: (text) => void terminal.stderr.write(`${text}\n`),
  };
}
