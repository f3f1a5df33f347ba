import { changeRetention, getRetention, leastRetentionDays, mostRetentionDays, previewRetention } from "@roost/contract/retention";
import type { Retention, RetentionEffect } from "@roost/contract/retention";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { formatList } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

type Days = number | "default";

interface SetOptions {
  readonly samples?: Days;
  readonly hourly?: Days;
  readonly daily?: Days;
  readonly rejects?: Days;
  readonly events?: Days;
  readonly yes?: true;
}

const readDays = (text: string): Days => (text === "default" ? text : readWhole(leastRetentionDays, mostRetentionDays)(text));

/** `roost retention show|set`. */
export function addRetentionCommands(program: Command, terminal: Terminal): void {
  const retention = program.command("retention").description("How long values, statistics and records are kept.");

  retention
    .command("show")
    .description("Shows how many days each kind is kept, and how far back it goes.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      print(bench, await bench.call(getRetention, {}));
    });

  retention
    .command("set")
    .description("Shows what a change would delete; changes something with --yes only. Days, or `default`.")
    .option("--samples <days>", "every value", readDays)
    .option("--hourly <days>", "statistics by the hour; at least as long as values", readDays)
    .option("--daily <days>", "statistics by the day; at least as long as hourly ones", readDays)
    .option("--rejects <days>", "what was refused", readDays)
    .option("--events <days>", "what happened, and what devices told", readDays)
    .option("--yes", "do it")
    .action(async ({ yes, ...options }: SetOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = Object.fromEntries(Object.entries(options).map(([kind, days]) => [`${kind}Days`, days === "default" ? null : days]));
      if (Object.keys(body).length === 0) throw cliErrors.misused({ because: "Say what is to be kept for how long: --samples 90." });
      const { items, deletesAnything } = await bench.call(previewRetention, { body });
      if (yes === true) {
        print(bench, await bench.call(changeRetention, { body: { ...body, acceptsDeletion: true } }));
        if (deletesAnything) bench.note(`${sentence(items)} They go with the next run, within the hour; until then it can be set back.`);
        return;
      }
      const columns = ["kind", "days", "wanted", "deletes", "oldest"];
      bench.print(formatList(bench.format, items.map(effectRow), columns, { items, deletesAnything }, ""));
      bench.note(deletesAnything ? `${sentence(items)} Nothing brings them back.` : "This deletes nothing that is there now.");
      bench.note("Nothing was changed. --yes does it.");
    });
}

function print(bench: Bench, answer: Retention): void {
  const rows = answer.items.map(({ kind, days, defaultDays, keptFrom, oldestAt }): Row => ({
    kind,
    days,
    default: defaultDays,
    keptFrom,
    oldest: oldestAt,
  }));
  bench.print(formatList(bench.format, rows, ["kind", "days", "default", "keptFrom", "oldest"], answer, ""));
}

function effectRow({ kind, daysNow, days, deletes, deletesMore, oldestAt }: RetentionEffect): Row {
  return { kind, days: daysNow, wanted: days, deletes: deletesMore ? `more than ${deletes}` : deletes, oldest: oldestAt };
}

const nouns: Readonly<Record<RetentionEffect["kind"], readonly [one: string, many: string]>> = {
  samples: ["value", "values"],
  hourly: ["hour of statistics", "hours of statistics"],
  daily: ["day of statistics", "days of statistics"],
  rejects: ["record of what was refused", "records of what was refused"],
  events: ["record of what happened", "records of what happened"],
};

/** `Deletes 4320 values (since 2025-01-02), 30 days of statistics (since …).` */
function sentence(items: readonly RetentionEffect[]): string {
  const parts = items
    .filter(({ deletes }) => deletes > 0)
    .map(({ kind, deletes, deletesMore, oldestAt }) => {
      const count = `${deletesMore ? "more than " : ""}${deletes} ${nouns[kind][deletes === 1 ? 0 : 1]}`;
      return oldestAt === undefined ? count : `${count} (since ${oldestAt.toISOString().slice(0, 10)})`;
    });
  return `Deletes ${parts.join(", ")}.`;
}
