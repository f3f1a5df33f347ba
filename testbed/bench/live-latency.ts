// From publish to the value at a stream client, while 2,000 messages a second come in over TLS.
import { addressOf } from "@roost/contract/client";
import { streamTelemetry } from "@roost/contract/telemetry";
import { deviceTopics } from "@roost/contract/topics";

import { connect } from "../src/device.ts";
import { readEvents } from "../src/event-stream.ts";
import { percentile } from "../src/ledger.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import { pause } from "../src/waiting.ts";

const perSecond = 2_000;
const devices = 40;
const watched = 4;
const warmUpSeconds = 3;
const seconds = Number(process.env["ROOST_BENCH_SECONDS"] ?? 15);

const folder = createDataDir();
const server = await startServer({ dataDir: folder.dataDir });
const administrator = await setUpAdministrator(server);
const clients: { readonly id: string; readonly client: Awaited<ReturnType<typeof connect>>; lastMs: number }[] = [];
for (let index = 0; index < devices; index += 1) {
  const { device, credentials } = await addClaimedDevice(server, administrator, `bench-${index}`);
  clients.push({ id: device.id, client: await connect(credentials), lastMs: 0 });
}

const sentMs = new Map<string, number>();
const latenciesMs: number[] = [];
const abort = new AbortController();
let counting = false;

async function watch(id: string): Promise<void> {
  const url = server.ready.url + addressOf(streamTelemetry, { params: { deviceId: id }, query: { metrics: "a" } });
  for await (const event of readEvents(url, { headers: { cookie: administrator.cookie }, signal: abort.signal })) {
    const nowMs = performance.now();
    if (event.event !== "samples") continue;
    for (const sample of JSON.parse(event.data) as { at: number }[]) {
      const key = `${id} ${sample.at}`;
      const startedMs = sentMs.get(key);
      if (startedMs !== undefined && counting) latenciesMs.push(nowMs - startedMs);
      sentMs.delete(key);
    }
  }
}

const watching = clients.slice(0, watched).map(({ id }) => watch(id));
let sent = 0;
const startedMs = performance.now();
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - startedMs) / 1_000) * perSecond);
  for (; sent < due; sent += 1) {
    const one = clients[sent % clients.length];
    if (one === undefined) continue;
    one.lastMs = Math.max(Date.now(), one.lastMs + 1);
    if (sent % clients.length < watched) sentMs.set(`${one.id} ${one.lastMs}`, performance.now());
    one.client.publish(
      deviceTopics(one.id).telemetry,
      `{"timestamp":${one.lastMs},"a":${(sent % 977) / 10},"b":21.5,"c":48.25,"d":1013.2}`,
      { qos: 1 },
    );
  }
}, 5);
await pause(warmUpSeconds * 1_000);
counting = true;
const countedFrom = sent;
await pause(seconds * 1_000);
counting = false;
clearInterval(timer);
const rate = (sent - countedFrom) / seconds;
await pause(500);
abort.abort();
await Promise.all(watching);
await Promise.all(clients.map(({ client }) => client.endAsync(true)));
await server.terminate();
folder.remove();

const [p50, p99] = [percentile(latenciesMs, 50) ?? Number.NaN, percentile(latenciesMs, 99) ?? Number.NaN];
console.log("publish to stream client");
console.log(`  ${rate.toFixed(0)} messages/s over ${devices} TLS devices, ${latenciesMs.length} values seen on ${watched} streams`);
console.log(`  p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms = ${(p99 / 100).toFixed(2)} of the bar of 100 ms`);
