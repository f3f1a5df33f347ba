import { ruleAt } from "@roost/contract/rules";

import type { Clock } from "../../platform/clock.ts";
import { newId } from "../../platform/id.ts";
import type { RuleBook } from "./rule-book.ts";
import type { LiveRule } from "./rule.ts";
import type { Transition, WatchBook, WatchDeps } from "./watch.ts";

const tickMs = 1_000;
/** After a start everybody has this long to be heard, however old the newest stored value is: silence meanwhile was ours. */
const graceMs = 30_000;

/** One metric of a device, or the device with any of them, that is not to fall silent. */
interface Timer {
  readonly rule: LiveRule;
  readonly deviceId: string;
  readonly siteId: string | undefined;
  readonly metric: string | undefined;
  readonly severity: Transition["severity"];
  readonly afterMs: number;
  open: boolean;
  retired: boolean;
}

export interface SilenceDeps extends Pick<WatchDeps, "placeOf"> {
  readonly rules: RuleBook;
  readonly book: WatchBook;
  readonly clock: Clock;
  readonly settle: () => Promise<void>;
}

/**
 * Says when values stop coming. Nothing happens for a value that comes: a timer that is due looks at when the newest one was measured, and waits
 * on if it is not too long ago.
 */
export function createSilence({ rules, book, placeOf, clock, settle }: SilenceDeps) {
  const timers = new Map<string, Map<string, Timer>>();
  /** What is due, by second. */
  const wheel = new Map<number, Timer[]>();
  const silent = new Set<Timer>();
  const startedMs = clock.nowMs();
  let lookedAt = Math.floor(startedMs / 1_000);
  let interval: NodeJS.Timeout | undefined;

  function schedule(timer: Timer, atMs: number): void {
    const second = Math.max(lookedAt + 1, Math.ceil(atMs / 1_000));
    const slot = wheel.get(second);
    if (slot === undefined) wheel.set(second, [timer]);
    else slot.push(timer);
  }

  /** When it was heard last; `undefined` while what is stored has not been looked at. */
  function heardMs({ deviceId, metric, rule }: Timer): number | undefined {
    const watches = metric === undefined ? [...book.ofDevice(deviceId)] : [book.find(deviceId, metric)].filter((one) => one !== undefined);
    if (watches.some(({ held }) => held)) return undefined;
    const lastUs = watches.reduce((newest, { lastUs: us }) => Math.max(newest, us), Number.NEGATIVE_INFINITY);
    return lastUs === Number.NEGATIVE_INFINITY ? rule.changedAt.getTime() : lastUs / 1_000;
  }

  function tell(timer: Timer, what: "raise" | "clear", atMs: number): void {
    const { rule, deviceId, metric, severity } = timer;
    timer.open = what === "raise";
    book.noteOpen(rule.id, deviceId, "no_data", timer.open);
    if (timer.open) silent.add(timer);
    else silent.delete(timer);
    const minutes = Math.round(timer.afterMs / 6_000) / 10;
    const words = what === "raise" ? `Nothing heard for ${minutes} min.` : undefined;
    book.pending.push({
      what,
      signalId: newId(),
      rule,
      deviceId,
      kind: "no_data",
      severity,
      metric,
      atUs: atMs * 1_000,
      words,
      source: timer,
    });
  }

  /** Looks at one that is due. */
  function look(timer: Timer, nowMs: number): void {
    if (timer.retired) return;
    const heard = heardMs(timer);
    const dueMs =
      heard === undefined ? nowMs + tickMs : Math.max(heard + timer.afterMs, Math.min(startedMs + graceMs, startedMs + timer.afterMs));
    if (dueMs > nowMs || placeOf(timer.deviceId)?.revoked === true) {
      schedule(timer, Math.max(dueMs, nowMs + tickMs));
    } else {
      // Heard never: the silence began with the rule.
      tell(timer, "raise", Math.max(dueMs, timer.rule.changedAt.getTime()));
    }
  }

  function tick(): void {
    const nowMs = clock.nowMs();
    const second = Math.floor(nowMs / 1_000);
    const due = second - lookedAt > wheel.size ? [...wheel.keys()].filter((at) => at <= second) : range(lookedAt + 1, second);
    lookedAt = Math.max(lookedAt, second);
    for (const at of due) {
      const slot = wheel.get(at) ?? [];
      wheel.delete(at);
      for (const timer of slot) look(timer, nowMs);
    }
    for (const timer of silent) {
      const heard = timer.retired ? undefined : heardMs(timer);
      if (timer.retired) silent.delete(timer);
      else if (heard !== undefined && heard + timer.afterMs > nowMs) {
        tell(timer, "clear", Math.min(nowMs, heard));
        schedule(timer, heard + timer.afterMs);
      }
    }
    if (book.pending.length > 0) void settle();
  }

  function retire(timer: Timer): void {
    timer.retired = true;
    silent.delete(timer);
    timers.get(timer.deviceId)?.delete(timer.rule.id);
    if (timers.get(timer.deviceId)?.size === 0) timers.delete(timer.deviceId);
  }

  return {
    /** Brings a device's timers in line with the rules there are about it. */
    align(deviceId: string): void {
      const device = placeOf(deviceId);
      const wanted = device === undefined ? [] : rules.about(deviceId, device).filter(({ fields }) => fields.condition.kind === "no_data");
      const there = timers.get(deviceId);
      for (const timer of there?.values() ?? []) {
        if (!wanted.includes(timer.rule) || timer.siteId !== device?.siteId) retire(timer);
      }
      for (const rule of wanted) {
        if (timers.get(deviceId)?.has(rule.id) === true) continue;
        const effective = ruleAt(rule.fields, device?.siteId);
        if (effective?.condition.kind !== "no_data") continue;
        const { metric, afterSeconds } = effective.condition;
        // Of many devices, those that never sent the metric do not have it.
        if (metric !== undefined && rule.fields.scope.deviceId === undefined && book.find(deviceId, metric) === undefined) continue;
        const open = book.isHolding(rule.id, deviceId, "no_data");
        const timer: Timer = {
          rule,
          deviceId,
          siteId: device?.siteId,
          metric,
          severity: effective.severity,
          afterMs: afterSeconds * 1_000,
          open,
          retired: false,
        };
        timers.set(deviceId, (timers.get(deviceId) ?? new Map<string, Timer>()).set(rule.id, timer));
        if (open) silent.add(timer);
        else schedule(timer, clock.nowMs());
      }
    },

    /** Notes what another server wrote. */
    noteOpen(ruleId: string, deviceId: string, open: boolean): void {
      const timer = timers.get(deviceId)?.get(ruleId);
      if (timer === undefined || timer.open === open) return;
      timer.open = open;
      if (open) silent.add(timer);
      else {
        silent.delete(timer);
        schedule(timer, clock.nowMs());
      }
    },

    forget(deviceId: string): void {
      for (const timer of timers.get(deviceId)?.values() ?? []) retire(timer);
    },

    retire(ruleId: string): void {
      for (const byRule of timers.values()) {
        const timer = byRule.get(ruleId);
        if (timer !== undefined) retire(timer);
      }
    },

    /** Does what is due by now. */
    tick,

    start(): void {
      interval ??= setInterval(tick, tickMs);
      interval.unref();
    },
    stop(): void {
      clearInterval(interval);
    },
  };
}

export type Silence = ReturnType<typeof createSilence>;

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}
