import { defineKit } from "@roost/contract/kit";
import { z } from "zod";

/** A Linux host that runs the agent: this very machine first of all. */
export const hostKit = defineKit({
  id: "host",
  title: "Linux host",
  about: "Computers that run the agent: this very machine first of all.",
  alwaysOn: true,
  deviceKinds: {
    "linux-host": {
      title: "Linux host",
      metrics: {
        cpu_used: { unit: "%", min: 0, max: 100, about: "Share of processor time in use since the last sample, over all cores." },
        memory_used: { unit: "%", min: 0, max: 100, about: "Share of memory in use that could not be freed for other programs." },
        memory_available: { unit: "MB", min: 0, about: "Memory that programs can still get without swapping." },
        swap_used: { unit: "%", min: 0, max: 100, about: "Share of swap space in use; absent without swap." },
        disk_used: { unit: "%", min: 0, max: 100, about: "Share of the file system in use that holds the agent's data." },
        disk_free: { unit: "GB", min: 0, about: "Free space on the file system that holds the agent's data." },
        load_1m: { unit: "1", min: 0, about: "Load average over one minute." },
        load_5m: { unit: "1", min: 0, about: "Load average over five minutes." },
        load_15m: { unit: "1", min: 0, about: "Load average over fifteen minutes." },
        network_received: { unit: "B/s", min: 0, about: "Bytes received per second since the last sample, loopback left out." },
        network_sent: { unit: "B/s", min: 0, about: "Bytes sent per second since the last sample, loopback left out." },
        temperature: { unit: "°C", min: -60, max: 200, about: "The hottest of the host's thermal sensors; absent where there is none." },
        uptime: { unit: "s", min: 0, about: "Time since the host started." },
      },
      commands: {
        ping: {
          title: "Ping",
          about: "The agent answers with the word it was sent, and does nothing else: shows that commands get through.",
          params: z.strictObject({ nonce: z.string().max(64).default("").describe("Any word; the answer carries it.") }),
          expiresAfterSeconds: 60,
        },
        measure_now: {
          title: "Measure now",
          about: "The agent measures at once, beside its usual pace, and answers with the values; they are stored like any others.",
          params: z.strictObject({}),
          expiresAfterSeconds: 300,
        },
      },
    },
  },
});
