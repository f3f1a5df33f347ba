import { readFileSync } from "node:fs";

import { uuid } from "@roost/contract/ids";
import {
  addRolloutPlan,
  advanceRolloutPlan,
  getRolloutPlan,
  listRolloutPlans,
  pauseRolloutPlan,
  removeRolloutPlan,
  resumeRolloutPlan,
  rollBackRolloutPlan,
  startRolloutPlan,
} from "@roost/contract/rollout-plans";
import type { RolloutPlan } from "@roost/contract/rollout-plans";
import { claimRollout } from "@roost/contract/rollout-template";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { ago, asFields, asTable, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

interface Why {
  why?: string;
}

/** `roost rollout list|show|add|start|pause|resume|advance|rollback|remove`. */
export function addRolloutCommands(program: Command, terminal: Terminal): void {
  const rollout = program.command("rollout").description("Rollout plans: flags changed by the clock, with gates that stop them.");

  rollout
    .command("list")
    .description("Lists rollout plans, newest first.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listRolloutPlans, {});
      const rows = items.map((one) => planRow(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, ["id", "name", "state", "step", "left", "why", "made"], { items }, "No rollout plans."));
    });

  rollout
    .command("show <plan>")
    .description("Shows a plan, by its id or name: its steps, the gates as they stand, and what happened.")
    .action(async (plan: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(getRolloutPlan, { params: await findPlan(bench, plan) });
      if (bench.format !== "table") return bench.print(formatOne(bench.format, planRow(one, terminal.nowMs()), one));
      bench.print(asFields(detailsOf(one)));
      const steps = one.steps.map((step, index) => ({
        "": index === one.step && one.state !== "draft" ? ">" : "",
        step: index + 1,
        stage: step.stage,
        name: step.name,
        wait: span(step.waitSeconds),
        changes: step.changes.map(({ flag }) => flag).join(", "),
        gates: step.gates.map(({ kind }) => kind).join(", "),
        end: step.asks ? "asks" : undefined,
      }));
      bench.print(`\n${asTable(steps, ["", "step", "stage", "name", "wait", "changes", "gates", "end"])}`);
      const gates = one.gates.map(({ state, seen }, index) => ({ gate: one.steps[one.step]?.gates[index]?.kind, state, seen }));
      if (gates.length > 0) bench.print(`\n${asTable(gates, ["gate", "state", "seen"])}`);
      const history = one.history.map(({ at, what, by, step, why }) => ({ at, what, by, step: step + 1, why }));
      bench.print(`\n${asTable(history, ["at", "what", "by", "step", "why"])}`);
    });

  rollout
    .command("add")
    .description("Writes a plan out of a JSON file, or the one for claims that comes with Roost. Nothing changes until it is started.")
    .option("--file <path>", "JSON, as docs/guide/flags.md has it")
    .option("--template", "the plan for claims")
    .action(async ({ file, template }: { file?: string; template?: boolean }, command: Command) => {
      if ((file === undefined) === (template !== true)) throw cliErrors.misused({ because: "give either --file or --template" });
      const bench = benchOf(terminal, command);
      printPlan(bench, await bench.call(addRolloutPlan, { body: file === undefined ? claimRollout : readPlan(file) }));
    });

  addTurns(rollout, terminal);
}

function addTurns(rollout: Command, terminal: Terminal): void {
  const turns = [
    ["start", startRolloutPlan, "Starts a plan: its first step's changes are made now."],
    ["pause", pauseRolloutPlan, "Stops a plan where it is; the flags stay as they are."],
    ["resume", resumeRolloutPlan, "Goes on with a paused plan."],
    ["rollback", rollBackRolloutPlan, "Puts every flag of the plan back to what it was before the start."],
  ] as const;
  for (const [verb, route, about] of turns) {
    rollout
      .command(`${verb} <plan>`)
      .description(about)
      .option("--why <text>", "for the record")
      .action(async (plan: string, { why }: Why, command: Command) => {
        const bench = benchOf(terminal, command);
        const parts = { params: await findPlan(bench, plan), body: why === undefined ? {} : { why } };
        printPlan(bench, await bench.call(route, parts));
      });
  }
  rollout
    .command("advance <plan>")
    .description("You decide: on to the next step now.")
    .option("--why <text>", "what you decided, for the record")
    .action(async (plan: string, { why }: Why, command: Command) => {
      const bench = benchOf(terminal, command);
      const params = await findPlan(bench, plan);
      const { step } = await bench.call(getRolloutPlan, { params });
      printPlan(bench, await bench.call(advanceRolloutPlan, { params, body: { step, ...(why === undefined ? {} : { why }) } }));
    });
  rollout
    .command("remove <plan>")
    .description("Removes a plan that is not under way.")
    .action(async (plan: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(removeRolloutPlan, { params: await findPlan(bench, plan) });
      bench.note("Removed.");
    });
}

async function findPlan(bench: Bench, text: string): Promise<{ planId: string }> {
  if (uuid.safeParse(text).success) return { planId: text };
  const { items } = await bench.call(listRolloutPlans, {});
  const found = items.filter(({ name }) => name === text);
  if (found.length > 1) throw cliErrors.misused({ name: text, because: "several plans have this name; give the id" });
  if (found[0] === undefined) throw cliErrors.misused({ name: text, because: "no plan has this id or name" });
  return { planId: found[0].id };
}

function readPlan(file: string): typeof claimRollout {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as typeof claimRollout;
  } catch (cause) {
    throw cliErrors.misused({ file, because: (cause as NodeJS.ErrnoException).code ?? "it is no JSON" }, { cause });
  }
}

function printPlan(bench: Bench, one: RolloutPlan): void {
  bench.print(formatOne(bench.format, detailsOf(one), one));
}

/** `90 s`, `24 h`: the largest unit that says it exactly enough. */
function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

function leftOf({ state, steps, step, watchedSeconds }: RolloutPlan): string | undefined {
  if (state !== "running" && state !== "paused") return undefined;
  return span(Math.max(0, (steps[step]?.waitSeconds ?? 0) - watchedSeconds));
}

function planRow(one: RolloutPlan, nowMs: number): Row {
  return {
    id: one.id,
    name: one.name,
    state: one.state,
    step: `${one.step + 1} of ${one.steps.length}`,
    left: leftOf(one),
    why: one.why,
    made: `${ago(one.createdAt, nowMs)} ago`,
  };
}

function detailsOf(one: RolloutPlan): Row {
  return {
    id: one.id,
    name: one.name,
    state: one.state,
    step: `${one.step + 1} of ${one.steps.length}: ${one.steps[one.step]?.name ?? ""}`,
    left: leftOf(one),
    why: one.why,
    onFailure: one.rollBackOnFailure ? "rolls back by itself" : "pauses",
    startedAt: one.startedAt,
    endedAt: one.endedAt,
    createdBy: one.createdBy,
  };
}
