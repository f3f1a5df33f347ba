import { severity } from "@roost/contract/alarms";
import {
  addServiceLevel,
  changeServiceLevel,
  listServiceLevels,
  removeServiceLevel,
  usualTargets,
  weekdays,
} from "@roost/contract/service-levels";
import type { BusinessHours, ServiceLevel } from "@roost/contract/service-levels";
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { findLevel } from "./services.ts";

type Hours = BusinessHours["hours"][number];
type Targets = ServiceLevel["bySeverity"];

interface LevelOptions {
  name?: string;
  type?: string;
  availability?: number;
  period?: number;
  response?: number;
  resolution?: number;
  severity?: Targets;
  hours?: Hours[];
  zone?: string;
  maintenance?: "apart" | "counts";
}

/** `roost service-level list|add|change|remove`. */
export function addServiceLevelCommands(program: Command, terminal: Terminal): void {
  const level = program.command("service-level").description("Shows and changes what is promised of services.");

  level
    .command("list")
    .description("Lists what is promised, by name.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(listServiceLevels, {});
      const columns = ["id", "name", "type", "availability", "period", "response", "resolution", "hours", "maintenance", "services"];
      bench.print(formatList(bench.format, answer.items.map(rowOf), columns, answer, "No service levels."));
    });

  withOptions(level.command("add <name>"))
    .description("Adds a service level.")
    .requiredOption("--availability <percent>", "of the period, such as 99.9", percent)
    .action(async (name: string, options: LevelOptions & { availability: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { serviceType, businessHours, ...fields } = bodyOf(options);
      const body = {
        name,
        ...fields,
        availabilityPercent: options.availability,
        ...(serviceType === undefined || serviceType === null ? {} : { serviceType }),
        ...(businessHours === undefined || businessHours === null ? {} : { businessHours }),
        ...(options.severity === undefined ? {} : { bySeverity: { ...usualTargets, ...options.severity } }),
      };
      show(bench, await bench.call(addServiceLevel, { body }));
    });

  withOptions(level.command("change <level>"))
    .description("Changes what is promised; what is not named stays.")
    .option("--name <name>", "another name")
    .option("--availability <percent>", "of the period, such as 99.9", percent)
    .action(async (given: string, options: LevelOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const before = await findLevel(bench, given);
      const body = {
        ...bodyOf(options),
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.availability === undefined ? {} : { availabilityPercent: options.availability }),
        ...(options.severity === undefined ? {} : { bySeverity: { ...before.bySeverity, ...options.severity } }),
      };
      if (Object.keys(body).length === 0) throw cliErrors.misused({ because: "say what is to be another" });
      show(bench, await bench.call(changeServiceLevel, { params: { serviceLevelId: before.id }, body }));
    });

  level
    .command("remove <level>")
    .description("Removes a service level that no service is promised.")
    .action(async (given: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(removeServiceLevel, { params: { serviceLevelId: (await findLevel(bench, given)).id } });
      bench.note("Removed.");
    });
}

function percent(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 100)) throw new InvalidArgumentError("Write a percentage from 0 to 100.");
  return value;
}

const minutes = readWhole(1, 525_600);

function withOptions(command: Command): Command {
  return command
    .option("--type <text>", "of which kind of service; `none` takes it away")
    .option("--period <days>", "the days over which availability is judged, 1 to 365", readWhole(1, 365))
    .option("--response <minutes>", "until an outage is acknowledged", minutes)
    .option("--resolution <minutes>", "until an outage is over", minutes)
    .option("--severity <severity=response/resolution>", "times of a severity, such as critical=15/240; may be repeated", readTargets)
    .option(
      "--hours <days from-to>",
      'hours that count, such as "mon-fri 08:00-17:00"; may be repeated; `all` for day and night',
      readHours,
    )
    .option("--zone <zone>", "whose clock these hours go by")
    .option("--maintenance <how>", "what is down in a maintenance window: `apart`, or `counts`", readMaintenance);
}

function readTargets(text: string, before: Targets | undefined): Targets {
  const [, word = "", response, resolution] = /^(\w+)=(\d+)\/(\d+)$/.exec(text) ?? [];
  const found = severity.safeParse(word);
  if (!found.success) throw new InvalidArgumentError("Write a severity and two times in minutes, such as critical=15/240.");
  return { ...before, [found.data]: { responseMinutes: Number(response), resolutionMinutes: Number(resolution) } };
}

/** `mon-fri 08:00-17:00`, `sat,sun 10:00-14:00`; `all` is no hours. */
function readHours(text: string, before: Hours[] | undefined): Hours[] {
  if (text === "all") return [];
  const [, named = "", from = "", to = ""] = /^([a-z,-]+) +(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text.trim().toLowerCase()) ?? [];
  const days = named.split(",").flatMap((part) => {
    const [first = "", last = first] = part.split("-");
    const [begin, end] = [weekdays.findIndex((day) => day === first), weekdays.findIndex((day) => day === last)];
    return begin < 0 || end < begin ? [] : weekdays.slice(begin, end + 1);
  });
  if (days.length === 0) throw new InvalidArgumentError('Write days and times, such as "mon-fri 08:00-17:00".');
  return [...(before ?? []), { days, from, to }];
}

function readMaintenance(text: string): "apart" | "counts" {
  if (text !== "apart" && text !== "counts") throw new InvalidArgumentError("Write `apart` or `counts`.");
  return text;
}

function bodyOf({ type, period, response, resolution, hours, zone, maintenance }: LevelOptions) {
  return {
    ...(type === undefined ? {} : { serviceType: type === "none" ? null : type }),
    ...(period === undefined ? {} : { periodDays: period }),
    ...(response === undefined ? {} : { responseMinutes: response }),
    ...(resolution === undefined ? {} : { resolutionMinutes: resolution }),
    ...(maintenance === undefined ? {} : { excludeMaintenance: maintenance === "apart" }),
    ...(hours === undefined
      ? {}
      : { businessHours: hours.length === 0 ? null : { timeZone: zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone, hours } }),
  };
}

function show(bench: Bench, one: ServiceLevel): void {
  bench.print(formatOne(bench.format, rowOf(one), one));
}

function rowOf({ id, name, serviceType, availabilityPercent, periodDays, businessHours, services, ...rest }: ServiceLevel): Row {
  const own = Object.entries(rest.bySeverity);
  const times = (which: "responseMinutes" | "resolutionMinutes") =>
    [...own.map(([of, targets]) => `${of} ${targets[which]}`), `else ${rest[which]} min`].join(", ");
  return {
    id,
    name,
    type: serviceType,
    availability: `${availabilityPercent} %`,
    period: `${periodDays} d`,
    response: times("responseMinutes"),
    resolution: times("resolutionMinutes"),
    hours: businessHours?.hours.map(({ days, from, to }) => `${days.join(",")} ${from}-${to}`).join("; "),
    zone: businessHours?.timeZone,
    maintenance: rest.excludeMaintenance ? "apart" : "counts",
    services,
  };
}
