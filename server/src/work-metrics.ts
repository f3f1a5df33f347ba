import { commandEnds, everyOpenState } from "./modules/commands/commands.ts";
import type { Commands } from "./modules/commands/commands.ts";
import type { Registrations } from "./modules/devices/registrations.ts";
import type { Kits } from "./modules/kits/kits.ts";
import type { Metrics } from "./platform/http/metrics.ts";
import type { Jobs } from "./platform/jobs.ts";

/** What does work that somebody waits for. */
export interface WorkParts {
  readonly commands: Pick<Commands, "tally" | "openEverywhere">;
  readonly registrations: Pick<Registrations, "waitingEverywhere">;
  readonly jobs: Pick<Jobs, "runs" | "open">;
  readonly kits: Pick<Kits, "health">;
}

/** Counts what waits, what is under way and how it ends, so that somebody can be told when it does not. */
export function countWork(metrics: Metrics, { commands, registrations, jobs, kits }: WorkParts): void {
  countCommands(metrics, commands);
  metrics.gauges({
    name: "roost_registrations_waiting",
    help: "Devices that registered themselves and wait for somebody to approve them, in the whole installation.",
    read: async () => [{ labels: {}, value: await registrations.waitingEverywhere() }],
  });
  metrics.total({
    name: "roost_jobs_runs_total",
    help: "Runs of jobs on this server, those of kits among them, by how they ended.",
    labels: ["job", "end"],
    read: () =>
      jobs.runs().flatMap(({ job, done, failed }) => [
        { labels: { job, end: "done" }, value: done },
        { labels: { job, end: "failed" }, value: failed },
      ]),
  });
  metrics.gauges({
    name: "roost_jobs_open",
    help: "Runs of jobs that are not over, in the whole installation: waiting to be taken up, running, or failed and to be tried again.",
    labels: ["state"],
    read: async () => Object.entries(await jobs.open()).map(([state, value]) => ({ labels: { state }, value })),
  });
  metrics.gauges({
    name: "roost_kits_well",
    help: "1 while all goes well with the kit on this server, 0 while something of it fails.",
    labels: ["kit"],
    read: async () => Promise.resolve(kits.health().map(({ kit, isWell }) => ({ labels: { kit }, value: isWell ? 1 : 0 }))),
  });
}

function countCommands(metrics: Metrics, commands: WorkParts["commands"]): void {
  metrics.total({
    name: "roost_commands_sent_total",
    help: "Commands that were queued for a device, in the whole installation since this server started.",
    read: () => commands.tally().sent,
  });
  metrics.total({
    name: "roost_commands_ended_total",
    help: "Commands that ended, by how, in the whole installation since this server started.",
    labels: ["end"],
    read: () => {
      const { ended } = commands.tally();
      return commandEnds.map((end) => ({ labels: { end }, value: ended[end] }));
    },
  });
  metrics.gauges({
    name: "roost_commands_open",
    help: "Commands that have not ended, by state, in the whole installation.",
    labels: ["state"],
    read: async () => everyOpenState(await commands.openEverywhere()).map(({ state, count }) => ({ labels: { state }, value: count })),
  });
  metrics.gauges({
    name: "roost_commands_overdue",
    help: "Commands whose time was up 30 seconds ago and that nobody ended, in the whole installation; 0 unless something is stuck.",
    read: async () => [{ labels: {}, value: (await commands.openEverywhere()).overdue }],
  });
}
