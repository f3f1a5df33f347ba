import { endOtherSessions, endSession, listSessions } from "@roost/contract/sign-in";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { ago, formatList, formatOne } from "../print.ts";
import type { Terminal } from "../terminal.ts";

/** `roost sessions list|end|end-others`. */
export function addSessionCommands(program: Command, terminal: Terminal): void {
  const sessions = program.command("sessions").description("Shows where you are signed in, and ends it.");

  sessions
    .command("list")
    .description("Lists where you are signed in, last seen first.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(listSessions, {});
      const nowMs = terminal.nowMs();
      const rows = answer.items.map((one) => ({
        id: one.id,
        name: one.isCurrent ? `${one.name} (this one)` : one.name,
        kind: one.kind,
        address: one.remoteAddress,
        seen: `${ago(one.lastSeenAt, nowMs)} ago`,
        since: `${ago(one.createdAt, nowMs)} ago`,
      }));
      bench.print(formatList(bench.format, rows, ["id", "name", "kind", "address", "seen", "since"], answer, "No sessions."));
    });

  sessions
    .command("end <id>")
    .description("Ends one of your sessions; what it has open ends within 5 s.")
    .action(async (sessionId: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(endSession, { params: { sessionId } });
      bench.note("Ended.");
    });

  sessions
    .command("end-others")
    .description("Ends all your sessions but this one.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(endOtherSessions, {});
      bench.print(formatOne(bench.format, answer, answer));
    });
}
