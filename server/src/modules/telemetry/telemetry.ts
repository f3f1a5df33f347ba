import { telemetryErrors } from "@roost/contract/telemetry";
import type { Points, Series } from "@roost/contract/telemetry";
import type { Unit } from "@roost/contract/units";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { createCompaction } from "./compaction.ts";
import type { CompactionReport } from "./compaction.ts";
import { exportLines } from "./export-csv.ts";
import type { ExportQuery } from "./export-csv.ts";
import { createLiveHub } from "./live-hub.ts";
import { createLiveStreams } from "./live-stream.ts";
import type { StreamQuery } from "./live-stream.ts";
import { readPoints } from "./points.ts";
import type { PointsQuery } from "./points.ts";
import { createRetentionPolicy } from "./retention-policy.ts";
import { createRetention } from "./retention.ts";
import type { RetentionReport } from "./retention.ts";
import { existsSample, selectLatest } from "./sample-store.ts";
import { createSeriesRegistry } from "./series-registry.ts";
import { updateSeries } from "./series-store.ts";
import { qualityOf } from "./series.ts";
import type { CommittedMessage, LatestSample, SeriesEntry, WantedSeries } from "./series.ts";

export type { ExportQuery } from "./export-csv.ts";
export type { StreamQuery } from "./live-stream.ts";
export type { PointsQuery } from "./points.ts";
export { clockBit } from "./series.ts";
export { createSampleWriter, rowTemplate, SampleRows } from "./sample-writer.ts";
export type { CommittedBatch, RowTemplate, SampleKey, SampleWriter, StoredSample } from "./sample-writer.ts";
export type { CommittedMessage, LatestSample, SeriesEntry, WantedSeries } from "./series.ts";

/** What a kit knows of a metric before the first value came. */
export interface MetricDescription {
  readonly unit: Unit;
  readonly min?: number;
  readonly max?: number;
}

export interface TelemetryDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  readonly log: Log;
  /** Unit and limits for a new series, where a kit describes the metric. */
  readonly describe?: (deviceKey: number, metric: string) => MetricDescription | undefined;
}

/** A series with its newest value; no value where there is none. */
export interface SeriesWithLatest {
  readonly series: SeriesEntry;
  readonly latest: LatestSample | undefined;
}

