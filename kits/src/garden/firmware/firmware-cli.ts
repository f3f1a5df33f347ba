import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { DeviceId } from "@roost/contract/ids";
import type { KitCommand, KitTerminal } from "@roost/contract/kit-cli";

import {
  calibrateSoil,
  changeNodeSettings,
  firmwareCliErrors,
  getNodeFirmware,
  getNodeSettings,
  makeNodeFirmware,
} from "../contract/firmware.ts";
import type { FirmwareFile, FirmwareKind, NodeSettings } from "../contract/firmware.ts";
import { withSecrets } from "./secrets-file.ts";
import { flashingSteps } from "./steps.ts";
import { wiringSvg, wiringWords } from "./wiring.ts";

const isSecret = (name: string): boolean => ["secrets.yaml", "include/node_secrets.h"].includes(name) || name.endsWith(".pem");

const firmware: KitCommand = {
  usage: "firmware <node>",
  summary: "Writes a node's program: a configuration for ESPHome, or a sketch in C++.",
  options: [
    { flags: "--out <folder>", about: "where to write; a folder of the node's name unless given" },
    { flags: "--kind <kind>", about: "which program", default: "esphome", choices: ["esphome", "sketch"] },
    { flags: "--with-credentials", about: "make new credentials for the node and write them too; what it uses now works for a day more" },
    { flags: "--force", about: "replace files that were changed" },
  ],
  async run(terminal, { args, options }) {
    const deviceId = nodeOf(args);
    const kind = options["kind"] === "sketch" ? "sketch" : "esphome";
    const folder = typeof options["out"] === "string" ? options["out"] : deviceId;
    const plain = await terminal.call(getNodeFirmware, { params: { deviceId }, query: { kind } });
    const refused = options["force"] === true ? [] : changedIn(folder, plain.files);
    // Looked at before credentials are made: a refusal must not cost the node its password.
    if (refused.length > 0) throw firmwareCliErrors.would_replace({ folder, files: refused });
    if (options["withCredentials"] !== true) {
      writeAll(folder, plain.files);
      terminal.note(`${plain.files.length} files are in ${folder}, without secrets: add --with-credentials to make them.`);
      return;
    }
    const made = await terminal.call(makeNodeFirmware, { params: { deviceId }, body: { kind } });
    writeAll(folder, made.files);
    terminal.note(`${made.files.length} files are in ${folder}. Those with secrets can be read by you alone: keep them so.`);
    terminal.print(`For the label of the node: network ${made.portal.name}, code ${made.portal.password}`);
    terminal.note(`What the node used before goes on until ${made.oldValidUntil.toISOString()}: flash it before then.`);
    tellNext(terminal, kind, folder, deviceId, plain.files);
  },
};

const wiring: KitCommand = {
  usage: "wiring",
  summary: "Says how a node's parts are wired; with --out, draws it.",
  options: [{ flags: "--out <file>", about: "an SVG to write" }],
  async run(terminal, { options }) {
    if (typeof options["out"] !== "string") return terminal.print(wiringWords());
    writeFileSync(options["out"], wiringSvg());
    terminal.note(`The drawing is in ${options["out"]}.`);
  },
};

const settings: KitCommand = {
  usage: "node <node>",
  summary: "Shows how a node is set, or sets its pace, sleep, battery and signed programs.",
  options: [
    { flags: "--every <seconds>", about: "seconds between two samples" },
    { flags: "--sleep <seconds>", about: "seconds asleep between two samples; 0: it stays awake" },
    { flags: "--battery <yes-or-no>", about: "whether it measures a battery", choices: ["yes", "no"] },
    { flags: "--signed <yes-or-no>", about: "whether it takes signed programs only (ESPHome)", choices: ["yes", "no"] },
  ],
  async run(terminal, { args, options }) {
    const deviceId = nodeOf(args);
    const { every, sleep, battery, signed } = options;
    const body = {
      ...(every === undefined ? {} : { sampleSeconds: Number(every) }),
      ...(sleep === undefined ? {} : { sleepSeconds: Number(sleep) }),
      ...(battery === undefined ? {} : { hasBattery: battery === "yes" }),
      ...(signed === undefined ? {} : { signedUpdates: signed === "yes" }),
    };
    if (Object.keys(body).length === 0) return show(terminal, await terminal.call(getNodeSettings, { params: { deviceId } }));
    const changed = await terminal.call(changeNodeSettings, { params: { deviceId }, body });
    show(terminal, changed.settings);
    tellEffect(terminal, changed.takesEffect);
  },
};

