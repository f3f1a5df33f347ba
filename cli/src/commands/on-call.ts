import { addOnCallOverride, listOnCallSchedules, listOnCallTurns } from "@roost/contract/on-call";
import type { OnCallSchedule } from "@roost/contract/on-call";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { formatList, formatOne } from "../print.ts";
import { readInstant, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

const dayMs = 86_400_000;

/** `roost on-call now|list|override`. */
export function addOnCallCommands(program: Command, terminal: Terminal): void {
  const onCall = program.command("on-call").description("Who is on call, and who will be.");

  onCall
    .command("now")
    .description("Shows who is on call now, by every schedule.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listOnCallSchedules, {});
      const rows = items.map(({ name, now }) => ({
        schedule: name,
        "on call": now?.name ?? "nobody",
        until: now?.until.toISOString() ?? "",
        by: now === undefined ? "" : now.isOverride ? "override" : "rotation",
      }));
      bench.print(formatList(bench.format, rows, ["schedule", "on call", "until", "by"], { items }, "No on-call schedules."));
    });

  onCall
    .command("list")
    .description("Lists who is on call in the next days, overrides included.")
    .option("--schedule <name>", "only of this schedule, by name or id")
    .option("--days <n>", "so many days from now on", readWhole(1, 400), 14)
    .action(async ({ schedule, days }: { schedule?: string; days: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items: schedules } = await bench.call(listOnCallSchedules, {});
      const one = schedule === undefined ? undefined : find(schedules, schedule);
      const from = terminal.nowMs();
      const query = {
        from: new Date(from).toISOString(),
        to: new Date(from + days * dayMs).toISOString(),
        ...(one === undefined ? {} : { scheduleId: one.id }),
      };
      const { items } = await bench.call(listOnCallTurns, { query });
      const names = new Map(schedules.map(({ id, name }) => [id, name]));
      const rows = items.map((turn) => ({
        from: turn.from.toISOString(),
        to: turn.to.toISOString(),
        schedule: names.get(turn.scheduleId),
        "on call": turn.name ?? "nobody",
        reason: turn.reason,
      }));
      bench.print(formatList(bench.format, rows, ["from", "to", "schedule", "on call", "reason"], { items }, "No on-call schedules."));
    });

  onCall
    .command("override <schedule> <person>")
    .description("Puts somebody of the rotation on call for a while; by name or id.")
    .requiredOption("--from <time>", "when it begins, such as 2026-11-21T18:00:00+01:00")
    .requiredOption("--to <time>", "when it ends")
    .option("--reason <text>", "why", "")
    .action(
      async (schedule: string, person: string, { from, to, reason }: { from: string; to: string; reason: string }, command: Command) => {
        const bench = benchOf(terminal, command);
        const { id, people } = find(await schedulesOf(bench), schedule);
        const who = people.find((one) => one.personId === person || one.name.toLowerCase() === person.toLowerCase());
        if (who === undefined) throw cliErrors.misused({ person, because: "nobody of this rotation has this name or id" });
        const body = {
          personId: who.personId,
          from: readInstant(from, terminal.nowMs()).toISOString(),
          to: readInstant(to, terminal.nowMs()).toISOString(),
          reason,
        };
        const one = await bench.call(addOnCallOverride, { params: { scheduleId: id }, body });
        bench.print(formatOne(bench.format, one, one));
      },
    );
}

async function schedulesOf(bench: Bench): Promise<readonly OnCallSchedule[]> {
  return (await bench.call(listOnCallSchedules, {})).items;
}

function find(schedules: readonly OnCallSchedule[], named: string): OnCallSchedule {
  const found = schedules.find(({ id, name }) => id === named || name.toLowerCase() === named.toLowerCase());
  if (found === undefined) throw cliErrors.misused({ schedule: named, because: "no schedule has this name or id" });
  return found;
}
