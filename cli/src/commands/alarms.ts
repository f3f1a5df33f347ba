import {
  acknowledgeAlarm,
  acknowledgeAlarms,
  alarmKinds,
  assignAlarm,
  clearAlarm,
  clearAlarms,
  commentOnAlarm,
  getAlarm,
  listAlarms,
  resolveAlarm,
  severities,
  snoozeAlarm,
  unacknowledgeAlarm,
  unsnoozeAlarm,
} from "@roost/contract/alarms";
import type { Alarm, AlarmFilter } from "@roost/contract/alarms";
import { AppError } from "@roost/contract/errors";
import { alarmId } from "@roost/contract/ids";
import type { RouteReply } from "@roost/contract/route";
import { explainRules } from "@roost/contract/rules";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, asFields, asTable, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readDurationMs, readInstant, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";
import { addIncidentCommands } from "./incidents.ts";

interface ListOptions {
  state: AlarmFilter["state"];
  device?: string;
  severity?: string[];
  kind?: string[];
  site?: string;
  group?: string;
  incident?: string;
  assigned?: string;
  muted?: true;
  flapping?: true;
  text?: string;
  sort: "newest" | "worst";
  limit: number;
}

/** `roost alarm list|show|why|ack|unack|assign|comment|snooze|clear|resolve`. */
export function addAlarmCommands(program: Command, terminal: Terminal): void {
  const alarm = program.command("alarm").description("Lists alarms, shows what happened to them, and looks after them.");
  addReading(alarm, terminal);
  addWhy(alarm, terminal);
  addMany(alarm, terminal);
  addActs(alarm, terminal);
  addIncidentCommands(alarm, terminal);
}

