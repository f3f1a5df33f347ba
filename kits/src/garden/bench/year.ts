// A year of a plant's minutes, four metrics: how long its week, month and year take, asked as its page asks, by the server's own clock. Bar 20 ms p95. `--rounds 100 --days 365`
import { parseArgs } from "node:util";

import { queryTelemetry } from "@roost/contract/telemetry";
import { deviceTopics } from "@roost/contract/topics";
import { connect } from "@roost/testbed/device";
import { processTree, usageOf } from "@roost/testbed/process-usage";
import type { MqttClient } from "mqtt";

import { addPlant, assignNode, getPlantHistory } from "../contract/plants.ts";
import { createChance } from "../simulator/chance.ts";
import { createClimate } from "../simulator/climate.ts";
import { spots } from "../simulator/month.ts";
import { createPlant } from "../simulator/plant.ts";
import { createSensors } from "../simulator/sensors.ts";
import { claimNodes, percentile, startGarden } from "./garden-bench.ts";
import type { GardenUnderTest } from "./garden-bench.ts";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "100" }, days: { type: "string", default: "365" } },
});
const rounds = Number(options.rounds);
const days = Number(options.days);
const warmUpRounds = 20;
const barMs = 20;
const minuteMs = 60_000;
const dayMs = 86_400_000;
const place = { latitude: 52.5, longitude: 13.4 };
const metrics = ["soil_moisture", "temperature", "humidity", "light_level"] as const;
const views = [
  { name: "week", rangeMs: 7 * dayMs, maxPoints: 600 },
  { name: "month", rangeMs: 30 * dayMs, maxPoints: 600 },
  { name: "year", rangeMs: 365 * dayMs, maxPoints: 400 },
];
const samplesAtOnce = 1_000;
const messagesAtOnce = 8;

