import type { Clock } from "../../platform/clock.ts";
import type { Transaction } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { insertEntries } from "./alarm-entry-store.ts";
import * as store from "./alarm-store.ts";
import { selectAlarmedDevices, selectDescendants } from "./alarmed-device-store.ts";
import { closeFinished, reopenWithOpenAlarms, saveJoined, saveNamed, selectJoinable } from "./incident-store.ts";
import { incidentKeyOf } from "./incident.ts";
import type { AlarmedDevice, Kept } from "./kept.ts";
import { flapping, reviewAlarms, takeSignals } from "./life.ts";
import type { Outcome, Turn, World } from "./life.ts";
import { isSilence, keyOf } from "./signal.ts";
import type { Signal } from "./signal.ts";
import { graceMs } from "./silence.ts";

export interface TakingDeps {
  readonly clock: Clock;
  /** Tells our own facts from those of other servers on the same database. */
  readonly origin: string;
  readonly coverOf: World["coverOf"];
}

/** Turns signals into alarms: one decision after the other for each organisation, whatever the number of servers. */
export function createTaking({ clock, origin, coverOf }: TakingDeps) {
  async function save(tx: Transaction, { turns, changed, added, joined, named }: Outcome, before: readonly Kept[]): Promise<void> {
    await saveJoined(tx, joined);
    await saveNamed(tx, named);
    const all = [...changed.values()];
    await store.saveAlarms(
      tx,
      all.filter(({ alarm }) => added.has(alarm.id)),
      all.filter(({ alarm }) => !added.has(alarm.id)),
    );
    await insertTurns(tx, turns);
    const incidentsOf = (some: readonly Kept[]) => new Set(some.flatMap(({ alarm }) => alarm.incidentId ?? []));
    const open = incidentsOf(all.filter(({ alarm }) => alarm.state !== "cleared"));
    const fresh = joined.filter(({ isNew }) => isNew);
    // What is new is open, and what has an open alarm now is not over: of most turns there is nothing to ask the database.
    const reopened = [...open].filter((id) => !fresh.some((one) => one.id === id));
    const perhapsOver = [...incidentsOf([...before, ...all])].filter((id) => !open.has(id));
    const opened = [...fresh, ...(await reopenWithOpenAlarms(tx, reopened))];
    const closed = await closeFinished(tx, perhapsOver, new Date(clock.nowMs()));
    await emitAll(tx, [
      ...factsOf(turns),
      ...opened.map((one) => ({ organisationId: one.organisationId, type: "incident.opened", nounId: one.id })),
      ...closed.map((one) => ({ organisationId: one.organisationId, type: "incident.closed", nounId: one.id })),
    ]);
  }

  async function insertTurns(tx: Transaction, turns: readonly Turn[]): Promise<void> {
    const used = new Set<string>();
    await insertEntries(
      tx,
      turns.flatMap(({ what: turned, entry = turned, kept, signalId, value, detail, by }) => {
        if (entry === null || entry === "quiet") return [];
        const id = signalId === undefined || used.has(signalId) ? newId() : signalId;
        used.add(id);
        return [{ id, alarmId: kept.alarm.id, what: entry, value, detail, by }];
      }),
    );
  }

  const factsOf = (turns: readonly Turn[]) =>
    turns
      .filter(({ untold }) => untold !== true)
      .map(({ what, kept: { alarm, organisationId }, value, detail }) => ({
        organisationId,
        type: `alarm.${what}`,
        nounId: alarm.id,
        data: { ...alarm, ...(value === undefined ? {} : { currentValue: value }), ...(detail === undefined ? {} : { detail }), origin },
      }));

  /** What is silent on the way to devices, or was a moment ago, and what is silent behind those that fall silent now. */
  async function loadSilence(tx: Transaction, signals: readonly Signal[], devices: Map<string, AlarmedDevice>): Promise<Kept[]> {
    const silent = signals.filter(({ kind, what }) => isSilence(kind) && what === "raise");
    if (silent.length === 0) return [];
    const idsOf = (some: readonly Signal[]) => some.flatMap(({ deviceId }) => deviceId ?? []);
    const organisationIds = [...new Set(silent.map(({ organisationId }) => organisationId))];
    const behind = await selectDescendants(tx, idsOf(silent.filter(({ kind }) => kind === "offline")));
    const below = behind.length === 0 ? [] : await store.selectOpenSilence(tx, behind, organisationIds);
    await learn(tx, below, devices);
    return [...below, ...(await loadWays(tx, organisationIds, devices))];
  }

  /** Silence of whatever devices are reached through: it is there, or was a moment ago. */
  async function loadWays(
    tx: Transaction,
    organisationIds: readonly string[],
    devices: ReadonlyMap<string, AlarmedDevice>,
  ): Promise<Kept[]> {
    const deviceIds = [...new Set([...devices.values()].flatMap(({ ancestors }) => ancestors))];
    if (deviceIds.length === 0) return [];
    const since = new Date(clock.nowMs() - graceMs);
    return [
      ...(await store.selectOpenSilence(tx, deviceIds, organisationIds)),
      ...(await store.selectLatelySilent(tx, { deviceIds, organisationIds, since })),
    ];
  }

  async function learn(tx: Transaction, some: readonly Kept[], devices: Map<string, AlarmedDevice>): Promise<void> {
    const unknown = some.flatMap(({ alarm: { deviceId }, organisationId }) =>
      deviceId === undefined || devices.has(deviceId) ? [] : [{ deviceId, organisationId }],
    );
    if (unknown.length === 0) return;
    for (const [id, device] of await selectAlarmedDevices(tx, unknown)) devices.set(id, device);
  }

  async function loadIncidents(
    tx: Transaction,
    abouts: readonly { organisationId: string; source: string; kind: Signal["kind"]; deviceId?: string | undefined }[],
    devices: ReadonlyMap<string, AlarmedDevice>,
  ): Promise<World["incidents"]> {
    const keys = abouts.map((about) => {
      const siteId = about.deviceId === undefined ? undefined : devices.get(about.deviceId)?.siteId;
      return incidentKeyOf({ ...about, siteId } as Parameters<typeof incidentKeyOf>[0]);
    });
    const found = await selectJoinable(tx, [...new Set(abouts.map(({ organisationId }) => organisationId))], [...new Set(keys)]);
    return new Map(found.map(({ id, organisationId, key, lastAt }) => [`${organisationId} ${key}`, { id, lastAt }]));
  }

  return {
    /**
     * Takes signals in their order, in the transaction of whoever gives them. What is about a device that is gone, or is another organisation's
     * by now, turns nothing.
     */
    async take(tx: Transaction, given: readonly Signal[]): Promise<void> {
      if (given.length === 0) return;
      await store.lockOrganisations(tx, [...new Set(given.map(({ organisationId }) => organisationId))]);
      const taken = await store.selectTaken(
        tx,
        given.map(({ id }) => id),
      );
      const seen = new Set(taken);
      const fresh = given.filter(({ id }) => !seen.has(id) && seen.add(id));
      const about = fresh.flatMap(({ deviceId, organisationId }) => (deviceId === undefined ? [] : [{ deviceId, organisationId }]));
      const devices = about.length === 0 ? new Map<string, AlarmedDevice>() : await selectAlarmedDevices(tx, uniqueDevices(about));
      const signals = fresh.filter(({ deviceId }) => deviceId === undefined || devices.has(deviceId));
      if (signals.length === 0) return;
      const keys = [...new Map(signals.map((signal) => [keyOf(signal), signal])).values()];
      const before = uniqueAlarms([...(await store.selectOpenByKey(tx, keys)), ...(await loadSilence(tx, signals, devices))]);
      await learn(tx, before, devices);
      const raises = new Map<string, Date[]>();
      const since = new Date(Math.min(...signals.map(({ at }) => at.getTime())) - flapping.withinMs);
      for (const one of await store.selectRaises(tx, keys, since)) raises.set(keyOf(one), [...(raises.get(keyOf(one)) ?? []), one.at]);
      const world: World = {
        alarms: before,
        raises,
        devices,
        coverOf,
        incidents: await loadIncidents(tx, signals, devices),
        nowMs: clock.nowMs(),
      };
      await save(tx, takeSignals(world, signals), before);
    },

    /**
     * Looks again at who is to be told of open alarms: some of an organisation, or all of them. What flapped and was quiet for long is ended.
     */
    async review(tx: Transaction, organisationId: string, ids?: readonly string[]): Promise<void> {
      await store.lockOrganisations(tx, [organisationId]);
      const wanted = await store.selectForReview(tx, { organisationId, ids });
      const devices = new Map<string, AlarmedDevice>();
      await learn(tx, wanted, devices);
      const world: World = {
        alarms: uniqueAlarms([...wanted, ...(await loadWays(tx, [organisationId], devices))]),
        raises: new Map(),
        devices,
        coverOf,
        incidents: await loadIncidents(
          tx,
          wanted.map((kept) => ({ ...kept.alarm, organisationId })),
          devices,
        ),
        nowMs: clock.nowMs(),
      };
      const outcome = reviewAlarms(world, new Set(wanted.map(({ alarm }) => alarm.id)));
      await save(tx, outcome, wanted);
    },
  };
}

export type Taking = ReturnType<typeof createTaking>;

function uniqueDevices<About extends { readonly deviceId: string; readonly organisationId: string }>(about: readonly About[]): About[] {
  return [...new Map(about.map((one) => [`${one.organisationId} ${one.deviceId}`, one])).values()];
}

function uniqueAlarms(some: readonly Kept[]): Kept[] {
  return [...new Map(some.map((kept) => [kept.alarm.id, kept])).values()];
}
