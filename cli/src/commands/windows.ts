import { alarmKind } from "@roost/contract/alarms";
import type { AlarmKind } from "@roost/contract/alarms";
import { maintenanceWindowId } from "@roost/contract/ids";
import {
  addMaintenanceWindow,
  addSilence,
  cancelMaintenanceWindow,
  endSilence,
  getMaintenanceWindow,
  listMaintenanceWindows,
  previewMaintenanceWindow,
} from "@roost/contract/windows";
import type { MaintenanceWindow } from "@roost/contract/windows";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { findGroup, findSite } from "../names.ts";
import { eachPage } from "../pages.ts";
import { formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readDurationMs, readInstant, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

interface ScopeOptions {
  site?: string[];
  group?: string[];
  device?: string[];
  kind?: AlarmKind[];
  everything?: true;
}

interface AddOptions extends ScopeOptions {
  from?: string;
  to?: string;
  for?: number;
  rrule?: string;
  cron?: string;
  until?: string;
  zone: string;
  note?: string;
  record: boolean;
  notify?: true;
}

const show = () => new Option("--show <which>", "which ones").choices(["current", "over", "all"]).default("current");
const wholeMinutes = (text: string): number => {
  const ms = readDurationMs(text);
  if (ms < 60_000) throw new InvalidArgumentError("Write a minute at least, such as 30m or 2h.");
  return ms;
};
const more = (text: string, before: string[] | undefined) => [...(before ?? []), text];
const moreKinds = (text: string, before: AlarmKind[] | undefined): AlarmKind[] => {
  const kind = alarmKind.safeParse(text);
  if (!kind.success) throw new InvalidArgumentError(`Write one of ${alarmKind.options.join(", ")}.`);
  return [...(before ?? []), kind.data];
};

/** `roost silence add|list|end` and `roost window list|show|add|preview|cancel`. */
export function addWindowCommands(program: Command, terminal: Terminal): void {
  addSilences(program.command("silence").description("Silences alarms from now on for a time."), terminal);
  const window = program.command("window").description("Plans maintenance windows: times in which alarms are told to nobody.");
  addLooks(window, terminal);
  addPlanning(window, terminal);
}

function scoped(command: Command): Command {
  return command
    .option("--device <id>", "only alarms of this device; may be repeated", more)
    .option("--site <site>", "only at this site; may be repeated", more)
    .option("--group <group>", "only in this group; may be repeated", more)
    .option("--kind <kind>", "only alarms of this kind, such as offline; may be repeated", moreKinds)
    .option("--everything", "all alarms of the organisation");
}

async function scopeOf(bench: Bench, { site, group, device, kind, everything }: ScopeOptions) {
  return {
    ...(everything === undefined ? {} : { everything }),
    ...(site === undefined ? {} : { siteIds: await Promise.all(site.map(async (name) => (await findSite(bench, name)).id)) }),
    ...(group === undefined ? {} : { groupIds: await Promise.all(group.map(async (name) => (await findGroup(bench, name)).id)) }),
    ...(device === undefined ? {} : { deviceIds: device.map(readDeviceId) }),
    ...(kind === undefined ? {} : { kinds: kind }),
  };
}

function addSilences(silence: Command, terminal: Terminal): void {
  scoped(silence.command("add"))
    .description("Silences alarms; what still holds at the end is told then.")
    .requiredOption("--for <span>", "how long, such as 2h", wholeMinutes)
    .option("--title <text>", "what it is about")
    .option("--note <text>", "what the others should know")
    .action(async (options: ScopeOptions & { for: number; title?: string; note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { title, note } = options;
      const body = {
        scope: await scopeOf(bench, options),
        seconds: Math.round(options.for / 1_000),
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        ...(title === undefined ? {} : { title }),
        ...(note === undefined ? {} : { note }),
      };
      printWindow(bench, await bench.call(addSilence, { body }));
    });

  silence
    .command("list")
    .description("Lists silences, newest first.")
    .addOption(show())
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(async (options: { show: "current" | "over" | "all"; limit: number }, command: Command) => {
      await list(benchOf(terminal, command), options, { silence: true, empty: "No silences." });
    });

  silence
    .command("end <id>")
    .description("Ends a silence early; what still holds is told.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      printWindow(bench, await bench.call(endSilence, { params: { windowId: readWindowId(id) } }));
    });
}

function addLooks(window: Command, terminal: Terminal): void {
  window
    .command("list")
    .description("Lists maintenance windows and silences, newest first.")
    .addOption(show())
    .option("--device <id>", "only those that cover this device")
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(async (options: { show: "current" | "over" | "all"; device?: string; limit: number }, command: Command) => {
      await list(benchOf(terminal, command), options, { silence: undefined, empty: "No maintenance windows." });
    });

  window
    .command("show <id>")
    .description("Shows a maintenance window.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      printWindow(bench, await bench.call(getMaintenanceWindow, { params: { windowId: readWindowId(id) } }));
    });

  window
    .command("cancel <id>")
    .description("Cancels a window for good, or ends the occurrence in progress; what still holds is told.")
    .option("--occurrence", "only the occurrence in progress: the next ones stay")
    .action(async (id: string, options: { occurrence?: true }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = options.occurrence === undefined ? {} : { only: "occurrence" as const };
      printWindow(bench, await bench.call(cancelMaintenanceWindow, { params: { windowId: readWindowId(id) }, body }));
    });
}

