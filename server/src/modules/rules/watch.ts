import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { metricOf } from "@roost/contract/rule-conditions";
import { ruleAt } from "@roost/contract/rules";

import { newId } from "../../platform/id.ts";
import type { Judge } from "./judge.ts";
import { judgesOf } from "./judges.ts";
import { LimitJudge } from "./limit.ts";
import type { RuleBook } from "./rule-book.ts";
import type { LiveRule, PlacedDevice } from "./rule.ts";

/**
 * The live holder of all rules about one metric of one device. Ingest keeps it and asks it for every new value; rules that
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
  readonly what: "raise" | "clear";
  /** Made here, so that a retry after a lost answer turns nothing twice. */
  readonly signalId: string;
  readonly rule: LiveRule;
  readonly deviceId: string;
  readonly kind: AlarmKind;
  readonly severity: Severity;
  readonly metric?: string | undefined;
  readonly threshold?: number | undefined;
  readonly value?: number | undefined;
  /** When it became true, epoch microseconds. */
  readonly atUs: number;
  readonly words?: string | undefined;
  /** What saw it; what was replaced since has no say any more. */
  readonly source: { readonly retired: boolean };
}

/** A judge of one rule over one metric of one device. */
export interface Watched<J extends Judge = Judge> {
  readonly rule: LiveRule;
  /** Where the device stood when the rule was worked out for it: an exception may hold there. */
  readonly siteId: string | undefined;
  readonly severity: Severity;
  readonly judge: J;
  readonly watch: MetricWatch;
  retired: boolean;
}

/** What a stored value says, for rules that come later than their values. */
export interface KnownValue {
  readonly value: number;
  readonly measuredAtUs: number;
}

/** A stay outside that a process before this one noted. */
export interface KnownStay {
  readonly outsideSinceUs: number;
  readonly inARow: number;
  readonly judgedUs: number;
}

export function holdingKey(ruleId: string, deviceId: string, kind: string): string {
  return `${ruleId} ${deviceId} ${kind}`;
}

/** What all watches of the process have in common. */
interface Shared {
  readonly pending: Transition[];
  /** Judges whose stay outside began or ended: what is kept of them in the database is another now. */
  readonly turned: Set<Watched>;
  readonly holding: Set<string>;
}

export class MetricWatch implements Watch {
  readonly deviceId: string;
  readonly metric: string;
  /** Comparisons with a limit, apart from the others: one loop over things of one shape. */
  limits: readonly Watched<LimitJudge>[] = [];
  others: readonly Watched[] = [];
  lastUs = Number.NEGATIVE_INFINITY;
  lastValue = Number.NaN;
  /** What is stored was looked at: `last` is the newest there is. */
  compared = false;
  /**
   * Rules wait for that look. Until then a value that comes late, or again, could be taken for the newest one; only the newest heard is kept.
   */
  held = false;
  /** The newest value that judges heard; the same one again would be counted twice. */
  judgedUs = Number.NEGATIVE_INFINITY;
  /** Judges that wait for what is stored. */
  fresh: readonly Watched[] = [];
  readonly #shared: Shared;

  constructor(deviceId: string, metric: string, shared: Shared) {
    this.deviceId = deviceId;
    this.metric = metric;
    this.#shared = shared;
  }

  observe(value: number, measuredAtUs: number): boolean {
    if (!(measuredAtUs > this.lastUs)) return false;
    this.lastUs = measuredAtUs;
    this.lastValue = value;
    return this.held ? false : this.judgeLast();
  }

  /** Judges the newest value known. */
  judgeLast(): boolean {
    this.judgedUs = this.lastUs;
    const { limits, others } = this;
    let changed = false;
    for (let index = 0; index < limits.length; index += 1) {
      const one = limits[index] as Watched<LimitJudge>;
      const verdict = one.judge.observe(this.lastValue, this.lastUs);
      if (verdict !== "nothing") changed = this.#tell(one, verdict);
      else if (one.judge.stay.turned) this.#note(one);
    }
    for (let index = 0; index < others.length; index += 1) {
      if (this.#judgeOne(others[index] as Watched)) changed = true;
    }
    return changed;
  }

  #judgeOne(one: Watched): boolean {
    const verdict = one.judge.observe(this.lastValue, this.lastUs);
    if (verdict !== "nothing") return this.#tell(one, verdict);
    if (one.judge.stay.turned) this.#note(one);
    return false;
  }

  /**
   * Takes in judges that are new: those for which the newest value is all there is to know hear it at once, where that is certain; else they
   * wait for {@link compare}.
   *
   * @returns Whether some wait.
   */
  admit(fresh: readonly Watched[]): boolean {
    const waits = fresh.filter(({ judge }) => !this.compared || judge.lookbackUs(this.lastValue) > 0 || judge.kind === "anomaly");
    this.fresh = [...this.fresh.filter((one) => !one.retired), ...waits];
    if (this.compared && this.lastUs > Number.NEGATIVE_INFINITY) for (const one of fresh) if (!waits.includes(one)) this.#judgeOne(one);
    if (waits.length > 0) this.held = true;
    return waits.length > 0;
  }

