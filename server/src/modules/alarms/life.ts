import { severities } from "@roost/contract/alarms";
import type { Alarm, AlarmMute, Severity } from "@roost/contract/alarms";
import type { AlarmId, AlarmRuleId, DeviceId, IncidentId, SiteId } from "@roost/contract/ids";
import type { Unit } from "@roost/contract/units";

import { newId } from "../../platform/id.ts";
import { isPulse, isSilence, keyOf } from "./signal.ts";
import type { Signal } from "./signal.ts";

/** So many raises of one alarm in this time and it flaps: it stays open until its cause was quiet for a while. */
export const flapping = { raises: 5, withinMs: 15 * 60_000, quietMs: 5 * 60_000 } as const;
/** Alarms of the same kind at one site that come within this time belong together. */
export const incidentWindowMs = 5 * 60_000;

/** An alarm as the database has it. */
export interface Kept {
  readonly alarm: Alarm;
  readonly organisationId: string;
  /** Raised in a window that records nothing: in no list yet. */
  readonly keptBack: boolean;
  readonly turnedAt: Date;
}

/** What is known of a device when an alarm is about it. */
export interface AlarmedDevice {
  readonly name: string;
  readonly siteId: string | undefined;
  readonly siteName: string | undefined;
  /** By metric, where the metric is known. */
  readonly units: ReadonlyMap<string, Unit>;
  /** What it is reached through, nearest first. */
  readonly ancestors: readonly string[];
}

export interface Mute {
  readonly by: AlarmMute;
  readonly id?: string | undefined;
  /** Only of a window: false keeps the alarm back altogether. */
  readonly record?: boolean | undefined;
}

/** What happened to an alarm. */
export interface Turn {
  readonly what: "raised" | "repeated" | "worse" | "flapping" | "muted" | "unmuted" | "cleared" | "quiet";
  readonly kept: Kept;
  /** Of the signal, where one turned it. */
  readonly signalId?: string | undefined;
  readonly value?: number | undefined;
  readonly detail?: string | undefined;
  readonly by?: string | undefined;
}

/** All that decides over a number of signals. The maps are moved on in place. */
export interface World {
  /** Open alarms by key: those the signals are about, and those that hang on them or that they hang on. */
  readonly open: Map<string, Kept>;
  /** Instants of raises that are no longer ago than {@link flapping}, by key. */
  readonly raises: ReadonlyMap<string, readonly Date[]>;
  readonly devices: ReadonlyMap<string, AlarmedDevice>;
  /** Maintenance windows. */
  readonly coverOf: (about: Pick<Alarm, "deviceId" | "kind" | "type" | "siteId">, organisationId: string) => Mute | undefined;
  /** Incidents that alarms may join, by organisation and key. */
  readonly incidents: Map<string, { readonly id: string; readonly lastAt: Date }>;
}

/** An incident that was opened or joined. */
export interface Joined {
  readonly id: string;
  readonly organisationId: string;
  readonly key: string;
  readonly title: string;
  readonly at: Date;
  readonly isNew: boolean;
  readonly rootAlarmId: string | undefined;
}

export interface Outcome {
  readonly turns: readonly Turn[];
  /** Every alarm that is another now, in its last state, by id. */
  readonly changed: ReadonlyMap<string, Kept>;
  /** Of those, the ones that were not there before. */
  readonly added: ReadonlySet<string>;
  /** Kept back to their end: they never were. */
  readonly dropped: ReadonlySet<string>;
  readonly joined: readonly Joined[];
}

export function isWorse(one: Severity, than: Severity): boolean {
  return severities.indexOf(one) > severities.indexOf(than);
}

/** Takes signals in their order. Pure but for new ids. */
export function takeSignals(world: World, signals: readonly Signal[]): Outcome {
  const run = new Run(world);
  for (const signal of signals) {
    if (signal.what === "raise") run.raise(signal);
    else run.clear(signal);
  }
  return run.outcome();
}

