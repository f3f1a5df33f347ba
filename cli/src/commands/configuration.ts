import type { Command } from "commander";
import { stringify } from "yaml";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { readConfiguration } from "../configuration/document.ts";
import { nouns } from "../configuration/nouns.ts";
import { planOf, readItems } from "../configuration/plan.ts";
import type { Plan, Step } from "../configuration/plan.ts";
import { loadBooks, toFile } from "../configuration/references.ts";
import { placeholdersOf } from "../configuration/targets.ts";
import { asJson, formatList } from "../print.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

/** `roost export` and `roost apply`: rules, routes, chains, schedules, windows and targets as a file. */
export function addConfigurationCommands(program: Command, terminal: Terminal): void {
  const keys = nouns.map(({ key }) => key).join(", ");
  program
    .command("export [nouns...]")
    .description(`Prints how alarms are set up as YAML for \`roost apply\`, without secrets: ${keys}.`)
    .action(async (wanted: string[], _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      bench.print(await exported(bench, wanted));
    });
  program
    .command("apply")
    .description("Makes the installation what a file says. Shows the plan; changes something with --yes only.")
    .requiredOption("-f, --file <file>", "a YAML file, or - for standard input")
    .option("--prune", "remove what is not in the file, of the nouns that are in it")
    .option("--yes", "do it")
    .action(async ({ file, prune = false, yes = false }: { file: string; prune?: boolean; yes?: boolean }, command: Command) =>
      applyFile(benchOf(terminal, command), { file, prune, yes }),
    );
}

/** Shows what a file would change, and changes it if that is wanted. `only`: of this noun. */
export async function applyFile(
  bench: Bench,
  { file, prune, yes, only }: { file: string; prune: boolean; yes: boolean; only?: string },
): Promise<void> {
  const whole = await planOf(bench, await readConfiguration(bench.terminal, file), { prune });
  const plan = only === undefined ? whole : { ...whole, steps: whole.steps.filter(({ noun }) => noun === only) };
  printPlan(bench, plan, yes);
  if (yes) await run(bench, plan);
}

async function exported(bench: Bench, wanted: readonly string[]): Promise<string> {
  const unknown = wanted.find((key) => !nouns.some((noun) => noun.key === key));
  if (unknown !== undefined) throw cliErrors.misused({ noun: unknown, because: `there are ${nouns.map(({ key }) => key).join(", ")}` });
  const books = await loadBooks(bench);
  const all = new Map<string, unknown[]>();
  for (const noun of nouns) {
    if (noun.book === undefined && wanted.length > 0 && !wanted.includes(noun.key)) continue;
    const items = [...(await readItems(bench, noun)).values()];
    for (const { id, fields } of items) if (noun.book !== undefined) books.put(noun.book, String(fields[noun.nameKey]), id);
    all.set(
      noun.key,
      items.map(({ fields }) => ({
        [noun.nameKey]: fields[noun.nameKey],
        ...fields,
        ...(noun.key === "targets" ? placeholdersOf(String(fields["kind"]), String(fields["name"])) : {}),
      })),
    );
  }
  // Rules may name rules that come later: all names are known only now.
  const kept = [...all].filter(([key]) => wanted.length === 0 || wanted.includes(key)).map(([key, items]) => [key, toFile(items, books)]);
  const value = { version: 1, ...Object.fromEntries(kept) };
  return bench.format === "json" ? asJson(value) : stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd();
}

const signs: Readonly<Record<Step["what"], string>> = {
  add: "+ add",
  change: "~ change",
  remove: "- remove",
  over: "  over",
  order: "~ order",
};

function printPlan(bench: Bench, { steps, left }: Plan, isGoing: boolean): void {
  const rows = steps.map(({ what, noun, name, line, changes }) => ({
    what: signs[what],
    noun,
    name,
    line,
    changes: changes.map(({ field, from, to }) => `${field}: ${told(from)} -> ${told(to)}`).join("; "),
  }));
  const whole = {
    plan: steps.map(({ what, noun, name, line, changes }) => ({ what, noun, name, line, changes })),
    notInFile: left,
    applied: isGoing,
  };
  bench.print(
    formatList(bench.format, rows, ["what", "noun", "name", "line", "changes"], whole, "Nothing to do: all is as the file says."),
  );
  if (left > 0) bench.note(`${left} more are here and not in the file; --prune removes them.`);
  if (!isGoing && steps.some(({ what }) => what !== "over")) bench.note("Nothing was changed. --yes does it.");
}

const told = (value: unknown): string => (value === undefined ? "none" : asJson(value, { pretty: false }));

/** One after another; what is refused ends it, and a second run goes on from there. */
async function run(bench: Bench, { steps }: Plan): Promise<void> {
  for (const step of steps) await step.check?.();
  let done = 0;
  const count = steps.filter(({ what }) => what !== "over").length;
  try {
    for (const step of steps) {
      await step.run();
      if (step.what !== "over") done += 1;
    }
  } finally {
    if (count > 0) bench.note(done === count ? `Done: ${done} of ${count}.` : `Stopped after ${done} of ${count}; what was done stays.`);
  }
}
