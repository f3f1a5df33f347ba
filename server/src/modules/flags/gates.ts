import type { Severity } from "@roost/contract/alarms";
import type { GateReading, PlanGate } from "@roost/contract/rollout-plans";

import type { Clock } from "../../platform/clock.ts";

/** What gates look at; the composition root hands it in, because flags know none of it. */
export interface GateReads {
  /** The checks of the readiness page that are red now, each with its reason. */
  redChecks(): Promise<readonly { readonly name: string; readonly reason: string }[]>;
  /** How many alarms were raised since then, by the database's clock. */
  alarmsRaised(where: {
    readonly since: Date;
    readonly severity: Severity;
    readonly organisationId?: string | undefined;
    readonly groupId?: string | undefined;
    readonly deviceIds?: readonly string[] | undefined;
  }): Promise<number>;
  /** All values of a metric of this server; `undefined` where there is none of this name, or it is no counter or gauge. */
  metric(name: string): Promise<readonly MetricValue[] | undefined>;
}

export interface MetricValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Fewer events than these make no share: one failure in two requests is not 50 %. */
const leastEvents = 10;

interface Sample {
  readonly atMs: number;
  readonly matched: number;
  readonly whole: number;
}

interface Memory {
  closedSinceMs?: number | undefined;
  samples: Sample[];
  usedMs: number;
}

type Look = { readonly open: boolean; readonly seen: string } | undefined;

/**
 * Reads gates. What was seen of a metric in the last minutes, and since when a gate is closed, is kept in memory: each server judges its
 * own numbers.
 */
export function createGates({ reads, clock }: { reads: GateReads; clock: Clock }) {
  const memories = new Map<string, Memory>();

  async function look(gate: PlanGate, since: Date, memory: Memory): Promise<Look> {
    switch (gate.kind) {
      case "readiness": {
        const red = await reads.redChecks();
        const seen = red.length === 0 ? "No check is red." : red.map(({ name, reason }) => `${name} is red: ${reason}`).join(" ");
        return { open: red.length === 0, seen };
      }
      case "alarms": {
        const { severity, organisationId, groupId, deviceIds } = gate;
        const count = await reads.alarmsRaised({ since, severity, organisationId, groupId, deviceIds });
        const what = severity === "critical" ? "critical" : `${severity} or worse`;
        return {
          open: count === 0,
          seen: `${count === 0 ? "No alarm" : count === 1 ? "1 alarm" : `${count} alarms`} (${what}) since the step began.`,
        };
      }
      case "metric":
        return lookAtMetric(gate, memory);
    }
  }

  async function lookAtMetric(gate: Extract<PlanGate, { kind: "metric" }>, memory: Memory): Promise<Look> {
    const values = await reads.metric(gate.metric);
    if (values === undefined) return undefined;
    const sum = (of: readonly MetricValue[]) => of.reduce((all, { value }) => all + value, 0);
    const matched = sum(values.filter(({ labels }) => fits(labels, gate.labels ?? {})));
    const sample = { atMs: clock.monotonicMs(), matched, whole: sum(values) };
    // The newest one before the window stays: it is where the window's increase is counted from.
    const begin = sample.atMs - gate.windowSeconds * 1_000;
    const firstInside = memory.samples.findIndex(({ atMs }) => atMs >= begin);
    if (firstInside > 1) memory.samples.splice(0, firstInside - 1);
    memory.samples.push(sample);
    const first = memory.samples[0] ?? sample;
    const [number, unit] = readingOf(gate, first, sample);
    const { above = Number.POSITIVE_INFINITY, below = Number.NEGATIVE_INFINITY } = gate;
    if (number === undefined) return { open: true, seen: unit };
    return { open: number <= above && number >= below, seen: `${Math.round(number * 100) / 100}${unit}` };
  }

  return {
    /** Says whether there is a metric to look at. */
    hasMetric: async (name: string): Promise<boolean> => (await reads.metric(name)) !== undefined,

    /**
     * Reads one gate; never rejects.
     *
     * @param key - Whose memory: the plan, its step, the gate's place and the moment it is watched from.
     */
    async read(key: string, gate: PlanGate, since: Date): Promise<GateReading> {
      const memory = memories.get(key) ?? { samples: [], usedMs: 0 };
      memories.set(key, memory);
      memory.usedMs = clock.monotonicMs();
      const seen = await look(gate, since, memory).catch(() => undefined);
      if (seen === undefined) return { state: "unknown", seen: "It could not be read." };
      if (seen.open) {
        memory.closedSinceMs = undefined;
        return { state: "open", seen: seen.seen };
      }
      memory.closedSinceMs ??= memory.usedMs;
      const closedMs = memory.usedMs - memory.closedSinceMs;
      return { state: closedMs >= gate.forSeconds * 1_000 ? "failed" : "closed", seen: seen.seen };
    },

    /** Forgets gates that nobody has read for a while. */
    tidy(): void {
      const nowMs = clock.monotonicMs();
      for (const [key, { usedMs }] of memories) if (nowMs - usedMs > 60_000) memories.delete(key);
    },
  };
}

function readingOf(gate: Extract<PlanGate, { kind: "metric" }>, first: Sample, last: Sample): readonly [number | undefined, string] {
  switch (gate.reading) {
    case "value":
      return [last.matched, ""];
    case "rate":
      // Over the whole window, also while it is not full yet: one event in the first second is not sixty a minute.
      return [((last.matched - first.matched) / gate.windowSeconds) * 60, " a minute"];
    case "share": {
      const whole = last.whole - first.whole;
      return whole < leastEvents
        ? [undefined, `Only ${whole} in ${gate.windowSeconds} s: too few to judge.`]
        : [((last.matched - first.matched) / whole) * 100, ` % of ${whole}`];
    }
  }
}

function fits(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, text]) => {
    const value = labels[name];
    return value !== undefined && (text.endsWith("*") ? value.startsWith(text.slice(0, -1)) : value === text);
  });
}