  /** Notes the newest stored value, or that there is none. @returns From when on waiting judges have to know what is stored, if at all. */
  learn(latest: KnownValue | undefined, stayOf: (one: Watched) => KnownStay | undefined): number | undefined {
    if (latest !== undefined && latest.measuredAtUs > this.lastUs) {
      this.lastUs = latest.measuredAtUs;
      this.lastValue = latest.value;
    }
    if (this.lastUs === Number.NEGATIVE_INFINITY) return undefined;
    const froms = this.fresh.flatMap((one) => {
      const back = one.judge.lookbackUs(this.lastValue);
      const stay = stayOf(one);
      // What was kept when a process stopped is the whole truth up to there.
      return back > 0 ? [stay === undefined ? this.lastUs - back : stay.judgedUs + 1] : [];
    });
    return froms.length === 0 ? undefined : Math.min(...froms);
  }

  /**
   * Ends the wait: what is new hears what is stored, as if it had been there, and says how things are at the end, nothing of what came and went
   * before; then all hear the newest value.
   */
  compare(samples: readonly KnownValue[], stayOf: (one: Watched) => KnownStay | undefined): void {
    const fresh = this.fresh.filter((one) => !one.retired);
    const isNewer = this.lastUs > this.judgedUs;
    this.fresh = [];
    this.compared = true;
    this.held = false;
    if (this.lastUs === Number.NEGATIVE_INFINITY) return;
    for (const one of fresh) {
      const stay = stayOf(one);
      if (stay !== undefined) one.judge.stay.restore(stay);
      this.#replay(one, samples, stay?.judgedUs ?? Number.NEGATIVE_INFINITY);
    }
    if (!isNewer) return;
    this.judgedUs = this.lastUs;
    for (const one of [...this.limits, ...this.others]) if (!fresh.includes(one)) this.#judgeOne(one);
  }

  /** Waits no longer for what is stored: judges what was heard. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    this.fresh = [];
    if (this.lastUs > this.judgedUs) this.judgeLast();
  }

  #replay(one: Watched, samples: readonly KnownValue[], afterUs: number): void {
    const before = one.judge.stay.open;
    let told: { verdict: "raise" | "clear"; sample: KnownValue; words: string | undefined } | undefined;
    let heardUs = afterUs;
    const hear = (sample: KnownValue): void => {
      const verdict = one.judge.observe(sample.value, sample.measuredAtUs);
      heardUs = sample.measuredAtUs;
      if (verdict !== "nothing") told = { verdict, sample, words: one.judge.words() };
    };
    const back = one.judge.lookbackUs(this.lastValue);
    for (const sample of back > 0 ? samples : []) if (sample.measuredAtUs > heardUs && sample.measuredAtUs < this.lastUs) hear(sample);
    if (this.lastUs > heardUs) hear({ value: this.lastValue, measuredAtUs: this.lastUs });
    this.judgedUs = this.lastUs;
    if (told !== undefined && one.judge.stay.open !== before) this.#tell(one, told.verdict, told);
    else if (one.judge.stay.turned) this.#note(one);
  }

  #note(one: Watched): void {
    one.judge.stay.turned = false;
    if (one.judge.stay.lasts) this.#shared.turned.add(one);
  }

  #tell(one: Watched, what: "raise" | "clear", told?: { readonly sample: KnownValue; readonly words: string | undefined }): true {
    this.#note(one);
    const key = holdingKey(one.rule.id, this.deviceId, one.judge.kind);
    if (what === "raise") this.#shared.holding.add(key);
    else this.#shared.holding.delete(key);
    this.#shared.pending.push({
      what,
      signalId: newId(),
      rule: one.rule,
      deviceId: this.deviceId,
      kind: one.judge.kind,
      severity: one.severity,
      metric: this.metric,
      threshold: one.judge.threshold,
      value: told?.sample.value ?? this.lastValue,
      atUs: told?.sample.measuredAtUs ?? this.lastUs,
      words: what === "raise" ? (told === undefined ? one.judge.words() : told.words) : undefined,
      source: one,
    });
    return true;
  }
}

export interface WatchDeps {
  readonly rules: RuleBook;
  /** From memory; `undefined` where there is no such device. */
  readonly placeOf: (deviceId: string) => PlacedDevice | undefined;
  /** Of a metric, from memory; `undefined` where it is not known yet. */
  readonly unitOf: (deviceId: string, metric: string) => string | undefined;
}

/**
 * All watches of the process, and the transitions they have found but nobody has written yet.
 *
 * `pending` needs no bound of its own: values are judged on their way to the database, and ingest stops taking values while it is away.
 */