class Run {
  readonly #world: World;
  readonly #turns: Turn[] = [];
  readonly #changed = new Map<string, Kept>();
  readonly #added = new Set<string>();
  readonly #dropped = new Set<string>();
  readonly #joined = new Map<string, Joined>();
  readonly #raises = new Map<string, number[]>();
  /** Open offline alarms by device: what hangs behind it cannot answer either. */
  readonly #silent = new Map<string, Kept>();

  constructor(world: World) {
    this.#world = world;
    for (const kept of world.open.values()) this.#noteSilence(kept);
  }

  outcome(): Outcome {
    return {
      turns: this.#turns,
      changed: this.#changed,
      added: this.#added,
      dropped: this.#dropped,
      joined: [...this.#joined.values()],
    };
  }

  raise(signal: Signal): void {
    const key = keyOf(signal);
    const open = this.#world.open.get(key);
    if (open === undefined) this.#raiseNew(key, signal);
    else this.#raiseAgain(key, open, signal);
  }

  #raiseNew(key: string, signal: Signal): void {
    const { kind, source, type, at, severity, metric, threshold, value, title, text, probableCause, ruleId } = signal;
    const device = signal.deviceId === undefined ? undefined : this.#world.devices.get(signal.deviceId);
    const unit = metric === undefined ? undefined : device?.units.get(metric);
    const bare: Alarm = {
      id: signal.id as AlarmId,
      source,
      type,
      ...(signal.deviceId === undefined ? {} : { deviceId: signal.deviceId as DeviceId }),
      ...(device === undefined ? {} : { deviceName: device.name }),
      ...(device?.siteId === undefined ? {} : { siteId: device.siteId as SiteId }),
      ...(device?.siteName === undefined ? {} : { siteName: device.siteName }),
      ...(ruleId === undefined ? {} : { ruleId: ruleId as AlarmRuleId }),
      kind,
      severity,
      worstSeverity: severity,
      state: "raised",
      holds: true,
      ...(title === undefined ? {} : { title }),
      ...(text === undefined ? {} : { text }),
      ...(probableCause === undefined ? {} : { probableCause }),
      ...(metric === undefined ? {} : { metric }),
      ...(unit === undefined ? {} : { unit }),
      ...(threshold === undefined ? {} : { threshold }),
      ...(value === undefined ? {} : { value }),
      raisedAt: at,
      lastAt: at,
      occurrences: 1,
      flapping: this.#noteRaise(key, at) >= flapping.raises,
    };
    const mute = this.#muteOf(bare, signal.organisationId);
    const keptBack = mute?.record === false;
    const muted = withMute(bare, mute);
    const alarm = keptBack ? muted : this.#joinIncident(muted, signal.organisationId);
    const kept: Kept = { alarm, organisationId: signal.organisationId, keptBack, turnedAt: at };
    this.#added.add(alarm.id);
    this.#keep(key, kept);
    if (keptBack) return;
    this.#turns.push({ what: "raised", kept, signalId: signal.id, value });
    if (alarm.flapping) this.#turns.push({ what: "flapping", kept });
    if (kind === "offline") this.#muteChildren(kept);
  }

