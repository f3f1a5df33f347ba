import { setTimeout as sleep } from "node:timers/promises";

import { getResealing, getSecretStore, listSecrets, rotatable, rotateSecret } from "@roost/contract/secrets";
import type { Resealing, SecretEntry } from "@roost/contract/secrets";
import { Argument, Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { ago, formatList, formatOne } from "../print.ts";
import type { Terminal } from "../terminal.ts";

const pollMs = 1_000;

/** `roost secrets list|store|rotate|progress`. Values of secrets are in none of the answers. */
export function addSecretCommands(program: Command, terminal: Terminal): void {
  const secrets = program.command("secrets").description("Shows where secrets come from and how old they are, and rotates keys.");

  secrets
    .command("list")
    .description("Lists every secret: origin, version, age; never its value.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(listSecrets, {});
      const rows = answer.items.map((entry) => rowOf(entry, terminal.nowMs()));
      bench.print(
        formatList(bench.format, rows, ["name", "origin", "place", "version", "age", "rotated", "length"], answer, "No secrets."),
      );
      if (answer.store.state !== "open") bench.note(`The secret store is ${answer.store.state}: ${answer.store.message}`);
      if (!answer.resealing.isDone) bench.note(lineOf(answer.resealing));
    });

  secrets
    .command("store")
    .description("Looks at the place that holds the envelope key; exits 1 when it is not open.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const store = await bench.call(getSecretStore, {});
      bench.print(formatOne(bench.format, store, store));
      if (store.state !== "open") throw new StoreNotOpen(store.state);
    });

  secrets
    .command("progress")
    .description("Shows how far the sealing anew with the current key is.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const progress = await bench.call(getResealing, {});
      const { columns, ...row } = progress;
      bench.print(formatOne(bench.format, { ...row, columns: columns.length }, progress));
    });

  secrets
    .command("rotate")
    .description("Makes a new key and seals everything anew with it; nobody notices.")
    .addArgument(new Argument("[name]", "which").choices(rotatable.options).default("data-key"))
    .addOption(new Option("--no-wait", "do not wait until everything is sealed anew"))
    .action(async (name: "data-key" | "session-key", options: { wait: boolean }, command: Command) => {
      const bench = benchOf(terminal, command);
      const rotated = await bench.call(rotateSecret, { body: { name } });
      if (name === "data-key" && options.wait) await watch(bench, terminal, rotated.currentAt);
      bench.print(formatOne(bench.format, rotated, rotated));
    });
}

/** The store answered, and it is not open. */
class StoreNotOpen extends Error {
  override readonly name = "StoreNotOpen";
  constructor(state: string) {
    super(`The secret store is ${state}.`);
  }
}

async function watch(bench: Bench, terminal: Terminal, currentAt: Date): Promise<void> {
  let told = "";
  while (!terminal.signal.aborted) {
    const progress = await bench.call(getResealing, {});
    // By the server's clock: before, the old key is the current one.
    const isInUse = progress.startedAt !== undefined && progress.startedAt >= currentAt;
    const line = isInUse ? lineOf(progress) : "The new key is made; all servers hear of it before one uses it.";
    if (line !== told) bench.note(line);
    told = line;
    const isStuck = progress.remaining > 0 && progress.remaining === progress.columns.reduce((sum, one) => sum + one.unreadable, 0);
    if (isInUse && (progress.isDone || isStuck)) return;
    await sleep(pollMs, undefined, { signal: terminal.signal });
  }
}

function lineOf({ remaining, total, columns }: Resealing): string {
  const unreadable = columns.reduce((sum, one) => sum + one.unreadable, 0);
  const rest = unreadable > 0 ? `, ${unreadable} that no key opens` : "";
  return `${total - remaining} of ${total} secrets are sealed with the current key${rest}.`;
}

function rowOf(entry: SecretEntry, nowMs: number) {
  return {
    name: entry.name,
    origin: entry.origin,
    place: entry.place,
    version: entry.version,
    age: entry.since === undefined ? undefined : ago(entry.since, nowMs),
    rotated: entry.lastRotatedAt === undefined ? "never" : `${ago(entry.lastRotatedAt, nowMs)} ago`,
    length: entry.lengthClass,
  };
}
