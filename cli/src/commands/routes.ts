import { alarmKinds, severities } from "@roost/contract/alarms";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { listRoutes, previewRoutes } from "@roost/contract/routing";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { formatList } from "../print.ts";
import { readInstant } from "../read.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

interface PreviewOptions {
  severity: Severity;
  kind: AlarmKind;
  alarm?: string;
  device?: string;
  site?: string;
  at?: string;
}

/** `roost route list|preview`. */
export function addRouteCommands(program: Command, terminal: Terminal): void {
  const route = program.command("route").description("By which ways alarms reach people.");

  route
    .command("list")
    .description("Lists routes in the order in which they are tried.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listRoutes, {});
      const rows = items.map((one) => ({
        name: one.name,
        on: one.enabled ? "yes" : "no",
        for: JSON.stringify(one.match),
        tells: one.to.map((to) => to.kind).join(", "),
        stops: one.stop ? "yes" : "no",
        id: one.id,
      }));
      const empty = "No routes: the organisation's channels hear of everything, each from its severity on.";
      bench.print(formatList(bench.format, rows, ["name", "on", "for", "tells", "stops", "id"], { items }, empty));
    });

  route
    .command("preview")
    .description("Says who would hear of an alarm, when and why. Nobody is told.")
    .addOption(new Option("--severity <severity>", "how bad").choices([...severities]).default("critical"))
    .addOption(new Option("--kind <kind>", "what kind").choices([...alarmKinds]).default("above"))
    .option("--alarm <id>", "an alarm there was, instead of one that is described")
    .option("--device <id>", "of this device")
    .option("--site <id>", "at this site, where no device is named")
    .option("--at <time>", "then instead of now, such as 2026-11-21T23:00:00Z")
    .action(async ({ severity, kind, alarm, device, site, at }: PreviewOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = {
        severity,
        kind,
        ...(alarm === undefined ? {} : { alarmId: alarm }),
        ...(device === undefined ? {} : { deviceId: readDeviceId(device) }),
        ...(site === undefined ? {} : { siteId: site }),
        ...(at === undefined ? {} : { at: readInstant(at, terminal.nowMs()).toISOString() }),
      };
      const answer = await bench.call(previewRoutes, { body });
      const rows = answer.hearings.map((one) => ({
        who: one.personName ?? "",
        channel: one.targetName ?? "nobody",
        after: one.targetId === undefined ? "" : one.afterSeconds === 0 ? "at once" : `${Math.round(one.afterSeconds / 60)} min`,
        "held until": one.heldUntil?.toISOString() ?? "",
        why: one.why,
      }));
      bench.print(formatList(bench.format, rows, ["who", "channel", "after", "held until", "why"], answer, "Nobody would hear of it."));
    });
}
