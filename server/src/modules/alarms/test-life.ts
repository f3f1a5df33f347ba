import type { Alarm, AlarmKind } from "@roost/contract/alarms";
import fc from "fast-check";

import type { Mute } from "./life.ts";
import { isPulse } from "./signal.ts";
import type { Signal } from "./signal.ts";

/** What is reached through what: two levels, and one that stands alone. */
export const ways: Readonly<Record<string, readonly string[]>> = {
  olt: [],
  switch: ["olt"],
  "ont-1": ["switch", "olt"],
  "ont-2": ["switch", "olt"],
  "ont-3": ["olt"],
  alone: [],
};

export interface Subject {
  readonly deviceId: string | undefined;
  readonly type: string;
  readonly kind: AlarmKind;
}

export const subjects: readonly Subject[] = [
  ...Object.keys(ways).map((deviceId) => ({ deviceId, type: "offline", kind: "offline" as const })),
  { deviceId: "ont-1", type: "rule:1:above", kind: "above" as const },
  { deviceId: "ont-2", type: "rule:2:no_data", kind: "no_data" as const },
  { deviceId: "alone", type: "rule:3:above", kind: "above" as const },
  { deviceId: "alone", type: "event:door", kind: "event" as const },
  { deviceId: undefined, type: "external:HighLatency", kind: "external" as const },
];
export const nameOf = ({ deviceId, type }: { deviceId?: string | undefined; type: string }) => `${deviceId ?? "alertmanager"} ${type}`;

type About<Do> = Do extends string ? { readonly do: Do; readonly about: Subject } : never;
export type Step =
  | About<"raise" | "repeat" | "clear" | "end" | "acknowledge">
  | { readonly do: "snooze"; readonly about: Subject; readonly seconds: number }
  | { readonly do: "cover"; readonly device: string; readonly record: boolean }
  | { readonly do: "uncover"; readonly device: string }
  | { readonly do: "wait"; readonly seconds: number };

const about = fc.constantFrom(...subjects);
const place = fc.constantFrom("olt", "ont-1", "alone", "everything");
export const steps = (maxLength: number) =>
  fc.array(
    fc.oneof(
      { weight: 10, arbitrary: fc.record({ do: fc.constantFrom("raise" as const, "clear" as const), about }) },
      // Up and down and up again: that is how something flaps.
      { weight: 1, arbitrary: fc.record({ do: fc.constant("repeat" as const), about }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("end" as const, "acknowledge" as const), about }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("snooze" as const), about, seconds: fc.constantFrom(30, 90, 900) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("cover" as const), device: place, record: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("uncover" as const), device: place }) },
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(1, 29, 31, 59, 60, 61, 299, 300, 1_000) }),
      },
    ),
    { minLength: 1, maxLength },
  );

interface Episode {
  occurrences: number;
  flapping: boolean;
  quietSinceMs: number | undefined;
  snoozedUntilMs: number | undefined;
  keptBack: boolean;
  acknowledged: boolean;
}

/** What anybody would expect of an alarm that is open. */
export interface Expected {
  readonly name: string;
  readonly occurrences: number;
  readonly holds: boolean;
  readonly flapping: boolean;
  readonly acknowledged: boolean;
  readonly keptBack: boolean;
  readonly mutedBy: string | undefined;
}

/** How alarms should go, said as plainly as possible, without any of the house's code. */
export class LifeModel {
  nowMs: number;
  readonly covers = new Map<string, boolean>();
  readonly #open = new Map<string, Episode>();
  readonly #began = new Map<string, number[]>();
  readonly #backSinceMs = new Map<string, number>();

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  coverOf(deviceId: string | undefined): Mute | undefined {
    const record = this.covers.get(deviceId ?? "") ?? this.covers.get("everything");
    return record === undefined ? undefined : { by: "window", record };
  }

