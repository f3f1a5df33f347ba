import { describe, expect, it } from "vitest";

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

// As a Raspberry Pi OS writes it.
const stat = `cpu  10132153 290696 3084719 46828483 16683 0 25195 0 175628 0
cpu0 1393280 32966 572056 13343292 6130 0 17875 0 23933 0
intr 8885917 17 0 0 0 0 0 0 0 1
btime 1062191376
processes 7000
`;

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 2776770   11307    0    0    0     0          0         0  2776770   11307    0    0    0     0       0          0
  eth0: 1215645    2751    0    0    0     0          0         0  1782404    4324    0    0    0   427       0          0
wlan0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
`;

describe("what /proc says", () => {
  it("gives the processor's busy time without idle, iowait and the guests that are counted already", () => {
    expect(parseCpuTimes(stat)).toEqual({
      busy: 10132153 + 290696 + 3084719 + 25195,
      total: 10132153 + 290696 + 3084719 + 46828483 + 16683 + 25195,
    });
  });

  it("gives no processor share that was not measured: no time between, counters that went back, nothing readable", () => {
    expect(cpuUsedPercent({ busy: 10, total: 100 }, { busy: 35, total: 200 })).toBe(25);
    expect(cpuUsedPercent({ busy: 10, total: 100 }, { busy: 10, total: 100 })).toBeUndefined();
    expect(cpuUsedPercent({ busy: 10, total: 100 }, { busy: 9, total: 200 })).toBeUndefined();
    expect(cpuUsedPercent({ busy: 10, total: 100 }, { busy: 190, total: 200 })).toBeUndefined();
    expect(parseCpuTimes("")).toBeUndefined();
    expect(parseCpuTimes("cpu  a b c d\n")).toBeUndefined();
  });

  it("gives memory in bytes by name", () => {
    const memory = parseMemory("MemTotal:        1000 kB\nMemAvailable:    250 kB\nHugePages_Total:       0\nActive(file):      3 kB\n");
    expect(Object.fromEntries(memory)).toEqual({ MemTotal: 1_024_000, MemAvailable: 256_000, "Active(file)": 3_072 });
  });

  it("gives the three load averages, or none", () => {
    expect(parseLoad("0.20 1.18 12.12 1/80 11206\n")).toEqual([0.2, 1.18, 12.12]);
    expect(parseLoad("nonsense")).toBeUndefined();
  });

  it("gives each interface's bytes, also where the number follows the name without a space", () => {
    expect(Object.fromEntries(parseNetwork(netDev))).toEqual({
      lo: { received: 2776770, sent: 2776770 },
      eth0: { received: 1215645, sent: 1782404 },
      wlan0: { received: 1, sent: 9 },
    });
  });

  it("gives no network rate when a counter began again, when no interface is in both, when no time passed", () => {
    const before = new Map([["eth0", { received: 1_000, sent: 500 }]]);
    const after = new Map([["eth0", { received: 3_000, sent: 600 }]]);
    expect(networkRates(before, after, ["eth0"], 10)).toEqual({ received: 200, sent: 10 });
    expect(networkRates(after, before, ["eth0"], 10)).toBeUndefined();
    expect(networkRates(before, after, ["eth1"], 10)).toBeUndefined();
    expect(networkRates(before, after, ["eth0"], 0)).toBeUndefined();
  });

  it("gives a temperature in degrees, and none for a sensor that is not connected or unreadable", () => {
    expect(parseMillidegrees("48312\n")).toBe(48.312);
    expect(parseMillidegrees("-5000\n")).toBe(-5);
    expect(parseMillidegrees("-274000\n")).toBeUndefined();
    expect(parseMillidegrees("")).toBeUndefined();
  });

  it("gives the uptime in seconds", () => {
    expect(parseUptime("350735.47 234388.90\n")).toBe(350735.47);
    expect(parseUptime("")).toBeUndefined();
  });
});
