import { acknowledgeAlarm, getAlarm, listAlarms, severities } from "@roost/contract/alarms";
import type { Alarm, Severity } from "@roost/contract/alarms";
import { alarmId } from "@roost/contract/ids";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, asFields, asTable, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

interface ListOptions {
  state: "open" | "cleared" | "all";
  device?: string;
  severity?: Severity;
  limit: number;
}

/** `roost alarm list|show|ack`. */
export function addAlarmCommands(program: Command, terminal: Terminal): void {
  const alarm = program.command("alarm").description("Lists, shows and acknowledges alarms.");

  alarm
    .command("list")
    .description("Lists alarms, open ones first, then newest first.")
    .addOption(new Option("--state <state>", "which ones").choices(["open", "cleared", "all"]).default("open"))
    .option("--device <id>", "only of this device")
    .addOption(new Option("--severity <severity>", "only of this severity").choices([...severities]))
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(async ({ state, device, severity, limit }: ListOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = {
        state,
        ...(device === undefined ? {} : { deviceId: readDeviceId(device) }),
        ...(severity === undefined ? {} : { severity }),
      };
      const items = await eachPage(limit, (page) => bench.call(listAlarms, { query: { ...query, ...page } }));
      const columns = ["id", "severity", "state", "device", "what", "since"];
      const empty = state === "open" ? "No open alarms." : "No alarms.";
      bench.print(
        formatList(
          bench.format,
          items.map((one) => alarmRow(one, terminal.nowMs())),
          columns,
          { items },
          empty,
        ),
      );
    });

  alarm
    .command("show <id>")
    .description("Shows an alarm with all that happened to it.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { history, ...one } = await bench.call(getAlarm, { params: { alarmId: readAlarmId(id) } });
      if (bench.format !== "table") {
        bench.print(formatOne(bench.format, one, { ...one, history }));
        return;
      }
      bench.print(asFields(one));
      bench.print(`\n${asTable(history, ["at", "what", "value", "by", "detail"])}`);
    });

  alarm
    .command("ack <id>")
    .description("Says: somebody looks after it. Twice is not an error.")
    .option("--note <text>", "what the others should know")
    .action(async (id: string, options: { note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = options.note === undefined ? {} : { note: options.note };
      const one = await bench.call(acknowledgeAlarm, { params: { alarmId: readAlarmId(id) }, body });
      bench.print(formatOne(bench.format, one, one));
    });
}

function readAlarmId(text: string): string {
  if (!alarmId.safeParse(text).success)
    throw cliErrors.misused({ id: text, because: "an alarm's id is a UUID, as `roost alarm list` shows it" });
  return text;
}

function alarmRow(one: Alarm, nowMs: number): Row {
  const unit = one.unit === undefined || one.unit === "1" ? "" : ` ${one.unit}`;
  const what =
    one.kind === "offline" ? "offline" : `${one.metric ?? ""} ${one.value ?? ""}${unit} ${one.kind} ${one.threshold ?? ""}${unit}`;
  return { id: one.id, severity: one.severity, state: one.state, device: one.deviceId, what, since: `${ago(one.raisedAt, nowMs)} ago` };
}