  raise(one: Subject): void {
    const name = nameOf(one);
    const open = this.#open.get(name);
    if (open === undefined) {
      const began = [...(this.#began.get(name) ?? []), this.nowMs];
      this.#began.set(name, began);
      this.#open.set(name, {
        occurrences: 1,
        flapping: began.filter((ms) => this.nowMs - ms <= 900_000).length >= 5,
        quietSinceMs: undefined,
        snoozedUntilMs: undefined,
        keptBack: this.coverOf(one.deviceId)?.record === false,
        acknowledged: false,
      });
    } else if (open.quietSinceMs !== undefined || isPulse(one.kind)) {
      open.occurrences += 1;
      open.quietSinceMs = undefined;
    }
  }

  clear(one: Subject, byHand: boolean): void {
    const open = this.#open.get(nameOf(one));
    if (open?.flapping === true && !byHand) open.quietSinceMs ??= this.nowMs;
    else if (open !== undefined) this.#close(one);
  }

  acknowledge(one: Subject): void {
    const open = this.#open.get(nameOf(one));
    if (open !== undefined) open.acknowledged = true;
  }

  snooze(one: Subject, seconds: number): void {
    const open = this.#open.get(nameOf(one));
    if (open !== undefined) open.snoozedUntilMs = this.nowMs + seconds * 1_000;
  }

  /** Whether people are to see it at all now. */
  isShown(one: Subject): boolean {
    const open = this.#open.get(nameOf(one));
    return open !== undefined && !open.keptBack;
  }

  /** Looks at the windows again. */
  review(): void {
    for (const one of subjects) {
      const open = this.#open.get(nameOf(one));
      if (open?.keptBack === true) open.keptBack = this.coverOf(one.deviceId)?.record === false;
    }
  }

  wait(seconds: number): void {
    this.nowMs += seconds * 1_000;
    for (const one of subjects) {
      const open = this.#open.get(nameOf(one));
      if (open === undefined) continue;
      if (open.snoozedUntilMs !== undefined && open.snoozedUntilMs <= this.nowMs) open.snoozedUntilMs = undefined;
      if (open.quietSinceMs !== undefined && open.quietSinceMs + 300_000 <= this.nowMs) this.#close(one);
    }
  }

  mutedBy(one: Subject): string | undefined {
    if (this.#open.get(nameOf(one))?.snoozedUntilMs !== undefined) return "snooze";
    if (this.coverOf(one.deviceId) !== undefined) return "window";
    if (one.kind !== "offline" && one.kind !== "no_data") return undefined;
    const isExplained = (ways[one.deviceId ?? ""] ?? []).some(
      (device) => this.#open.has(`${device} offline`) || (this.#backSinceMs.get(device) ?? -Infinity) + 60_000 > this.nowMs,
    );
    return isExplained ? "parent" : undefined;
  }

  expected(): Expected[] {
    return subjects.flatMap((one) => {
      const name = nameOf(one);
      const open = this.#open.get(name);
      if (open === undefined) return [];
      const { occurrences, flapping, acknowledged, keptBack, quietSinceMs } = open;
      return [{ name, occurrences, flapping, acknowledged, keptBack, holds: quietSinceMs === undefined, mutedBy: this.mutedBy(one) }];
    });
  }

  #close(one: Subject): void {
    this.#open.delete(nameOf(one));
    if (one.kind === "offline" && one.deviceId !== undefined) this.#backSinceMs.set(one.deviceId, this.nowMs);
  }
}

/** An open alarm in the model's words. */
export function seenAs(alarm: Alarm, keptBack: boolean): Expected {
  const { occurrences, holds, flapping, mutedBy } = alarm;
  return { name: nameOf(alarm), occurrences, holds, flapping, acknowledged: alarm.state === "acknowledged", keptBack, mutedBy };
}

/** A signal about a subject of the model. */
export function signalOf(one: Subject, what: Signal["what"], given: Pick<Signal, "id" | "at" | "organisationId" | "by">): Signal {
  const { deviceId, type, kind } = one;
  return { ...given, what, deviceId, type, kind, source: deviceId ?? "alertmanager", severity: "warning" };
}
