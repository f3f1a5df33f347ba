import { metricOf } from "@roost/contract/rule-conditions";
import type { RuleScope } from "@roost/contract/rule-conditions";
import { getAlarmRule, listAlarmRules, listAlarmRuleVersions, rollBackAlarmRule, testAlarmRule } from "@roost/contract/rules";
import type { AlarmRule, RuleVersion, WouldBeAlarm } from "@roost/contract/rules";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, asJson, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readInstant, readWhole } from "../read.ts";
import type { Terminal } from "../terminal.ts";
import { applyFile } from "./configuration.ts";
import { readDeviceId } from "./devices.ts";

interface TestOptions {
  from: string;
  to: string;
  above?: string;
  below?: string;
  limit: number;
}

/** `roost rule list|show|apply|test|history|rollback`. */
export function addRuleCommands(program: Command, terminal: Terminal): void {
  const rule = program.command("rule").description("What raises alarms: rules, their history, and what they would have raised.");

  rule
    .command("list")
    .description("Lists alarm rules; of a device, all that are about it.")
    .option("--device <id>", "only those about this device")
    .action(async ({ device }: { device?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = device === undefined ? {} : { deviceId: readDeviceId(device) };
      const items = await eachPage(undefined, (page) => bench.call(listAlarmRules, { query: { ...query, ...page } }));
      const columns = ["id", "name", "scope", "kind", "metric", "limits", "severity", "on", "version"];
      const rows = items.map(ruleRow);
      bench.print(formatList(bench.format, rows, columns, { items }, "No alarm rules. `roost apply -f` takes some in from a file."));
    });

  rule
    .command("show <id>")
    .description("Shows one rule.")
    .action(async (ruleId: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(getAlarmRule, { params: { ruleId } });
      const { changedAt, changedBy, title, text, probableCause, overrides } = one;
      const more = { title, text, probableCause, exceptions: overrides.length === 0 ? undefined : asJson(overrides, { pretty: false }) };
      bench.print(formatOne(bench.format, { ...ruleRow(one), ...more, changedAt, changedBy }, one));
    });

  rule
    .command("apply")
    .description("Makes the rules what a file says, as `roost apply` does for all there is. Changes something with --yes only.")
    .requiredOption("-f, --file <file>", "a YAML file, or - for standard input")
    .option("--prune", "remove rules that are not in the file")
    .option("--yes", "do it")
    .action(async ({ file, prune = false, yes = false }: { file: string; prune?: boolean; yes?: boolean }, command: Command) =>
      applyFile(benchOf(terminal, command), { file, prune, yes, only: "rule" }),
    );

  rule
    .command("history <id>")
    .description("Lists what a rule was, newest first, with what each change changed.")
    .action(async (ruleId: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const items = await eachPage(undefined, (page) => bench.call(listAlarmRuleVersions, { params: { ruleId }, query: page }));
      const rows = items.map((one) => versionRow(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, ["version", "what", "by", "age", "changes"], { items }, "No versions."));
    });

  rule
    .command("rollback <id> <version>")
    .description("Makes a rule what it was in an earlier version; that is a new version.")
    .action(async (ruleId: string, version: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = { version: readWhole(1, 1_000_000)(version) };
      const one = await bench.call(rollBackAlarmRule, { params: { ruleId }, body });
      bench.print(formatOne(bench.format, ruleRow(one), one));
    });

  addTest(rule, terminal);
}

function addTest(rule: Command, terminal: Terminal): void {
  rule
    .command("test <id>")
    .description("Tries a rule on what is stored: the alarms it would have raised, also with another limit.")
    .option("--from <instant>", "from when on", "-30d")
    .option("--to <instant>", "up to when", "now")
    .option("--above <value>", "with this upper limit instead")
    .option("--below <value>", "with this lower limit instead")
    .option("--limit <n>", "show at most so many alarms", readWhole(1, 100_000), 100)
    .action(async (ruleId: string, options: TestOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const { scope, condition, severity, overrides } = await bench.call(getAlarmRule, { params: { ruleId } });
      const given = Object.entries({ above: options.above, below: options.below }).filter(([, value]) => value !== undefined);
      const changed = { ...condition, ...Object.fromEntries(given.map(([name, value]) => [name, Number(value)])) };
      const [from, to] = [options.from, options.to].map((text) => readInstant(text, terminal.nowMs()).toISOString()) as [string, string];
      const alarms: WouldBeAlarm[] = [];
      let [count, valuesRead, devices] = [0, 0, 0];
      let cursor: string | undefined;
      do {
        const more = cursor === undefined ? {} : { cursor };
        const part = await bench.call(testAlarmRule, {
          body: { rule: { scope, condition: changed, severity, overrides }, from, to, ...more },
        });
        alarms.push(...part.alarms);
        [count, valuesRead, devices] = [count + part.count, valuesRead + part.valuesRead, part.devicesDone];
        cursor = part.next;
        if (cursor !== undefined) bench.note(`${part.devicesDone} of ${part.devicesTotal} devices, ${count} alarms so far.`);
      } while (cursor !== undefined);
      const shown = alarms.toSorted((one, other) => one.from.getTime() - other.from.getTime()).slice(0, options.limit);
      const rows = shown.map(({ deviceId, kind, severity: bad, from: at, to: end, value, threshold }) => ({
        device: deviceId,
        from: at,
        to: end,
        kind,
        severity: bad,
        value,
        limit: threshold,
      }));
      const columns = ["from", "to", "device", "kind", "severity", "value", "limit"];
      bench.print(formatList(bench.format, rows, columns, { count, alarms, valuesRead }, "It would have raised no alarm."));
      bench.note(`Would have raised ${count} ${count === 1 ? "alarm" : "alarms"} on ${devices} devices; ${valuesRead} values were read.`);
    });
}

function scopeText({ deviceId, siteId, groupId, kind }: RuleScope): string {
  if (deviceId !== undefined) return `device ${deviceId}`;
  if (siteId !== undefined) return `site ${siteId}`;
  if (groupId !== undefined) return `group ${groupId}`;
  return kind === undefined ? "everything" : `kind ${kind}`;
}

function ruleRow({ id, name, scope, condition, severity, enabled, version }: AlarmRule): Row {
  const { kind, ...figures } = condition;
  const limits = Object.entries(figures)
    .filter(([key, value]) => key !== "metric" && value !== 0 && value !== undefined && !(key === "count" && value === 1))
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(", ") : String(value)}`)
    .join(", ");
  return { id, name, scope: scopeText(scope), kind, metric: metricOf(condition), limits, severity, on: enabled, version };
}

function versionRow({ version, what, by, at, changes }: RuleVersion, nowMs: number): Row {
  const told = (value: unknown): string => (value === undefined ? "none" : asJson(value, { pretty: false }));
  return {
    version,
    what,
    by,
    age: ago(at, nowMs),
    changes: changes.map(({ field, from, to }) => `${field}: ${told(from)} -> ${told(to)}`).join("; "),
  };
}
