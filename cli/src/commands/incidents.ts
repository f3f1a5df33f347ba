import { incidentId } from "@roost/contract/ids";
import { commentOnIncident, getIncident, listIncidents, resolveIncident } from "@roost/contract/incidents";
import type { Incident } from "@roost/contract/incidents";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, asFields, asTable, formatList, formatOne } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

/** `roost alarm incidents [id]`. */
export function addIncidentCommands(alarm: Command, terminal: Terminal): void {
  alarm
    .command("incidents [id]")
    .description("Lists what alarms have in common, or shows one incident with its alarms and what was said of it.")
    .addOption(new Option("--state <state>", "which ones").choices(["open", "closed", "all"]).default("open"))
    .option("--comment <text>", "write a comment about the incident")
    .option("--cause <text>", "note its root cause")
    .option("--resolution <text>", "note how it was resolved, once it is closed")
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const bench = benchOf(terminal, command);
      if (id !== undefined) {
        await showOne(bench, readIncidentId(id), options);
        return;
      }
      if (options.comment !== undefined || options.cause !== undefined || options.resolution !== undefined) {
        throw cliErrors.misused({ because: "say which incident, by its id" });
      }
      const { state } = options;
      const items = await eachPage(options.limit, (page) => bench.call(listIncidents, { query: { state, ...page } }));
      const rows = items.map((one) => rowOf(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, ["id", "title", "worst", "alarms", "open", "since"], { items }, "No incidents."));
    });
}

interface Options {
  state: "open" | "closed" | "all";
  comment?: string;
  cause?: string;
  resolution?: string;
  limit: number;
}

async function showOne(bench: ReturnType<typeof benchOf>, id: string, { comment, cause, resolution }: Options): Promise<void> {
  const params = { incidentId: id };
  if (comment !== undefined) await bench.call(commentOnIncident, { params, body: { text: comment } });
  if (cause !== undefined || resolution !== undefined) {
    const body = { ...(cause === undefined ? {} : { rootCause: cause }), ...(resolution === undefined ? {} : { resolution }) };
    await bench.call(resolveIncident, { params, body });
  }
  const { items, conversation, ...one } = await bench.call(getIncident, { params });
  if (bench.format !== "table") {
    bench.print(formatOne(bench.format, one, { ...one, items, conversation }));
    return;
  }
  bench.print(asFields(one));
  const rows = items.map(({ id: alarm, severity, state, deviceId, source, kind }) => ({
    alarm,
    severity,
    state,
    device: deviceId ?? source,
    kind,
  }));
  bench.print(`\n${asTable(rows, ["alarm", "severity", "state", "device", "kind"])}`);
  if (conversation.length > 0) bench.print(`\n${asTable(conversation, ["at", "what", "by", "detail"])}`);
}

function readIncidentId(text: string): string {
  if (!incidentId.safeParse(text).success)
    throw cliErrors.misused({ id: text, because: "an incident's id is a UUID, as `roost alarm incidents` shows it" });
  return text;
}

function rowOf({ id, title, worstSeverity, alarms, openAlarms, openedAt }: Incident, nowMs: number) {
  return { id, title, worst: worstSeverity, alarms, open: openAlarms, since: `${ago(openedAt, nowMs)} ago` };
}
