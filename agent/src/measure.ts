import { readdir, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";

import type { hostKit } from "@roost/kits/host/kit";

import {
  cpuUsedPercent,
  networkRates,
  parseCpuTimes,
  parseLoad,
  parseMemory,
  parseMillidegrees,
  parseNetwork,
  parseUptime,
} from "./proc.ts";
import type { CpuTimes, NetworkCounters } from "./proc.ts";

/** Metrics of a Linux host, as its kit names them. */
export type HostMetric = keyof (typeof hostKit)["deviceKinds"]["linux-host"]["metrics"];

/** What could be measured; what could not is not there. */
export type Measurement = Readonly<Partial<Record<HostMetric, number>>>;

async function read(path: string): Promise<string | undefined> {
  return readFile(path, "latin1").catch(() => undefined);
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

const round = (value: number) => Math.round(value * 100) / 100;

/**
 * Makes the instrument for this host. Rates (processor, network) are over the time since the last call, so the first has none.
 *
 * @param diskPath - On the file system whose room is told.
 * @param root - Where `/proc` and `/sys` are.
 */
export function createHostInstrument({
  diskPath,
  monotonicMs,
  root = "/",
}: {
  diskPath: string;
  monotonicMs: () => number;
  root?: string;
}) {
  let lastCpu: CpuTimes | undefined;
  let lastNetwork: { readonly counters: ReadonlyMap<string, NetworkCounters>; readonly atMs: number } | undefined;

  async function cpu(): Promise<Measurement> {
    const times = parseCpuTimes((await read(join(root, "proc/stat"))) ?? "");
    const used = lastCpu === undefined || times === undefined ? undefined : cpuUsedPercent(lastCpu, times);
    lastCpu = times;
    return used === undefined ? {} : { cpu_used: round(used) };
  }

  async function memory(): Promise<Measurement> {
    const bytes = parseMemory((await read(join(root, "proc/meminfo"))) ?? "");
    const [total, available, swap, swapFree] = ["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"].map((name) => bytes.get(name));
    const found: { -readonly [Metric in keyof Measurement]: Measurement[Metric] } = {};
    if (total !== undefined && available !== undefined && total > 0 && available <= total) {
      found.memory_used = round(((total - available) / total) * 100);
      found.memory_available = round(available / 1e6);
    }
    if (swap !== undefined && swapFree !== undefined && swap > 0) found.swap_used = round(((swap - swapFree) / swap) * 100);
    return found;
  }

  async function disk(): Promise<Measurement> {
    const found = await statfs(diskPath).catch(() => undefined);
    if (found === undefined || found.blocks === 0) return {};
    // As df has it: the room kept for root counts neither as used nor as free.
    const used = found.blocks - found.bfree;
    return { disk_used: round((used / (used + found.bavail)) * 100), disk_free: round((found.bavail * found.bsize) / 1e9) };
  }

  async function load(): Promise<Measurement> {
    const averages = parseLoad((await read(join(root, "proc/loadavg"))) ?? "");
    return averages === undefined ? {} : { load_1m: averages[0], load_5m: averages[1], load_15m: averages[2] };
  }

  /** Real cards where there are any: bridges and tunnels carry the same bytes once more. */
  async function interfaces(names: readonly string[]): Promise<string[]> {
    const outward = names.filter((name) => name !== "lo");
    const folders = await Promise.all(outward.map((name) => list(join(root, "sys/class/net", name))));
    const cards = outward.filter((_, index) => folders[index]?.includes("device"));
    return cards.length > 0 ? cards : outward;
  }

  async function network(): Promise<Measurement> {
    const counters = parseNetwork((await read(join(root, "proc/net/dev"))) ?? "");
    const atMs = monotonicMs();
    const before = lastNetwork;
    lastNetwork = { counters, atMs };
    if (before === undefined) return {};
    const rates = networkRates(before.counters, counters, await interfaces([...counters.keys()]), (atMs - before.atMs) / 1000);
    return rates === undefined ? {} : { network_received: round(rates.received), network_sent: round(rates.sent) };
  }

  async function sensors(): Promise<string[]> {
    const zones = (await list(join(root, "sys/class/thermal"))).filter((name) => name.startsWith("thermal_zone"));
    const chips = await list(join(root, "sys/class/hwmon"));
    const inputs = await Promise.all(
      chips.map(async (chip) => {
        const names = await list(join(root, "sys/class/hwmon", chip));
        return names.filter((name) => /^temp\d+_input$/.test(name)).map((name) => join(root, "sys/class/hwmon", chip, name));
      }),
    );
    return [...zones.map((zone) => join(root, "sys/class/thermal", zone, "temp")), ...inputs.flat()];
  }

  async function temperature(): Promise<Measurement> {
    const texts = await Promise.all((await sensors()).map(read));
    const degrees = texts.map((text) => (text === undefined ? undefined : parseMillidegrees(text))).filter((value) => value !== undefined);
    return degrees.length === 0 ? {} : { temperature: round(Math.max(...degrees)) };
  }

  async function uptime(): Promise<Measurement> {
    const seconds = parseUptime((await read(join(root, "proc/uptime"))) ?? "");
    return seconds === undefined ? {} : { uptime: Math.round(seconds) };
  }

  return {
    /** Measures all there is to measure now. */
    async measure(): Promise<Measurement> {
      const parts = await Promise.all([cpu(), memory(), disk(), load(), network(), temperature(), uptime()]);
      return Object.assign({}, ...parts) as Measurement;
    },
  };
}
