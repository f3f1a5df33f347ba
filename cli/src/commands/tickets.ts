import { AppError } from "@roost/contract/errors";
import { alarmId, ticketId } from "@roost/contract/ids";
import {
  addTicketMessage,
  assignTicket,
  changeTicket,
  createTicket,
  createTickets,
  getTicket,
  listTickets,
  moveTicket,
  ticketPriorities,
  ticketStatuses,
} from "@roost/contract/tickets";
import type { Ticket, TicketFilter, TicketPriority, TicketStatus } from "@roost/contract/tickets";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, asFields, asTable, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readInstant, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

interface ListOptions {
  state: TicketFilter["state"];
  status?: TicketStatus[];
  priority?: TicketPriority[];
  device?: string;
  site?: string;
  assigned?: string;
  late?: true;
  text?: string;
  sort: "newest" | "due";
  limit: number;
}

interface CreateOptions {
  priority?: TicketPriority;
  note?: string;
  assign?: string;
}

/** `roost ticket list|show|create|assign|status|comment|change`. */
export function addTicketCommands(program: Command, terminal: Terminal): void {
  const ticket = program.command("ticket").description("Makes tickets of alarms, and shows and does the work on them.");
  addReading(ticket, terminal);
  addCreating(ticket, terminal);
  addActs(ticket, terminal);
}

function addReading(ticket: Command, terminal: Terminal): void {
  ticket
    .command("list")
    .description("Lists tickets, the newest first or what is due first.")
    .addOption(new Option("--state <state>", "which ones").choices(["active", "done", "all"]).default("active"))
    .addOption(new Option("--status <status...>", "only those that stand so").choices([...ticketStatuses]))
    .addOption(new Option("--priority <priority...>", "only of these priorities").choices([...ticketPriorities]))
    .option("--device <id>", "only about alarms of this device")
    .option("--site <id>", "only about devices at this site")
    .option("--assigned <e-mail>", "only those given to somebody; `me`, `nobody`")
    .option("--late", "only those that were not answered or not resolved in time")
    .option("--text <words>", "only those with these words in title, device or the other system's reference")
    .addOption(new Option("--sort <order>", "which first").choices(["newest", "due"]).default("newest"))
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 200)
    .action(async (options: ListOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = queryOf(options);
      const items = await eachPage(options.limit, (page) => bench.call(listTickets, { query: { ...query, ...page } }));
      const rows = items.map((one) => rowOf(one, terminal.nowMs()));
      const columns = ["id", "priority", "status", "title", "assigned", "alarm", "age", "late"];
      bench.print(formatList(bench.format, rows, columns, { items }, query.state === "active" ? "No tickets to work on." : "No tickets."));
    });

  ticket
    .command("show <id>")
    .description("Shows a ticket with all that was done and said.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { history, ...one } = await bench.call(getTicket, { params: { ticketId: readTicketId(id) } });
      if (bench.format !== "table") {
        bench.print(formatOne(bench.format, fieldsOf(one), { ...one, history }));
        return;
      }
      bench.print(asFields(fieldsOf(one)));
      bench.print(`\n${asTable(history, ["at", "what", "status", "by", "detail"])}`);
    });
}

function addCreating(ticket: Command, terminal: Terminal): void {
  ticket
    .command("create <alarm...>")
    .description("Makes tickets of alarms. An alarm has one: for a second one the first is named.")
    .addOption(new Option("--priority <priority>", "else by the alarm's severity").choices([...ticketPriorities]))
    .option("--note <text>", "what whoever works on it should know")
    .option("--assign <e-mail>", "give it to a member, to you by `me`")
    .action(async (alarms: string[], { priority, note, assign }: CreateOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const alarmIds = alarms.map(readAlarmId);
      const given = { ...(note === undefined ? {} : { note }), ...(assign === undefined ? {} : { assignTo: assign }) };
      const [only, ...more] = alarmIds;
      if (only !== undefined && more.length === 0) {
        const body = { alarmId: only, ...given, ...(priority === undefined ? {} : { priority }) };
        show(bench, await bench.call(createTicket, { body }));
        return;
      }
      if (priority !== undefined)
        throw cliErrors.misused({ because: "--priority is for one alarm: several have that of their severities" });
      const { items } = await bench.call(createTickets, { body: { alarmIds, ...given } });
      const rows = items.map(({ alarmId: alarm, done, ticketId: made, code = "" }) => ({ alarm, done, ticket: made, code }));
      bench.print(formatList(bench.format, rows, ["alarm", "done", "ticket", "code"], { items }, "None."));
      const refused = items.filter(({ done }) => !done);
      if (refused[0] === undefined) return;
      const { code = "http.invalid", message = "Some were refused." } = refused[0];
      throw new AppError(code, 409, message, { refused: refused.length, of: items.length });
    });
}

