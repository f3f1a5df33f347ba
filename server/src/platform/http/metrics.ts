import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

export type Labels = Readonly<Record<string, string>>;

export interface CounterMetric {
  add(amount?: number, labels?: Labels): void;
}

export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
}

export interface HistogramMetric {
  observe(value: number, labels?: Labels): void;
}

interface MetricShape {
  /** `roost_<noun>_<what>[_<unit>][_total]`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** Numbers about the running program, in Prometheus' form. */
export interface Metrics {
  counter(shape: MetricShape): CounterMetric;
  /** @param read - Asked at each scrape, where the number is known elsewhere. */
  gauge(shape: MetricShape & { readonly read?: () => number }): GaugeMetric;
  /** Numbers by their labels, asked for at each scrape; none are shown where they cannot be had. */
  gauges(shape: MetricShape & { readonly read: () => Promise<readonly { labels: Labels; value: number }[]> }): void;
  /** A total that is counted elsewhere and only read at each scrape; by its labels where it has some. */
  total(shape: MetricShape & { readonly read: () => number | readonly { labels: Labels; value: number }[] }): void;
  /** @param buckets - Upper bounds in the metric's unit, lowest first. */
  histogram(shape: MetricShape & { readonly buckets: readonly number[] }): HistogramMetric;
  /** Every value of a counter or gauge as it stands, by its labels; `undefined` where there is none of this name. */
  read(name: string): Promise<{ labels: Labels; value: number }[] | undefined>;
  /** The exposition text, and its media type. */
  expose(): Promise<{ text: string; type: string }>;
}

const nameForm = /^roost(?:_[a-z0-9]+){2,}$/;

/** Makes a registry of its own; two in one process do not meet. */
export function createMetrics({ processMetrics = true }: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry, prefix: "roost_" });

  function base({ name, help, labels = [] }: MetricShape) {
    if (!nameForm.test(name)) throw new TypeError("A metric is named roost_<noun>_<what>.");
    return { name, help, labelNames: [...labels], registers: [registry] };
  }

  return {
    counter(shape) {
      if (!shape.name.endsWith("_total")) throw new TypeError("A counter's name ends with _total.");
      const counter = new Counter(base(shape));
      return { add: (amount = 1, labels = {}) => counter.inc(labels, amount) };
    },
    gauge(shape) {
      const { read } = shape;
      const gauge = new Gauge({
        ...base(shape),
        ...(read === undefined
          ? {}
          : {
              collect() {
                this.set(read());
              },
            }),
      });
      return { set: (value, labels = {}) => gauge.set(labels, value) };
    },
    gauges(shape) {
      const { read } = shape;
      // eslint-disable-next-line no-new -- it registers itself
      new Gauge({
        ...base(shape),
        async collect() {
          const found = await read().catch(() => []);
          this.reset();
          for (const { labels, value } of found) this.set(labels, value);
        },
      });
    },
    total(shape) {
      if (!shape.name.endsWith("_total")) throw new TypeError("A counter's name ends with _total.");
      const { read } = shape;
      // eslint-disable-next-line no-new -- it registers itself
      new Counter({
        ...base(shape),
        collect() {
          this.reset();
          const found = read();
          if (typeof found === "number") this.inc(found);
          else for (const { labels, value } of found) this.inc(labels, value);
        },
      });
    },
    histogram(shape) {
      const histogram = new Histogram({ ...base(shape), buckets: [...shape.buckets] });
      return { observe: (value, labels = {}) => histogram.observe(labels, value) };
    },
    async read(name) {
      const metric = registry.getSingleMetric(name);
      if (!(metric instanceof Counter || metric instanceof Gauge)) return undefined;
      const { values } = await metric.get();
      return values.map(({ labels, value }) => ({
        labels: Object.fromEntries(Object.entries(labels).map(([label, text]) => [label, String(text)])),
        value,
      }));
    },
    expose: async () => ({ text: await registry.metrics(), type: registry.contentType }),
  };
}