const calibrate: KitCommand = {
  usage: "calibrate <node> <point>",
  summary: "Takes what the soil probe measures now as dry (held in air) or wet (in water up to its line).",
  async run(terminal, { args }) {
    const point = args[1];
    if (point !== "dry" && point !== "wet") throw firmwareCliErrors.unknown_point();
    const changed = await terminal.call(calibrateSoil, { params: { deviceId: nodeOf(args) }, body: { point } });
    show(terminal, changed.settings);
    tellEffect(terminal, changed.takesEffect);
  },
};

/** What the firmware adds to `roost garden`. */
export const firmwareCommands: readonly KitCommand[] = [firmware, wiring, settings, calibrate];

function nodeOf([node = ""]: readonly string[]): DeviceId {
  return node as DeviceId;
}

/** Files that stand there with other content than ours: somebody may have worked on them. */
function changedIn(folder: string, files: readonly FirmwareFile[]): string[] {
  const isOther = ({ name, text }: FirmwareFile) => existsSync(join(folder, name)) && readFileSync(join(folder, name), "utf8") !== text;
  return files.filter((file) => isOther(file)).map(({ name }) => name);
}

function writeAll(folder: string, files: readonly FirmwareFile[]): void {
  for (const { name, text } of files) {
    // Names come over the network: they stay below the folder.
    if (!/^(?:[\w-][\w.-]*\/)*[\w.-]*\w$/.test(name) || name.includes("..")) throw firmwareCliErrors.bad_name({ name });
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (!isSecret(name)) writeFileSync(path, text);
    else {
      const old = name === "secrets.yaml" && existsSync(path) ? readFileSync(path, "utf8") : "";
      writeFileSync(path, name === "secrets.yaml" ? withSecrets(old, text) : text, { mode: 0o600 });
      // The mode of a file that was there already stays by itself.
      chmodSync(path, 0o600);
    }
  }
}

function tellNext(terminal: KitTerminal, kind: FirmwareKind, folder: string, deviceId: string, files: readonly FirmwareFile[]): void {
  const main = files.find(({ name }) => name.endsWith(".yaml"))?.name;
  for (const { title, command } of flashingSteps(kind, main ?? "", deviceId)) {
    if (command === undefined) continue;
    terminal.note(`${title}: ${command.startsWith("npx roost") ? command : `cd ${folder} && ${command}`}`);
  }
}

function tellEffect(terminal: KitTerminal, takesEffect: "sent" | "build"): void {
  terminal.note(
    takesEffect === "sent"
      ? "The node was told; it needs no new program."
      : "It takes effect with the node's next program: roost garden firmware, then flash it.",
  );
}

function show(terminal: KitTerminal, node: NodeSettings): void {
  terminal.printRows(
    ["node", "every", "sleeps", "battery", "signed", "soil dry", "soil wet", "calibrated"],
    [
      {
        node: node.deviceId,
        every: `${node.sampleSeconds} s`,
        sleeps: node.sleepSeconds === 0 ? "never" : `${node.sleepSeconds} s`,
        battery: node.hasBattery ? "yes" : "no",
        signed: node.signedUpdates ? "yes" : "no",
        "soil dry": `${node.soilDryVolts} V`,
        "soil wet": `${node.soilWetVolts} V`,
        calibrated: node.soilDryAt !== undefined && node.soilWetAt !== undefined ? "yes" : "no",
      },
    ],
    node,
  );
}
