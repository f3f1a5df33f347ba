import type { KitCliFace, KitCommand, KitTerminal } from "@roost/contract/kit-cli";
import { checkKit, listKits, switchKit } from "@roost/contract/kits";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { formatList, printable } from "../print.ts";
import { claimFleet } from "../simulate/claim.ts";
import { connectDevice } from "../simulate/device-link.ts";
import { createProgress } from "../simulate/progress.ts";
import type { Terminal } from "../terminal.ts";
import { addKitFolder } from "./new-kit.ts";

/** `roost kit …`: which kits there are, and whether the organisation uses them. */
export function addKitCommands(program: Command, terminal: Terminal): void {
  const kit = program.command("kit").description("Kits: what each is for, switching them on and off, starting one of your own.");
  kit
    .command("list")
    .description("Lists the kits of the installation.")
    .action(async (_options: unknown, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listKits, {});
      const rows = items.map(({ id, title, on, alwaysOn, health }) => ({
        kit: id,
        title,
        on: alwaysOn ? "always" : on ? "on" : "off",
        health: health.state,
        doing: health.doing,
      }));
      bench.print(formatList(bench.format, rows, ["kit", "title", "on", "health", "doing"], items, "Nothing here."));
    });
  for (const [word, on] of [
    ["enable", true],
    ["disable", false],
  ] as const) {
    kit
      .command(`${word} <kit>`)
      .description(on ? "Switches a kit on for the organisation." : "Switches a kit off for the organisation; its data stay.")
      .action(async (kitId: string, _options: unknown, command: Command) => {
        const bench = benchOf(terminal, command);
        const after = await bench.call(switchKit, { params: { kitId }, body: { on } });
        bench.print(bench.format === "table" ? `${after.title} is ${after.on ? "on" : "off"}.` : JSON.stringify(after));
      });
  }
  kit
    .command("check <kit>")
    .description("Looks whether what the kit needs is true just now.")
    .action(async (kitId: string, _options: unknown, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(checkKit, { params: { kitId } });
      const rows = items.map(({ name, state, evidence }) => ({ check: name, state, evidence }));
      bench.print(formatList(bench.format, rows, ["check", "state", "evidence"], items, "Nothing here."));
    });
  kit
    .command("new <id>")
    .description("Starts a kit of your own: a folder with a manifest, a server face and a README.")
    .option("--folder <path>", "where the kits lie", "kits/src")
    .action(async (id: string, { folder }: { folder: string }) => {
      for (const line of await addKitFolder(id, folder)) terminal.stdout.write(`${line}\n`);
    });
}

/** `roost <kit> …` and `roost simulate <kit>`, as the kits bring them. */
export function addCommandsOfKits(program: Command, terminal: Terminal, faces: readonly KitCliFace[]): void {
  const simulators = program.commands.find((command) => command.name() === "simulate");
  for (const { kitId, commands, simulate } of faces) {
    const parent = program.command(kitId).description(`What the kit ${kitId} adds.`);
    for (const command of commands) addOne(parent, terminal, command.usage, command);
    if (simulate !== undefined && simulators !== undefined) addOne(simulators, terminal, kitId, simulate);
  }
}

function addOne(parent: Command, terminal: Terminal, usage: string, { summary, options = [], run }: KitCommand): void {
  const command = parent.command(usage).description(summary);
  for (const { flags, about, default: preset, choices } of options) {
    const option = new Option(flags, about);
    if (preset !== undefined) option.default(preset);
    if (choices !== undefined) option.choices([...choices]);
    command.addOption(option);
  }
  command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command;
    const bench = benchOf(terminal, self);
    const args = given.slice(0, -2).flatMap((arg) => (typeof arg === "string" ? [arg] : []));
    await run(terminalOf(bench), { args, options: self.opts() });
  });
}

function terminalOf(bench: Bench): KitTerminal {
  const { terminal, call } = bench;
  let progress: ReturnType<typeof createProgress> | undefined;
  return {
    call,
    format: bench.format,
    signal: terminal.signal,
    nowMs: terminal.nowMs,
    print: (text) => bench.print(text.split("\n").map(printable).join("\n")),
    printRows: (columns, rows, json) => bench.print(formatList(bench.format, rows, columns, json, "Nothing here.")),
    note: (text) => bench.note(printable(text)),
    progress(line) {
      if (line === undefined) {
        progress?.end();
        progress = undefined;
      } else (progress ??= createProgress(terminal)).show(line);
    },
    claimFleet: (deviceIds, fleet) => claimFleet(call, deviceIds, { ...fleet, signal: terminal.signal }),
    connectDevice,
  };
}
