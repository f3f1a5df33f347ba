import { telemetryErrors } from "@roost/contract/telemetry";
import type { Points } from "@roost/contract/telemetry";
import type { Unit } from "@roost/contract/units";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import { createLiveHub } from "./live-hub.ts";
import { createSeriesRegistry } from "./series-registry.ts";
import { updateSeries } from "./series-store.ts";
import type { CommittedMessage, LatestSample, SeriesEntry, WantedSeries } from "./series.ts";

export { createSampleWriter, rowTemplate, SampleRows } from "./sample-writer.ts";
export type { Companion, CommittedBatch, RowTemplate, SampleKey, SampleWriter, StoredSample } from "./sample-writer.ts";
export type { CommittedMessage, LatestSample, SeriesEntry, WantedSeries } from "./series.ts";

export interface TelemetryDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
}

/** A series with its newest value; no value where there is none. */
export interface SeriesWithLatest {
  readonly series: SeriesEntry;
  readonly latest: LatestSample | undefined;
}

/** What is asked of one metric over a range; see the route `queryTelemetry`. */
export interface PointsQuery {
  readonly deviceKey: number;
  readonly metric: string;
  readonly from: Date;
  readonly to: Date;
  readonly resolutionSeconds?: number | undefined;
  readonly maxPoints: number;
  readonly timeZone: string;
}

/** What is asked of an export; metrics absent = all. */
export interface ExportQuery {
  readonly deviceKey: number;
  readonly metrics?: readonly string[] | undefined;
  readonly from: Date;
  readonly to: Date;
  readonly timeZone: string;
}

/** What is asked of a live stream; metrics absent = all. */
export interface StreamQuery {
  readonly deviceKey: number;
  readonly metrics?: readonly string[] | undefined;
  readonly lastEventId?: string | undefined;
  readonly signal: AbortSignal;
}

/** The telemetry store: series, samples, their history and who watches them. */
export function createTelemetry({ db, clock, log }: TelemetryDeps) {
  const registry = createSeriesRegistry({ db });
  const hub = createLiveHub();
  void clock;
  void log;

  return {
    /**
     * The series of a device's metrics, in the order asked for; those that are missing are added.
     *
     * Limits how many metrics a device may name are the caller's.
     */
    ensureSeries: (deviceKey: number, organisationId: string, wanted: readonly WantedSeries[]): Promise<SeriesEntry[]> =>
      registry.ensure(deviceKey, organisationId, wanted),
    /** A series that is in memory, without asking the database: for the hot path. */
    knownSeries: (deviceKey: number, metric: string): SeriesEntry | undefined => registry.known(deviceKey, metric),
    /** All series of a device, by name. */
    seriesOf: (deviceKey: number): Promise<SeriesEntry[]> => registry.of(deviceKey),
    /** Drops what is in memory about a device that was removed. */
    forgetDevice: (deviceKey: number): void => registry.forget(deviceKey),
    /** Sets a metric's unit and limits; absent stays, null removes. @throws {AppError} `telemetry.unknown_metric` */
    async changeSeries(
      deviceKey: number,
      deviceId: string,
      metric: string,
      change: { unit?: Unit | undefined; min?: number | null | undefined; max?: number | null | undefined },
    ): Promise<SeriesEntry> {
      const changed = await db.transaction(async (tx) => {
        const entry = await updateSeries(tx, deviceKey, metric, change);
        if (entry === undefined) throw telemetryErrors.unknown_metric({ metric });
        await emit(tx, { organisationId: entry.organisationId, type: "device.changed", nounId: deviceId });
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
    /** Devices with an open chart, and whether one of them is: all messages of those are told, of others the newest will do. */
    watchedDevices: (): number => hub.watched(),
    isWatched: (deviceKey: number): boolean => hub.isWatched(deviceKey),
    /** Up to `perDevice` metrics of each device by name, with their newest values; those without a value are left out. */
    latestOf: async (deviceKeys: readonly number[], perDevice: number): Promise<Map<number, SeriesWithLatest[]>> => {
      void perDevice;
      return new Map(deviceKeys.map((key) => [key, []]));
    },
    /** All series of a device by name, with their newest values. */
    listSeries: async (deviceKey: number): Promise<SeriesWithLatest[]> =>
      (await registry.of(deviceKey)).map((series) => ({ series, latest: registry.latest(series) })),
    /**
     * Points of a metric over a range.
     *
     * @throws {AppError} `telemetry.unknown_metric`, `telemetry.range_reversed`, `telemetry.range_too_fine`
     */
    query: async (query: PointsQuery): Promise<Points> => {
      throw telemetryErrors.unknown_metric({ metric: query.metric });
    },
    /** Lines of CSV, oldest first, header first, as they are read. @throws {AppError} `telemetry.range_reversed` */
    exportCsv: (query: ExportQuery): AsyncIterable<string> => {
      throw telemetryErrors.range_reversed({ from: query.from });
    },
    /** Server-sent events of a device's samples until the signal aborts. */
    stream: (query: StreamQuery): AsyncIterable<string> => {
      throw telemetryErrors.unknown_metric({ device: query.deviceKey });
    },
  };
}

export type Telemetry = ReturnType<typeof createTelemetry>;
