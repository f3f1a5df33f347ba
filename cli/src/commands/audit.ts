import { createWriteStream, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import {
  auditCheckpoint,
  auditEntryId,
  auditErrors,
  auditOutcome,
  auditVerifyLine,
  changeAuditRetention,
  exportAuditCsv,
  exportAuditLines,
  exportPlatformAuditLines,
  getAuditEntry,
  getAuditRetention,
  listAuditCheckpoints,
  listAuditEntries,
  listPlatformAuditEntries,
  verifyAudit,
  verifyPlatformAudit,
} from "@roost/contract/audit";
import type { AuditFault, AuditRecord, AuditVerdict } from "@roost/contract/audit";
import { AppError } from "@roost/contract/errors";
import { Option } from "commander";
import type { Command } from "commander";
import { z } from "zod";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { download, downloadLines } from "../download.ts";
import { eachPage } from "../pages.ts";
import { ago, asJson, formatList, formatOne } from "../print.ts";
import { readInstant, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

interface FilterOptions {
  actor?: string;
  action?: string;
  object?: string;
  outcome?: "done" | "refused";
  from?: string;
  to?: string;
  search?: string;
  platform?: true;
}

const checkpointFile = z.object({ items: z.array(auditCheckpoint) }).or(z.array(auditCheckpoint).transform((items) => ({ items })));

/** `roost audit list|show|verify|export|retention|checkpoints`. */
export function addAuditCommands(program: Command, terminal: Terminal): void {
  const audit = program.command("audit").description("Shows who did what, and proves that nobody changed the record.");

  withFilters(audit.command("list").description("Lists what was done and tried, newest first."))
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 50)
    .action(async (options: FilterOptions & { limit: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const route = options.platform === true ? listPlatformAuditEntries : listAuditEntries;
      const query = filterOf(options, terminal.nowMs());
      const items = await eachPage(options.limit, (page) => bench.call(route, { query: { ...query, ...page } }));
      const rows = items.map((one) => row(one, terminal.nowMs()));
      const columns = ["when", "who", "action", "object", "outcome", "changes", "from", "position", "id"];
      bench.print(formatList(bench.format, rows, columns, { items }, "Nothing is on record under this filter."));
    });

  audit
    .command("show <id>")
    .description("Shows one entry with what was before and after.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const entryId = auditEntryId.safeParse(id);
      if (!entryId.success) throw cliErrors.misused({ id, because: "Ids of entries are UUIDs." });
      const one = await bench.call(getAuditEntry, { params: { entryId: entryId.data } });
      const { actor, object, before, after, ...rest } = one;
      const flat = {
        ...rest,
        actor: `${actor.name} (${actor.kind} ${actor.id})`,
        object: `${object.kind} ${object.id}${object.name === undefined ? "" : ` (${object.name})`}`,
        before: before === undefined ? undefined : asJson(before, { pretty: false }),
        after: after === undefined ? undefined : asJson(after, { pretty: false }),
      };
      bench.print(formatOne(bench.format, flat, one));
    });

  audit
    .command("verify")
    .description(
      "Checks the whole trail; names each entry that was edited, removed, inserted or moved, and ends with code 1 if there is one.",
    )
    .option("--checkpoints <file>", "checkpoints kept elsewhere (`roost audit checkpoints`): the chain must have been through them")
    .option("--platform", "name the faulty entries of all organisations; for platform administrators")
    .action(async (options: { checkpoints?: string; platform?: true }, command: Command) => {
      await verify(benchOf(terminal, command), options);
    });

  withFilters(
    audit.command("export [file]").description("Writes entries as CSV or lines of JSON, oldest first; the export is itself on record."),
  )
    .addOption(new Option("--format <format>", "how").choices(["csv", "ndjson"]).default("csv"))
    .action(async (file: string | undefined, options: FilterOptions & { format: "csv" | "ndjson" }, command: Command) => {
      const bench = benchOf(terminal, command);
      if (options.platform === true && options.format === "csv") throw cliErrors.misused({ because: "--platform exports ndjson." });
      const own = options.format === "csv" ? exportAuditCsv : exportAuditLines;
      const parts = download(bench, options.platform === true ? exportPlatformAuditLines : own, {
        query: filterOf(options, terminal.nowMs()),
      });
      if (file === undefined) for await (const part of parts) terminal.stdout.write(part);
      else await pipeline(Readable.from(parts), createWriteStream(file, { mode: 0o600 }));
    });

  audit
    .command("retention")
    .description("Shows how many days entries are kept, and how many more in the archive; with options, sets them.")
    .option("--days <n>", "where they can be searched", readWhole(1, 36_500))
    .option("--archive-days <n>", "in the archive after that; 0 archives nothing", readWhole(0, 36_500))
    .action(async (options: { days?: number; archiveDays?: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const now = await bench.call(getAuditRetention, {});
      const wanted = { ...now, ...options };
      const isSame = wanted.days === now.days && wanted.archiveDays === now.archiveDays;
      const { days, archiveDays } = isSame
        ? now
        : await bench.call(changeAuditRetention, { body: { days: wanted.days, archiveDays: wanted.archiveDays } });
      bench.print(formatOne(bench.format, { days, archiveDays }, { days, archiveDays }));
    });

  audit
    .command("checkpoints")
    .description("Prints signed checkpoints and the public key as JSON: kept elsewhere, they prove that the end was not cut off.")
    .option("--limit <n>", "the newest so many", readWhole(1, 100_000), 100)
    .action(async (options: { limit: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      let publicKeyPem = "";
      const items = await eachPage(options.limit, async (page) => {
        const answer = await bench.call(listAuditCheckpoints, { query: page });
        ({ publicKeyPem } = answer);
        return answer;
      });
      bench.print(asJson({ publicKeyPem, items }));
    });
}

function withFilters(command: Command): Command {
  return command
    .option("--actor <text>", "id of who did it, or a part of their name")
    .option("--action <action>", "such as role.changed; `role.` for all of a noun")
    .option("--object <kind[:id]>", "what it was done to, such as device or device:coop-1")
    .addOption(new Option("--outcome <outcome>", "how it ended").choices(auditOutcome.options))
    .option("--from <instant>", "begin, inclusive: ISO 8601, or back from now as -24h")
    .option("--to <instant>", "end, exclusive")
    .option("--search <text>", "text anywhere in names, ids, addresses and changes")
    .option("--platform", "what was done to the installation itself; for platform administrators");
}

function filterOf(options: FilterOptions, nowMs: number) {
  const [objectKind, ...id] = options.object?.split(":") ?? [];
  const instant = (text: string) => readInstant(text, nowMs).toISOString();
  return {
    ...(options.actor === undefined ? {} : { actor: options.actor }),
    ...(options.action === undefined ? {} : { action: options.action }),
    ...(objectKind === undefined ? {} : { objectKind }),
    ...(id.length === 0 ? {} : { objectId: id.join(":") }),
    ...(options.outcome === undefined ? {} : { outcome: options.outcome }),
    ...(options.from === undefined ? {} : { from: instant(options.from) }),
    ...(options.to === undefined ? {} : { to: instant(options.to) }),
    ...(options.search === undefined ? {} : { q: options.search }),
  };
}

function row(one: AuditRecord, nowMs: number) {
  return {
    when: `${ago(one.at, nowMs)} ago`,
    who: one.actor.name,
    action: one.action,
    object: `${one.object.kind} ${one.object.name ?? one.object.id}`,
    outcome: one.outcome === "done" ? "" : one.outcome,
    changes: changesOf(one),
    from: one.remoteAddress,
    position: one.position,
    id: one.id,
  };
}

/** `max 30 → 31`, cut at what a terminal shows. */
function changesOf({ before = {}, after = {} }: AuditRecord): string {
  const text = (value: unknown) => (typeof value === "string" ? value : asJson(value, { pretty: false }));
  const changes = [...new Set([...Object.keys(before), ...Object.keys(after)])].map((name) => {
    if (!(name in before)) return `${name} ${text(after[name])}`;
    return name in after ? `${name} ${text(before[name])} → ${text(after[name])}` : `${name} ${text(before[name])} → nothing`;
  });
  const all = changes.join(", ");
  return all.length > 60 ? `${all.slice(0, 59)}…` : all;
}

async function verify(bench: Bench, options: { checkpoints?: string; platform?: true }): Promise<void> {
  const body = options.checkpoints === undefined ? {} : { checkpoints: readCheckpoints(options.checkpoints) };
  let verdict: AuditVerdict | undefined;
  for await (const line of downloadLines(bench, options.platform === true ? verifyPlatformAudit : verifyAudit, { body })) {
    const read = auditVerifyLine.safeParse(JSON.parse(line));
    if (!read.success) throw new AppError("client.unreadable", 0, "The answer is not one of Roost's. Are both of the same version?");
    if ("verdict" in read.data) ({ verdict } = read.data);
    else if (bench.terminal.stderr.isTTY === true) {
      const { checked, of } = read.data.progress;
      bench.terminal.stderr.write(`\r${checked} of ${of} checked`);
    }
  }
  if (bench.terminal.stderr.isTTY === true) bench.terminal.stderr.write("\r\u001B[K");
  if (verdict === undefined) throw new AppError("client.unreachable", 0, "The verification broke off before its end.");
  const { faults, ...figures } = verdict;
  bench.print(formatOne(bench.format, figures, verdict));
  if (bench.format === "table") for (const fault of faults) bench.print(sentence(fault));
  if (!verdict.isWhole) throw auditErrors.not_whole({ faultCount: verdict.faultCount, wholeUntil: verdict.wholeUntil });
}

/** In the form in which they go back on the wire. */
function readCheckpoints(file: string): z.input<typeof auditCheckpoint>[] {
  try {
    return checkpointFile.parse(JSON.parse(readFileSync(file, "utf8"))).items.map((one) => z.encode(auditCheckpoint, one));
  } catch (cause) {
    throw cliErrors.misused({ file, because: "No checkpoints as `roost audit checkpoints` prints them." }, { cause });
  }
}

function sentence({ kind, position, toPosition, belongsAt, entryId }: AuditFault): string {
  const entry = entryId === undefined ? "an entry" : `entry ${entryId}`;
  const place = position === undefined ? "outside the chain" : `at ${position}${toPosition === undefined ? "" : ` to ${toPosition}`}`;
  switch (kind) {
    case "edited":
      return `edited: ${entry} ${place} is not what was written`;
    case "removed":
      return `removed: ${toPosition === undefined ? entry : "entries"} ${place}`;
    case "inserted":
      return `inserted: ${entry} was not written by this installation, or was altered before it was taken up`;
    case "moved":
      return `moved: ${entry} stands ${place} and belongs at ${belongsAt ?? "another place"}`;
    case "unlinked":
      return `unlinked: ${entry} is real, its link ${position === undefined ? "" : `${place} `}is gone`;
    case "relinked":
      return `relinked: the link of ${entry} ${place} was altered`;
    case "truncated":
      return `truncated: the end was cut off, ${place}`;
    case "forked":
      return `forked: ${place} the chain once went another way; was a backup restored?`;
    case "checkpoint":
      return `checkpoint: the one ${place} was altered`;
    case "archive":
      return `archive: ${entryId ?? "one"} was altered`;
  }
}
