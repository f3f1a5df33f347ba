import { severities } from "@roost/contract/alarms";
import type { Alarm, AlarmMute, Severity } from "@roost/contract/alarms";
import type { AlarmId, AlarmRuleId, DeviceId, SiteId } from "@roost/contract/ids";

import { IncidentBook } from "./incident.ts";
import type { Joinable, Joined, Named } from "./incident.ts";
import type { AlarmedDevice, Kept } from "./kept.ts";
import { isPulse, isSilence, keyOf } from "./signal.ts";
import type { Signal } from "./signal.ts";
import { Silences } from "./silence.ts";
import type { Silence } from "./silence.ts";

/** So many raises of one alarm in this time and it flaps: it stays open until its cause was quiet for a while. */
export const flapping = { raises: 5, withinMs: 15 * 60_000, quietMs: 5 * 60_000 } as const;

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
  /** What the history says where that is something else: one that was kept back was raised before. `null`: nothing. */
  readonly entry?: "unmuted" | null;
  /** Kept back: it stands in the history alone. */
  readonly untold?: true;
  /** Of the signal, where one turned it. */
  readonly signalId?: string | undefined;
  readonly value?: number | undefined;
  readonly detail?: string | undefined;
  readonly by?: string | undefined;
}

/** All that decides over a number of signals. */
export interface World {
  /**
   * Alarms the signals are about, and those that hang on them or that they hang on: the open ones, and offline alarms that ended less than
   * {@link graceMs} ago.
   */
  readonly alarms: readonly Kept[];
  /** Instants of raises that are no longer ago than {@link flapping}, by key. */
  readonly raises: ReadonlyMap<string, readonly Date[]>;
  readonly devices: ReadonlyMap<string, AlarmedDevice>;
  /** Maintenance windows. */
  readonly coverOf: (about: Pick<Alarm, "deviceId" | "kind" | "type" | "siteId">, organisationId: string) => Mute | undefined;
  readonly incidents: Joinable;
  readonly nowMs: number;
}

export interface Outcome {
  readonly turns: readonly Turn[];
  /** Every alarm that is another now, in its last state, by id. */
  readonly changed: ReadonlyMap<string, Kept>;
  /** Of those, the ones that were not there before. */
  readonly added: ReadonlySet<string>;
  readonly joined: readonly Joined[];
  readonly named: readonly Named[];
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

/** Looks again at who is to be told of alarms: snoozes, windows and the topology may be others now. Ends what flapped and is quiet for long. */
export function reviewAlarms(world: World, ids: ReadonlySet<string>): Outcome {
  const run = new Run(world);
  for (const kept of world.alarms) if (ids.has(kept.alarm.id) && kept.alarm.state !== "cleared") run.review(kept);
  return run.outcome();
}

/** Nobody says any more that it is so, and that for long enough. */
export function isQuietForLong({ alarm, turnedAt }: Kept, nowMs: number): boolean {
  return alarm.flapping && !alarm.holds && turnedAt.getTime() + flapping.quietMs <= nowMs;
}

class Run {
  readonly #world: World;
  readonly #open = new Map<string, Kept>();
  readonly #silences: Silences;
  readonly #incidents: IncidentBook;
  readonly #turns: Turn[] = [];
  readonly #changed = new Map<string, Kept>();
  readonly #added = new Set<string>();
  readonly #raises = new Map<string, number[]>();
  readonly #now: Date;

  constructor(world: World) {
    this.#world = world;
    this.#now = new Date(world.nowMs);
    this.#silences = new Silences(world.devices, world.nowMs);
    this.#incidents = new IncidentBook(world.incidents);
    for (const kept of world.alarms) {
      this.#silences.note(kept);
      if (kept.alarm.state !== "cleared") this.#open.set(keyOf({ ...kept.alarm, organisationId: kept.organisationId }), kept);
    }
  }

