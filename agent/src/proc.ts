/** Processor time since boot, in ticks, all cores together. */
export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** Reads the first line of `/proc/stat`. @see proc_stat(5) */
export function parseCpuTimes(text: string): CpuTimes | undefined {
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  // guest and guest_nice (the ninth and tenth) are counted in user and nice already.
  const ticks = line.trim().split(/\s+/).slice(0, 8).map(Number);
  if (ticks.length < 4 || ticks.some((tick) => !Number.isFinite(tick))) return undefined;
  const total = ticks.reduce((sum, tick) => sum + tick, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { busy: total - idle, total };
}

/** Share of processor time in use between two readings, 0 to 100; nothing when the counters did not move on. */
export function cpuUsedPercent(before: CpuTimes, after: CpuTimes): number | undefined {
  const total = after.total - before.total;
  const busy = after.busy - before.busy;
  // iowait may go backwards; a busy share outside 0 to 1 was not measured.
  if (total <= 0 || busy < 0 || busy > total) return undefined;
  return (busy / total) * 100;
}

/** Reads `/proc/meminfo`: bytes by name. */
export function parseMemory(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [, name = "", kib = ""] of text.matchAll(/^([A-Za-z()_]+):\s+(\d+) kB$/gm)) found.set(name, Number(kib) * 1024);
  return found;
}

/** Reads `/proc/loadavg`: over 1, 5 and 15 minutes. */
export function parseLoad(text: string): readonly [number, number, number] | undefined {
  const match = /^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+) /.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

/** Bytes since boot of one network interface. */
export interface NetworkCounters {
  readonly received: number;
  readonly sent: number;
}

/** Reads `/proc/net/dev`, by interface. @see proc_pid_net(5) */
export function parseNetwork(text: string): ReadonlyMap<string, NetworkCounters> {
  const found = new Map<string, NetworkCounters>();
  for (const line of text.split("\n")) {
    const [, name = "", rest = ""] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    const fields = rest.trim().split(/\s+/).map(Number);
    const [received, sent] = [fields[0], fields[8]];
    if (name !== "" && received !== undefined && sent !== undefined) found.set(name, { received, sent });
  }
  return found;
}

/**
 * Bytes per second between two readings over the interfaces given that are in both; nothing when one of them counts from the
 * beginning again, or when none is in both.
 */
export function networkRates(
  before: ReadonlyMap<string, NetworkCounters>,
  after: ReadonlyMap<string, NetworkCounters>,
  interfaces: readonly string[],
  seconds: number,
): NetworkCounters | undefined {
  let [received, sent, seen] = [0, 0, 0];
  for (const name of interfaces) {
    const [one, other] = [before.get(name), after.get(name)];
    if (one === undefined || other === undefined) continue;
    if (other.received < one.received || other.sent < one.sent) return undefined;
    received += other.received - one.received;
    sent += other.sent - one.sent;
    seen += 1;
  }
  return seen === 0 || seconds <= 0 ? undefined : { received: received / seconds, sent: sent / seconds };
}

/** Reads a sensor of `/sys` in thousandths of a degree; what no sensor can show (an unconnected one says -274) is no reading. */
export function parseMillidegrees(text: string): number | undefined {
  if (!/^-?\d+$/.test(text.trim())) return undefined;
  const degrees = Number(text.trim()) / 1000;
  return degrees > -60 && degrees < 200 ? degrees : undefined;
}

/** Reads `/proc/uptime`: seconds since the host started. */
export function parseUptime(text: string): number | undefined {
  const seconds = Number(text.split(" ")[0]);
  return text !== "" && Number.isFinite(seconds) ? seconds : undefined;
}
