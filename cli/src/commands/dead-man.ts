import { beatDeadManSwitch, getDeadManSwitch, removeDeadManSwitch, setDeadManSwitch } from "@roost/contract/dead-man";
import type { DeadManSwitch } from "@roost/contract/dead-man";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { ago, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { readStdin } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";

/** `roost dead-man show|set|beat|remove`. */
export function addDeadManCommands(program: Command, terminal: Terminal): void {
  const deadMan = program.command("dead-man").description("The watcher outside that misses Roost when it does not run.");

  deadMan
    .command("show")
    .description("Shows the watcher and what it last answered, and whether notices arrive at all.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(getDeadManSwitch, {});
      const silent = answer.silentSince === undefined ? "arrive" : `none arrives since ${ago(answer.silentSince, terminal.nowMs())}`;
      const row = answer.switch === undefined ? { watcher: "none" } : switchRow(answer.switch, terminal.nowMs());
      bench.print(formatOne(bench.format, { ...row, notices: silent }, answer));
    });

  deadMan
    .command("set [address]")
    .description("Sets the watcher's address, such as a check of healthchecks.io; without one it is read from standard input.")
    .option("--every <seconds>", "between two beats", readWhole(10, 86_400), 60)
    .addOption(new Option("--method <method>", "how").choices(["GET", "POST"]).default("GET"))
    .action(async (address: string | undefined, { every, method }: { every: number; method: "GET" | "POST" }, command: Command) => {
      const bench = benchOf(terminal, command);
      const url = address ?? (await readStdin(terminal)).trim();
      const set = await bench.call(setDeadManSwitch, { body: { url, method, everySeconds: every } });
      bench.print(formatOne(bench.format, switchRow(set, terminal.nowMs()), set));
    });

  deadMan
    .command("beat")
    .description("Tells the watcher now, if all is well.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const told = await bench.call(beatDeadManSwitch, {});
      bench.print(formatOne(bench.format, switchRow(told, terminal.nowMs()), told));
    });

  deadMan
    .command("remove")
    .description("Tells nobody outside any more. Pause the check there first.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(removeDeadManSwitch, {});
      bench.note("Removed.");
    });
}

function switchRow(one: DeadManSwitch, nowMs: number): Row {
  return {
    watcher: one.address,
    method: one.method,
    every: `${one.everySeconds} s`,
    state: one.enabled ? (one.lastOutcome ?? "not told yet") : "off",
    last: one.lastBeatAt === undefined ? undefined : ago(one.lastBeatAt, nowMs),
    answer: one.lastCode ?? one.lastStatus,
  };
}