  outcome(): Outcome {
    const inUse = new Set([...this.#changed.values()].flatMap(({ alarm }) => alarm.incidentId ?? []));
    return {
      turns: this.#told(),
      changed: this.#changed,
      added: this.#added,
      joined: this.#incidents.joined(inUse),
      named: this.#incidents.named(),
    };
  }

  /** What is raised and muted by the same signals is told as muted: in a storm children come before their parent, and nobody is to hear of them. */
  #told(): Turn[] {
    const isNew = ({ kept }: Turn) => this.#added.has(kept.alarm.id);
    const muted = new Map(
      this.#turns.filter((turn) => turn.what === "muted" && isNew(turn)).map((turn) => [turn.kept.alarm.id, turn.kept]),
    );
    return this.#turns.map((turn) => {
      const kept = muted.get(turn.kept.alarm.id);
      if (kept === undefined) return turn;
      if (turn.what === "muted") return { ...turn, untold: true };
      return turn.what === "raised" ? { ...turn, kept } : turn;
    });
  }

  raise(signal: Signal): void {
    const open = this.#open.get(keyOf(signal));
    if (open === undefined) this.#raiseNew(signal);
    else this.#raiseAgain(open, signal);
  }

  #raiseNew(signal: Signal): void {
    const { organisationId } = signal;
    const device = signal.deviceId === undefined ? undefined : this.#world.devices.get(signal.deviceId);
    const bare = newAlarm(signal, device, this.#noteRaise(keyOf(signal), signal.at) >= flapping.raises);
    const root = this.#rootOf(bare);
    const mute = this.#world.coverOf(bare, organisationId) ?? muteBy(root);
    const keptBack = mute?.record === false;
    const muted = withMute(bare, mute);
    const alarm = keptBack ? muted : this.#incidents.join(muted, organisationId, root);
    const kept: Kept = { alarm, organisationId, keptBack, turnedAt: this.#now };
    this.#added.add(alarm.id);
    this.#keep(kept);
    this.#turn({ what: "raised", kept, signalId: signal.id, value: signal.value });
    if (alarm.flapping) this.#turn({ what: "flapping", kept });
    if (alarm.kind === "offline") this.#muteBehind(kept);
  }

  #raiseAgain(open: Kept, signal: Signal): void {
    const { alarm } = open;
    const worse = isWorse(signal.severity, alarm.severity);
    const isAgain = !alarm.holds || isPulse(signal.kind);
    // Says how things are: said already.
    if (!isAgain && !worse) return;
    const after: Alarm = {
      ...alarm,
      holds: true,
      occurrences: alarm.occurrences + (isAgain ? 1 : 0),
      lastAt: signal.at > alarm.lastAt ? signal.at : alarm.lastAt,
      severity: worse ? signal.severity : alarm.severity,
      worstSeverity: isWorse(signal.severity, alarm.worstSeverity) ? signal.severity : alarm.worstSeverity,
      ...(signal.text === undefined ? {} : { text: signal.text }),
    };
    const kept = { ...open, alarm: after, turnedAt: this.#now };
    this.#keep(kept);
    this.#turn({ what: worse ? "worse" : "repeated", kept, signalId: signal.id, value: signal.value });
  }

  clear(signal: Signal): void {
    const open = this.#open.get(keyOf(signal));
    if (open === undefined) return;
    // A sign of life that is older than the silence ends nothing.
    if (open.alarm.kind === "offline" && signal.by === undefined && signal.at < open.alarm.lastAt) return;
    if (open.alarm.flapping && signal.by === undefined) {
      if (!open.alarm.holds) return;
      const quiet: Kept = { ...open, alarm: { ...open.alarm, holds: false }, turnedAt: this.#now };
      this.#keep(quiet);
      this.#turn({ what: "quiet", kept: quiet, entry: null, value: signal.value });
      return;
    }
    this.#end(open, signal);
  }

  #end(open: Kept, { id, at, value, detail, by }: Pick<Signal, "at" | "value" | "detail" | "by"> & { readonly id?: string }): void {
    const clearedAt = at > open.alarm.raisedAt ? at : open.alarm.raisedAt;
    const { snoozedUntil: _, ...rest } = open.alarm;
    const kept: Kept = { ...open, alarm: { ...rest, state: "cleared", holds: false, clearedAt }, turnedAt: this.#now };
    this.#keep(kept);
    this.#turn({ what: "cleared", kept, signalId: id, value, detail, by });
  }

  review(open: Kept): void {
    const { nowMs } = this.#world;
    if (isQuietForLong(open, nowMs)) return this.#end(open, { at: this.#now, detail: "quiet" });
    const { snoozedUntil, ...woken } = open.alarm;
    const isSnoozed = snoozedUntil !== undefined && snoozedUntil.getTime() > nowMs;
    const root = this.#rootOf(open.alarm);
    const cover = isSnoozed ? undefined : this.#world.coverOf(open.alarm, open.organisationId);
    const mute: Mute | undefined = isSnoozed ? { by: "snooze" } : (cover ?? muteBy(root));
    const keptBack = open.keptBack && mute?.record === false;
    const muted = withMute(isSnoozed ? open.alarm : woken, mute);
    const { mutedBy, mutedById } = open.alarm;
    const isSame = muted.mutedBy === mutedBy && muted.mutedById === mutedById && keptBack === open.keptBack;
    if (isSame && isSnoozed === (snoozedUntil !== undefined)) return;
    const appears = open.keptBack && !keptBack;
    const kept: Kept = { ...open, keptBack, alarm: appears ? this.#incidents.join(muted, open.organisationId, root) : muted };
    this.#keep(kept);
    if (appears) this.#turn({ what: "raised", kept, entry: "unmuted", value: kept.alarm.value });
    else if (mutedBy === undefined && mute !== undefined) this.#turn({ what: "muted", kept, detail: mute.by });
    else if (mutedBy !== undefined && mute === undefined) this.#turn({ what: "unmuted", kept });
  }

  #rootOf({ kind, deviceId }: Pick<Alarm, "kind" | "deviceId">): Silence | undefined {
    return isSilence(kind) && deviceId !== undefined ? this.#silences.rootOf(deviceId) : undefined;
  }

  /** What was silent before the thing it hangs on: the events may come in any order, and the end is the same. */
  #muteBehind(parent: Kept): void {
    for (const key of parent.alarm.deviceId === undefined ? [] : this.#silences.behind(parent.alarm.deviceId)) {
      const child = this.#open.get(key);
      const root = child === undefined ? undefined : this.#rootOf(child.alarm);
      if (child === undefined || root === undefined) continue;
      const { mutedBy } = child.alarm;
      const muted = mutedBy === undefined || mutedBy === "parent" ? withMute(child.alarm, muteBy(root)) : child.alarm;
      const alarm = child.keptBack ? muted : this.#incidents.follow(muted, root);
      const kept: Kept = { ...child, alarm };
      this.#keep(kept);
      if (mutedBy === undefined) this.#turn({ what: "muted", kept, detail: "parent" });
    }
  }

  #noteRaise(key: string, at: Date): number {
    let times = this.#raises.get(key);
    if (times === undefined) this.#raises.set(key, (times = (this.#world.raises.get(key) ?? []).map((one) => one.getTime())));
    times.push(at.getTime());
    return times.filter((one) => Math.abs(at.getTime() - one) <= flapping.withinMs).length;
  }

