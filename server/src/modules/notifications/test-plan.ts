import type { Severity } from "@roost/contract/alarms";
import { expect } from "vitest";

import { onDue } from "./plan-due.ts";
import {
  onAcknowledged,
  onCleared,
  onEscalated,
  onFailed,
  onFlapping,
  onMuted,
  onRaised,
  onUnacknowledged,
  stormWindowMs,
} from "./plan.ts";
import type { Heard, Message, Moment, Plan, PlannedAlarm, Recipient, Telling } from "./plan.ts";
import { rankOf } from "./route.ts";

const startMs = Date.parse("2026-06-01T12:00:00Z");
/** Quiet hours over midnight. */
export const night = { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" };

type Sent = Message & { readonly atMs: number };
type Known = PlannedAlarm & { readonly isMuted: boolean; readonly key: string };

/** For tests: the planner with its rows in memory; `restart` keeps what the database would. */
export class PlanHouse {
  nowMs = startMs;
  tellings = new Map<string, Telling>();
  alarms = new Map<string, Known>();
  readonly sent: Sent[] = [];
  readonly recipients: Recipient[];
  readonly settings: Moment["settings"];
  #ids = 0;

  constructor(recipients: Recipient[], settings: Partial<Moment["settings"]> = {}) {
    this.recipients = recipients;
    this.settings = { debounceMs: 60_000, parentWaitMs: 10_000, ringForPast: false, ...settings };
  }

  get moment(): Moment {
    return {
      nowMs: this.nowMs,
      settings: this.settings,
      newId: () => `m${(this.#ids += 1)}`,
      heard: (targetId, groupKey): Heard => {
        const own = [...this.tellings.values()].filter((one) => one.targetId === targetId && one.lastMs !== undefined);
        const group = own.filter((one) => this.alarms.get(one.alarmId)?.groupKey === groupKey);
        const lastMs = group.length === 0 ? undefined : Math.max(...group.map((one) => one.lastMs ?? 0));
        const since = group.filter((one) => (one.lastMs ?? 0) > this.nowMs - this.settings.debounceMs);
        const worst = since.map((one) => one.severity).sort((one, other) => rankOf(other) - rankOf(one))[0];
        const recent = own.filter((one) => (one.lastMs ?? 0) > this.nowMs - stormWindowMs);
        return { lastMs, worst, messages: new Set(recent.map((one) => one.messageId)).size };
      },
    };
  }

  take({ tellings, messages }: Plan): void {
    const seen = new Set<string>();
    for (const telling of tellings) {
      const key = `${telling.alarmId} ${telling.targetId}`;
      // One step says one thing of a telling.
      expect(seen.has(key), `${key} twice in one step`).toBe(false);
      seen.add(key);
      this.tellings.set(key, telling);
    }
    for (const message of messages) {
      expect(message.items.length).toBeGreaterThan(0);
      this.sent.push({ ...message, atMs: this.nowMs });
    }
  }

  of(alarmId: string): Telling[] {
    return [...this.tellings.values()].filter((one) => one.alarmId === alarmId);
  }
  byTarget(alarmId: string): Map<string, Telling> {
    return new Map(this.of(alarmId).map((one) => [one.targetId, one]));
  }
  recipientOf = (targetId: string) => this.recipients.find((one) => one.targetId === targetId);

  raise(id: string, given: Partial<Known> = {}): void {
    const alarm: Known = {
      id,
      groupKey: "g",
      severity: "warning",
      kind: "above",
      hasParent: false,
      isLate: false,
      isOver: false,
      isAcknowledged: false,
      isMuted: false,
      key: given.groupKey ?? "g",
      ...given,
    };
    this.alarms.set(id, alarm);
    if (!alarm.isMuted) this.take(onRaised(this.moment, alarm, this.recipients, this.byTarget(id)));
  }
  #change(id: string, change: Partial<Known>): Known | undefined {
    const before = this.alarms.get(id);
    if (before === undefined || before.isOver) return undefined;
    const after = { ...before, ...change };
    this.alarms.set(id, after);
    return after;
  }
  clear(id: string): void {
    const alarm = this.#change(id, { isOver: true });
    if (alarm !== undefined) this.take(onCleared(this.moment, alarm, this.of(id), this.recipientOf));
  }
  mute(id: string): void {
    if (this.#change(id, { isMuted: true }) !== undefined) this.take(onMuted(this.of(id)));
  }
  unmute(id: string): void {
    const alarm = this.#change(id, { isMuted: false });
    if (alarm !== undefined) this.take(onRaised(this.moment, alarm, this.recipients, this.byTarget(id)));
  }
  acknowledge(id: string): void {
    if (this.#change(id, { isAcknowledged: true }) !== undefined) this.take(onAcknowledged(this.of(id)));
  }
  unacknowledge(id: string): void {
    if (this.#change(id, { isAcknowledged: false }) !== undefined) this.take(onUnacknowledged(this.moment, this.of(id)));
  }
  worsen(id: string, severity: Severity): void {
    const before = this.alarms.get(id);
    if (before === undefined || rankOf(before.severity) >= rankOf(severity)) return;
    const alarm = this.#change(id, { severity });
    if (alarm !== undefined && !alarm.isMuted) this.take(onRaised(this.moment, alarm, this.recipients, this.byTarget(id)));
  }
  flap(id: string): void {
    const alarm = this.#change(id, {});
    if (alarm === undefined || alarm.isMuted) return;
    const same = [...this.tellings.values()].filter((one) => this.alarms.get(one.alarmId)?.key === alarm.key);
    this.take(onFlapping(this.moment, alarm, same, this.recipientOf));
  }
  escalate(id: string): void {
    const alarm = this.#change(id, {});
    if (alarm === undefined || alarm.isMuted || alarm.isAcknowledged) return;
    this.take(onEscalated(this.moment, alarm, this.recipients, this.byTarget(id)));
  }
  fail(messageId: string): void {
    const hit = [...this.tellings.values()].filter((one) => one.messageId === messageId);
    this.take(onFailed(this.moment, hit, (id) => this.alarms.get(id)?.isOver === false));
  }
  restart(): void {
    this.tellings = new Map(JSON.parse(JSON.stringify([...this.tellings])) as [string, Telling][]);
  }
  /** Time goes on; what falls due on the way is done when it is due. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let turns = 0; turns < 10_000; turns += 1) {
      const dues = [...this.tellings.values()].flatMap((one) => (one.dueMs === undefined ? [] : [one.dueMs]));
      const next = Math.min(...dues);
      if (next > endMs) break;
      this.nowMs = Math.max(this.nowMs, next);
      for (const recipient of this.recipients) {
        const known = [...this.tellings.values()].filter(
          (one) =>
            one.targetId === recipient.targetId &&
            (one.state === "held" ||
              one.state === "ending" ||
              (one.state === "told" && one.dueMs !== undefined && one.dueMs <= this.nowMs)),
        );
        if (known.length > 0) this.take(onDue(this.moment, recipient, known, (id) => this.alarms.get(id)));
      }
    }
    this.nowMs = endMs;
  }
  said(targetId = "t"): string[] {
    return this.sent.filter((one) => one.targetId === targetId).map((one) => `${one.what} ${one.items.length}`);
  }
}
