import { severities } from "@roost/contract/alarms";
import type { Severity } from "@roost/contract/alarms";
import { targetKind } from "@roost/contract/channels";
import type { TargetKind } from "@roost/contract/channels";
import { alarmId, deliveryId, notificationTargetId } from "@roost/contract/ids";
import type { NotificationTargetId } from "@roost/contract/ids";
import {
  addMyTarget,
  addNotificationTarget,
  changeMyTarget,
  changeNotificationTarget,
  deliveryState,
  listDeliveries,
  listMyTargets,
  listNotificationTargets,
  removeMyTarget,
  removeNotificationTarget,
  replayDeliveries,
  replayDelivery,
  testMyTarget,
  testNotificationTarget,
} from "@roost/contract/notifications";
import type { Delivery, NotificationTarget } from "@roost/contract/notifications";
import { Option } from "commander";
import type { Command } from "commander";
import type { z } from "zod";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import { ask, readStdin } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";

interface Own {
  mine?: true;
}
interface AddOptions extends Own {
  severity: Severity;
  stdin?: string;
}
interface ChangeOptions extends Own {
  name?: string;
  severity?: Severity;
  title?: string;
  body?: string;
}
interface DeliveryOptions {
  target?: string;
  alarm?: string;
  state?: Delivery["state"];
  limit: number;
}

type NewTarget = z.input<NonNullable<typeof addNotificationTarget.body>>;

const mine = ["--mine", "your own, not the organisation's"] as const;
const addable = targetKind.options.filter((kind) => kind !== "push");

/** `roost target list|add|change|on|off|test|remove|replay` and `roost delivery list|replay`. */
export function addNotificationCommands(program: Command, terminal: Terminal): void {
  const target = program.command("target").description("Where notices go: mailboxes, chats, phones, programs.");
  addTargetCommands(target, terminal);
  addTargetChanges(target, terminal);
  addDeliveryCommands(program.command("delivery").description("What was told, and how it went."), terminal);
}

