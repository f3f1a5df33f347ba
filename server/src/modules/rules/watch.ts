import { newId } from "../../platform/id.ts";
import { freshMemory, judge } from "./rule.ts";
import type { Direction, Limit, Memory } from "./rule.ts";

/**
 * The live holder of all rules of one metric of one device. Ingest keeps it and asks it for every new value; rules that
 * come, change and go later do so in the same object.
 */
export interface Watch {
  /**
   * Judges one value: tens of nanoseconds and nothing allocated while nothing changes. What is not newer than the last value judged is
   * passed over, so duplicates and late data flip nothing.
   *
   * @returns Whether there is something to settle.
   */
  observe(value: number, measuredAtUs: number): boolean;
}

/** An alarm is to be raised or cleared; waits for its transaction. */
export interface Transition {
  readonly kind: "raise" | "clear";
  /** Made here, so that a retry after a lost answer turns nothing twice. */
  readonly signalId: string;
  readonly ruleId: string;
  readonly direction: Direction;
  readonly threshold: number;
  readonly value: number;
  readonly measuredAtUs: number;
  /** The limit that saw it; a limit that was replaced since has no say any more. */
  readonly source: WatchedLimit;
}

/** One side of one rule, watched. */
export interface WatchedLimit {
  readonly ruleId: string;
  readonly limit: Limit;
  readonly memory: Memory;
  retired: boolean;
}

const none: readonly WatchedLimit[] = [];

class MetricWatch implements Watch {
  readonly deviceId: string;
  readonly metric: string;
  limits: readonly WatchedLimit[] = none;
  lastUs = Number.NEGATIVE_INFINITY;
  lastValue = Number.NaN;
  /** What is stored was looked at: `last` is the newest there is. */
  compared = false;
  /**
   * Rules wait for that look. Until then a value that comes late, or again, could be taken for the newest one; only the newest heard is kept.
   */
  held = false;
  readonly #pending: Transition[];

  constructor(deviceId: string, metric: string, pending: Transition[]) {
    this.deviceId = deviceId;
    this.metric = metric;
    this.#pending = pending;
  }

  observe(value: number, measuredAtUs: number): boolean {
    if (!(measuredAtUs > this.lastUs)) return false;
    this.lastUs = measuredAtUs;
    this.lastValue = value;
    return this.held ? false : this.judgeLast(this.limits);
  }

  /** Judges the newest value known; the same one twice changes nothing. */
  judgeLast(limits: readonly WatchedLimit[]): boolean {
    if (this.lastUs === Number.NEGATIVE_INFINITY) return false;
    let changed = false;
    for (let index = 0; index < limits.length; index += 1) {
      if (this.#judgeOne(limits[index] as WatchedLimit)) changed = true;
    }
    return changed;
  }

  #judgeOne(source: WatchedLimit): boolean {
    const verdict = judge(source.limit, source.memory, this.lastValue, this.lastUs);
    if (verdict === "nothing") return false;
    this.#pending.push({
      kind: verdict,
      signalId: newId(),
      ruleId: source.ruleId,
      direction: source.limit.direction,
      threshold: source.limit.threshold,
      value: this.lastValue,
      measuredAtUs: this.lastUs,
      source,
    });
    return true;
  }
}

/** What a stored value says, for rules that come later than their values. */
export interface KnownValue {
  readonly value: number;
  readonly measuredAtUs: number;
}

/**
 * All watches of the process, and the transitions they have found but nobody has written yet.
 *
 * `pending` needs no bound of its own: values are judged on their way to the database, and ingest stops taking values while it is away.
 */
export function createWatchBook() {
  const pending: Transition[] = [];
  const devices = new Map<string, Map<string, MetricWatch>>();
  const rules = new Map<string, { readonly watch: MetricWatch; readonly limits: readonly WatchedLimit[] }>();

  function watchOf(deviceId: string, metric: string): MetricWatch {
    let metrics = devices.get(deviceId);
    if (metrics === undefined) {
      metrics = new Map();
      devices.set(deviceId, metrics);
    }
    let watch = metrics.get(metric);
    if (watch === undefined) {
      watch = new MetricWatch(deviceId, metric, pending);
      metrics.set(metric, watch);
    }
    return watch;
  }

  function retire(ruleId: string): void {
    const known = rules.get(ruleId);
    if (known === undefined) return;
    rules.delete(ruleId);
    for (const one of known.limits) one.retired = true;
    known.watch.limits = known.watch.limits.filter((one) => !one.retired);
  }

  return {
    pending,
    watchOf,
    retire,

    /**
     * Puts a rule in force, in place of what it was. Where the metric was compared with what is stored, the newest value is judged at once;
     * else the rule waits for {@link compare}.
     *
     * @param open - The directions whose alarm is open in the database.
     */
    apply(
      rule: { readonly id: string; readonly deviceId: string; readonly metric: string; readonly limits: readonly Limit[] },
      open: ReadonlySet<Direction>,
    ): void {
      retire(rule.id);
      const watch = watchOf(rule.deviceId, rule.metric);
      const limits = rule.limits.map((limit): WatchedLimit => ({
        ruleId: rule.id,
        limit,
        memory: freshMemory(open.has(limit.direction)),
        retired: false,
      }));
      rules.set(rule.id, { watch, limits });
      watch.limits = [...watch.limits, ...limits];
      if (watch.compared) watch.judgeLast(limits);
      else watch.held = true;
    },

    /** Takes in the newest stored value, or that there is none, and judges the newest of all. */
    compare(deviceId: string, metric: string, latest: KnownValue | undefined): void {
      const watch = devices.get(deviceId)?.get(metric);
      if (watch === undefined) return;
      if (latest !== undefined && latest.measuredAtUs > watch.lastUs) {
        watch.lastUs = latest.measuredAtUs;
        watch.lastValue = latest.value;
      }
      watch.compared = true;
      watch.held = false;
      watch.judgeLast(watch.limits);
    },

    /** Waits no longer for what is stored: judges what was heard. */
    release(deviceId: string, metric: string): void {
      const watch = devices.get(deviceId)?.get(metric);
      if (watch?.held !== true) return;
      watch.held = false;
      watch.judgeLast(watch.limits);
    },

    /** Notes what another server wrote: its alarm is open, or not any more. */
    noteOpen(ruleId: string, direction: Direction, open: boolean): void {
      const one = rules.get(ruleId)?.limits.find(({ limit }) => limit.direction === direction);
      if (one === undefined) return;
      one.memory.open = open;
      one.memory.outsideSinceUs = Number.NaN;
    },

    /** Lets go of a removed device; what ingest still holds of it has no rules any more. */
    forget(deviceId: string): void {
      const metrics = devices.get(deviceId);
      if (metrics === undefined) return;
      devices.delete(deviceId);
      for (const watch of metrics.values()) for (const { ruleId } of watch.limits) retire(ruleId);
    },

    ruleIds: (): string[] => [...rules.keys()],
  };
}

export type WatchBook = ReturnType<typeof createWatchBook>;
