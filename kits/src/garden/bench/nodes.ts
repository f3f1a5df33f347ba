// 200 nodes at a sample a second for ten minutes, over MQTT and TLS: nothing that was acknowledged is lost, on one core. `--minutes 10 --nodes 200`
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { connect } from "@roost/testbed/device";
import { processTree, usageOf } from "@roost/testbed/process-usage";
import { readBySql } from "@roost/testbed/stored-rows";
import type { MqttClient } from "mqtt";

import { createChance } from "../simulator/chance.ts";
import { createClimate } from "../simulator/climate.ts";
import { spots } from "../simulator/month.ts";
import { createNodeScript } from "../simulator/node-script.ts";
import { createPlant } from "../simulator/plant.ts";
import { claimNodes, percentile, startGarden } from "./garden-bench.ts";

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, nodes: { type: "string", default: "200" } },
});
const nodes = Number(options.nodes);
const durationMs = Number(options.minutes) * 60_000;
const intervalMs = 1_000;
const place = { latitude: 52.5, longitude: 13.4 };

const garden = await startGarden();
try {
  const credentials = await claimNodes(garden, nodes);
  const clients: MqttClient[] = [];
  for (const one of credentials) clients.push(await connect(one, { keepalive: 60 }));
  const chance = createChance(1);
  const climate = createClimate(chance.of("climate"), place);
  const startedMs = Date.now();
  const scripts = credentials.map((one, index) => {
    const own = chance.of(one.device_id);
    const spot = spots[index % spots.length] ?? spots[0];
    const pot = { thirst: 1, wellFrom: 30, wellTo: 70, mood: "regular", longitude: place.longitude } as const;
    const truth = createPlant({ chance: own, climate, spot, pot, fromMs: startedMs });
    return createNodeScript({
      deviceId: one.device_id,
      chance: own,
      truth,
      incidents: [],
      intervalMs,
      clockStepMs: 1,
      startedMs: startedMs - 60_000,
    });
  });
  const due = new Map<string, number>();
  const tripsMs: number[] = [];
  let sent = 0;
  let refused = 0;
  // Backends come and go: those there are now.
  const cpuOfServer = () => usageOf(processTree(garden.server.child.pid ?? 0)).cpuSeconds;
  const before = { cpu: cpuOfServer(), own: process.cpuUsage(), ms: performance.now() };
  const beat = (index: number): void => {
    for (const { topic, payload, readings } of scripts[index]?.next(Date.now()).messages ?? []) {
      if (readings.length > 0) sent += 1;
      const sentMs = performance.now();
      clients[index]?.publish(topic, payload, { qos: 1 }, (error) => {
        if (readings.length === 0) return;
        if (error) refused += 1;
        else {
          tripsMs.push(performance.now() - sentMs);
          for (const { measuredMs, values } of readings)
            due.set(`${credentials[index]?.device_id} ${measuredMs}`, Object.keys(values).length);
        }
      });
    }
  };
  // Spread over the second, and by the clock: a beat that came late does not move those after it.
  const timers = scripts.map((_, index) =>
    setTimeout(() => timers.push(setInterval(() => beat(index), intervalMs)), (index * intervalMs) / nodes),
  );
  await sleep(durationMs);
  const elapsed = (performance.now() - before.ms) / 1_000;
  const share = (cpuOfServer() - before.cpu) / elapsed;
  const own = process.cpuUsage(before.own);
  for (const timer of timers) clearInterval(timer);
  await sleep(3_000);
  await Promise.all(clients.map((client) => client.endAsync()));
  const found = new Map<string, number>();
  for (const { deviceId, measuredAtMs } of await readBySql(
    garden.server.ready,
    credentials.map(({ device_id }) => device_id),
  )) {
    const key = `${deviceId} ${measuredAtMs}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  const lost = [...due].filter(([key, n]) => (found.get(key) ?? 0) < n).length;
  console.log(
    `${nodes} nodes for ${Math.round(elapsed)} s: ${Math.round(sent / elapsed)} readings/s, sent ${sent}, acknowledged ${due.size}, refused ${refused}, stored ${found.size}, lost ${lost}`,
  );
  console.log(
    `acknowledged after p50 ${percentile(tripsMs, 50).toFixed(1)} ms, p95 ${percentile(tripsMs, 95).toFixed(1)} ms, p99 ${percentile(tripsMs, 99).toFixed(1)} ms`,
  );
  console.log(
    `CPU: server with its PostgreSQL ${share.toFixed(2)} of a core (bar 1.00), nodes ${((own.user + own.system) / 1e6 / elapsed).toFixed(2)}`,
  );
  process.exitCode = lost === 0 && share <= 1 && due.size === sent ? 0 : 1;
} finally {
  await garden.end();
}
