import { alarmKind, severities } from "@roost/contract/alarms";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { listServiceLevels, serviceLevelErrors } from "@roost/contract/service-levels";
import type { ServiceLevel } from "@roost/contract/service-levels";
import {
  addService,
  breachTypes,
  changeService,
  exportServiceReport,
  getComplianceSummary,
  getService,
  getServiceReport,
  listComplianceDays,
  listServiceBreaches,
  listServices,
  percentText,
  removeService,
} from "@roost/contract/services";
import type { BreachType, Service, ServiceReport, Standing } from "@roost/contract/services";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { downloadLines } from "../download.ts";
import { findGroup, findSite } from "../names.ts";
import { eachPage } from "../pages.ts";
import { asFields, asTable, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readInstant, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

interface CarrierOptions {
  device?: string[];
  site?: string[];
  group?: string[];
}

interface ServiceOptions extends CarrierOptions {
  name?: string;
  level?: string;
  customer?: string;
  severity?: Severity[];
  kind?: AlarmKind[];
  creditBreached?: number;
  creditCritical?: number;
}

interface PeriodOptions {
  from?: Date;
  to?: Date;
}

/** `roost service list|show|add|change|remove|days|report|summary|breaches`. */
export function addServiceCommands(program: Command, terminal: Terminal): void {
  const service = program.command("service").description("Shows services, what is promised of them, and whether it is kept.");
  addReading(service, terminal);
  addReports(service, terminal);
  addWriting(service, terminal);
}

function addReading(service: Command, terminal: Terminal): void {
  service
    .command("list")
    .description("Lists services by name, with how each promise stands.")
    .option("--level <level>", "only those that are promised this")
    .option("--text <words>", "only those with these words in their or the customer's name")
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(async ({ level, text, limit }: { level?: string; text?: string; limit: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = {
        ...(level === undefined ? {} : { serviceLevelId: (await findLevel(bench, level)).id }),
        ...(text === undefined ? {} : { q: text }),
      };
      const items = await eachPage(limit, (page) => bench.call(listServices, { query: { ...query, ...page } }));
      const rows = items.map(({ id, name, customer, serviceLevelName, isDown, standing }) => {
        return { id, name, customer, level: serviceLevelName, now: isDown ? "down" : "", ...standingRow(standing) };
      });
      const columns = ["id", "name", "customer", "level", "now", "state", "availability", "target", "down", "allowed"];
      bench.print(formatList(bench.format, rows, columns, { items }, "No services."));
    });

  service
    .command("show <service>")
    .description("Shows a service, by its name or id, and how its promise stands.")
    .action(async (given: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(getService, { params: await paramsOf(bench, given) });
      const { standing, devices, isDown, ...rest } = one;
      bench.print(formatOne(bench.format, { ...fieldsOf(rest), devices, isDown, ...standingRow(standing), ...periodRow(standing) }, one));
    });

  service
    .command("days <service>")
    .description("Shows a service day by day.")
    .option("--days <n>", "so many, at most 90", readWhole(1, 90), 30)
    .option("--zone <zone>", "by whose calendar", Intl.DateTimeFormat().resolvedOptions().timeZone)
    .action(async (given: string, { days, zone }: { days: number; zone: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(listComplianceDays, { params: await paramsOf(bench, given), query: { days, timeZone: zone } });
      const rows = answer.items.map(({ day, state, ...measured }) => {
        return { day, state, ...measuredRow(measured, answer.targetPercent) };
      });
      bench.print(formatList(bench.format, rows, ["day", "state", "availability", "down", "planned", "unknown"], answer, "No days."));
    });
}

function addReports(service: Command, terminal: Terminal): void {
  const instant = (text: string) => readInstant(text, terminal.nowMs());
  service
    .command("report <service>")
    .description("Reports on a service in a period; `-o csv` is the report as a file for spreadsheets.")
    .option("--from <instant>", "from when, such as -30d; else the level's period", instant)
    .option("--to <instant>", "until when; else now", instant)
    .action(async (given: string, { from, to }: PeriodOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const params = await paramsOf(bench, given);
      const query = { ...(from === undefined ? {} : { from: from.toISOString() }), ...(to === undefined ? {} : { to: to.toISOString() }) };
      if (bench.format === "csv") {
        for await (const line of downloadLines(bench, exportServiceReport, { params, query })) bench.print(line.replace(/\r$/, ""));
        return;
      }
      printReport(bench, await bench.call(getServiceReport, { params, query }));
    });

  service
    .command("summary")
    .description("Rolls up all services over the last days.")
    .option("--days <n>", "so many, at most 90", readWhole(1, 90), 30)
    .action(async ({ days }: { days: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const all = await bench.call(getComplianceSummary, { query: { days } });
      const { services, breaches, from, to, down, ...measured } = all;
      const broken = Object.fromEntries(Object.entries(breaches).map(([type, n]) => [`breaches_${type}`, n]));
      bench.print(formatOne(bench.format, { from, to, ...services, ...measuredRow(measured, 0), downNow: down, ...broken }, all));
    });

  service
    .command("breaches")
    .description("Lists promises that were broken, newest first.")
    .option("--service <service>", "only of this service")
    .addOption(new Option("--type <type>", "only of this").choices([...breachTypes]))
    .addOption(new Option("--state <state>", "which ones").choices(["open", "ended", "all"]).default("all"))
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(
      async (
        { service: given, type, state, limit }: { service?: string; type?: BreachType; state: "open" | "ended" | "all"; limit: number },
        command: Command,
      ) => {
        const bench = benchOf(terminal, command);
        const query = {
          state,
          ...(type === undefined ? {} : { type }),
          ...(given === undefined ? {} : { serviceId: (await paramsOf(bench, given)).serviceId }),
        };
        const items = await eachPage(limit, (page) => bench.call(listServiceBreaches, { query: { ...query, ...page } }));
        const rows = items.map(({ serviceName, from: _from, to: _to, ...one }) => ({ ...one, service: serviceName }));
        const columns = ["foundAt", "service", "type", "severity", "target", "actual", "endedAt", "alarmId"];
        bench.print(formatList(bench.format, rows, columns, { items }, "No promise was broken."));
      },
    );
}

const more = (text: string, before: string[] | undefined) => [...(before ?? []), text];
const percent = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 100)) throw new InvalidArgumentError("Write a percentage from 0 to 100.");
  return value;
};

function withOptions(command: Command): Command {
  return command
    .option("--device <id>", "a device that carries it; may be repeated", more)
    .option("--site <site>", "all devices of this site carry it; may be repeated", more)
    .option("--group <group>", "all devices of this group carry it; may be repeated", more)
    .option("--customer <name>", "whose it is; `none` takes the name away")
    .addOption(new Option("--severity <severity...>", "alarms of these are an outage").choices([...severities]))
    .addOption(new Option("--kind <kind...>", "alarms of these kinds are an outage").choices([...alarmKind.options]))
    .option("--credit-breached <percent>", "given back where availability is broken", percent)
    .option("--credit-critical <percent>", "given back where it is broken badly", percent);
}

function addWriting(service: Command, terminal: Terminal): void {
  withOptions(service.command("add <name>"))
    .description("Adds a service: what it is promised, and what carries it.")
    .requiredOption("--level <level>", "what it is promised, by name or id")
    .option("--since <instant>", "when the promise began; else now", (text) => readInstant(text, terminal.nowMs()))
    .action(async (name: string, options: ServiceOptions & { level: string; since?: Date }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = {
        name,
        serviceLevelId: (await findLevel(bench, options.level)).id,
        carriedBy: await carriersOf(bench, options),
        ...(options.customer === undefined ? {} : { customer: options.customer }),
        ...(options.severity === undefined && options.kind === undefined
          ? {}
          : { outages: { severities: options.severity ?? [], kinds: options.kind ?? [] } }),
        credits: { breached: options.creditBreached ?? 0, critical: options.creditCritical ?? 0 },
        ...(options.since === undefined ? {} : { since: options.since.toISOString() }),
      };
      show(bench, await bench.call(addService, { body }));
    });

  withOptions(service.command("change <service>"))
    .description("Changes a service; what is not named stays.")
    .option("--name <name>", "another name")
    .option("--level <level>", "another promise, by name or id")
    .action(async (given: string, options: ServiceOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const params = await paramsOf(bench, given);
      const now = await bench.call(getService, { params });
      const { device, site, group, severity, kind, creditBreached, creditCritical, name, level, customer } = options;
      const body = {
        ...(name === undefined ? {} : { name }),
        ...(level === undefined ? {} : { serviceLevelId: (await findLevel(bench, level)).id }),
        ...((device ?? site ?? group) === undefined ? {} : { carriedBy: await carriersOf(bench, options) }),
        ...(customer === undefined ? {} : { customer: customer === "none" ? null : customer }),
        ...((severity ?? kind) === undefined ? {} : { outages: { severities: severity ?? [], kinds: kind ?? [] } }),
        ...((creditBreached ?? creditCritical) === undefined
          ? {}
          : { credits: { breached: creditBreached ?? now.credits.breached, critical: creditCritical ?? now.credits.critical } }),
      };
      if (Object.keys(body).length === 0) throw cliErrors.misused({ because: "say what is to be another" });
      show(bench, await bench.call(changeService, { params, body }));
    });

  service
    .command("remove <service>")
    .description("Removes a service with its breaches.")
    .action(async (given: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(removeService, { params: await paramsOf(bench, given) });
      bench.note("Removed.");
    });
}

async function carriersOf(bench: Bench, { device = [], site = [], group = [] }: CarrierOptions) {
  return {
    deviceIds: device.map(readDeviceId),
    siteIds: await Promise.all(site.map(async (name) => (await findSite(bench, name)).id)),
    groupIds: await Promise.all(group.map(async (name) => (await findGroup(bench, name)).id)),
  };
}

/** By name, whatever its case, or by id. @throws {AppError} `service_levels.not_found` */
export async function findLevel(bench: Bench, text: string): Promise<ServiceLevel> {
  const { items } = await bench.call(listServiceLevels, {});
  const found = items.find(({ id }) => id === text) ?? items.find(({ name }) => name.toLowerCase() === text.toLowerCase());
  if (found === undefined) throw serviceLevelErrors.not_found({ level: text });
  return found;
}

/** By name, whatever its case, or by id. @throws {AppError} `service_levels.service_not_found` */
async function paramsOf(bench: Bench, text: string): Promise<{ serviceId: string }> {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return { serviceId: text };
  const items = await eachPage(undefined, (page) => bench.call(listServices, { query: { q: text, ...page } }));
  const found = items.find(({ name }) => name.toLowerCase() === text.toLowerCase());
  if (found === undefined) throw serviceLevelErrors.service_not_found({ service: text });
  return { serviceId: found.id };
}

function show(bench: Bench, one: Service): void {
  bench.print(formatOne(bench.format, fieldsOf(one), one));
}

function fieldsOf({ carriedBy, outages, credits, ...rest }: Service): Row {
  return {
    ...rest,
    devicesNamed: carriedBy.deviceIds.join(" "),
    sites: carriedBy.siteIds.join(" "),
    groups: carriedBy.groupIds.join(" "),
    outages: [...outages.severities, ...outages.kinds].join(" "),
    creditBreached: credits.breached,
    creditCritical: credits.critical,
  };
}

type Measured = Pick<Standing, "availabilityPercent" | "countedSeconds" | "plannedSeconds" | "unknownSeconds">;

function measuredRow({ availabilityPercent, countedSeconds, plannedSeconds, unknownSeconds }: Measured, targetPercent: number): Row {
  return {
    availability: availabilityPercent === undefined ? undefined : `${percentText(availabilityPercent, targetPercent)} %`,
    down: minutes(countedSeconds),
    planned: minutes(plannedSeconds),
    unknown: minutes(unknownSeconds),
  };
}

function standingRow(standing: Standing): Row {
  const { state, targetPercent, allowedSeconds } = standing;
  return { state, ...measuredRow(standing, targetPercent), target: `${targetPercent} %`, allowed: minutes(allowedSeconds) };
}

const periodRow = ({ from, to, knownSince, shortfallPoints }: Standing): Row => ({ from, to, knownSince, shortfallPoints });

/** What is less than a minute is shown as such. */
function minutes(seconds: number): string {
  return `${Number((seconds / 60).toFixed(1))} min`;
}

function printReport(bench: Bench, report: ServiceReport): void {
  const { service, serviceLevel, standing, creditPercent, outages, moreOutages, breaches, lateResponses, lateResolutions } = report;
  const fields = {
    service: service.name,
    customer: service.customer,
    level: serviceLevel.name,
    ...standingRow(standing),
    ...periodRow(standing),
    credit: `${creditPercent} %`,
    outages: outages.length + moreOutages,
    lateResponses,
    lateResolutions,
    breaches: breaches.length,
  };
  if (bench.format === "json") return bench.print(formatOne(bench.format, fields, report));
  bench.print(asFields(fields));
  if (outages.length === 0) return;
  const rows = outages.map((one) => ({
    raised: one.raisedAt,
    cleared: one.clearedAt,
    device: one.deviceName,
    kind: one.kind,
    severity: one.severity,
    down: minutes(one.unplannedSeconds),
    planned: minutes(one.plannedSeconds),
    response: `${minutes(one.response.seconds)}${one.response.isLate ? " late" : ""}`,
    resolution: `${minutes(one.resolution.seconds)}${one.resolution.isLate ? " late" : ""}`,
  }));
  bench.print(`\n${asTable(rows, ["raised", "cleared", "device", "kind", "severity", "down", "planned", "response", "resolution"])}`);
}