  #turn(turn: Turn): void {
    this.#turns.push(turn.kept.keptBack ? { ...turn, untold: true } : turn);
  }

  #keep(kept: Kept): void {
    const key = keyOf({ ...kept.alarm, organisationId: kept.organisationId });
    if (kept.alarm.state === "cleared") this.#open.delete(key);
    else this.#open.set(key, kept);
    this.#changed.set(kept.alarm.id, kept);
    this.#silences.note(kept);
  }
}

function newAlarm(signal: Signal, device: AlarmedDevice | undefined, flaps: boolean): Alarm {
  const { kind, source, type, at, severity, metric, threshold, value, title, text, probableCause, ruleId, deviceId } = signal;
  const unit = metric === undefined ? undefined : device?.units.get(metric);
  return {
    id: signal.id as AlarmId,
    source,
    type,
    ...(deviceId === undefined ? {} : { deviceId: deviceId as DeviceId }),
    ...(device === undefined ? {} : { deviceName: device.name }),
    ...(device?.purpose === undefined ? {} : { devicePurpose: device.purpose }),
    ...(kind !== "offline" || device?.lastSeenAt === undefined ? {} : { deviceLastSeenAt: device.lastSeenAt }),
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
    flapping: flaps,
  };
}

function muteBy(root: Silence | undefined): Mute | undefined {
  return root === undefined ? undefined : { by: "parent", id: root.alarmId };
}

function withMute(alarm: Alarm, mute: Mute | undefined): Alarm {
  const { mutedBy: _by, mutedById: _id, ...rest } = alarm;
  if (mute === undefined) return rest;
  return { ...rest, mutedBy: mute.by, ...(mute.id === undefined ? {} : { mutedById: mute.id }) };
}
