import { addDevice, changeDevice, deviceErrors, deviceState, getDevice, listDevices, removeDevice } from "@roost/contract/devices";
import type { ClaimTicket, DeviceState, FleetDevice } from "@roost/contract/devices";
import { deviceId } from "@roost/contract/ids";
import { listSeries } from "@roost/contract/telemetry";
import { Option } from "commander";
import type { Command } from "commander";
import { renderUnicodeCompact } from "uqr";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { findGroup, findSite } from "../names.ts";
import { eachPage } from "../pages.ts";
import { ago, asFields, asTable, formatList, formatOne } from "../print.ts";
import { readDurationMs, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import { ask } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";
import { addRegistrationCommands } from "./registrations.ts";

interface AddOptions {
  name?: string;
  kind?: string;
  heartbeat?: number;
  site?: string;
  group?: string[];
  parent?: string;
}

/** `roost device list|add|set|show|remove`, and those about devices that register by themselves. */
export function addDeviceCommands(program: Command, terminal: Terminal): void {
  const device = program.command("device").description("Lists, adds, changes, shows and removes devices.");

  device
    .command("list")
    .description("Lists devices by name.")
    .addOption(new Option("--state <state>", "only those in this state").choices(deviceState.options))
    .option("--search <text>", "only those with this in their name or id")
    .option("--site <site>", "only those at this site")
    .option("--group <group>", "only those in this group")
    .option("--parent <id>", "only those reached straight through this device")
    .option("--limit <n>", "at most so many; all unless said", readWhole(1, 1_000_000))
    .action(
      async (
        options: { state?: DeviceState; search?: string; site?: string; group?: string; parent?: string; limit?: number },
        command: Command,
      ) => {
        const bench = benchOf(terminal, command);
        const query = {
          ...(options.state === undefined ? {} : { state: options.state }),
          ...(options.search === undefined ? {} : { q: options.search }),
          ...(options.site === undefined ? {} : { siteId: (await findSite(bench, options.site)).id }),
          ...(options.group === undefined ? {} : { groupId: (await findGroup(bench, options.group)).id }),
          ...(options.parent === undefined ? {} : { parentId: readDeviceId(options.parent) }),
        };
        const items = await eachPage(options.limit, (page) => bench.call(listDevices, { query: { ...query, ...page } }));
        const columns = ["id", "name", "state", "lastSeen", "openAlarms", "latest"];
        const empty = "No devices. Add one by: roost device add <id>";
        bench.print(
          formatList(
            bench.format,
            items.map((one) => deviceRow(one, terminal.nowMs())),
            columns,
            { items },
            empty,
          ),
        );
      },
    );

  device
    .command("add [id]")
    .description("Adds a device and shows its claim secret, once, as text and as QR.")
    .option("--name <name>", "what people call it")
    .option("--kind <kind>", "what kind of thing it is, as a kit names it")
    .option("--heartbeat <span>", "its pace of signs of life, such as 60s", readDurationMs)
    .option("--site <site>", "where it stands")
    .option("--group <group>", "a group it belongs to; may be repeated", (text: string, before: string[] | undefined) => [
      ...(before ?? []),
      text,
    ])
    .option("--parent <id>", "what it is reached through: a gateway, a switch")
    .action(async (id: string | undefined, options: AddOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const groups = options.group === undefined ? undefined : await Promise.all(options.group.map((name) => findGroup(bench, name)));
      const added = await bench.call(addDevice, {
        body: {
          ...(id === undefined ? {} : { id: readDeviceId(id) }),
          ...(options.name === undefined ? {} : { name: options.name }),
          ...(options.kind === undefined ? {} : { kind: options.kind }),
          ...(options.heartbeat === undefined ? {} : { heartbeatSeconds: options.heartbeat / 1000 }),
          ...(options.site === undefined ? {} : { siteId: (await findSite(bench, options.site)).id }),
          ...(groups === undefined ? {} : { groupIds: groups.map((group) => group.id) }),
          ...(options.parent === undefined ? {} : { parentId: readDeviceId(options.parent) }),
        },
      });
      printTicket(bench, added.ticket, added);
    });

  device
    .command("set <id>")
    .description("Changes a device's name, pace, site or what it is reached through; the rest stays.")
    .option("--name <name>", "what people call it")
    .option("--heartbeat <span>", "its pace of signs of life, such as 60s", readDurationMs)
    .option("--site <site>", "where it stands; `none` takes it off its site")
    .option("--parent <id>", "what it is reached through: a gateway, a switch; `none`: straight")
    .action(async (id: string, options: Omit<AddOptions, "kind" | "group">, command: Command) => {
      const bench = benchOf(terminal, command);
      const { name, heartbeat, site, parent } = options;
      const body = {
        ...(name === undefined ? {} : { name }),
        ...(heartbeat === undefined ? {} : { heartbeatSeconds: heartbeat / 1000 }),
        ...(site === undefined ? {} : { siteId: site === "none" ? null : (await findSite(bench, site)).id }),
        ...(parent === undefined ? {} : { parentId: parent === "none" ? null : readDeviceId(parent) }),
      };
      if (Object.keys(body).length === 0) throw cliErrors.misused({ missing: "--name, --heartbeat, --site or --parent" });
      const { attributes: _, groupIds, ...rest } = await bench.call(changeDevice, { params: { deviceId: readDeviceId(id) }, body });
      bench.print(formatOne(bench.format, rest, { ...rest, groupIds }));
    });

  device
    .command("show <id>")
    .description("Shows a device with its metrics and newest values.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const params = { deviceId: readDeviceId(id) };
      const [one, { items: series }] = await Promise.all([bench.call(getDevice, { params }), bench.call(listSeries, { params })]);
      const { attributes, groupIds, ...rest } = one;
      const fields = { ...rest, groups: groupIds?.join(" ") };
      if (bench.format !== "table") {
        bench.print(formatOne(bench.format, fields, { ...one, metrics: series }));
        return;
      }
      bench.print(
        asFields({ ...fields, ...Object.fromEntries(Object.entries(attributes).map(([name, text]) => [`attribute ${name}`, text])) }),
      );
      const nowMs = terminal.nowMs();
      const rows = series.map(({ metric, unit, latest }) => ({
        metric,
        value: latest?.value,
        unit: unit === "1" ? "" : unit,
        age: latest === undefined ? undefined : ago(latest.measuredAt, nowMs),
        quality: latest?.quality,
      }));
      bench.print(rows.length === 0 ? "\nNo values yet." : `\n${asTable(rows, ["metric", "value", "unit", "age", "quality"])}`);
    });

  device
    .command("remove <id>")
    .description("Removes a device with its credentials and all its data. Nothing brings them back.")
    .option("--confirm <id>", "the device's id once more; asked for when absent")
    .action(async (id: string, options: { confirm?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const wanted = readDeviceId(id);
      if (options.confirm === undefined && !terminal.stdin.isTTY) throw cliErrors.misused({ missing: `--confirm ${wanted}` });
      const confirm = options.confirm ?? (await ask(terminal, `This removes ${wanted} and all its data. Type its id to go on: `));
      if (confirm.toLowerCase() !== wanted) throw deviceErrors.name_mismatch({ deviceId: wanted });
      await bench.call(removeDevice, { params: { deviceId: wanted }, query: { confirm: wanted } });
      bench.note(`Removed ${wanted}.`);
    });

  addRegistrationCommands(device, terminal);
}

/** The id as Roost keeps it. @throws {AppError} `cli.misused` */
export function readDeviceId(text: string): string {
  const read = deviceId.safeParse(text);
  if (!read.success) throw cliErrors.misused({ id: text, because: read.error.issues[0]?.message ?? "" });
  return read.data;
}

function deviceRow(one: FleetDevice, nowMs: number) {
  return {
    id: one.id,
    name: one.name,
    state: one.state,
    lastSeen: one.lastSeenAt === undefined ? "never" : `${ago(one.lastSeenAt, nowMs)} ago`,
    openAlarms: one.openAlarms,
    latest: one.latest.map(({ metric, value, unit }) => `${metric} ${value}${unit === "1" ? "" : ` ${unit}`}`).join(", "),
  };
}

function printTicket(bench: Bench, ticket: ClaimTicket, whole: unknown): void {
  const fields = { deviceId: ticket.deviceId, claimSecret: ticket.claimSecret, claimUri: ticket.claimUri };
  bench.print(formatOne(bench.format, fields, whole));
  if (bench.format === "table") {
    bench.print(`\n${renderUnicodeCompact(ticket.claimUri, { ecc: "L", border: 2 })}`);
    bench.note("The claim secret is not shown again. The device proves itself with it; see docs/guide/connect.md.");
  }
}
