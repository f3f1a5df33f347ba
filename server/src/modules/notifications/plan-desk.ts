import type { Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import * as escalationStore from "./escalation-store.ts";
import type { Escalation } from "./escalation-store.ts";
import type { HeardBook } from "./plan-heard.ts";
import * as store from "./plan-store.ts";
import type { KeptAlarm, PlannedRow } from "./plan-store.ts";
import { handOver, worded } from "./plan-words.ts";
import type { Worded, WordingDeps } from "./plan-words.ts";
import type { Moment, Plan, Telling } from "./plan.ts";
import { planSettingsOf } from "./recipients.ts";
import type { Routing } from "./recipients.ts";

/** What of an organisation is to lie on the desk. */
export interface Wanted {
  readonly organisationId: string;
  readonly routing: Routing;
  readonly nowMs: number;
  /** Of the alarms, by their ids: the group each belongs to, unless it was planned before. */
  readonly groupKeys: ReadonlyMap<string, string>;
  /** Source and type of what flaps: whatever waits about the same thing is looked at too. */
  readonly flapping: readonly string[];
}

/**
 * What the planner looks at and changes for a number of facts of one organisation: read in a few statements, worked on in memory one fact after the
 * other as if each had its own transaction, and written in a few statements. Whoever opens it holds the lock of {@link store.lockPlanning}.
 */
export class Desk {
  readonly organisationId: string;
  readonly routing: Routing;
  readonly moment: Moment;
  readonly #deps: WordingDeps;
  readonly #heard: HeardBook;
  /** Devices of the alarms that are there. */
  readonly #there: ReadonlyMap<string, string | undefined>;
  readonly #planned: Map<string, PlannedRow>;
  readonly #tellings = new Map<string, Map<string, Telling>>();
  readonly #escalations = new Map<string, Map<string, Escalation>>();
  readonly #changedAlarms = new Set<string>();
  readonly #changedTellings = new Map<string, Telling>();
  readonly #changedEscalations = new Map<string, Escalation>();
  readonly #ended = new Set<string>();
  readonly #worded: Worded[] = [];

  private constructor(
    deps: WordingDeps,
    { organisationId, routing, nowMs }: Wanted,
    read: {
      there: ReadonlyMap<string, string | undefined>;
      planned: readonly PlannedRow[];
      tellings: readonly Telling[];
      escalations: readonly Escalation[];
      heard: HeardBook;
    },
  ) {
    this.#deps = deps;
    this.organisationId = organisationId;
    this.routing = routing;
    this.#heard = read.heard;
    this.#there = read.there;
    this.#planned = new Map(read.planned.map((row) => [row.alarm.id, row]));
    for (const one of read.tellings) put(this.#tellings, one.alarmId, one.targetId, one);
    for (const one of read.escalations) put(this.#escalations, one.alarmId, one.chainId, one);
    this.moment = {
      nowMs,
      settings: planSettingsOf(routing),
      heard: (targetId, groupKey) => read.heard.heard(targetId, groupKey),
      newId: () => newId(),
    };
  }

  static async open(tx: Transaction, deps: WordingDeps, wanted: Wanted): Promise<Desk> {
    const { organisationId, routing, nowMs } = wanted;
    const { there, planned } = await store.selectWithAlarms(tx, [...wanted.groupKeys.keys()]);
    const known = planned.map(({ alarm }) => alarm.id);
    const same = await store.selectWaitingSame(tx, organisationId, wanted.flapping);
    const groups = new Map([...wanted.groupKeys, ...planned.map(({ alarm }) => [alarm.id, alarm.groupKey] as const)]);
    const { debounceMs } = planSettingsOf(routing);
    return new Desk(deps, wanted, {
      there,
      planned: [...same.planned, ...planned],
      tellings: [...same.tellings, ...(await store.selectTellingsOf(tx, known))],
      escalations: await escalationStore.selectEscalationsOf(tx, known),
      heard: await store.selectHeard(tx, { organisationId, groupKeys: [...groups.values()] }, { nowMs, debounceMs }),
    });
  }

  /** What is known of an alarm, and which facts of it were handled. */
  planned(alarmId: string): PlannedRow | undefined {
    return this.#planned.get(alarmId);
  }

  /** Keeps an alarm with the fact that told of it. @returns Whether it is there: an alarm that was removed meanwhile is nobody's concern. */
  keep(alarm: KeptAlarm, factId: string): boolean {
    if (!this.#there.has(alarm.id) || this.#there.get(alarm.id) !== alarm.deviceId) return false;
    const handled = [...(this.#planned.get(alarm.id)?.handled ?? []), factId].slice(-store.mostHandled);
    this.#planned.set(alarm.id, { alarm, handled });
    this.#changedAlarms.add(alarm.id);
    return true;
  }

  tellings(alarmId: string): Telling[] {
    return [...(this.#tellings.get(alarmId)?.values() ?? [])];
  }

  /** Tellings about the same thing that wait, and all of this alarm. */
  same({ id, key }: KeptAlarm): Telling[] {
    return [...this.#planned.values()].flatMap(({ alarm }) => {
      if (alarm.id === id) return this.tellings(id);
      if (alarm.key !== key || !alarm.isOver) return [];
      return this.tellings(alarm.id).filter(({ state }) => state === "held" || state === "ending");
    });
  }

  escalations(alarmId: string): Escalation[] {
    return [...(this.#escalations.get(alarmId)?.values() ?? [])];
  }

  saveEscalation(one: Escalation): void {
    put(this.#escalations, one.alarmId, one.chainId, one);
    this.#changedEscalations.set(`${one.alarmId} ${one.chainId}`, one);
  }

  /** Nothing of this alarm goes on for now. */
  stopEscalations(alarmId: string): void {
    for (const one of this.escalations(alarmId)) if (one.state === "running") this.saveEscalation({ ...one, state: "stopped" });
  }

  /** It is over for good. */
  endEscalations(alarmId: string): void {
    for (const one of this.escalations(alarmId)) this.#changedEscalations.delete(`${alarmId} ${one.chainId}`);
    if (this.#escalations.delete(alarmId)) this.#ended.add(alarmId);
  }

  /** Takes what a step made: tellings, and the words of each message. */
  carryOut({ tellings, messages }: Plan, alarm?: KeptAlarm): void {
    for (const one of tellings) {
      const groupKey = this.#planned.get(one.alarmId)?.alarm.groupKey ?? "";
      this.#heard.note(groupKey, this.#tellings.get(one.alarmId)?.get(one.targetId), one);
      put(this.#tellings, one.alarmId, one.targetId, one);
      this.#changedTellings.set(`${one.alarmId} ${one.targetId}`, one);
    }
    const alarms = new Map(alarm === undefined ? [] : [[alarm.id, alarm]]);
    this.#worded.push(...worded(this.#deps, messages, alarms, this.moment.nowMs));
  }

  /** Writes all that is different now. */
  async write(tx: Transaction): Promise<void> {
    const changed = [...this.#changedAlarms].flatMap((id) => this.#planned.get(id) ?? []);
    await store.savePlanned(tx, this.organisationId, changed);
    await store.saveTellings(tx, this.organisationId, [...this.#changedTellings.values()]);
    await escalationStore.endEscalations(tx, [...this.#ended]);
    await escalationStore.saveEscalations(tx, [...this.#changedEscalations.values()]);
    await handOver(tx, this.organisationId, this.#worded, this.moment.nowMs);
  }
}

function put<Value>(all: Map<string, Map<string, Value>>, key: string, of: string, value: Value): void {
  const some = all.get(key) ?? new Map<string, Value>();
  some.set(of, value);
  all.set(key, some);
}