/** The year goes in as a node would send it that had kept it all. */
async function tellYear(client: MqttClient, deviceId: string, fromMs: number, toMs: number): Promise<number> {
  const chance = createChance(1);
  const pot = { thirst: 1, wellFrom: 30, wellTo: 70, mood: "regular", longitude: place.longitude } as const;
  const truth = createPlant({ chance, climate: createClimate(chance.of("climate"), place), spot: spots[0], pot, fromMs });
  const sensors = createSensors(chance, []);
  const underWay = new Set<Promise<unknown>>();
  let told = 0;
  for (let atMs = fromMs; atMs < toMs;) {
    const samples: object[] = [];
    for (; samples.length < samplesAtOnce && atMs < toMs; atMs += minuteMs) {
      const { soilMoisture, temperature, humidity, lightLevel } = sensors.read(truth(atMs), atMs, atMs / minuteMs);
      samples.push({ timestamp: atMs / 1_000, soil_moisture: soilMoisture, temperature, humidity, light_level: lightLevel });
    }
    told += samples.length;
    const done = client
      .publishAsync(deviceTopics(deviceId).telemetry, JSON.stringify(samples), { qos: 1 })
      .finally(() => underWay.delete(done));
    underWay.add(done);
    if (underWay.size >= messagesAtOnce) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  return told;
}

/** What an hour's end does: what is there is compacted now. */
async function compact(garden: GardenUnderTest): Promise<void> {
  const [newest] = await garden.query<{ id: number }>("select max(id) as id from hot_segments");
  // A new writer closes what the one before had open, as soon as there is something to write: the canary's reading at the latest.
  await garden.restart();
  for (const untilMs = performance.now() + 400_000; performance.now() < untilMs;) {
    await garden.query(
      "update hot_segments set opened_at = now() - interval '2 hours' where closed_at is not null and compacted_at is null and opened_at > now() - interval '90 minutes'",
    );
    const [row] = await garden.query<{ n: string }>("select count(*) as n from hot_segments where id <= $1 and compacted_at is null", [
      newest?.id,
    ]);
    if (Number(row?.n) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  throw new Error("What was told was not compacted in time.");
}

const garden = await startGarden({ ROOST_LOG_LEVEL: "debug" });
let missed = 0;
try {
  const [credentials] = await claimNodes(garden, 1);
  if (credentials === undefined) throw new Error("The node was not claimed.");
  const deviceId = credentials.device_id;
  const toMs = Math.floor(Date.now() / minuteMs) * minuteMs;
  const fromMs = toMs - days * dayMs;
  const client = await connect(credentials);
  const beganMs = performance.now();
  const told = await tellYear(client, deviceId, fromMs, toMs);
  const tookMs = performance.now() - beganMs;
  await client.endAsync();
  console.log(
    `told ${told.toLocaleString("en")} readings of ${metrics.length} metrics in ${Math.round(tookMs / 1_000)} s over MQTT and TLS: ${Math.round((told * 1_000) / tookMs).toLocaleString("en")} readings/s`,
  );
  await compact(garden);
  const { call } = garden.administrator;
  const plant = await call(addPlant, { body: { name: "A year old" } });
  await call(assignNode, { params: { plantId: plant.id }, body: { deviceId, since: new Date(fromMs).toISOString() } });
  const tree = processTree(garden.server.child.pid ?? 0);
  /** Asks again and again, metric after metric: by the caller's clock, and by what all processes of the server used meanwhile. */
  const timed = async (ask: (metric: (typeof metrics)[number]) => Promise<unknown>): Promise<{ p50: number; cpuMs: number }> => {
    const callerMs: number[] = [];
    let cpuBefore = 0;
    for (let round = -warmUpRounds; round < rounds; round += 1) {
      if (round === 0) cpuBefore = usageOf(tree).cpuSeconds;
      const startedMs = performance.now();
      await ask(metrics[(round + warmUpRounds) % metrics.length] ?? metrics[0]);
      if (round >= 0) callerMs.push(performance.now() - startedMs);
    }
    return { p50: percentile(callerMs, 50), cpuMs: ((usageOf(tree).cpuSeconds - cpuBefore) * 1_000) / rounds };
  };
  for (const { name, rangeMs, maxPoints } of views) {
    const range = { from: new Date(toMs - rangeMs).toISOString(), to: new Date(toMs).toISOString(), timeZone: "Europe/Berlin", maxPoints };
    let stored = 0;
    const seen = garden.server.output().length;
    const asPage = await timed(async (metric) => {
      const { n } = await call(getPlantHistory, { params: { plantId: plant.id }, query: { metric, ...range } });
      stored = n.reduce((sum, one) => sum + one, 0);
    });
    const asPlatform = await timed((metric) => call(queryTelemetry, { params: { deviceId }, query: { metric, ...range } }));
    const expected = Math.min(told, rangeMs / minuteMs);
    if (Math.abs(stored - expected) > 1_440) throw new Error(`${name}: ${stored} values stand behind the points, ${expected} were told.`);
    // Lines of the log come a moment after their answers.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const lines = garden.server
      .output()
      .slice(seen)
      .matchAll(/"route":"[^"]*\/history"[^\n]*?"tookMs":(\d+)/g);
    const serverMs = [...lines].map(([, ms]) => Number(ms)).slice(warmUpRounds);
    if (serverMs.length < rounds) throw new Error(`${serverMs.length} of ${rounds} answers stand in the log.`);
    const [p50, p95] = [percentile(serverMs, 50), percentile(serverMs, 95)];
    if (p95 > barMs) missed += 1;
    console.log(
      `${name}: server p50 ${p50} ms, p95 ${p95} ms (bar ${barMs}), best ${Math.min(...serverMs)} ms, CPU with PostgreSQL ${asPage.cpuMs.toFixed(1)} ms a question, ${(asPage.p50 / asPlatform.p50).toFixed(2)} x the time of the platform's own query; ${stored.toLocaleString("en")} values behind a chart`,
    );
  }
} finally {
  await garden.end();
}
process.exitCode = missed === 0 ? 0 : 1;
