// How long a flag takes to be asked: alone, behind rules, by shares, by OpenFeature; and until a change holds on another server.
// node testbed/bench/flags.ts [--asks 2e6] [--changes 50]
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

import { openCluster, quantile } from "./store.ts";

const { values: options } = parseArgs({
  options: { asks: { type: "string", default: "2e6" }, changes: { type: "string", default: "50" } },
});
const asks = Number(options.asks);
const changes = Number(options.changes);
const barMicroseconds = 5;

interface FlagsUnderTest {
  start(): Promise<void>;
  boolean(key: string, fallback: boolean, context: object): boolean;
  add(flag: object, by: object): Promise<unknown>;
  change(key: string, change: object, by: object): Promise<unknown>;
  readonly provider: object;
  close(): Promise<void>;
}

const from = <Module>(path: string): Promise<Module> =>
  import(new URL(`../../server/src/${path}`, import.meta.url).href) as Promise<Module>;
const { createDb } = await from<{ createDb: (options: object) => { close(): Promise<void> } }>("platform/db.ts");
const { systemClock } = await from<{ systemClock: object }>("platform/clock.ts");
const { createLog } = await from<{ createLog: (options: object) => object }>("platform/log.ts");
const { createAudit } = await from<{ createAudit: (deps: object) => object }>("modules/audit/audit.ts");
const { createFlags } = await from<{ createFlags: (deps: object) => FlagsUnderTest }>("modules/flags/flags.ts");
interface OpenFeatureClient {
  getBooleanValue(key: string, fallback: boolean, context: object): Promise<boolean>;
}
interface OpenFeatureLibrary {
  readonly OpenFeature: {
    setProviderAndWait(domain: string, provider: object): Promise<void>;
    getClient(domain: string): OpenFeatureClient;
  };
}
// The server's library, which is none of the testbed's.
const ofServer = createRequire(new URL("../../server/package.json", import.meta.url));
const library = ofServer.resolve(["@openfeature", "server-sdk"].join("/"));
const { OpenFeature } = (await import(library)) as OpenFeatureLibrary;

const cluster = await openCluster();
const store = await cluster.openStore("flags");
const { host, port, database, user } = store.client;
const log = createLog({ level: "silent", pretty: false });
const db = createDb({ connection: { host, port, database, user }, log });
const make = () =>
  createFlags({
    db,
    clock: systemClock,
    log,
    audit: createAudit({ db, clock: systemClock, log, key: Buffer.alloc(32, 7) }),
    overrides: new Map(),
    environment: "production",
  });
const flags = make();
const other = make();
await flags.start();
const by = { kind: "system", id: "bench", name: "bench" };

const ids = Array.from({ length: 1_000 }, (_, index) => `device-${index}`);
const uuidOf = (index: number) => `0198c0de-0000-7000-8000-${String(index).padStart(12, "0")}`;
const rules = [
  { when: { environments: ["staging"] }, serve: { value: true } },
  { when: { organisationIds: Array.from({ length: 200 }, (_, index) => uuidOf(index)) }, serve: { value: true } },
  { when: { groupIds: Array.from({ length: 200 }, (_, index) => uuidOf(1_000 + index)) }, serve: { value: true } },
  { when: { kinds: ["door", "camera"], deviceIds: ids.slice(0, 500) }, serve: { value: true } },
];
const split = {
  split: [
    { variant: "on", percent: 10 },
    { variant: "off", percent: 90 },
  ],
};
const shapes = {
  "the same for all": {},
  "behind four rules": { rules },
  "by shares": { serve: split },
  "four rules, then shares": { rules, serve: split },
};
// Among many, as in a real installation.
for (let index = 0; index < 200; index += 1) {
  await flags.add({ key: `other-${index}`, type: "boolean", about: "One of many.", value: false }, by);
}
const keys = new Map<string, string>();
for (const [index, [name, change]] of Object.entries(shapes).entries()) {
  const key = `measured-${index}`;
  await flags.add({ key, type: "boolean", about: name, value: false }, by);
  await flags.change(key, change, by);
  keys.set(name, key);
}
const contexts = ids.map((deviceId, index) => ({
  targetingKey: deviceId,
  deviceId,
  organisationId: uuidOf(5_000 + index),
  groupIds: [uuidOf(6_000 + index), uuidOf(7_000 + index)],
  kind: "sensor",
}));

/** Microseconds per ask, the median of seven rounds. */
function measure(ask: (index: number) => boolean): number {
  const rounds = Array.from({ length: 7 }, () => {
    const count = Math.ceil(asks / 7);
    const startedMs = performance.now();
    let trues = 0;
    for (let index = 0; index < count; index += 1) if (ask(index)) trues += 1;
    const tookMs = performance.now() - startedMs;
    if (trues < 0) throw new Error("Nothing was asked.");
    return (tookMs * 1_000) / count;
  });
  return quantile(
    rounds.toSorted((one, two) => one - two),
    0.5,
  );
}

const plain = new Map(ids.map((id) => [id, id.length > 5]));
const mapUs = measure((index) => plain.get(ids[index % ids.length] ?? "") ?? false);
process.stdout.write(`asked of                        us/ask   of a Map's look-up   bar ${barMicroseconds} us\n`);
process.stdout.write(`${"a Map".padEnd(28)} ${mapUs.toFixed(3).padStart(9)}   1.0 x\n`);
for (const [name, key] of keys) {
  const us = measure((index) => flags.boolean(key, false, contexts[index % contexts.length] ?? {}));
  process.stdout.write(
    `${name.padEnd(28)} ${us.toFixed(3).padStart(9)}   ${(us / mapUs).toFixed(1)} x   ${us <= barMicroseconds ? "within" : "BEYOND"}\n`,
  );
}
await OpenFeature.setProviderAndWait("bench", flags.provider);
const client = OpenFeature.getClient("bench");
const count = Math.ceil(asks / 20);
const key = keys.get("four rules, then shares") ?? "";
const startedMs = performance.now();
for (let index = 0; index < count; index += 1) await client.getBooleanValue(key, false, contexts[index % contexts.length] ?? {});
const clientUs = ((performance.now() - startedMs) * 1_000) / count;
process.stdout.write(`${"the last, by OpenFeature".padEnd(28)} ${clientUs.toFixed(3).padStart(9)}   ${(clientUs / mapUs).toFixed(1)} x\n`);

await other.start();
const waits: number[] = [];
for (let index = 0; index < changes; index += 1) {
  const value = index % 2 === 0;
  await flags.change("measured-0", { serve: { value } }, by);
  const committedMs = performance.now();
  while (other.boolean("measured-0", false, {}) !== value) await new Promise((resolve) => setTimeout(resolve, 1));
  waits.push(performance.now() - committedMs);
}
waits.sort((one, two) => one - two);
process.stdout.write(
  `a change until it holds on another server: p50 ${quantile(waits, 0.5).toFixed(1)} ms, p95 ${quantile(waits, 0.95).toFixed(1)} ms after the answer (bar 2,000 ms)\n`,
);
await flags.close();
await other.close();
await db.close();
await store.close();
await cluster.close();
process.exit(0);
