import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { hostKit } from "@roost/kits/host/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createHostInstrument } from "./measure.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "roost-proc-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const network = (received: number, sent: number, bridge: number) =>
  `Inter-|\n face |\n lo: 5 0 0 0 0 0 0 0 5 0\n eth0: ${received} 0 0 0 0 0 0 0 ${sent} 0\n docker0: ${bridge} 0 0 0 0 0 0 0 ${bridge} 0\n`;

describe("measuring a host", () => {
  it("has nothing to say where there is nothing to read: what is missing is missing", async () => {
    const instrument = createHostInstrument({ diskPath: join(root, "none"), monotonicMs: () => 0, root });
    expect(await instrument.measure()).toEqual({});
    expect(await instrument.measure()).toEqual({});
  });

  it("has rates from the second look on, of real network cards, and the hottest sensor", async () => {
    let atMs = 0;
    const instrument = createHostInstrument({ diskPath: root, monotonicMs: () => atMs, root });
    put("proc/stat", "cpu  100 0 0 900 0 0 0 0 0 0\n");
    put("proc/net/dev", network(1_000, 2_000, 0));
    put("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 250000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    put("proc/loadavg", "0.50 0.25 0.10 1/100 7\n");
    put("proc/uptime", "4242.42 100\n");
    mkdirSync(join(root, "sys/class/net/eth0/device"), { recursive: true });
    mkdirSync(join(root, "sys/class/net/docker0"), { recursive: true });
    put("sys/class/thermal/thermal_zone0/temp", "41000\n");
    put("sys/class/hwmon/hwmon0/temp1_input", "55500\n");
    put("sys/class/hwmon/hwmon0/temp2_input", "-274000\n");
    const first = await instrument.measure();
    expect(first).toMatchObject({
      memory_used: 75,
      memory_available: 256,
      load_1m: 0.5,
      load_5m: 0.25,
      load_15m: 0.1,
      temperature: 55.5,
      uptime: 4242,
    });
    for (const absent of ["cpu_used", "network_received", "network_sent", "swap_used"]) expect(first).not.toHaveProperty(absent);
    put("proc/stat", "cpu  130 0 0 970 0 0 0 0 0 0\n");
    put("proc/net/dev", network(6_000, 2_500, 99_999));
    atMs = 10_000;
    expect(await instrument.measure()).toMatchObject({ cpu_used: 30, network_received: 500, network_sent: 50 });
  });

  it("measures this host within the limits its kit gives", async () => {
    const instrument = createHostInstrument({ diskPath: tmpdir(), monotonicMs: () => performance.now() });
    await instrument.measure();
    const values = await instrument.measure();
    const { metrics } = hostKit.deviceKinds["linux-host"];
    expect(Object.keys(values)).toContain("memory_used");
    for (const [metric, value] of Object.entries(values)) {
      const { min, max }: { min?: number; max?: number } = metrics[metric as keyof typeof metrics];
      expect(value).toBeGreaterThanOrEqual(min ?? -Infinity);
      expect(value).toBeLessThanOrEqual(max ?? Infinity);
    }
  });
});