function addTargetCommands(target: Command, terminal: Terminal): void {
  target
    .command("list")
    .description("Lists targets and how each is doing.")
    .option(...mine)
    .action(async ({ mine: isMine }: Own, command: Command) => {
      const bench = benchOf(terminal, command);
      const items = await targetsOf(bench, isMine);
      const columns = ["id", "kind", "name", "address", "from", "state", "arrived"];
      bench.print(
        formatList(
          bench.format,
          items.map((one) => targetRow(one, terminal.nowMs())),
          columns,
          { items },
          "No targets.",
        ),
      );
    });

  target
    .command("add <kind> <name> [fields...]")
    .description(`Adds a target. Kinds: ${addable.join(", ")}. Fields as name=value: roost target add slack Night url=https://…`)
    .option(...mine)
    .addOption(new Option("--severity <severity>", "told of this and worse").choices([...severities]).default("info"))
    .option("--stdin <field>", "take this field, a token or an address that is a secret, from standard input")
    .action(async (kind: string, name: string, fields: string[], options: AddOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const given = { kind: readKind(kind), name, minSeverity: options.severity, ...readFields(fields) };
      const secret = options.stdin === undefined ? {} : { [options.stdin]: (await readStdin(terminal)).trim() };
      // The server checks the fields of each kind and says what is wrong with them.
      const body = { ...given, ...secret } as unknown as NewTarget;
      const { signingSecret, ...added } = await bench.call(options.mine === true ? addMyTarget : addNotificationTarget, { body });
      bench.print(formatOne(bench.format, targetRow(added, terminal.nowMs()), { ...added, signingSecret }));
      if (signingSecret !== undefined && bench.format === "table") bench.note(`Signing secret, shown this once: ${signingSecret}`);
    });

  target
    .command("test <target>")
    .description("Sends a test notice now and shows what came back. The target by its id or name.")
    .option(...mine)
    .action(async (named: string, { mine: isMine }: Own, command: Command) => {
      const bench = benchOf(terminal, command);
      const { id } = await findTarget(bench, named, isMine);
      const delivery = await bench.call(isMine === true ? testMyTarget : testNotificationTarget, { params: { targetId: id } });
      bench.print(formatOne(bench.format, deliveryRow(delivery, terminal.nowMs()), delivery));
      if (delivery.state !== "delivered")
        throw cliErrors.misused({ because: "the test did not arrive", answer: answerOf(delivery) ?? "none" });
    });

  target
    .command("remove <target>")
    .description("Removes a target; its record of deliveries stays.")
    .option(...mine)
    .option("--confirm <name>", "the target's name; asked for when absent")
    .action(async (named: string, options: Own & { confirm?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { id, name } = await findTarget(bench, named, options.mine);
      if (options.confirm === undefined && !terminal.stdin.isTTY) throw cliErrors.misused({ missing: `--confirm "${name}"` });
      const confirm = options.confirm ?? (await ask(terminal, `${name} is told of nothing any more. Type its name to go on: `));
      if (confirm !== name) throw cliErrors.misused({ because: "that is not its name" });
      await bench.call(options.mine === true ? removeMyTarget : removeNotificationTarget, { params: { targetId: id } });
      bench.note("Removed.");
    });

  target
    .command("replay <target>")
    .description("Sends again what failed for good, oldest first, up to 1,000 at a time.")
    .action(async (named: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { id } = await findTarget(bench, named, undefined);
      const answer = await bench.call(replayDeliveries, { body: { targetId: id } });
      bench.print(formatOne(bench.format, { replayed: answer.replayed }, answer));
    });
}

function addTargetChanges(target: Command, terminal: Terminal): void {
  target
    .command("change <target>")
    .description(
      "Changes name, severity or words; words may name {{device}}, {{severity}}, {{value}}, … and an empty text takes them away.",
    )
    .option(...mine)
    .option("--name <name>", "what it is called")
    .addOption(new Option("--severity <severity>", "told of this and worse").choices([...severities]))
    .option("--title <template>", "its own title")
    .option("--body <template>", "its own words")
    .action(async (named: string, options: ChangeOptions, command: Command) => {
      const { name, severity, title, body } = options;
      await change(benchOf(terminal, command), named, options.mine, {
        ...(name === undefined ? {} : { name }),
        ...(severity === undefined ? {} : { minSeverity: severity }),
        ...(title === undefined ? {} : { titleTemplate: title === "" ? null : title }),
        ...(body === undefined ? {} : { bodyTemplate: body === "" ? null : body }),
      });
    });

  for (const [word, enabled] of [
    ["on", true],
    ["off", false],
  ] as const) {
    target
      .command(`${word} <target>`)
      .description(enabled ? "Tells it again." : "Tells it of nothing new; what waits is still sent.")
      .option(...mine)
      .action(async (named: string, { mine: isMine }: Own, command: Command) => {
        await change(benchOf(terminal, command), named, isMine, { enabled });
      });
  }
}

function addDeliveryCommands(delivery: Command, terminal: Terminal): void {
  delivery
    .command("list")
    .description("Lists deliveries, newest first, with the answer to the last try.")
    .option("--target <target>", "only to this one, by id or name")
    .option("--alarm <id>", "only of this alarm")
    .addOption(new Option("--state <state>", "only these").choices([...deliveryState.options]))
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 100)
    .action(async ({ target, alarm, state, limit }: DeliveryOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = {
        ...(target === undefined ? {} : { targetId: (await findTarget(bench, target, undefined)).id }),
        ...(alarm === undefined ? {} : { alarmId: alarmId.parse(alarm) }),
        ...(state === undefined ? {} : { state }),
      };
      const items = await eachPage(limit, (page) => bench.call(listDeliveries, { query: { ...query, ...page } }));
      const columns = ["id", "what", "target", "state", "tries", "answer", "next", "made"];
      const rows = items.map((one) => deliveryRow(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, columns, { items }, "No deliveries."));
    });

  delivery
    .command("replay [ids...]")
    .description("Sends failed deliveries again, with the words and the key they had: those named, or all.")
    .option("--all", "every one that failed, up to 1,000 at a time")
    .action(async (ids: string[], { all }: { all?: true }, command: Command) => {
      const bench = benchOf(terminal, command);
      if ((ids.length === 0) === (all === undefined)) throw cliErrors.misused({ because: "name deliveries, or say --all" });
      if (all === true) {
        const answer = await bench.call(replayDeliveries, { body: {} });
        return bench.print(formatOne(bench.format, { replayed: answer.replayed }, answer));
      }
      const items: Delivery[] = [];
      for (const id of ids) {
        const known = deliveryId.safeParse(id);
        if (!known.success) throw cliErrors.misused({ because: "that is no id of a delivery", given: id });
        items.push(await bench.call(replayDelivery, { params: { deliveryId: known.data } }));
      }
      const rows = items.map((one) => deliveryRow(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, ["id", "target", "state"], { items }, "None."));
    });
}

