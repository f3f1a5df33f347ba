import type { Heartbeat, Status } from "@roost/contract/envelope";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import { applyChanges, readPresence, saveSeen } from "./presence-store.ts";
import type { PresenceChange, PresenceReason } from "./presence-store.ts";
import { beginPulse, declare, hear, heardElsewhere, isSilent, limitMs, resetPace } from "./presence.ts";
import type { Pulse } from "./presence.ts";
import type { RegistryRow } from "./registry.ts";

interface Wanted {
  readonly state: "online" | "offline";
  readonly reason: PresenceReason;
}

interface Watched {
  readonly key: number;
  state: "waiting" | "online" | "offline" | "revoked";
  /** A change that was judged and is not yet on its way to the database. */
  wanted: Wanted | undefined;
  /** A change that is on its way: what is heard meanwhile is judged against it. */
  writing: Wanted | undefined;
  pulse: Pulse;
  /** Number of the sweep it was last heard in: all that is looked at for most messages. */
  heardInSweep: number;
  /** Always there once it is among the unsaved. */
  lastSeenMs: number | undefined;
  savedSeenMs: number | undefined;
  firmwareVersion: string | undefined;
  dueSlot: number;
}

const sweepMs = 250;
/** How long a device's `last_seen_at` may lag behind; sooner for devices whose silence another server judges sooner. */
const longestSaveDelayMs = 10_000;
const shortestSaveDelayMs = 1_000;
/** After a write that failed: a database that is away is not asked four times a second. */
const pauseAfterFaultMs = 2_000;

/**
 * Watches which devices live.
 *
 * Silence is measured in time spent listening: it grows with the monotonic clock, never with the wall clock, and stands still
 * while this process was stopped or kept its sockets shut (`isHearing`), because nobody can be heard then.
 */
