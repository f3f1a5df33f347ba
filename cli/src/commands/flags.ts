import {
  addFlag,
  bringBackFlag,
  changeFlag,
  evaluateFlags,
  flagKey,
  flagTypes,
  getFlag,
  killFlag,
  listFlags,
  removeFlag,
  revertFlag,
} from "@roost/contract/flags";
import type { Flag, FlagAudience, FlagServe, FlagSetting, FlagType, FlagValue } from "@roost/contract/flags";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { ago, asFields, asTable, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

interface Why {
  why?: string;
}
interface Target extends Why {
  value?: string;
  organisation?: string[];
  group?: string[];
  device?: string[];
  kind?: string[];
  environment?: string[];
  clear?: boolean;
}

const whyText = "for the record";
const gather = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];

/** `roost flag list|show|add|set|target|kill|on|revert|remove|bring-back|evaluate`. */
export function addFlagCommands(program: Command, terminal: Terminal): void {
  const flag = program.command("flag").description("Feature flags: who gets what, the kill switch, the history.");

  flag
    .command("list")
    .description("Lists flags, what everybody gets, and who sees to it.")
    .addOption(new Option("--archived <which>", "archived ones").choices(["no", "yes", "all"]).default("no"))
    .action(async ({ archived }: { archived: "no" | "yes" | "all" }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listFlags, { query: { archived } });
      const columns = ["key", "type", "all", "rules", "effect", "changed", "by"];
      const rows = items.map((one) => flagRow(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, columns, { items }, "No flags."));
    });

  flag
    .command("show <key>")
    .description("Shows a flag with its rules and its history.")
    .action(async (key: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(getFlag, { params: { key: readKey(key) } });
      if (bench.format !== "table") return bench.print(formatOne(bench.format, flagRow(one, terminal.nowMs()), one));
      bench.print(asFields(detailsOf(one)));
      if (one.setting.rules.length > 0) {
        const rules = one.setting.rules.map(({ name, when, serve }, index) => ({
          rule: index + 1,
          name,
          about: describeAudience(when),
          gets: describeServe(serve, one.setting),
        }));
        bench.print(`\n${asTable(rules, ["rule", "name", "about", "gets"])}`);
      }
      const history = one.history.map(({ version, at, by, what, after, why }) => ({
        version,
        at,
        what,
        by,
        all: after.enabled ? describeServe(after.serve, after) : "killed",
        why,
      }));
      bench.print(`\n${asTable(history, ["version", "at", "what", "by", "all", "why"])}`);
    });

  flag
    .command("add <key>")
    .description("Adds a flag of your own, for programs that ask for it by the API.")
    .addOption(new Option("--type <type>", "of its values").choices([...flagTypes]).default("boolean"))
    .requiredOption("--value <value>", "what everybody gets")
    .requiredOption("--about <text>", "what it is for")
    .action(async (key: string, options: { type: FlagType; value: string; about: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { type, about } = options;
      const body = { key: readKey(key), type, about, value: readValue(type, options.value) };
      printFlag(bench, await bench.call(addFlag, { body }));
    });

  flag
    .command("set <key> <value>")
    .description("Sets what everybody gets whom no rule is about.")
    .option(
      "--percent <n>",
      "only so many percent of devices get it, always the same ones; the others keep what they get",
      readWhole(0, 100),
    )
    .option("--why <text>", whyText)
    .action(async (key: string, value: string, { percent, why }: Why & { percent?: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const params = { key: readKey(key) };
      const { type, setting, version } = await bench.call(getFlag, { params });
      const wanted = readValue(type, value);
      const change = percent === undefined ? { serve: { value: wanted } } : shareOf(setting, wanted, percent);
      printFlag(bench, await bench.call(changeFlag, { params, body: { ...change, version, ...reason(why) } }));
    });

  flag
    .command("target <key>")
    .description("Adds a rule: who is named by all of these options gets the value.")
    .option("--value <value>", "what they get")
    .option("--organisation <id>", "of this organisation; may be repeated", gather)
    .option("--group <id>", "in this device group; may be repeated", gather)
    .option("--device <id>", "this device; may be repeated", gather)
    .option("--kind <kind>", "devices of this kind; may be repeated", gather)
    .option("--environment <name>", "installations with this ROOST_ENV; may be repeated", gather)
    .option("--clear", "take all rules away first; alone, only that")
    .option("--why <text>", whyText)
    .action(async (key: string, options: Target, command: Command) => {
      const bench = benchOf(terminal, command);
      const params = { key: readKey(key) };
      const { type, setting, version } = await bench.call(getFlag, { params });
      const kept = options.clear === true ? [] : setting.rules;
      const when = readAudience(options);
      if (options.value === undefined && (options.clear !== true || Object.keys(when).length > 0))
        throw cliErrors.misused({ because: "say what they get by --value" });
      const added = options.value === undefined ? [] : [{ when, serve: { value: readValue(type, options.value) } }];
      const body = { rules: [...kept, ...added], version, ...reason(options.why) };
      printFlag(bench, await bench.call(changeFlag, { params, body }));
    });

  addSwitches(flag, terminal);
  addEvaluate(flag, terminal);
}

function addSwitches(flag: Command, terminal: Terminal): void {
  flag
    .command("kill <key>")
    .description("The kill switch: everybody gets the off value at once.")
    .option("--why <text>", whyText)
    .action(async (key: string, { why }: Why, command: Command) => {
      const bench = benchOf(terminal, command);
      printFlag(bench, await bench.call(killFlag, { params: { key: readKey(key) }, body: reason(why) }));
    });
  flag
    .command("on <key>")
    .description("Switches a killed flag on again, as it was.")
    .option("--why <text>", whyText)
    .action(async (key: string, { why }: Why, command: Command) => {
      const bench = benchOf(terminal, command);
      printFlag(bench, await bench.call(changeFlag, { params: { key: readKey(key) }, body: { enabled: true, ...reason(why) } }));
    });
  flag
    .command("revert <key> <version>")
    .description("Puts back what the flag was as of a version of its history.")
    .option("--why <text>", whyText)
    .action(async (key: string, version: string, { why }: Why, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = { version: readWhole(1, 1_000_000_000)(version), ...reason(why) };
      printFlag(bench, await bench.call(revertFlag, { params: { key: readKey(key) }, body }));
    });
  flag
    .command("remove <key>")
    .description("Removes a flag of your own; one that a rollout plan names is archived instead.")
    .action(async (key: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(removeFlag, { params: { key: readKey(key) } });
      bench.print(formatOne(bench.format, answer, answer));
    });
  flag
    .command("bring-back <key>")
    .description("Brings an archived flag back.")
    .action(async (key: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      printFlag(bench, await bench.call(bringBackFlag, { params: { key: readKey(key) } }));
    });
}

function addEvaluate(flag: Command, terminal: Terminal): void {
  flag
    .command("evaluate [keys...]")
    .description("Says which value your organisation, or one of your devices, gets and why.")
    .option("--device <id>", "of this device")
    .action(async (keys: string[], { device }: { device?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = {
        ...(device === undefined ? {} : { deviceId: readDeviceId(device) }),
        ...(keys.length === 0 ? {} : { keys: keys.map(readKey) }),
      };
      const answer = await bench.call(evaluateFlags, { body });
      const rows = answer.items.map(({ key, value, variant, reason: why, errorCode, rule, setBy }) => ({
        key,
        value,
        variant,
        why: errorCode ?? (setBy === undefined ? why : "set by the environment"),
        rule,
      }));
      bench.print(formatList(bench.format, rows, ["key", "value", "variant", "why", "rule"], answer, "No flags."));
    });
}

function printFlag(bench: Bench, one: Flag): void {
  bench.print(formatOne(bench.format, detailsOf(one), one));
}

const reason = (why: string | undefined): { why?: string } => (why === undefined ? {} : { why });

function readKey(text: string): string {
  const read = flagKey.safeParse(text);
  if (!read.success) throw cliErrors.misused({ key: text, because: read.error.issues[0]?.message });
  return read.data;
}

function readValue(type: FlagType, text: string): FlagValue {
  if (type === "string") return text;
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "number" && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  throw cliErrors.misused({ value: text, because: type === "boolean" ? "the flag takes true or false" : "the flag takes a number" });
}

function readAudience({ organisation, group, device, kind, environment }: Target) {
  return {
    ...(organisation === undefined ? {} : { organisationIds: organisation }),
    ...(group === undefined ? {} : { groupIds: group }),
    ...(device === undefined ? {} : { deviceIds: device.map(readDeviceId) }),
    ...(kind === undefined ? {} : { kinds: kind }),
    ...(environment === undefined ? {} : { environments: environment }),
  };
}

/** So many percent get the value; the others keep what all get now, or the off value where that is a share already. */
function shareOf(setting: FlagSetting, value: FlagValue, percent: number) {
  const found = Object.entries(setting.variants).find(([, one]) => one === value)?.[0];
  const variant = found ?? `value-${Object.keys(setting.variants).length + 1}`;
  const others = "variant" in setting.serve && setting.serve.variant !== variant ? setting.serve.variant : setting.offVariant;
  if (others === variant) throw cliErrors.misused({ value: String(value), because: "the others would get the same" });
  return {
    variants: { ...setting.variants, [variant]: value },
    serve: {
      split: [
        { variant, percent },
        { variant: others, percent: 100 - percent },
      ],
    },
  };
}

function describeServe(serve: FlagServe, { variants }: FlagSetting): string {
  if ("variant" in serve) return String(variants[serve.variant]);
  return serve.split.map(({ variant, percent }) => `${percent} % ${String(variants[variant])}`).join(", ");
}

function describeAudience(when: FlagAudience): string {
  const parts: string[] = [];
  const add = (word: string, list: readonly string[] | undefined) => {
    if (list !== undefined) parts.push(`${word} ${list.join(" or ")}`);
  };
  add("organisation", when.organisationIds);
  add("group", when.groupIds);
  add("device", when.deviceIds);
  add("kind", when.kinds);
  add("environment", when.environments);
  return parts.join(" and ");
}

function whatAllGet({ setting, override }: Flag): string {
  if (override !== undefined) return `${String(override.value)} (set by the environment)`;
  return setting.enabled ? describeServe(setting.serve, setting) : `${String(setting.variants[setting.offVariant])} (killed)`;
}

function flagRow(one: Flag, nowMs: number): Row {
  return {
    key: one.key,
    type: one.type,
    all: whatAllGet(one),
    rules: one.setting.rules.length,
    effect: one.effect.active ? "yes" : "none",
    changed: `${ago(one.changedAt, nowMs)} ago`,
    by: one.changedBy,
  };
}

function detailsOf(one: Flag): Row {
  return {
    key: one.key,
    type: one.type,
    about: one.about,
    all: whatAllGet(one),
    off: String(one.setting.variants[one.setting.offVariant]),
    variants: Object.entries(one.setting.variants)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(" "),
    rules: one.setting.rules.length,
    effect: one.effect.about,
    override: one.override === undefined ? undefined : `${one.override.variable}=${String(one.override.value)}`,
    version: one.version,
    changedAt: one.changedAt,
    changedBy: one.changedBy,
    archivedAt: one.archivedAt,
    lastAskedAt: one.lastAskedAt,
    hint: one.stale === undefined ? undefined : staleWords[one.stale],
    plans: one.plans.length === 0 ? undefined : one.plans.map(({ name, state }) => `${name} (${state})`).join(", "),
  };
}

const staleWords = {
  never_asked: "nobody has ever asked for it",
  not_asked_for_long: "nobody has asked for it in 30 days",
  same_for_all_for_long: "everybody has got the same for 90 days",
} as const;
