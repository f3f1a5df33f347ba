/** A value as the model of the store keeps it. Instants in epoch microseconds. */
export interface ModelSample {
  readonly seriesKey: number;
  readonly measuredUs: number;
  readonly receivedUs: number;
  readonly value: number;
  readonly quality: number;
  readonly seq: number | null;
}

/** What lies in a bucket, by the model. */
export interface ModelBucket {
  readonly key: string;
  readonly n: number;
  readonly min: number;
  readonly max: number;
  readonly avg: number;
}

/** Each sample once: by (series, instant, seq) the copy received first, then the lower value, then the lower quality. Oldest first. */
export function distinct(samples: readonly ModelSample[]): ModelSample[] {
  const kept = new Map<string, ModelSample>();
  for (const sample of samples) {
    const key = `${sample.seriesKey}/${sample.measuredUs}/${sample.seq ?? -1}`;
    const other = kept.get(key);
    const order =
      other === undefined ? -1 : sample.receivedUs - other.receivedUs || sample.value - other.value || sample.quality - other.quality;
    if (order < 0) kept.set(key, sample);
  }
  return [...kept.values()].toSorted((a, b) => a.measuredUs - b.measuredUs || a.seriesKey - b.seriesKey || (a.seq ?? -1) - (b.seq ?? -1));
}

/** Groups samples by a key and adds up, in the order of their instants. */
export function bucketed(samples: readonly ModelSample[], keyOf: (ms: number) => string): ModelBucket[] {
  const groups = new Map<string, number[]>();
  for (const { measuredUs, value } of samples) {
    const key = keyOf(Math.floor(measuredUs / 1_000));
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return [...groups].map(([key, values]) => ({
    key,
    n: values.length,
    min: Math.min(...values),
    max: Math.max(...values),
    avg: values.reduce((sum, value) => sum + value, 0) / values.length,
  }));
}

/**
 * Names the bucket of an instant by what a wall clock shows there; an independent way to what the store does by boundaries.
 *
 * @param stepSeconds - 3600 × a divisor of 24, or whole days up to a week.
 */
export function wallClockKey(timeZone: string, stepSeconds: number): (ms: number) => string {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    timeZoneName: "longOffset",
  });
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    const day = `${parts["year"]}-${parts["month"]}-${parts["day"]}`;
    // The hour that a clock shows twice is two hours.
    if (stepSeconds === 3_600) return `${day} ${parts["hour"]} ${parts["timeZoneName"]}`;
    if (stepSeconds < 86_400) return `${day} ${Math.floor(Number(parts["hour"]) / (stepSeconds / 3_600))}`;
    const dayNumber = Math.floor(Date.parse(`${day}T00:00:00Z`) / 86_400_000);
    const days = stepSeconds / 86_400;
    const shift = days % 7 === 0 ? 4 : 0;
    return String(Math.floor((dayNumber - shift) / days));
  };
}