function timed(command: Command): Command {
  return command
    .option("--from <instant>", "begin, ISO 8601 or ahead as +2h; of a recurring one, when it first may begin")
    .option("--to <instant>", "end of a single window")
    .option("--for <span>", "how long it lasts, such as 2h", wholeMinutes)
    .option("--rrule <rule>", "recurs by this rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=SA")
    .option("--cron <expression>", "recurs by this cron expression of five parts, such as '0 2 * * 6'")
    .option("--until <instant>", "nothing begins after this")
    .option("--zone <zone>", "IANA time zone of the wall clock it goes by", Intl.DateTimeFormat().resolvedOptions().timeZone);
}

function addPlanning(window: Command, terminal: Terminal): void {
  scoped(timed(window.command("add <title>")))
    .description("Plans a maintenance window, once or recurring.")
    .option("--note <text>", "what the others should know")
    .option("--no-record", "keep alarms back until the end instead of recording them as muted")
    .option("--notify", "tell beginning and end")
    .action(async (title: string, options: AddOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const { record, notify = false, note } = options;
      const body = {
        title,
        plan: planOf(options, terminal.nowMs()),
        scope: await scopeOf(bench, options),
        record,
        notify,
        ...(note === undefined ? {} : { note }),
      };
      printWindow(bench, await bench.call(addMaintenanceWindow, { body }));
    });

  timed(window.command("preview"))
    .description("Says when a plan would be in force, five times ahead, and plans nothing.")
    .action(async (options: AddOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const { occurrences } = await bench.call(previewMaintenanceWindow, { body: { plan: planOf(options, terminal.nowMs()) } });
      const rows = occurrences.map(({ from, to }) => ({ from: inZone(from, options.zone), to: inZone(to, options.zone) }));
      bench.print(formatList(bench.format, rows, ["from", "to"], { items: occurrences }, "Never."));
    });
}

function planOf(options: AddOptions, nowMs: number) {
  const { zone, rrule, cron } = options;
  const instant = (text: string) => readInstant(text, nowMs).toISOString();
  if (rrule === undefined && cron === undefined) {
    const from = options.from === undefined ? new Date(nowMs) : readInstant(options.from, nowMs);
    if ((options.to === undefined) === (options.for === undefined)) throw cliErrors.misused({ missing: "--to or --for: one of the two" });
    const to = options.to === undefined ? new Date(from.getTime() + (options.for ?? 0)) : readInstant(options.to, nowMs);
    return { kind: "once" as const, from: from.toISOString(), to: to.toISOString(), zone };
  }
  if (options.for === undefined) throw cliErrors.misused({ missing: "--for" });
  return {
    kind: "recurring" as const,
    durationSeconds: Math.round(options.for / 1_000),
    zone,
    ...(rrule === undefined ? {} : { rrule }),
    ...(cron === undefined ? {} : { cron }),
    ...(options.from === undefined ? {} : { from: instant(options.from) }),
    ...(options.until === undefined ? {} : { until: instant(options.until) }),
  };
}

async function list(
  bench: Bench,
  options: { show: "current" | "over" | "all"; device?: string; limit: number },
  { silence, empty }: { silence: true | undefined; empty: string },
): Promise<void> {
  const query = { show: options.show, ...(options.device === undefined ? {} : { deviceId: readDeviceId(options.device) }) };
  const found = await eachPage(options.limit, (page) => bench.call(listMaintenanceWindows, { query: { ...query, ...page } }));
  const items = silence === undefined ? found : found.filter((one) => one.silence);
  bench.print(formatList(bench.format, items.map(rowOf), ["id", "status", "title", "from", "to", "about", "by"], { items }, empty));
}

function printWindow(bench: Bench, window: MaintenanceWindow): void {
  const { plan, scope, note, record, notify } = window;
  const recurs = plan.kind === "once" ? {} : { recurs: plan.rrule ?? plan.cron, zone: plan.zone };
  bench.print(formatOne(bench.format, { ...rowOf(window), ...recurs, note, record, notify, kinds: scope.kinds?.join(" ") }, window));
}

function rowOf({ id, status, title, plan, occurrence, scope, createdBy }: MaintenanceWindow): Row {
  const { from, to } = occurrence ?? (plan.kind === "once" ? plan : {});
  const counted = [
    [scope.siteIds, "site"],
    [scope.groupIds, "group"],
    [scope.deviceIds, "device"],
    [scope.kinds, "kind"],
  ] as const;
  const about =
    scope.everything === true
      ? "everything"
      : counted.flatMap(([ids, word]) => (ids === undefined ? [] : [`${ids.length} ${word}${ids.length === 1 ? "" : "s"}`])).join(", ");
  return { id, status, title, from: inZone(from, plan.zone), to: inZone(to, plan.zone), about, by: createdBy };
}

/** The wall clock of the window's zone, with its offset: `2026-03-29 03:00 GMT+2`. */
function inZone(at: Date | undefined, timeZone: string): string | undefined {
  if (at === undefined) return undefined;
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "shortOffset",
  }).formatToParts(at);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")} ${part("timeZoneName")}`;
}

function readWindowId(text: string): string {
  if (!maintenanceWindowId.safeParse(text).success)
    throw cliErrors.misused({ id: text, because: "a window's id is a UUID, as `roost window list` shows it" });
  return text;
}
