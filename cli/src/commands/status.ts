import { getReady, getStatus } from "@roost/contract/system";
import type { Command } from "commander";
import { z } from "zod";

import { benchOf } from "../command.ts";
import { ago, formatOne } from "../print.ts";
import type { Terminal } from "../terminal.ts";

/** `roost status`: the installation at a glance, and why it is not ready when it is not. */
export function addStatusCommand(program: Command, terminal: Terminal): void {
  program
    .command("status")
    .description("Shows the installation at a glance; exits 1 when it is not ready.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const status = await bench.call(getStatus, {});
      const faults = status.ready ? [] : await faultsOf(terminal, bench.url);
      const { devices, ingest } = status;
      const row = {
        address: bench.url,
        version: status.version,
        ready: status.ready ? "yes" : `no${faults.length > 0 ? `: ${faults.join("; ")}` : ""}`,
        running: ago(status.startedAt, terminal.nowMs()),
        devices: `${devices.online} online, ${devices.offline} offline, ${devices.waiting} waiting, ${devices.revoked} revoked`,
        connections: status.connections,
        openAlarms: status.openAlarms,
        storedValues: ingest.storedValues,
        duplicateValues: ingest.duplicateValues,
        rejected: ingest.rejected,
        messagesPerSecond: Math.round(ingest.messagesPerSecond * 10) / 10,
        databaseMegabytes: Math.round(status.databaseBytes / 1e5) / 10,
      };
      bench.print(formatOne(bench.format, row, { ...status, ...(status.ready ? {} : { faults }) }));
      if (!status.ready) throw new NotReady();
    });
}

/** Roost answered, and said that it is not ready. */
class NotReady extends Error {
  override readonly name = "NotReady";
  constructor() {
    super("Roost is not ready.");
  }
}

/** Readiness answers 503 with its reasons: an answer like any other here. */
async function faultsOf(terminal: Terminal, url: string): Promise<string[]> {
  try {
    const answer = await terminal.fetch(url + getReady.path, { signal: AbortSignal.timeout(5_000) });
    const reply = getReady.reply;
    if (reply === undefined) return [];
    const { checks } = z.decode(reply, (await answer.json()) as z.input<typeof reply>);
    return checks.filter(({ ok }) => !ok).map(({ name, reason }) => (reason === undefined ? name : `${name}: ${reason}`));
  } catch {
    return [];
  }
}