export function createWatchBook({ rules, placeOf, unitOf }: WatchDeps) {
  const shared: Shared = { pending: [], turned: new Set(), holding: new Set() };
  const devices = new Map<string, Map<string, MetricWatch>>();
  /** By rule and device: what other servers wrote is found here. */
  const attached = new Map<string, Map<string, Set<Watched>>>();

  function retire(one: Watched): void {
    one.retired = true;
    shared.turned.delete(one);
    const { watch, rule } = one;
    watch.limits = watch.limits.filter((other) => other !== one);
    watch.others = watch.others.filter((other) => other !== one);
    const there = attached.get(rule.id)?.get(watch.deviceId);
    there?.delete(one);
    if (there?.size === 0) attached.get(rule.id)?.delete(watch.deviceId);
    if (attached.get(rule.id)?.size === 0) attached.delete(rule.id);
  }

  function attach(watch: MetricWatch, rule: LiveRule, siteId: string | undefined): Watched[] {
    const effective = ruleAt(rule.fields, siteId);
    if (effective === undefined) return [];
    const { condition, severity } = effective;
    const unit = unitOf(watch.deviceId, watch.metric);
    // What the limits come to is known with the metric's unit, when what is stored has been looked at.
    if (unit === undefined && "unit" in condition && condition.unit !== undefined) return [];
    const isOpen = (kind: AlarmKind) => shared.holding.has(holdingKey(rule.id, watch.deviceId, kind));
    return (judgesOf(condition, unit ?? "1", isOpen) ?? []).map((judge) => {
      const one: Watched = { rule, siteId, severity, judge, watch, retired: false };
      if (judge instanceof LimitJudge) watch.limits = [...watch.limits, one as Watched<LimitJudge>];
      else watch.others = [...watch.others, one];
      const byDevice = attached.get(rule.id) ?? new Map<string, Set<Watched>>();
      attached.set(rule.id, byDevice);
      byDevice.set(watch.deviceId, (byDevice.get(watch.deviceId) ?? new Set()).add(one));
      return one;
    });
  }

  /** Brings a watch in line with the rules there are about it. @returns Those that are new. */
  function align(watch: MetricWatch): Watched[] {
    const device = placeOf(watch.deviceId);
    const wanted =
      device === undefined ? [] : rules.about(watch.deviceId, device).filter(({ fields }) => metricOf(fields.condition) === watch.metric);
    const kept = new Set<LiveRule>();
    for (const one of [...watch.limits, ...watch.others]) {
      if (wanted.includes(one.rule) && one.siteId === device?.siteId) kept.add(one.rule);
      else retire(one);
    }
    return wanted.flatMap((rule) => (kept.has(rule) ? [] : attach(watch, rule, device?.siteId)));
  }

  function watchOf(deviceId: string, metric: string): MetricWatch {
    let metrics = devices.get(deviceId);
    if (metrics === undefined) {
      metrics = new Map();
      devices.set(deviceId, metrics);
    }
    let watch = metrics.get(metric);
    if (watch === undefined) {
      watch = new MetricWatch(deviceId, metric, shared);
      metrics.set(metric, watch);
      // Whoever is new here is heard from now on; where something is stored already, the loader has asked for it before.
      align(watch);
    }
    return watch;
  }

  return {
    pending: shared.pending,
    turned: shared.turned,
    watchOf,
    align,
    find: (deviceId: string, metric: string): MetricWatch | undefined => devices.get(deviceId)?.get(metric),
    ofDevice: (deviceId: string): Iterable<MetricWatch> => devices.get(deviceId)?.values() ?? [],
    deviceIds: (): string[] => [...devices.keys()],
    *all(): Iterable<MetricWatch> {
      for (const metrics of devices.values()) yield* metrics.values();
    },

    isHolding: (ruleId: string, deviceId: string, kind: string): boolean => shared.holding.has(holdingKey(ruleId, deviceId, kind)),

    /** Which alarms of a rule hold in the database, in place of what was known. */
    setHoldingOf(ruleId: string, keys: readonly string[]): void {
      for (const key of shared.holding) if (key.startsWith(`${ruleId} `)) shared.holding.delete(key);
      for (const key of keys) shared.holding.add(key);
    },

    /** The same of all rules, at the start. */
    setHolding(keys: Iterable<string>): void {
      shared.holding.clear();
      for (const key of keys) shared.holding.add(key);
    },

    /** Notes what stands in the database: an alarm holds, or not any more. */
    noteOpen(ruleId: string, deviceId: string, kind: string, open: boolean): void {
      const key = holdingKey(ruleId, deviceId, kind);
      if (open) shared.holding.add(key);
      else shared.holding.delete(key);
      for (const { judge } of attached.get(ruleId)?.get(deviceId) ?? []) {
        if (judge.kind !== kind || judge.stay.open === open) continue;
        judge.stay.open = open;
        judge.stay.end();
      }
    },

    /** Takes the judges of a rule off everything. */
    retire(ruleId: string): void {
      for (const there of attached.get(ruleId)?.values() ?? []) for (const one of there) retire(one);
    },

    /** Lets go of a removed device; what ingest still holds of it has no rules any more. */
    forget(deviceId: string): void {
      for (const watch of devices.get(deviceId)?.values() ?? []) for (const one of [...watch.limits, ...watch.others]) retire(one);
      devices.delete(deviceId);
    },
  };
}

export type WatchBook = ReturnType<typeof createWatchBook>;
