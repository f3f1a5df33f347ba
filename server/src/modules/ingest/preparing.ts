import { setTimeout as wait } from "node:timers/promises";

import { ingestLimits } from "@roost/contract/ingest";

import { isDatabaseAway } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Devices } from "../devices/devices.ts";
import type { SampleKey, SampleWriter, Telemetry, WantedSeries } from "../telemetry/telemetry.ts";
import type { Batch, WaitingMessage } from "./batch.ts";
import type { DeviceLane } from "./lane.ts";
import { ambiguousKeys, StoredValues } from "./stored-values.ts";
import type { FindLane } from "./taking.ts";

export interface PreparingDeps {
  readonly devices: Pick<Devices, "loadAttributes">;
  readonly telemetry: Pick<Telemetry, "ensureSeries" | "loadSeries" | "seriesOf">;
  readonly samples: Pick<SampleWriter, "findNewest" | "findStored">;
  readonly find: FindLane;
  readonly log: Log;
}

const firstRetryMs = 50;
const longestRetryMs = 500;

/** Asks the database what must be known before the waiting messages of a batch can be judged: devices, series, possible copies. */
export function createPreparing({ devices, telemetry, samples, find, log }: PreparingDeps) {
  async function loadLanes(batch: Batch, lanes: readonly DeviceLane[]): Promise<void> {
    if (lanes.length === 0) return;
    const keys = lanes.map((lane) => lane.device.key);
    const [newest, attributes] = await Promise.all([
      samples.findNewest(
        keys,
        lanes.some((lane) => lane.hasWritten),
      ),
      devices.loadAttributes(keys),
      telemetry.loadSeries(keys),
    ]);
    for (const lane of lanes) {
      const known = newest.get(lane.device.key);
      if (known !== undefined) {
        lane.baseUs = known.measuredUs;
        lane.newestUs = Math.max(lane.newestUs, known.measuredUs);
        lane.highestSeq = Math.max(lane.highestSeq, known.seq ?? -1);
      }
      lane.attributes = new Map(Object.entries(attributes.get(lane.device.key) ?? {}));
      lane.loaded = true;
    }
    noteRows(batch, lanes);
  }

  /** What is in the batch already is known too. */
  function noteRows({ rows }: Batch, lanes: readonly DeviceLane[]): void {
    const byKey = new Map(lanes.map((lane) => [lane.device.key, lane]));
    for (let row = 0; row < rows.count; row += 1) {
      const lane = byKey.get(rows.deviceKeyOf(row));
      if (lane === undefined) continue;
      lane.newestUs = Math.max(lane.newestUs, rows.measuredUsOf(row));
      lane.baseUs = Math.max(lane.baseUs, lane.newestUs);
      lane.highestSeq = Math.max(lane.highestSeq, rows.seqOf(row) ?? -1);
    }
  }

  async function addSeries(waiting: readonly WaitingMessage[]): Promise<void> {
    const wanted = new Map<DeviceLane, Map<string, WantedSeries>>();
    for (const { lane, samples: all } of waiting) {
      for (const sample of all) {
        for (const [index, metric] of sample.metrics.entries()) {
          if (find(lane, metric) !== undefined) continue;
          let metrics = wanted.get(lane);
          if (metrics === undefined) wanted.set(lane, (metrics = new Map()));
          if (!metrics.has(metric)) metrics.set(metric, { metric, kind: sample.kinds[index] ?? "number" });
        }
      }
    }
    await Promise.all([...wanted].map(([lane, metrics]) => addTo(lane, [...metrics.values()])));
  }

  async function addTo(lane: DeviceLane, metrics: readonly WantedSeries[]): Promise<void> {
    const { key, organisationId } = lane.device;
    const room = ingestLimits.metricsPerDevice - (await telemetry.seriesOf(key)).length;
    const allowed = metrics.slice(0, Math.max(0, room));
    if (allowed.length > 0) await telemetry.ensureSeries(key, organisationId, allowed);
  }

  async function ask(batch: Batch, waiting: readonly WaitingMessage[]): Promise<StoredValues> {
    await loadLanes(
      batch,
      [...new Set(waiting.map((message) => message.lane))].filter((lane) => !lane.loaded),
    );
    await addSeries(waiting);
    const stored = new StoredValues();
    const keys: SampleKey[] = ambiguousKeys(waiting);
    if (keys.length > 0) {
      stored.add(await samples.findStored(keys));
      stored.addRows(batch.rows, keys);
    }
    return stored;
  }

  return {
    /**
     * Answers what is stored of the waiting messages, waiting for the database as long as it is away.
     *
     * @param isClosed - Ends the waiting.
     * @throws {Error} where the database refuses to answer for what it was asked.
     */
    async prepare(batch: Batch, waiting: readonly WaitingMessage[], isClosed: () => boolean): Promise<StoredValues> {
      for (let retryMs = firstRetryMs; ; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
        try {
          return await ask(batch, waiting);
        } catch (error) {
          if (!isDatabaseAway(error) || isClosed()) throw error;
          log.warn({ err: error }, "the database is away; messages wait");
          await wait(retryMs);
        }
      }
    },
  };
}
