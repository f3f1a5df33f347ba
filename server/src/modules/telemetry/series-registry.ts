import type { Db } from "../../platform/db.ts";
import { insertSeries, selectSeries } from "./series-store.ts";
import type { CommittedMessage, LatestSample, SeriesEntry, WantedSeries } from "./series.ts";

/** The newest value lies in the entry itself: the hot path writes four numbers and makes no garbage. */
interface KnownSeries extends SeriesEntry {
  unit: SeriesEntry["unit"];
  min: number | undefined;
  max: number | undefined;
  latestValue: number;
  /** `-Infinity`: none was seen by this process. */
  latestMeasuredAtUs: number;
  latestReceivedAtUs: number;
  latestQuality: number;
  /** The database was asked as well, so what lies here is the newest there is. */
  latestLoaded: boolean;
}

/** The series of the devices that were heard or looked at, in memory, with their newest values. */
export function createSeriesRegistry({ db }: { db: Db }) {
  const byDevice = new Map<number, Map<string, KnownSeries>>();

  /** Takes series in as they are in the database now, keeping the objects that are known. */
  function put(entries: readonly SeriesEntry[]): void {
    for (const entry of entries) {
      let metrics = byDevice.get(entry.deviceKey);
      if (metrics === undefined) byDevice.set(entry.deviceKey, (metrics = new Map<string, KnownSeries>()));
      const known = metrics.get(entry.metric);
      if (known?.key === entry.key) {
        known.unit = entry.unit;
        known.min = entry.min;
        known.max = entry.max;
      } else {
        metrics.set(entry.metric, {
          ...entry,
          latestValue: 0,
          latestMeasuredAtUs: -Infinity,
          latestReceivedAtUs: 0,
          latestQuality: 0,
          latestLoaded: false,
        });
      }
    }
  }

  async function load(deviceKeys: readonly number[]): Promise<void> {
    const entries = await selectSeries(db, deviceKeys);
    for (const deviceKey of deviceKeys) if (!byDevice.has(deviceKey)) byDevice.set(deviceKey, new Map());
    put(entries);
  }

  const byName = (deviceKey: number): SeriesEntry[] =>
    [...(byDevice.get(deviceKey)?.values() ?? [])].toSorted((a, b) => (a.metric < b.metric ? -1 : 1));

  function note(known: KnownSeries, latest: LatestSample): void {
    if (latest.measuredAtUs < known.latestMeasuredAtUs) return;
    known.latestValue = latest.value;
    known.latestMeasuredAtUs = latest.measuredAtUs;
    known.latestReceivedAtUs = latest.receivedAtUs;
    known.latestQuality = latest.quality;
  }

  return {
    put,
    /** All series of a device by name, read once and then kept. */
    async of(deviceKey: number): Promise<SeriesEntry[]> {
      if (!byDevice.has(deviceKey)) await load([deviceKey]);
      return byName(deviceKey);
    },
    /** Reads a device's series again: another server may have added some. */
    reload: (deviceKey: number): Promise<void> => load([deviceKey]),
    /** Reads the series of the devices that are not known yet, in one go. */
    async preload(deviceKeys: readonly number[]): Promise<void> {
      const unknown = deviceKeys.filter((key) => !byDevice.has(key));
      if (unknown.length > 0) await load(unknown);
    },
    byName,
    /** A series that is in memory already; the hot path's way. */
    known: (deviceKey: number, metric: string): SeriesEntry | undefined => byDevice.get(deviceKey)?.get(metric),
    async ensure(deviceKey: number, organisationId: string, wanted: readonly WantedSeries[]): Promise<SeriesEntry[]> {
      const missing = () => wanted.filter((one) => byDevice.get(deviceKey)?.get(one.metric) === undefined);
      if (missing().length > 0) await load([deviceKey]);
      const lacking = missing();
      if (lacking.length > 0) {
        const added = await insertSeries(db, deviceKey, organisationId, lacking);
        await load([deviceKey]);
        // Nothing is stored of what was not there: nobody has to look through what a device tells of its past for the newest value.
        for (const metric of added) {
          const known = byDevice.get(deviceKey)?.get(metric);
          if (known !== undefined) known.latestLoaded = true;
        }
      }
      return wanted.map((one) => {
        const entry = byDevice.get(deviceKey)?.get(one.metric);
        if (entry === undefined) throw new Error("A series that was just added is not there: the device was removed meanwhile.");
        return entry;
      });
    },
    /** Notes values that were committed; a late one never replaces a newer one. */
    record(messages: readonly CommittedMessage[]): void {
      for (const message of messages) {
        const { measuredAtUs, series, values } = message;
        for (let index = 0; index < series.length; index++) {
          const known = series[index] as KnownSeries;
          if (measuredAtUs < known.latestMeasuredAtUs) continue;
          known.latestValue = values[index] as number;
          known.latestMeasuredAtUs = measuredAtUs;
          known.latestReceivedAtUs = message.receivedAtUs;
          known.latestQuality = message.quality;
        }
      }
    },
    /** The newest value; `undefined` where there is none. Ask only after {@link latestUnknown} was answered. */
    latest(entry: SeriesEntry): LatestSample | undefined {
      const known = entry as KnownSeries;
      if (known.latestMeasuredAtUs === -Infinity) return undefined;
      return {
        value: known.latestValue,
        measuredAtUs: known.latestMeasuredAtUs,
        receivedAtUs: known.latestReceivedAtUs,
        quality: known.latestQuality,
      };
    },
    /** The series whose newest value in the database was not read yet. */
    latestUnknown: (entries: readonly SeriesEntry[]): SeriesEntry[] => entries.filter((entry) => !(entry as KnownSeries).latestLoaded),
    /** Takes in what the database holds, or that it holds none. */
    setLatest(entry: SeriesEntry, latest: LatestSample | undefined): void {
      const known = entry as KnownSeries;
      if (latest !== undefined) note(known, latest);
      known.latestLoaded = true;
    },
    /** Reads the series of devices again, and their newest values when they are asked for: another server committed some. */
    async doubt(deviceKeys: readonly number[]): Promise<void> {
      await load(deviceKeys);
      for (const deviceKey of deviceKeys) for (const known of byDevice.get(deviceKey)?.values() ?? []) known.latestLoaded = false;
    },
    forget: (deviceKey: number): void => void byDevice.delete(deviceKey),
  };
}

export type SeriesRegistry = ReturnType<typeof createSeriesRegistry>;