/** The telemetry store: series, samples, their history and who watches them. */
export function createTelemetry({ db, audit, log, describe }: TelemetryDeps) {
  const registry = createSeriesRegistry({ db });
  const hub = createLiveHub();
  const streams = createLiveStreams({ db, hub, registry, log });
  const compaction = createCompaction({ db, log });
  const retention = createRetention({ db, audit, log });
  const retentionPolicy = createRetentionPolicy({ db, audit });

  /** Reads from the database the newest values that are not known yet. */
  async function loadLatest(entries: readonly SeriesEntry[]): Promise<void> {
    const unknown = registry.latestUnknown(entries);
    if (unknown.length === 0) return;
    const found = new Map((await selectLatest(db, unknown)).map((sample) => [sample.seriesKey, sample]));
    for (const entry of unknown) {
      const sample = found.get(entry.key);
      registry.setLatest(
        entry,
        sample === undefined
          ? undefined
          : { value: sample.value, measuredAtUs: sample.measuredUs, receivedAtUs: sample.receivedUs, quality: sample.quality },
      );
    }
  }

  /** A series by name, looked for in the database where memory has none. */
  async function findSeries(deviceKey: number, metric: string): Promise<SeriesEntry | undefined> {
    const known = registry.known(deviceKey, metric);
    if (known !== undefined) return known;
    await registry.reload(deviceKey);
    return registry.known(deviceKey, metric);
  }

  return {
    /**
     * The series of a device's metrics, in the order asked for; those that are missing are added.
     *
     * Limits how many metrics a device may name are the caller's.
     */
    ensureSeries: (deviceKey: number, organisationId: string, wanted: readonly WantedSeries[]): Promise<SeriesEntry[]> =>
      registry.ensure(
        deviceKey,
        organisationId,
        wanted.map((one) => ({ ...describe?.(deviceKey, one.metric), ...one })),
      ),
    /** A series that is in memory, without asking the database: for the hot path. */
    knownSeries: (deviceKey: number, metric: string): SeriesEntry | undefined => registry.known(deviceKey, metric),
    /** Reads the series of devices that are not in memory yet, in one go. */
    loadSeries: (deviceKeys: readonly number[]): Promise<void> => registry.preload(deviceKeys),
    /** All series of a device, by name. */
    seriesOf: (deviceKey: number): Promise<SeriesEntry[]> => registry.of(deviceKey),
    /** Drops what is in memory about a device that was removed. */
    forgetDevice: (deviceKey: number): void => registry.forget(deviceKey),
    /** Sets a metric's unit and limits; absent stays, null removes. @throws {AppError} `telemetry.unknown_metric` */
    async changeSeries(
      whose: Whose,
      deviceKey: number,
      deviceId: string,
      metric: string,
      change: { unit?: Unit | undefined; min?: number | null | undefined; max?: number | null | undefined },
    ): Promise<SeriesEntry> {
      const changed = await db.within(whose).transaction(async (tx) => {
        const entry = await updateSeries(tx, deviceKey, metric, change);
        if (entry === undefined) throw telemetryErrors.unknown_metric({ metric });
        await emit(tx, { organisationId: entry.organisationId, type: "device.changed", nounId: deviceId });
        await audit.record(tx, {
          organisationId: whose.organisationId,
          by: actorOf(whose),
          action: "series.changed",
          object: { kind: "device", id: deviceId },
          after: { metric, ...change },
        });
        return entry;
      });
      registry.put([changed]);
      return registry.known(deviceKey, metric) ?? changed;
    },

    /** To be called after every commit of a batch: newest values, and those who watch. Never throws. */
    recordCommitted(messages: readonly CommittedMessage[]): void {
      registry.record(messages);
      hub.publish(messages);
    },
    /** Calls back after every commit, with the newest values at least. It must not throw and must not wait. @returns What ends it. */
    onCommitted: hub.listenAll,
    /** Another server committed values of these devices: what is known of them here is read again. */
    committedElsewhere: (deviceKeys: readonly number[]): Promise<void> => registry.doubt(deviceKeys),
    /** Devices with an open chart, and whether one of them is: all messages of those are told, of others the newest will do. */
    watchedDevices: (): number => hub.watched(),
    isWatched: (deviceKey: number): boolean => hub.isWatched(deviceKey),
    /** Up to `perDevice` metrics of each device by name, with their newest values; those without a value are left out. */
    async latestOf(deviceKeys: readonly number[], perDevice: number): Promise<Map<number, SeriesWithLatest[]>> {
      await registry.preload(deviceKeys);
      const byDevice = new Map(deviceKeys.map((key) => [key, registry.byName(key)]));
      await loadLatest([...byDevice.values()].flat());
      return new Map(
        [...byDevice].map(([key, entries]) => [
          key,
          entries
            .map((series) => ({ series, latest: registry.latest(series) }))
            .filter(({ latest }) => latest !== undefined)
            .slice(0, perDevice),
        ]),
      );
    },
    /** All series of a device by name, with their newest values. */
    async listSeries(deviceKey: number): Promise<SeriesWithLatest[]> {
      await registry.reload(deviceKey);
      const entries = registry.byName(deviceKey);
      await loadLatest(entries);
      return entries.map((series) => ({ series, latest: registry.latest(series) }));
    },
    /** The newest value of one metric; `undefined` where there is none, or no such device. */
    async latestValue(deviceKey: number | undefined, metric: string): Promise<LatestSample | undefined> {
      const series = deviceKey === undefined ? undefined : await findSeries(deviceKey, metric);
      if (series === undefined) return undefined;
      await loadLatest([series]);
      return registry.latest(series);
    },
    /** Whether a value of a metric is stored for exactly this instant; read from the database. */
    async isStored(deviceKey: number | undefined, metric: string, measuredAt: Date): Promise<boolean> {
      const series = deviceKey === undefined ? undefined : await findSeries(deviceKey, metric);
      if (series === undefined) return false;
      return existsSample(db, { deviceKey: series.deviceKey, seriesKey: series.key, measuredUs: measuredAt.getTime() * 1_000 });
    },
    /**
     * Points of a metric over a range.
     *
     * @throws {AppError} `telemetry.unknown_metric`, `telemetry.range_reversed`, `telemetry.range_too_fine`
     */
    async query(query: PointsQuery): Promise<Points> {
      const series = await findSeries(query.deviceKey, query.metric);
      if (series === undefined) throw telemetryErrors.unknown_metric({ metric: query.metric });
      return readPoints(query.within === undefined ? db : db.within(query.within), series, query);
    },
    /**
     * Samples as CSV, header first, oldest first, in pieces of a few thousand lines.
     *
     * @throws {AppError} `telemetry.range_reversed`, `telemetry.unknown_metric`
     */
    async exportCsv(query: ExportQuery): Promise<AsyncIterable<string>> {
      if (query.to.getTime() < query.from.getTime()) throw telemetryErrors.range_reversed({ from: query.from, to: query.to });
      await registry.reload(query.deviceKey);
      const all = registry.byName(query.deviceKey);
      const missing = query.metrics?.find((metric) => !all.some((entry) => entry.metric === metric));
      if (missing !== undefined) throw telemetryErrors.unknown_metric({ metric: missing });
      const wanted = query.metrics === undefined ? all : all.filter((entry) => query.metrics?.includes(entry.metric) === true);
      const rows = query.within === undefined ? db : db.within(query.within);
      if (query.onRecord !== undefined) {
        const { by, organisationId, deviceId, deviceName } = query.onRecord;
        await audit.record(rows, {
          organisationId,
          by,
          action: "telemetry.exported",
          object: { kind: "device", id: deviceId, name: deviceName },
          after: { metrics: wanted.map(({ metric }) => metric), from: query.from, to: query.to },
        });
      }
      return exportLines(rows, wanted, query);
    },
    /** Server-sent events of a device's samples, from now on or from the last event's id on, until the signal aborts. */
    stream: (query: StreamQuery): AsyncIterable<string> => streams.stream(query),
    /** Moves closed segments into chunks and drops what was moved long enough ago; any number of servers may. */
    compact: (options: { readonly signal?: AbortSignal; readonly force?: boolean } = {}): Promise<CompactionReport> =>
      compaction.run(options),
    /** How long an organisation keeps what: shown, tried, changed. */
    retention: retentionPolicy,
    /** Deletes what is older than each organisation's policy says. */
    retire: (options: { readonly signal?: AbortSignal } = {}): Promise<RetentionReport> => retention.run(options),
  };
}

export type Telemetry = ReturnType<typeof createTelemetry>;

/** A metric with its newest value, as it goes over the wire. */
export function toSeries({ series, latest }: SeriesWithLatest): Series {
  return {
    metric: series.metric,
    unit: series.unit,
    kind: series.kind,
    ...(series.min === undefined ? {} : { min: series.min }),
    ...(series.max === undefined ? {} : { max: series.max }),
    ...(latest === undefined
      ? {}
      : {
          latest: {
            value: latest.value,
            measuredAt: new Date(latest.measuredAtUs / 1_000),
            receivedAt: new Date(latest.receivedAtUs / 1_000),
            quality: qualityOf(latest.quality),
          },
        }),
  };
}
