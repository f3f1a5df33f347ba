import { addressOf } from "@roost/contract/client";
import { AppError } from "@roost/contract/errors";
import { liveSample, queryTelemetry, streamTelemetry } from "@roost/contract/telemetry";
import type { LiveSample, Points } from "@roost/contract/telemetry";
import type { Command } from "commander";
import { z } from "zod";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { follow } from "../event-stream.ts";
import { asJson, csvLine, formatList, printable } from "../print.ts";
import { readDurationMs, readInstant, readWhole } from "../read.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

const samples = z.array(liveSample);

interface QueryOptions {
  from: string;
  to: string;
  resolution?: string;
  maxPoints?: number;
  timeZone?: string;
  all?: true;
}

/** `roost telemetry tail|query`. */
export function addTelemetryCommands(program: Command, terminal: Terminal): void {
  const telemetry = program.command("telemetry").description("Follows and reads what devices measure.");

  telemetry
    .command("tail <device>")
    .description("Prints samples as they are stored, until Ctrl-C; goes on after a cut where it was.")
    .option("--metric <names...>", "only these metrics")
    .option("--count <n>", "end after so many samples", readWhole(1, 1_000_000_000))
    .action(async (device: string, options: { metric?: string[]; count?: number }, command: Command) => {
      await tail(benchOf(terminal, command), readDeviceId(device), options);
    });

  telemetry
    .command("query <device> <metric>")
    .description("Reads one metric over a range: per bucket its average, minimum, maximum and count, or the raw samples.")
    .option("--from <instant>", "begin, inclusive: ISO 8601, or back from now as -24h", "-24h")
    .option("--to <instant>", "end, exclusive", "now")
    .option("--resolution <span>", "bucket, such as 1m or 1h; `raw` for the samples; chosen to fit unless said")
    .option("--max-points <n>", "points of one answer", readWhole(1, 5_000))
    .option("--time-zone <zone>", "zone whose days and hours large buckets follow")
    .option("--all", "raw samples only: go on until the end of the range")
    .action(async (device: string, metric: string, options: QueryOptions, command: Command) => {
      await query(benchOf(terminal, command), readDeviceId(device), metric, options);
    });
}

async function tail(bench: Bench, deviceId: string, options: { metric?: string[]; count?: number }): Promise<void> {
  const { terminal, format } = bench;
  const metrics = options.metric?.flatMap((names) => names.split(",")).join(",");
  const url = bench.url + addressOf(streamTelemetry, { params: { deviceId }, query: { metrics } });
  const onCut = (waitMs: number) => bench.note(`The stream was cut; trying again in ${waitMs / 1000} s.`);
  if (format === "csv") bench.print("at,metric,value,quality");
  let left = options.count ?? Number.POSITIVE_INFINITY;
  const done = new AbortController();
  const signal = AbortSignal.any([terminal.signal, done.signal]);
  for await (const event of follow({ url, token: bench.token, fetch: terminal.fetch, signal, onCut })) {
    if (event.event !== "samples") continue;
    for (const sample of readSamples(event.data)) {
      bench.print(sampleLine(format, sample));
      left -= 1;
      if (left === 0) return done.abort();
    }
  }
}

function readSamples(data: string): LiveSample[] {
  try {
    return samples.parse(JSON.parse(data));
  } catch (cause) {
    throw new AppError("client.unreadable", 0, "The stream carries what is not Roost's. Are both of the same version?", {}, { cause });
  }
}

function sampleLine(format: Bench["format"], { at, metric, value, quality }: LiveSample): string {
  const instant = new Date(at);
  if (format === "json") return asJson({ at: instant, metric, value, quality }, { pretty: false });
  if (format === "csv") return csvLine([instant, metric, value, quality]);
  return `${instant.toISOString()}  ${printable(metric).padEnd(24)}  ${String(value).padStart(14)}${quality === "ok" ? "" : `  ${quality}`}`;
}

async function query(bench: Bench, deviceId: string, metric: string, options: QueryOptions): Promise<void> {
  const nowMs = bench.terminal.nowMs();
  const { resolution } = options;
  const resolutionSeconds = resolution === undefined ? undefined : resolution === "raw" ? 0 : readDurationMs(resolution) / 1000;
  const parts: Points[] = [];
  let from: Date | undefined = readInstant(options.from, nowMs);
  const to = readInstant(options.to, nowMs).toISOString();
  while (from !== undefined) {
    const part: Points = await bench.call(queryTelemetry, {
      params: { deviceId },
      query: {
        metric,
        from: from.toISOString(),
        to,
        ...(resolutionSeconds === undefined ? {} : { resolutionSeconds }),
        ...(options.maxPoints === undefined ? {} : { maxPoints: options.maxPoints }),
        ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
      },
    });
    parts.push(part);
    from = options.all === true ? part.nextFrom : undefined;
  }
  const points = parts.flatMap(rowsOf);
  const raw = parts[0]?.resolutionSeconds === 0;
  const rows = raw ? points.map(({ at, avg }) => ({ at, value: avg })) : points;
  const { metric: name, unit, resolutionSeconds: used, nextFrom } = parts.at(-1) ?? {};
  const whole = { deviceId, metric: name, unit, resolutionSeconds: used, points: rows, ...(nextFrom === undefined ? {} : { nextFrom }) };
  bench.print(formatList(bench.format, rows, raw ? ["at", "value"] : ["at", "avg", "min", "max", "n"], whole, "No values in this range."));
  if (nextFrom !== undefined) bench.note(`There is more. Go on by --from ${nextFrom.toISOString()}, or take all by --all.`);
}

function rowsOf(part: Points) {
  return part.at.map((at, index) => ({
    at: new Date(at),
    avg: part.avg[index],
    min: part.min[index],
    max: part.max[index],
    n: part.n[index],
  }));
}
