import { inboxEntryId } from "@roost/contract/ids";
import type { InboxEntryId } from "@roost/contract/ids";
import { archiveInboxEntry, inboxShow, listInbox, readInbox, readInboxEntry } from "@roost/contract/inbox";
import type { InboxEntry, InboxShow } from "@roost/contract/inbox";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

const largestPage = 100;

/** `roost inbox list|read|archive`. */
export function addInboxCommands(program: Command, terminal: Terminal): void {
  const inbox = program.command("inbox").description("What you were told of alarms.");

  inbox
    .command("list")
    .description("Lists what you were told, newest first.")
    .addOption(new Option("--show <which>", "current is all but what was archived").choices(inboxShow.options).default("current"))
    .option("--limit <n>", "at most so many", readWhole(1, 10_000), 50)
    .action(async ({ show, limit }: { show: InboxShow; limit: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const items = await eachPage(limit, (page) =>
        bench.call(listInbox, { query: { ...page, show, limit: Math.min(page.limit, largestPage) } }),
      );
      const rows = items.map((one) => entryRow(one, terminal.nowMs()));
      const empty = show === "unread" ? "You have read everything." : "Nothing is there.";
      bench.print(formatList(bench.format, rows, ["id", "when", "severity", "read", "what"], { items }, empty));
    });

  inbox
    .command("read [ids...]")
    .description("Marks entries as read, or all that are there with --all.")
    .option("--all", "all that you may see")
    .action(async (ids: string[], { all }: { all?: true }, command: Command) => {
      const bench = benchOf(terminal, command);
      if ((all === true) === ids.length > 0) throw cliErrors.misused({ missing: "the ids of entries, or --all" });
      if (all === true) {
        const answer = await bench.call(readInbox, { body: {} });
        bench.print(formatOne(bench.format, { read: answer.read }, answer));
        return;
      }
      const items: InboxEntry[] = [];
      for (const id of ids.map(readId)) items.push(await bench.call(readInboxEntry, { params: { inboxEntryId: id } }));
      bench.print(formatOne(bench.format, { read: items.length }, { items }));
    });

  inbox
    .command("archive <ids...>")
    .description("Puts entries away, as read.")
    .action(async (ids: string[], _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const items: InboxEntry[] = [];
      for (const id of ids.map(readId)) items.push(await bench.call(archiveInboxEntry, { params: { inboxEntryId: id } }));
      bench.print(formatOne(bench.format, { archived: items.length }, { items }));
    });
}

function readId(text: string): InboxEntryId {
  const id = inboxEntryId.safeParse(text);
  if (!id.success) throw cliErrors.misused({ id: text, because: "no id of an entry; `roost inbox list` shows them" });
  return id.data;
}

function entryRow({ id, at, severity, readAt, text }: InboxEntry, nowMs: number): Row {
  return { id, when: ago(at, nowMs), severity: severity ?? "", read: readAt === undefined ? "no" : "yes", what: text.split("\n", 1)[0] };
}