  #raiseAgain(key: string, open: Kept, signal: Signal): void {
    const { alarm } = open;
    // Says how things are: said already.
    if (alarm.holds && !isPulse(signal.kind) && !isWorse(signal.severity, alarm.severity)) return;
    const isAgain = !alarm.holds || isPulse(signal.kind);
    const worse = isWorse(signal.severity, alarm.severity);
    const flaps = !alarm.flapping && !alarm.holds && this.#noteRaise(key, signal.at) >= flapping.raises;
    const after: Alarm = {
      ...alarm,
      holds: true,
      occurrences: alarm.occurrences + (isAgain ? 1 : 0),
      lastAt: signal.at > alarm.lastAt ? signal.at : alarm.lastAt,
      severity: worse ? signal.severity : alarm.severity,
      worstSeverity: isWorse(signal.severity, alarm.worstSeverity) ? signal.severity : alarm.worstSeverity,
      flapping: alarm.flapping || flaps,
      ...(signal.text === undefined ? {} : { text: signal.text }),
    };
    const kept = { ...open, alarm: after, turnedAt: signal.at };
    this.#keep(key, kept);
    if (open.keptBack) return;
    this.#turns.push({ what: worse ? "worse" : "repeated", kept, signalId: signal.id, value: signal.value });
    if (flaps) this.#turns.push({ what: "flapping", kept });
  }

  clear(signal: Signal): void {
    const key = keyOf(signal);
    const open = this.#world.open.get(key);
    if (open === undefined) return;
    // A sign of life that is older than the silence ends nothing.
    if (open.alarm.kind === "offline" && signal.at < open.alarm.lastAt) return;
    if (open.alarm.flapping && signal.by === undefined) {
      if (!open.alarm.holds) return;
      const quiet: Kept = { ...open, alarm: { ...open.alarm, holds: false }, turnedAt: signal.at };
      this.#keep(key, quiet);
      this.#turns.push({ what: "quiet", kept: quiet, value: signal.value });
      return;
    }
    this.end(open, signal);
  }

  /** Closes an open alarm. */
  end(open: Kept, why: Pick<Signal, "at" | "value" | "detail" | "by"> & { readonly id?: string }): void {
    const key = keyOf({ ...open.alarm, organisationId: open.organisationId });
    const clearedAt = why.at > open.alarm.raisedAt ? why.at : open.alarm.raisedAt;
    const { snoozedUntil: _, ...rest } = open.alarm;
    const kept: Kept = { ...open, alarm: { ...rest, state: "cleared", holds: false, clearedAt }, turnedAt: why.at };
    this.#world.open.delete(key);
    if (kept.alarm.deviceId !== undefined && kept.alarm.kind === "offline") this.#silent.delete(kept.alarm.deviceId);
    if (open.keptBack) {
      this.#dropped.add(open.alarm.id);
      this.#changed.delete(open.alarm.id);
      return;
    }
    this.#changed.set(kept.alarm.id, kept);
    this.#turns.push({ what: "cleared", kept, signalId: why.id, value: why.value, detail: why.detail, by: why.by });
  }

  /** Looks again at whether people are to be told of an open alarm. */
  review(open: Kept, nowMs: number): void {
    const { snoozedUntil } = open.alarm;
    const isSnoozed = snoozedUntil !== undefined && snoozedUntil.getTime() > nowMs;
    const { snoozedUntil: _, ...woken } = open.alarm;
    const mute: Mute | undefined = isSnoozed ? { by: "snooze" } : this.#muteOf(open.alarm, open.organisationId);
    const wasMuted = open.alarm.mutedBy;
    const muted = withMute(isSnoozed ? open.alarm : woken, mute);
    const keptBack = open.keptBack && mute?.record === false;
    const same = muted.mutedBy === wasMuted && muted.mutedById === open.alarm.mutedById && keptBack === open.keptBack;
    if (same && isSnoozed === (snoozedUntil !== undefined)) return;
    const appears = open.keptBack && !keptBack;
    const kept: Kept = { ...open, keptBack, alarm: appears ? this.#joinIncident(muted, open.organisationId) : muted };
    this.#keep(keyOf({ ...kept.alarm, organisationId: kept.organisationId }), kept);
    if (appears) this.#turns.push({ what: "raised", kept, value: kept.alarm.value });
    else if (wasMuted === undefined && mute !== undefined) this.#turns.push({ what: "muted", kept, detail: mute.by });
    else if (wasMuted !== undefined && mute === undefined) this.#turns.push({ what: "unmuted", kept });
  }

  #muteOf(alarm: Alarm, organisationId: string): Mute | undefined {
    const cover = this.#world.coverOf(alarm, organisationId);
    if (cover !== undefined) return cover;
    const root = isSilence(alarm.kind) && alarm.deviceId !== undefined ? this.#rootOf(alarm.deviceId) : undefined;
    return root === undefined ? undefined : { by: "parent", id: root.alarm.id };
  }

  /** The silence alarm of the farthest thing that a device is reached through and that is silent itself. */
  #rootOf(deviceId: string): Kept | undefined {
    const ancestors = this.#world.devices.get(deviceId)?.ancestors ?? [];
    return ancestors.reduce<Kept | undefined>((found, id) => this.#silent.get(id) ?? found, undefined);
  }

  #muteChildren(parent: Kept): void {
    const parentId = parent.alarm.deviceId;
    if (parentId === undefined) return;
    for (const child of this.#world.open.values()) {
      const { deviceId, kind, mutedBy } = child.alarm;
      if (deviceId === undefined || child === parent || !isSilence(kind)) continue;
      if (mutedBy !== undefined && mutedBy !== "parent") continue;
      if (this.#world.devices.get(deviceId)?.ancestors.includes(parentId) !== true) continue;
      const root = this.#rootOf(deviceId) ?? parent;
      const moved = root.alarm.incidentId === undefined ? {} : { incidentId: root.alarm.incidentId };
      const kept: Kept = { ...child, alarm: { ...withMute(child.alarm, { by: "parent", id: root.alarm.id }), ...moved } };
      this.#keep(keyOf({ ...kept.alarm, organisationId: kept.organisationId }), kept);
      if (mutedBy === undefined && !child.keptBack) this.#turns.push({ what: "muted", kept, detail: "parent" });
    }
  }

  #joinIncident(alarm: Alarm, organisationId: string): Alarm {
    const root = alarm.mutedBy === "parent" && alarm.deviceId !== undefined ? this.#rootOf(alarm.deviceId) : undefined;
    if (root?.alarm.incidentId !== undefined) return { ...alarm, incidentId: root.alarm.incidentId };
    const { deviceId, siteId, kind, source } = alarm;
    const key =
      siteId !== undefined && !isPulse(kind)
        ? `site:${siteId}:${kind}`
        : deviceId === undefined
          ? `source:${source}`
          : `device:${deviceId}`;
    const mapKey = `${organisationId} ${key}`;
    const known = this.#world.incidents.get(mapKey);
    const at = alarm.raisedAt;
    const joins = known !== undefined && (siteId === undefined || at.getTime() - known.lastAt.getTime() <= incidentWindowMs);
    const id = joins ? known.id : newId();
    this.#world.incidents.set(mapKey, { id, lastAt: at });
    const isNew = this.#joined.get(id)?.isNew ?? !joins;
    const title = alarm.siteName ?? alarm.deviceName ?? source;
    this.#joined.set(id, { id, organisationId, key, title, at, isNew, rootAlarmId: isNew ? alarm.id : undefined });
    return { ...alarm, incidentId: id as IncidentId };
  }

  #noteRaise(key: string, at: Date): number {
    let times = this.#raises.get(key);
    if (times === undefined) this.#raises.set(key, (times = (this.#world.raises.get(key) ?? []).map((one) => one.getTime())));
    times.push(at.getTime());
    return times.filter((one) => Math.abs(at.getTime() - one) <= flapping.withinMs).length;
  }

  #keep(key: string, kept: Kept): void {
    this.#world.open.set(key, kept);
    this.#changed.set(kept.alarm.id, kept);
    this.#noteSilence(kept);
  }

  #noteSilence(kept: Kept): void {
    const { deviceId, kind, holds } = kept.alarm;
    // A metric that fell silent says nothing of what hangs behind the device.
    if (deviceId !== undefined && kind === "offline" && holds) this.#silent.set(deviceId, kept);
  }
}

function withMute(alarm: Alarm, mute: Mute | undefined): Alarm {
  const { mutedBy: _by, mutedById: _id, ...rest } = alarm;
  if (mute === undefined) return rest;
  return { ...rest, mutedBy: mute.by, ...(mute.id === undefined ? {} : { mutedById: mute.id }) };
}

/** Ends what flapped and is quiet for long enough, and looks again at what was muted. */
export function reviewAlarms(world: World, nowMs: number, which: (kept: Kept) => "review" | "end" | "leave"): Outcome {
  const run = new Run(world);
  // Parents first: what hangs on them is judged by how they are now.
  for (const kept of [...world.open.values()]) {
    const what = which(kept);
    if (what === "end") run.end(kept, { at: new Date(nowMs), detail: "quiet" });
    else if (what === "review") run.review(kept, nowMs);
  }
  return run.outcome();
}