function addReading(alarm: Command, terminal: Terminal): void {
  alarm
    .command("list")
    .description("Lists alarms, open ones first, then newest or worst first.")
    .addOption(new Option("--state <state>", "which ones").choices(["open", "unacknowledged", "cleared", "all"]).default("open"))
    .option("--device <id>", "only of this device")
    .addOption(new Option("--severity <severity...>", "only of these severities").choices([...severities]))
    .addOption(new Option("--kind <kind...>", "only of these kinds").choices([...alarmKinds]))
    .option("--site <id>", "only of devices at this site")
    .option("--group <id>", "only of devices in this group")
    .option("--incident <id>", "only of this incident")
    .option("--assigned <e-mail>", "only those given to somebody; `me`, `nobody`")
    .option("--muted", "only those nobody is told of")
    .option("--flapping", "only those that come and go")
    .option("--text <words>", "only those with these words in name, type, metric or title")
    .addOption(new Option("--sort <order>", "which first").choices(["newest", "worst"]).default("newest"))
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(async ({ limit, state, sort, ...options }: ListOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = { state, sort, ...filterOf(options) };
      const items = await eachPage(limit, (page) => bench.call(listAlarms, { query: { ...query, ...page } }));
      const columns = ["id", "severity", "state", "device", "what", "since", "marks"];
      const empty = state === "open" ? "No open alarms." : "No alarms.";
      const rows = items.map((one) => alarmRow(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, columns, { items }, empty));
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
}

/** Why there is an alarm, or why there is none. */
function addWhy(alarm: Command, terminal: Terminal): void {
  alarm
    .command("why <id>")
    .description("Says why there was, or was not, an alarm: by an alarm's id, or a device's id and a moment.")
    .option("--metric <metric>", "only rules about this metric")
    .option("--at <instant>", "the moment, such as -2h; else now, or when the alarm was raised", (text) =>
      readInstant(text, terminal.nowMs()),
    )
    .action(async (id: string, { metric, at }: { metric?: string; at?: Date }, command: Command) => {
      const bench = benchOf(terminal, command);
      const given = { ...(metric === undefined ? {} : { metric }), ...(at === undefined ? {} : { at: at.toISOString() }) };
      let deviceId = id;
      let query: { metric?: string; at?: string; ruleId?: string } = given;
      if (alarmId.safeParse(id).success) {
        const one = await bench.call(getAlarm, { params: { alarmId: id } });
        if (one.deviceId === undefined) throw cliErrors.misused({ id, because: "this alarm is about no device" });
        deviceId = one.deviceId;
        const rule = one.ruleId === undefined ? {} : { ruleId: one.ruleId };
        query = { ...(one.metric === undefined ? {} : { metric: one.metric }), at: saidAt(one).toISOString(), ...rule, ...given };
      }
      const answer = await bench.call(explainRules, { params: { deviceId: readDeviceId(deviceId) }, query });
      const rows = answer.rules.map(({ rule, reason, why, severity }) => ({ rule: rule.name ?? rule.id, severity, reason, why }));
      bench.print(formatList(bench.format, rows, ["rule", "severity", "reason", "why"], answer, "No rule is about this."));
    });
}

/** When it was put on record; its cause may be older than the rule, which then judged what was stored. */
function saidAt({ raisedAt, clearedAt, history }: RouteReply<typeof getAlarm>): Date {
  const at = history.find(({ what }) => what === "raised")?.at ?? raisedAt;
  return clearedAt === undefined || at < clearedAt ? at : raisedAt;
}

/** Of one the alarm is shown as it is now; of several, what became of each, and the command fails where one was refused. */
function addMany(alarm: Command, terminal: Terminal): void {
  alarm
    .command("ack <id...>")
    .description("Says: somebody looks after it. Twice is not an error and shows who was first.")
    .option("--note <text>", "what the others should know")
    .action(async (ids: string[], options: { note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = noted(options.note);
      const [only, ...more] = ids.map(readAlarmId);
      if (only !== undefined && more.length === 0) show(bench, await bench.call(acknowledgeAlarm, { params: { alarmId: only }, body }));
      else await showEach(bench, ids, (alarmIds) => bench.call(acknowledgeAlarms, { body: { alarmIds, ...body } }));
    });

  alarm
    .command("clear <id...>")
    .description("Clears what nothing else would: alarms of events and of other systems, and those that flap.")
    .option("--note <text>", "what the others should know")
    .action(async (ids: string[], options: { note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = noted(options.note);
      const [only, ...more] = ids.map(readAlarmId);
      if (only !== undefined && more.length === 0) show(bench, await bench.call(clearAlarm, { params: { alarmId: only }, body }));
      else await showEach(bench, ids, (alarmIds) => bench.call(clearAlarms, { body: { alarmIds, ...body } }));
    });
}

function addActs(alarm: Command, terminal: Terminal): void {
  const one = (name: string, description: string) => alarm.command(name).description(description);

  one("unack <id>", "Takes an acknowledgement back: nobody looks after it.")
    .option("--note <text>", "what the others should know")
    .action(async (id: string, { note }: { note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      show(bench, await bench.call(unacknowledgeAlarm, { params: { alarmId: readAlarmId(id) }, body: noted(note) }));
    });

  one("assign <id> <e-mail>", "Gives an alarm to a member, to you by `me`, to `nobody`.")
    .option("--note <text>", "what the others should know")
    .action(async (id: string, to: string, { note }: { note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = { to: to === "nobody" ? null : to, ...noted(note) };
      show(bench, await bench.call(assignAlarm, { params: { alarmId: readAlarmId(id) }, body }));
    });

  one("comment <id> <text>", "Writes a comment into the history, for good.").action(
    async (id: string, text: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      show(bench, await bench.call(commentOnAlarm, { params: { alarmId: readAlarmId(id) }, body: { text } }));
    },
  );

  one("snooze <id> [duration]", "Puts an alarm aside for a time such as 30m, 4h or 2d: nobody is told of it until then.")
    .option("--end", "take it up again now")
    .option("--note <text>", "what the others should know")
    .action(async (id: string, duration: string | undefined, { end, note }: { end?: true; note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const params = { alarmId: readAlarmId(id) };
      if ((duration === undefined) === (end === undefined)) {
        throw cliErrors.misused({ because: "say for how long, such as 4h, or --end" });
      }
      if (duration === undefined) {
        show(bench, await bench.call(unsnoozeAlarm, { params }));
        return;
      }
      const until = new Date(terminal.nowMs() + readDurationMs(duration)).toISOString();
      show(bench, await bench.call(snoozeAlarm, { params, body: { until, ...noted(note) } }));
    });

  one("resolve <id>", "Notes what the cause was and, once the alarm is cleared, how it was resolved.")
    .option("--cause <text>", "the root cause")
    .option("--resolution <text>", "how it was resolved")
    .action(async (id: string, { cause, resolution }: { cause?: string; resolution?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      if (cause === undefined && resolution === undefined) throw cliErrors.misused({ because: "give --cause, --resolution or both" });
      const body = { ...(cause === undefined ? {} : { rootCause: cause }), ...(resolution === undefined ? {} : { resolution }) };
      show(bench, await bench.call(resolveAlarm, { params: { alarmId: readAlarmId(id) }, body }));
    });
}

function show(bench: Bench, one: Alarm): void {
  bench.print(formatOne(bench.format, one, one));
}

interface Became {
  readonly items: readonly { readonly alarmId: string; readonly done: boolean; readonly code?: string; readonly message?: string }[];
}

async function showEach(bench: Bench, ids: readonly string[], act: (alarmIds: string[]) => Promise<object>): Promise<void> {
  const { items } = (await act([...ids])) as Became;
  const rows = items.map(({ alarmId: id, done, code = "", message = "" }) => ({ id, done, code, message }));
  bench.print(formatList(bench.format, rows, ["id", "done", "code", "message"], { items }, "None."));
  const refused = items.find(({ done }) => !done);
  if (refused === undefined) return;
  const details = { refused: items.filter(({ done }) => !done).length, of: items.length };
  throw new AppError(refused.code ?? "http.invalid", 409, refused.message ?? "Some were refused.", details);
}

function noted(note: string | undefined): { note?: string } {
  return note === undefined ? {} : { note };
}

function filterOf({
  device,
  severity,
  kind,
  site,
  group,
  incident,
  assigned,
  muted,
  flapping,
  text,
}: Omit<ListOptions, "state" | "sort" | "limit">) {
  return {
    ...(device === undefined ? {} : { deviceId: readDeviceId(device) }),
    ...(severity === undefined ? {} : { severity: severity as Alarm["severity"][] }),
    ...(kind === undefined ? {} : { kind: kind as Alarm["kind"][] }),
    ...(site === undefined ? {} : { siteId: site }),
    ...(group === undefined ? {} : { groupId: group }),
    ...(incident === undefined ? {} : { incidentId: incident }),
    ...(assigned === undefined ? {} : { assignedTo: assigned }),
    ...(muted === undefined ? {} : { muted: "true" as const }),
    ...(flapping === undefined ? {} : { flapping: "true" as const }),
    ...(text === undefined ? {} : { q: text }),
  };
}

/** @throws {AppError} `cli.misused` */
function readAlarmId(text: string): string {
  if (!alarmId.safeParse(text).success)
    throw cliErrors.misused({ id: text, because: "an alarm's id is a UUID, as `roost alarm list` shows it" });
  return text;
}

function alarmRow(one: Alarm, nowMs: number): Row {
  const marks = [
    one.mutedBy === undefined ? [] : `muted: ${one.mutedBy}`,
    one.flapping ? "flapping" : [],
    one.occurrences > 1 ? `${one.occurrences}x` : [],
  ];
  return {
    id: one.id,
    severity: one.severity,
    state: one.state,
    device: one.deviceId ?? one.source,
    what: whatOf(one),
    since: `${ago(one.raisedAt, nowMs)} ago`,
    marks: marks.flat().join(", "),
  };
}

function whatOf(one: Alarm): string {
  if (one.title !== undefined) return one.title;
  const unit = one.unit === undefined || one.unit === "1" ? "" : ` ${one.unit}`;
  if (one.metric === undefined) return one.kind === "event" || one.kind === "external" ? one.type : one.kind;
  const limit = one.threshold === undefined ? "" : ` ${one.threshold}${unit}`;
  return `${one.metric}${one.value === undefined ? "" : ` ${one.value}${unit}`} ${one.kind}${limit}`;
}