function addActs(ticket: Command, terminal: Terminal): void {
  const one = (name: string, description: string) => ticket.command(name).description(description);
  const paramsOf = (id: string) => ({ ticketId: readTicketId(id) });

  one("assign <id> <e-mail>", "Gives a ticket to a member, to you by `me`, to `nobody`.")
    .option("--note <text>", "what the others should know")
    .action(async (id: string, to: string, { note }: { note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = { to: to === "nobody" ? null : to, ...(note === undefined ? {} : { note }) };
      show(bench, await bench.call(assignTicket, { params: paramsOf(id), body }));
    });

  one("status <id> <status>", `Gives a ticket another status: ${ticketStatuses.join(", ")}.`)
    .option("--note <text>", "what the others should know")
    .action(async (id: string, to: string, { note }: { note?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const status = ticketStatuses.find((known) => known === to);
      if (status === undefined) throw cliErrors.misused({ status: to, because: `a status is one of ${ticketStatuses.join(", ")}` });
      show(bench, await bench.call(moveTicket, { params: paramsOf(id), body: { status, ...(note === undefined ? {} : { note }) } }));
    });

  one("comment <id> <text>", "Writes a message into a ticket, for good.").action(
    async (id: string, text: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      show(bench, await bench.call(addTicketMessage, { params: paramsOf(id), body: { text } }));
    },
  );

  one("change <id>", "Changes a ticket's priority, when it is due, or what another system knows it by.")
    .addOption(new Option("--priority <priority>", "how much it matters").choices([...ticketPriorities]))
    .option("--due <instant>", "when it has to be resolved, such as +2h", (text) => readInstant(text, terminal.nowMs()))
    .option("--reference <text>", "its name in another system; `none` takes it away")
    .action(async (id: string, given: { priority?: TicketPriority; due?: Date; reference?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { priority, due, reference } = given;
      const body = {
        ...(priority === undefined ? {} : { priority }),
        ...(due === undefined ? {} : { resolveBy: due.toISOString() }),
        ...(reference === undefined ? {} : { externalReference: reference === "none" ? null : reference }),
      };
      if (Object.keys(body).length === 0) throw cliErrors.misused({ because: "give --priority, --due or --reference" });
      show(bench, await bench.call(changeTicket, { params: paramsOf(id), body }));
    });
}

function show(bench: Bench, one: Ticket): void {
  bench.print(formatOne(bench.format, fieldsOf(one), one));
}

function fieldsOf({ alarm, ...rest }: Ticket): Row {
  return { ...rest, alarm: alarm.id, alarmState: alarm.state, severity: alarm.severity, device: alarm.deviceId };
}

function rowOf(one: Ticket, nowMs: number): Row {
  const { id, priority, status, title, assignedTo, alarm, createdAt } = one;
  const late = one.resolutionLate ? "not resolved" : one.responseLate ? "not answered" : "";
  return { id, priority, status, title, assigned: assignedTo, alarm: alarm.state, age: ago(createdAt, nowMs), late };
}

function queryOf({ state, sort, status, priority, device, site, assigned, late, text }: ListOptions) {
  return {
    state,
    sort,
    ...(status === undefined ? {} : { status }),
    ...(priority === undefined ? {} : { priority }),
    ...(device === undefined ? {} : { deviceId: readDeviceId(device) }),
    ...(site === undefined ? {} : { siteId: site }),
    ...(assigned === undefined ? {} : { assignedTo: assigned }),
    ...(late === undefined ? {} : { late: "true" as const }),
    ...(text === undefined ? {} : { q: text }),
  };
}

/** @throws {AppError} `cli.misused` */
function readTicketId(text: string): string {
  if (!ticketId.safeParse(text).success)
    throw cliErrors.misused({ id: text, because: "a ticket's id is a UUID, as `roost ticket list` shows it" });
  return text;
}

/** @throws {AppError} `cli.misused` */
function readAlarmId(text: string): string {
  if (!alarmId.safeParse(text).success)
    throw cliErrors.misused({ id: text, because: "an alarm's id is a UUID, as `roost alarm list` shows it" });
  return text;
}
