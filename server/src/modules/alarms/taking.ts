import type { Clock } from "../../platform/clock.ts";
import type { Transaction } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { insertEntries } from "./alarm-entry-store.ts";
import * as store from "./alarm-store.ts";
import { selectAlarmedDevices, selectDescendants } from "./alarmed-device-store.ts";
import { closeFinished, saveJoined, selectJoinable } from "./incident-store.ts";
import { flapping, reviewAlarms, takeSignals } from "./life.ts";
import type { AlarmedDevice, Kept, Outcome, Turn, World } from "./life.ts";
import { isSilence, keyOf } from "./signal.ts";
import type { Signal } from "./signal.ts";

export interface TakingDeps {
  readonly clock: Clock;
  /** Tells our own facts from those of other servers on the same database. */
  readonly origin: string;
  readonly coverOf: World["coverOf"];
}

/** Children of what is back have this long to be heard themselves before somebody is told of them. */
export const graceMs = 60_000;

/** Turns signals into alarms: one decision after the other for each organisation, whatever the number of servers. */
export function createTaking({ clock, origin, coverOf }: TakingDeps) {
  async function save(tx: Transaction, { turns, changed, added, dropped, joined }: Outcome, before: readonly Kept[]): Promise<void> {
    await saveJoined(tx, joined);
    const all = [...changed.values()];
    await store.saveAlarms(
      tx,
      all.filter(({ alarm }) => added.has(alarm.id)),
      all.filter(({ alarm }) => !added.has(alarm.id)),
    );
    await store.dropAlarms(tx, [...dropped]);
    await tellTurns(tx, turns);
    const touched = [...before, ...all].flatMap(({ alarm }) => alarm.incidentId ?? []);
    const opened = joined.filter(({ isNew }) => isNew);
    const closed = await closeFinished(tx, [...new Set(touched)], new Date(clock.nowMs()));
    await emitAll(tx, [
      ...opened.map((one) => ({ organisationId: one.organisationId, type: "incident.opened", nounId: one.id, data: { title: one.title } })),
      ...closed.map((one) => ({ organisationId: one.organisationId, type: "incident.closed", nounId: one.id })),
    ]);
  }

  async function tellTurns(tx: Transaction, turns: readonly Turn[]): Promise<void> {
    const used = new Set<string>();
    await insertEntries(
      tx,
      turns.flatMap(({ what, kept, signalId, value, detail, by }) => {
        if (what === "quiet") return [];
        const id = signalId === undefined || used.has(signalId) ? newId() : signalId;
        used.add(id);
        return [{ id, alarmId: kept.alarm.id, what, value, detail, by }];
      }),
    );
    await emitAll(
      tx,
      turns.map(({ what, kept: { alarm, organisationId }, value, detail }) => ({
        organisationId,
        type: `alarm.${what}`,
        nounId: alarm.id,
        data: { ...alarm, ...(value === undefined ? {} : { currentValue: value }), ...(detail === undefined ? {} : { detail }), origin },
      })),
    );
  }

  /** Open silence alarms around devices, and what is known of the devices they are about. */
  async function loadSilence(tx: Transaction, signals: readonly Signal[], devices: Map<string, AlarmedDevice>): Promise<Kept[]> {
    const silent = signals.filter(({ kind, what }) => isSilence(kind) && what === "raise");
    if (silent.length === 0) return [];
    const idsOf = (some: readonly Signal[]) => some.flatMap(({ deviceId }) => deviceId ?? []);
    const ancestors = idsOf(silent).flatMap((id) => devices.get(id)?.ancestors ?? []);
    const below = await selectDescendants(tx, idsOf(silent.filter(({ kind }) => kind === "offline")));
    if (ancestors.length === 0 && below.length === 0) return [];
    const around = await store.selectOpenSilence(tx, [...new Set([...ancestors, ...below])]);
    await learn(tx, around, devices);
    return around;
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
    const keys = new Set<string>();
    for (const { deviceId, kind, source } of abouts) {
      const siteId = deviceId === undefined ? undefined : devices.get(deviceId)?.siteId;
      if (siteId !== undefined) keys.add(`site:${siteId}:${kind}`);
      keys.add(deviceId === undefined ? `source:${source}` : `device:${deviceId}`);
    }
    const found = await selectJoinable(tx, [...new Set(abouts.map(({ organisationId }) => organisationId))], [...keys]);
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
      const fresh = given.filter(({ id }) => !taken.has(id));
      const about = fresh.flatMap(({ deviceId, organisationId }) => (deviceId === undefined ? [] : [{ deviceId, organisationId }]));
      const devices = about.length === 0 ? new Map<string, AlarmedDevice>() : await selectAlarmedDevices(tx, uniqueDevices(about));
      const signals = fresh.filter(({ deviceId }) => deviceId === undefined || devices.has(deviceId));
      if (signals.length === 0) return;
      const keys = [...new Map(signals.map((signal) => [keyOf(signal), signal])).values()];
      const before = [...(await store.selectOpenByKey(tx, keys)), ...(await loadSilence(tx, signals, devices))];
      await learn(tx, before, devices);
      const raises = new Map<string, Date[]>();
      const since = new Date(Math.min(...signals.map(({ at }) => at.getTime())) - flapping.withinMs);
      for (const one of await store.selectRaises(tx, keys, since)) raises.set(keyOf(one), [...(raises.get(keyOf(one)) ?? []), one.at]);
      const world: World = {
        open: new Map(before.map((kept) => [keyOf({ ...kept.alarm, organisationId: kept.organisationId }), kept])),
        raises,
        devices,
        coverOf,
        incidents: await loadIncidents(tx, signals, devices),
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
      const ancestors = [...new Set([...devices.values()].flatMap((device) => device.ancestors))];
      const around = ancestors.length === 0 ? [] : await store.selectOpenSilence(tx, ancestors);
      await learn(tx, around, devices);
      const nowMs = clock.nowMs();
      const chosen = new Set(wanted.map(({ alarm }) => alarm.id));
      const world: World = {
        open: new Map([...around, ...wanted].map((kept) => [keyOf({ ...kept.alarm, organisationId }), kept])),
        raises: new Map(),
        devices,
        coverOf,
        incidents: await loadIncidents(
          tx,
          wanted.map((kept) => ({ ...kept.alarm, organisationId })),
          devices,
        ),
      };
      const outcome = reviewAlarms(world, nowMs, ({ alarm, turnedAt }) => {
        if (!chosen.has(alarm.id)) return "leave";
        const isOver = alarm.flapping && !alarm.holds && turnedAt.getTime() + flapping.quietMs <= nowMs;
        return isOver ? "end" : "review";
      });
      await save(tx, outcome, wanted);
    },
  };
}

export type Taking = ReturnType<typeof createTaking>;

function uniqueDevices<About extends { readonly deviceId: string; readonly organisationId: string }>(about: readonly About[]): About[] {
  return [...new Map(about.map((one) => [`${one.organisationId} ${one.deviceId}`, one])).values()];
}
