import { readFileSync } from "node:fs";

import {
  getHomeAssistantBridge,
  listFoundDevices,
  removeHomeAssistantBridge,
  setHomeAssistantBridge,
  takeFoundDevice,
  testHomeAssistantBridge,
} from "@roost/contract/home-assistant";
import type { FoundDevice, HomeAssistantBridge, HomeAssistantState } from "@roost/contract/home-assistant";
import { metricName } from "@roost/contract/ids";
import { unit } from "@roost/contract/units";
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { ago, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import { readStdin } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";

interface SetOptions {
  readonly port?: number;
  readonly tls?: boolean;
  readonly caFile?: string;
  readonly username?: string;
  readonly passwordStdin?: true;
  readonly discoveryPrefix?: string;
  readonly statePrefix?: string;
  readonly publish?: boolean;
  readonly takeIn?: boolean;
}

interface TakeOptions {
  readonly name?: string;
  readonly kind?: string;
  readonly site?: string;
  readonly heartbeat?: number;
  readonly value?: { component: string; metric?: string; unit?: (typeof unit.options)[number] }[];
}

/** `roost home-assistant show|set|test|remove|found|take`: the bridge to the broker that Home Assistant listens to. */
export function addHomeAssistantCommands(program: Command, terminal: Terminal): void {
  const bridge = program.command("home-assistant").description("The bridge to the MQTT broker that Home Assistant listens to.");

  bridge
    .command("show")
    .description("Shows how the bridge is set up, and how it is doing.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(getHomeAssistantBridge, {});
      const row = {
        ...(answer.bridge === undefined ? { broker: "none" } : bridgeRow(answer.bridge)),
        ...stateRow(answer.state, terminal.nowMs()),
      };
      bench.print(formatOne(bench.format, row, answer));
    });

  bridge
    .command("set [host]")
    .description("Sets the broker and what goes over the bridge; what is not named stays as it is.")
    .option("--port <port>", "of the broker; 1883, or 8883 with TLS, unless given", readWhole(1, 65_535))
    .option("--tls", "speak TLS")
    .option("--no-tls", "speak plain MQTT")
    .option("--ca-file <path>", "certificate authority in PEM that the broker's certificate is signed by")
    .option("--username <name>", "as whom to sign in")
    .option("--password-stdin", "take the password from standard input")
    .option("--discovery-prefix <prefix>", "below which devices are announced")
    .option("--state-prefix <prefix>", "below which Roost publishes states")
    .option("--publish", "announce Roost's devices to Home Assistant")
    .option("--no-publish", "announce none")
    .option("--take-in", "let devices of others be taken in")
    .option("--no-take-in", "take none in")
    .action(async (host: string | undefined, options: SetOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const before = (await bench.call(getHomeAssistantBridge, {})).bridge;
      const broker = host ?? before?.host;
      if (broker === undefined) throw cliErrors.misused({ because: "There is no bridge yet: name the broker's host." });
      const { hasPassword: _, ...kept } = before ?? { hasPassword: false };
      const tls = options.tls ?? before?.tls ?? false;
      const given = {
        ...kept,
        host: broker,
        tls,
        port: options.port ?? before?.port ?? (tls ? 8883 : 1883),
        ...(options.caFile === undefined ? {} : { caPem: readFileSync(options.caFile, "utf8") }),
        ...(options.username === undefined ? {} : { username: options.username }),
        ...(options.passwordStdin === undefined ? {} : { password: await readStdin(terminal) }),
        ...(options.discoveryPrefix === undefined ? {} : { discoveryPrefix: options.discoveryPrefix }),
        ...(options.statePrefix === undefined ? {} : { statePrefix: options.statePrefix }),
        ...(options.publish === undefined ? {} : { publish: options.publish }),
        ...(options.takeIn === undefined ? {} : { takeIn: options.takeIn }),
      };
      const set = await bench.call(setHomeAssistantBridge, { body: given });
      bench.print(formatOne(bench.format, bridgeRow(set), set));
    });

  bridge
    .command("test")
    .description("Connects to the broker once, and says what is wrong.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(testHomeAssistantBridge, {});
      bench.print(formatOne(bench.format, { connected: `in ${Math.round(answer.durationMs)} ms` }, answer));
    });

  bridge
    .command("remove")
    .description("Takes back what was announced and forgets the broker. Devices taken in stay, and get no more values.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(removeHomeAssistantBridge, {});
      bench.note("Removed.");
    });

  addFoundCommands(bridge, terminal);
}