async function change(
  bench: Bench,
  named: string,
  isMine: true | undefined,
  body: z.input<NonNullable<typeof changeNotificationTarget.body>>,
): Promise<void> {
  const { id } = await findTarget(bench, named, isMine);
  const changed = await bench.call(isMine === true ? changeMyTarget : changeNotificationTarget, { params: { targetId: id }, body });
  bench.print(formatOne(bench.format, targetRow(changed, bench.terminal.nowMs()), changed));
}

async function targetsOf(bench: Bench, isMine: true | undefined): Promise<NotificationTarget[]> {
  return eachPage(undefined, (page) => bench.call(isMine === true ? listMyTargets : listNotificationTargets, { query: page }));
}

/** The target of that id, or the only one of that name. */
async function findTarget(bench: Bench, named: string, isMine: true | undefined): Promise<{ id: NotificationTargetId; name: string }> {
  const items = await targetsOf(bench, isMine);
  const byId = notificationTargetId.safeParse(named);
  const found = items.filter(({ id, name }) => (byId.success ? id === byId.data : name.toLowerCase() === named.toLowerCase()));
  const [one, another] = found;
  if (one === undefined) throw cliErrors.misused({ because: "there is no such target; see: roost target list", given: named });
  if (another !== undefined) throw cliErrors.misused({ because: "several are called so; name one by its id", given: named });
  return one;
}

function readKind(text: string): TargetKind {
  const read = targetKind.exclude(["push"]).safeParse(text);
  if (!read.success) throw cliErrors.misused({ because: `a kind is one of ${addable.join(", ")}`, given: text });
  return read.data;
}

function readFields(fields: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    fields.map((field): [string, string] => {
      const at = field.indexOf("=");
      if (at < 1) throw cliErrors.misused({ because: "a field is given as name=value", given: field });
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
}

function targetRow(one: NotificationTarget, nowMs: number): Row {
  const { breaker, failingSince } = one;
  const health = breaker.state === "closed" ? (failingSince === undefined ? "well" : "failing") : breaker.state.replace("_", " ");
  return {
    id: one.id,
    kind: one.kind,
    name: one.name,
    address: one.address,
    from: one.minSeverity,
    state: one.enabled ? health : "off",
    arrived: one.workedAt === undefined ? undefined : ago(one.workedAt, nowMs),
  };
}

function deliveryRow(one: Delivery, nowMs: number): Row {
  return {
    id: one.id,
    what: one.what,
    target: one.targetName,
    state: one.state,
    tries: one.attempts.length,
    answer: answerOf(one),
    next: one.nextTryAt?.toISOString(),
    made: ago(one.createdAt, nowMs),
  };
}

function answerOf({ attempts }: Delivery): string | undefined {
  const last = attempts.at(-1);
  return last === undefined ? undefined : (last.code ?? (last.status === undefined ? undefined : String(last.status)));
}
