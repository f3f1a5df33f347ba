import { severities } from "@roost/contract/alarms";
import { sql } from "@roost/contract/sql";
import { getStatus } from "@roost/contract/system";

import type { Alarms } from "./modules/alarms/alarms.ts";
import type { Devices } from "./modules/devices/devices.ts";
import type { Ingest } from "./modules/ingest/ingest.ts";
import type { Readiness } from "./modules/readiness/readiness.ts";
import type { Db } from "./platform/db.ts";
import type { Metrics } from "./platform/http/metrics.ts";
import type { Mount } from "./platform/http/mount.ts";
import { countDoor } from "./platform/mqtt/door-metrics.ts";
import type { Door } from "./platform/mqtt/door.ts";
import { countWork } from "./work-metrics.ts";
import type { WorkParts } from "./work-metrics.ts";

export interface SystemDeps {
  readonly db: Db;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly devices: Devices;
  readonly alarms: Alarms;
  readonly ingest: Ingest;
  readonly door: Door;
  readonly work: WorkParts;
  readonly startedAt: Date;
  readonly version: string;
}

/** What belongs to the installation as a whole: its status, and what its parts count. */
export function mountSystem(mount: Mount, deps: SystemDeps): void {
  const { db, readiness, devices, alarms, ingest, door, startedAt, version } = deps;
  countEverything(deps);
  const messagesPerSecond = rateOf(() => ingest.stats().messages);

  mount(getStatus, async ({ caller }) => {
    const [verdict, counts, openAlarms, size] = await Promise.all([
      readiness.judge(),
      devices.counts(caller),
      alarms.openCount(caller),
      db.query<{ bytes: number }>(sql`select pg_database_size(current_database()) as bytes`),
    ]);
    const figures = ingest.stats();
    return {
      version,
      startedAt,
      ready: verdict.ready,
      devices: counts,
      openAlarms,
      ingest: {
        storedValues: figures.valuesStored,
        duplicateValues: figures.duplicates,
        rejected: [...figures.rejects.values()].reduce((sum, count) => sum + count, 0),
        messagesPerSecond: messagesPerSecond(),
      },
      connections: door.stats().connections,
      databaseBytes: size[0]?.bytes ?? 0,
    };
  });
}

/** What the parts count, by the names under which Prometheus asks for it. */
function countEverything({ metrics, ingest, door, readiness, alarms, work }: SystemDeps): void {
  metrics.total({ name: "roost_ingest_messages_total", help: "Messages taken in.", read: () => ingest.stats().messages });
  metrics.total({ name: "roost_ingest_values_stored_total", help: "Values stored.", read: () => ingest.stats().valuesStored });
  metrics.total({ name: "roost_ingest_duplicates_total", help: "Values that were there already.", read: () => ingest.stats().duplicates });
  metrics.total({ name: "roost_ingest_batches_total", help: "Commits of readings.", read: () => ingest.stats().batches });
  metrics.total({
    name: "roost_ingest_rejects_total",
    help: "Messages and values refused.",
    read: () => [...ingest.stats().rejects.values()].reduce((sum, count) => sum + count, 0),
  });
  metrics.gauge({ name: "roost_ingest_waiting_bytes", help: "Read and not committed yet.", read: () => ingest.stats().waitingBytes });
  countDoor(metrics, door);
  countAlarms(metrics, alarms);
  countWork(metrics, work);
  metrics.gauge({
    name: "roost_readiness_canary_age_seconds",
    help: "Age of the newest canary reading that came back; -1 while there is none.",
    read: () => readiness.canaryAgeSeconds() ?? -1,
  });
}

const ratePeriodMs = 5_000;

/** Open alarms of all organisations together: those that are muted or flap are among the open ones. */
function countAlarms(metrics: Metrics, alarms: Pick<Alarms, "openEverywhere">): void {
  const shapes = [
    { name: "roost_alarms_open", help: "Open alarms.", of: "open" },
    { name: "roost_alarms_muted", help: "Open alarms nobody is told of for now.", of: "muted" },
    { name: "roost_alarms_flapping", help: "Open alarms that come and go.", of: "flapping" },
  ] as const;
  for (const { name, help, of } of shapes) {
    metrics.gauges({
      name,
      help,
      labels: ["severity"],
      read: async () => {
        const found = await alarms.openEverywhere();
        return severities.map((severity) => ({
          labels: { severity },
          value: found.find((one) => one.severity === severity)?.[of] ?? 0,
        }));
      },
    });
  }
}

/** How fast a count grows, over the last whole period. */
function rateOf(read: () => number): () => number {
  let before = read();
  let perSecond = 0;
  setInterval(() => {
    const now = read();
    perSecond = ((now - before) * 1_000) / ratePeriodMs;
    before = now;
  }, ratePeriodMs).unref();
  return () => perSecond;
}