function addFoundCommands(bridge: Command, terminal: Terminal): void {
  bridge
    .command("found")
    .description("Lists the values of devices that others announce, and why some cannot be read.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(listFoundDevices, {});
      const columns = ["id", "device", "taken", "component", "metric", "unit", "problem"];
      bench.print(formatList(bench.format, answer.items.flatMap(foundRows), columns, answer, "Nothing is announced."));
    });

  bridge
    .command("take <id>")
    .description("Makes an announced device one of Roost's; all of its values that can be read unless some are named.")
    .option("--name <name>", "what it is called here")
    .option("--kind <kind>", "what kind of thing it is, as a kit's manifest names it")
    .option("--site <id>", "where it stands")
    .option("--heartbeat <seconds>", "how often it is heard at least", readWhole(1, 86_400))
    .option("--value <component[=metric[:unit]]>", "a value to take, and what it is called here; may come again", gatherValue)
    .action(async (foundId: string, options: TakeOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const { name, kind, site, heartbeat, value } = options;
      const answer = await bench.call(takeFoundDevice, {
        params: { foundId },
        body: {
          ...(name === undefined ? {} : { name }),
          ...(kind === undefined ? {} : { kind }),
          ...(site === undefined ? {} : { siteId: site }),
          ...(heartbeat === undefined ? {} : { heartbeatSeconds: heartbeat }),
          ...(value === undefined ? {} : { metrics: value }),
        },
      });
      const metrics = answer.taken.map(({ metric, unit: of }) => `${metric} (${of})`).join(", ");
      bench.print(formatOne(bench.format, { device: answer.device.id, name: answer.device.name, metrics }, answer));
      for (const { component, because } of answer.leftOut) bench.note(`Left out ${component}: ${because}`);
    });
}

function gatherValue(text: string, before: TakeOptions["value"] = []): NonNullable<TakeOptions["value"]> {
  const [component = "", rest] = text.split("=", 2);
  const [metric = "", of] = (rest ?? "").split(":", 2);
  const [name, measured] = [metricName.safeParse(metric), unit.safeParse(of)];
  if (component === "" || (metric !== "" && !name.success))
    throw new InvalidArgumentError("Write a component, or component=metric, or component=metric:unit.");
  if (of !== undefined && !measured.success) throw new InvalidArgumentError(`${of} is none of Roost's units.`);
  return [...before, { component, ...(name.success ? { metric: name.data } : {}), ...(measured.success ? { unit: measured.data } : {}) }];
}

function bridgeRow(one: HomeAssistantBridge): Row {
  return {
    broker: `${one.host}:${one.port}`,
    tls: one.tls ? (one.caPem === undefined ? "yes" : "yes, by a certificate authority of its own") : "no",
    username: one.username,
    password: one.hasPassword ? "set" : "none",
    discovery: one.discoveryPrefix,
    states: one.statePrefix,
    publish: one.publish ? "on" : "off",
    takeIn: one.takeIn ? "on" : "off",
  };
}

function stateRow({ state, since, lastFault, published, found, taken, leftOut }: HomeAssistantState, nowMs: number): Row {
  return {
    state: since === undefined ? state : `${state} for ${ago(since, nowMs)}`,
    fault: lastFault === undefined ? undefined : `${lastFault.message} (${lastFault.code}, ${ago(lastFault.at, nowMs)} ago)`,
    announced: `${published} devices`,
    found: `${found} devices, ${taken} taken in`,
    leftOut: leftOut === 0 ? undefined : `${leftOut} announcements`,
  };
}

function foundRows({ foundId, name, deviceId, components }: FoundDevice): Row[] {
  return components.map((one) => ({
    id: foundId,
    device: name,
    taken: deviceId,
    component: one.component,
    metric: one.metric,
    unit: one.unit,
    problem: one.because,
  }));
}
