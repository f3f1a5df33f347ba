import { listRejects } from "@roost/contract/ingest";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { eachPage } from "../pages.ts";
import { ago, formatList } from "../print.ts";
import { readWhole } from "../read.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

/** `roost reject list`. */
export function addRejectCommands(program: Command, terminal: Terminal): void {
  program
    .command("reject")
    .description("Shows what devices sent and Roost refused.")
    .command("list")
    .description("Lists what was refused and why, newest first.")
    .option("--device <id>", "only of this device")
    .option("--code <code>", "only with this code, such as ingest.malformed")
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 50)
    .action(async (options: { device?: string; code?: string; limit: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = {
        ...(options.device === undefined ? {} : { deviceId: readDeviceId(options.device) }),
        ...(options.code === undefined ? {} : { code: options.code }),
      };
      const items = await eachPage(options.limit, (page) => bench.call(listRejects, { query: { ...query, ...page } }));
      const nowMs = terminal.nowMs();
      const rows = items.map((one) => ({
        last: `${ago(one.lastAt, nowMs)} ago`,
        count: one.count,
        device: one.deviceId,
        code: one.code,
        topic: one.topic,
        excerpt: one.excerpt.length > 60 ? `${one.excerpt.slice(0, 59)}…` : one.excerpt,
      }));
      bench.print(
        formatList(bench.format, rows, ["last", "count", "device", "code", "topic", "excerpt"], { items }, "Nothing was refused."),
      );
    });
}
