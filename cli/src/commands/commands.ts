import { setTimeout as sleep } from "node:timers/promises";

import {
  cancelCommand,
  commandStates,
  getCommand,
  listCommands,
  listOfferedCommands,
  openCommandStates,
  sendCommand,
} from "@roost/contract/commands";
import type { CommandState, Command as DeviceCommand } from "@roost/contract/commands";
import { getConfiguration, setConfiguration } from "@roost/contract/configuration";
import type { DeviceConfiguration } from "@roost/contract/configuration";
import { defineErrors } from "@roost/contract/errors";
import { commandId } from "@roost/contract/ids";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, asJson, formatList, formatOne } from "../print.ts";
import { readDurationMs, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

/** What goes wrong with commands that were taken. */
export const deviceCommandErrors = defineErrors("cli_command", {
  not_done: [409, "The command did not succeed; its state says how it ended."],
});

const waitMs = 500;

/** A value as the command line has it: JSON where it is some, text otherwise. */
export function readValue(text: string, type: unknown): unknown {
  if (type === "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** `name=value` pairs and a JSON object, put together; `types` are those the kit declares. */
export function readParams(
  pairs: readonly string[],
  json: string | undefined,
  types: Readonly<Record<string, unknown>>,
): DeviceCommand["params"] {
  const params: Record<string, unknown> = json === undefined ? {} : readObject(json);
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw new InvalidArgumentError(`Write parameters as name=value; ${pair} is none.`);
    const name = pair.slice(0, at);
    params[name] = readValue(pair.slice(at + 1), types[name]);
  }
  return params as DeviceCommand["params"];
}

function readObject(text: string): Record<string, unknown> {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === "object" && read !== null && !Array.isArray(read)) return { ...read };
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('Write a JSON object, such as {"speed": 2}.');
}

function readCommandId(text: string) {
  const read = commandId.safeParse(text);
  if (!read.success) throw cliErrors.misused({ command: text });
  return read.data;
}

/** `roost command send|kinds|list|show|cancel` and `roost device configure`. */
export function addDeviceCommandCommands(program: Command, terminal: Terminal): void {
  const command = program.command("command").description("Sends commands to devices and shows what became of them.");
  addSending(command, terminal);
  addLooks(command, terminal);
  const device = program.commands.find((one) => one.name() === "device");
  if (device !== undefined) addConfigure(device, terminal);
}

function addSending(command: Command, terminal: Terminal): void {
  command
    .command("send <device> <name> [params...]")
    .description("Queues a command; parameters are name=value. A device that is away gets it when it is back, until it expires.")
    .option("--params <json>", "parameters as a JSON object")
    .option("--expires <span>", "how long it may wait for the device, such as 5m", readDurationMs)
    .option("--key <key>", "sent again with the same key it is not sent twice")
    .option("--wait", "wait until it has ended; fails unless it is done")
    .action(
      async (
        device: string,
        name: string,
        pairs: string[],
        options: { params?: string; expires?: number; key?: string; wait?: true },
        self: Command,
      ) => {
        const bench = benchOf(terminal, self);
        const deviceId = readDeviceId(device);
        const { items } = await bench.call(listOfferedCommands, { params: { deviceId } });
        const schema = (items.find((one) => one.name === name)?.params["properties"] ?? {}) as Record<string, { type?: unknown }>;
        const types = Object.fromEntries(Object.entries(schema).map(([key, { type }]) => [key, type]));
        const sent = await bench.call(sendCommand, {
          params: { deviceId },
          body: {
            name,
            params: readParams(pairs, options.params, types),
            ...(options.expires === undefined ? {} : { expiresInSeconds: Math.max(1, Math.round(options.expires / 1_000)) }),
            ...(options.key === undefined ? {} : { key: options.key }),
          },
        });
        const shown = options.wait === true ? await ended(bench, sent) : sent;
        printCommand(bench, shown);
        if (options.wait === true && shown.state !== "done") throw deviceCommandErrors.not_done({ state: shown.state, code: shown.code });
      },
    );

  command
    .command("cancel <device> <command>")
    .description("Calls a command back. One that was sent goes on until the device says that it stopped.")
    .action(async (device: string, id: string, _options: object, self: Command) => {
      const bench = benchOf(terminal, self);
      printCommand(bench, await bench.call(cancelCommand, { params: { deviceId: readDeviceId(device), commandId: readCommandId(id) } }));
    });
}

async function ended(bench: Bench, sent: DeviceCommand): Promise<DeviceCommand> {
  let command = sent;
  while (openCommandStates.includes(command.state)) {
    await sleep(waitMs);
    command = await bench.call(getCommand, { params: { deviceId: sent.deviceId, commandId: sent.id } });
  }
  return command;
}

function addLooks(command: Command, terminal: Terminal): void {
  command
    .command("kinds <device>")
    .description("Lists the commands that a device understands.")
    .action(async (device: string, _options: object, self: Command) => {
      const bench = benchOf(terminal, self);
      const answer = await bench.call(listOfferedCommands, { params: { deviceId: readDeviceId(device) } });
      const rows = answer.items.map(({ name, params, about }) => ({
        name,
        params: Object.keys((params["properties"] ?? {}) as object).join(" "),
        about,
      }));
      const empty = answer.anyName
        ? "No kit knows devices of this kind: any name may be sent, and the device decides."
        : "Devices of this kind understand no commands.";
      bench.print(formatList(bench.format, rows, ["name", "params", "about"], answer, empty));
    });

  command
    .command("list <device>")
    .description("Lists a device's commands, newest first.")
    .addOption(new Option("--state <state>", "only in this state").choices(["open", ...commandStates]))
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 50)
    .action(async (device: string, { state, limit }: { state?: CommandState | "open"; limit: number }, self: Command) => {
      const bench = benchOf(terminal, self);
      const deviceId = readDeviceId(device);
      const query = state === undefined ? {} : { state };
      const items = await eachPage(limit, (page) => bench.call(listCommands, { params: { deviceId }, query: { ...query, ...page } }));
      const nowMs = terminal.nowMs();
      const rows = items.map((one) => ({
        id: one.id,
        name: one.name,
        state: one.state,
        code: one.code,
        queued: `${ago(one.queuedAt, nowMs)} ago`,
        by: one.by,
      }));
      const empty = state === undefined ? "No commands were sent to it." : "No command of it is in this state.";
      bench.print(formatList(bench.format, rows, ["id", "name", "state", "code", "queued", "by"], { items }, empty));
    });

  command
    .command("show <device> <command>")
    .description("Shows one command: its steps, and what the device answered.")
    .action(async (device: string, id: string, _options: object, self: Command) => {
      const bench = benchOf(terminal, self);
      printCommand(bench, await bench.call(getCommand, { params: { deviceId: readDeviceId(device), commandId: readCommandId(id) } }));
    });
}