export function createPresence({ db, clock, log, isHearing = () => true }: { db: Db; clock: Clock; log: Log; isHearing?: () => boolean }) {
  const watched = new Map<number, Watched>();
  /** Devices by the slot of listening time in which they are looked at next. */
  const wheel = new Map<number, Watched[]>();
  const changed = new Set<Watched>();
  const unsaved = new Set<Watched>();
  let sweep = 0;
  let listenedMs = 0;
  let sweptAtMs = clock.monotonicMs();
  let nextSlot = 0;
  let saveAtMs = 0;
  let writeAgainAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  function arm(one: Watched): void {
    // The slot at hand may just be being emptied.
    one.dueSlot = Math.max(nextSlot + 1, Math.ceil((one.pulse.heardAtMs + limitMs(one.pulse)) / sweepMs));
    const slot = wheel.get(one.dueSlot);
    if (slot === undefined) wheel.set(one.dueSlot, [one]);
    else slot.push(one);
  }

  function want(one: Watched, state: "online" | "offline", reason: PresenceReason): void {
    if (one.state === "revoked") return;
    one.wanted = (one.writing?.state ?? one.state) === state ? undefined : { state, reason };
    if (one.wanted !== undefined) changed.add(one);
  }

  function noteSeen(one: Watched, nowMs: number): void {
    one.lastSeenMs = nowMs;
    const delayMs = Math.min(longestSaveDelayMs, Math.max(shortestSaveDelayMs, limitMs(one.pulse) / 6));
    if (unsaved.size === 0) saveAtMs = listenedMs + longestSaveDelayMs;
    saveAtMs = Math.min(saveAtMs, listenedMs + delayMs);
    unsaved.add(one);
  }

  function heardNow(one: Watched, nowMs: number): void {
    one.heardInSweep = sweep;
    one.pulse = hear(one.pulse, listenedMs);
    noteSeen(one, nowMs);
  }

  function judge(): void {
    const slotNow = Math.floor(listenedMs / sweepMs);
    for (; nextSlot <= slotNow; nextSlot += 1) {
      const due = wheel.get(nextSlot);
      if (due === undefined) continue;
      wheel.delete(nextSlot);
      for (const one of due) {
        if (one.dueSlot !== nextSlot || watched.get(one.key) !== one) continue;
        one.dueSlot = -1;
        if (one.state !== "online") continue;
        if (isSilent(one.pulse, listenedMs)) want(one, "offline", "silent");
        else arm(one);
      }
    }
  }

  async function writeChanges(): Promise<void> {
    const batch = [...changed].filter((one) => one.wanted !== undefined && watched.get(one.key) === one);
    changed.clear();
    if (batch.length === 0) return;
    const changes: PresenceChange[] = batch.flatMap((one) => {
      one.writing = one.wanted;
      one.wanted = undefined;
      if (one.writing === undefined) return [];
      return [{ deviceKey: one.key, ...one.writing, lastSeenMs: one.lastSeenMs, savedSeenMs: one.savedSeenMs }];
    });
    try {
      const transitions = await db.transaction(async (tx) => {
        const done = await applyChanges(tx, changes);
        await emitAll(
          tx,
          done
            .filter((one) => !one.hidden)
            .map((one) => ({
              organisationId: one.organisationId,
              type: `device.${one.state}`,
              nounId: one.id,
              data: { name: one.name, before: one.before, reason: one.reason },
            })),
        );
        return done;
      });
      const done = new Map(transitions.map((one) => [one.key, one]));
      const others: number[] = [];
      for (const [index, one] of batch.entries()) {
        const change = changes[index];
        if (change === undefined) continue;
        if (done.has(one.key)) settle(one, change);
        else others.push(one.key);
      }
      if (transitions.length > 0) log.info({ devices: transitions.length }, "devices changed between online and offline");
      if (others.length > 0) await learnFromOthers(others);
    } catch (error) {
      for (const one of batch) {
        const { writing: failed } = one;
        one.writing = undefined;
        // What was judged meanwhile stands, unless it is what the database says still.
        if (one.wanted === undefined || one.wanted.state === one.state) one.wanted = one.wanted === undefined ? failed : undefined;
        if (one.wanted !== undefined) changed.add(one);
      }
      throw error;
    }
  }

  function settle(one: Watched, change: PresenceChange): void {
    one.state = change.state;
    one.writing = undefined;
    if (change.lastSeenMs !== undefined) one.savedSeenMs = change.lastSeenMs;
    // What was judged while this was written may be the opposite by now.
    if (one.wanted !== undefined) changed.add(one);
    if (one.state === "online" && one.dueSlot === -1) arm(one);
  }

  /** Another server heard these devices, or changed them first. */
  async function learnFromOthers(keys: readonly number[]): Promise<void> {
    for (const row of await readPresence(db, keys)) {
      const one = watched.get(row.key);
      if (one === undefined) continue;
      one.state = row.state;
      one.writing = undefined;
      if (one.wanted?.state === row.state) one.wanted = undefined;
      if (row.lastSeenMs !== one.savedSeenMs) {
        one.savedSeenMs = row.lastSeenMs;
        one.pulse = heardElsewhere(one.pulse, listenedMs);
      }
      if (one.state === "online" && one.dueSlot === -1) arm(one);
    }
  }

  async function writeSeen(): Promise<void> {
    const batch = [...unsaved].filter((one) => watched.get(one.key) === one);
    unsaved.clear();
    if (batch.length === 0) return;
    const rows = batch.map((one) => ({
      deviceKey: one.key,
      lastSeenMs: one.lastSeenMs ?? 0,
      paceSeconds: one.pulse.learntMs === 0 ? undefined : one.pulse.learntMs / 1_000,
      firmwareVersion: one.firmwareVersion,
    }));
    try {
      await saveSeen(db, rows);
      for (const [index, one] of batch.entries()) one.savedSeenMs = rows[index]?.lastSeenMs;
    } catch (error) {
      for (const one of batch) unsaved.add(one);
      throw error;
    }
  }

  function write(): void {
    const isSaveDue = unsaved.size > 0 && listenedMs >= saveAtMs;
    if (writing !== undefined || (changed.size === 0 && !isSaveDue) || clock.monotonicMs() < writeAgainAtMs) return;
    writing = (async () => {
      if (changed.size > 0) await writeChanges();
      if (isSaveDue) await writeSeen();
    })()
      .catch((error: unknown) => {
        writeAgainAtMs = clock.monotonicMs() + pauseAfterFaultMs;
        log.warn({ err: error }, "the presence of devices could not be written; it is tried again");
      })
      .finally(() => {
        writing = undefined;
      });
  }

  function onSweep(): void {
    const nowMs = clock.monotonicMs();
    // A process that was stopped, or too busy, has not listened for all of the time that passed.
    if (isHearing()) listenedMs += Math.min(nowMs - sweptAtMs, 4 * sweepMs);
    sweptAtMs = nowMs;
    sweep += 1;
    judge();
    write();
  }

  return {
    /** Any sign of life. Cheap: for most messages one look-up and one comparison. @param nowMs - Epoch milliseconds, for display only. */
    heard(deviceKey: number, nowMs: number): void {
      const one = watched.get(deviceKey);
      if (one === undefined || (one.heardInSweep === sweep && one.state === "online" && one.wanted === one.writing)) return;
      heardNow(one, nowMs);
      want(one, "online", "heard");
    },
    /** A heartbeat; one that tells its own interval sets the pace it is judged by. */
    heartbeat(deviceKey: number, { interval }: Heartbeat, nowMs: number): void {
      const one = watched.get(deviceKey);
      if (one === undefined) return;
      heardNow(one, nowMs);
      one.pulse = declare(one.pulse, interval);
      // A shorter pace is due sooner than the slot it waits in.
      arm(one);
      want(one, "online", "heard");
    },
    /** A status message or last will. It is a sign of life only when it says `online`: nothing else is to be called for it. */
    status(deviceKey: number, { state, firmware_version: firmwareVersion }: Status, nowMs: number): void {
      const one = watched.get(deviceKey);
      if (one === undefined) return;
      if (firmwareVersion !== undefined) one.firmwareVersion = firmwareVersion;
      if (state === "online") {
        heardNow(one, nowMs);
        want(one, "online", "heard");
      }
      // Who was never heard has nothing to lose.
      else if (one.state !== "waiting" || one.wanted !== undefined || one.writing !== undefined) want(one, "offline", "last_will");
    },
    /** Takes a device in as it is in the database now. */
    track(row: RegistryRow): void {
      const known = watched.get(row.key);
      if (known === undefined) {
        const pulse = beginPulse({
          settingSeconds: row.heartbeatSeconds,
          ...(row.paceSeconds === undefined ? {} : { learntSeconds: row.paceSeconds }),
          nowMs: listenedMs,
        });
        const seenMs = row.lastSeenAt?.getTime();
        const one: Watched = {
          key: row.key,
          state: row.state,
          wanted: undefined,
          writing: undefined,
          pulse,
          heardInSweep: -1,
          lastSeenMs: seenMs,
          savedSeenMs: seenMs,
          firmwareVersion: undefined,
          dueSlot: -1,
        };
        watched.set(row.key, one);
        if (one.state === "online") arm(one);
        return;
      }
      known.state = row.state;
      if (known.wanted?.state === row.state || row.state === "revoked") known.wanted = undefined;
      known.pulse = resetPace(known.pulse, row.heartbeatSeconds);
      if (known.state === "online") arm(known);
    },
    untrack(deviceKey: number): void {
      watched.delete(deviceKey);
    },
    start(): void {
      sweptAtMs = clock.monotonicMs();
      timer = setInterval(onSweep, sweepMs);
      timer.unref();
    },
    /** Stops judging and writes what is not yet written. */
    async stop(): Promise<void> {
      clearInterval(timer);
      await writing;
      try {
        await writeChanges();
        await writeSeen();
      } catch (error) {
        log.warn({ err: error }, "the presence of devices could not be written at the end");
      }
    },
    /** Looks at the clock now; the timer does the same. For tests with a clock of their own. */
    sweepNow: async (): Promise<void> => {
      onSweep();
      await writing;
    },
  };
}