function printCommand(bench: Bench, command: DeviceCommand): void {
  const { params, result, organisationId: _, ...rest } = command;
  const texts = {
    params: asJson(params, { pretty: false }),
    ...(result === undefined ? {} : { result: asJson(result, { pretty: false }) }),
  };
  bench.print(formatOne(bench.format, { ...rest, ...texts }, command));
}

function addConfigure(device: Command, terminal: Terminal): void {
  device
    .command("configure <id>")
    .description("Shows what a device is to be set to and what it says it is set to; with options sets it.")
    .option("--heartbeat <span>", "how often it reports that it lives, such as 60s", readDurationMs)
    .option("--sample <span>", "time between two samples, or `same` as the heartbeat", (text) =>
      text === "same" ? null : readDurationMs(text),
    )
    .option("--settings <json>", "the device's own settings, as a JSON object; replaces those before", readObject)
    .action(
      async (
        id: string,
        { heartbeat, sample, settings }: { heartbeat?: number; sample?: number | null; settings?: Record<string, unknown> },
        self: Command,
      ) => {
        const bench = benchOf(terminal, self);
        const params = { deviceId: readDeviceId(id) };
        const body = {
          ...(heartbeat === undefined ? {} : { heartbeatSeconds: heartbeat / 1_000 }),
          ...(sample === undefined ? {} : { sampleSeconds: sample === null ? null : sample / 1_000 }),
          ...(settings === undefined ? {} : { settings: settings as DeviceConfiguration["settings"] }),
        };
        const isLook = Object.keys(body).length === 0;
        const shown = isLook ? await bench.call(getConfiguration, { params }) : await bench.call(setConfiguration, { params, body });
        const { reported, differs, settings: wanted, ...rest } = shown;
        const texts = {
          settings: asJson(wanted, { pretty: false }),
          differs: differs.join(" "),
          ...(reported === undefined ? {} : { reported: asJson(reported, { pretty: false }) }),
        };
        bench.print(formatOne(bench.format, { ...rest, ...texts }, shown));
      },
    );
}
