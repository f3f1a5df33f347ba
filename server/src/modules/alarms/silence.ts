import type { AlarmedDevice, Kept } from "./kept.ts";
import { isSilence, keyOf } from "./signal.ts";

/** Children of what is back have this long to be heard themselves before somebody is told of them. */
export const graceMs = 60_000;

/** Something on the way is silent, or was a moment ago. */
export interface Silence {
  readonly alarmId: string;
  readonly incidentId?: string | undefined;
  /** What it is called. */
  readonly name: string;
  /** Absent: it is silent still. */
  readonly untilMs?: number | undefined;
}

/** Which devices are silent, and whose silence is explained by that. */
export class Silences {
  readonly #devices: ReadonlyMap<string, AlarmedDevice>;
  readonly #nowMs: number;
  /** Silences by device, then by alarm. */
  readonly #silent = new Map<string, Map<string, Silence>>();
  /** Keys of open silence alarms, by each device they are reached through. */
  readonly #behind = new Map<string, Set<string>>();

  constructor(devices: ReadonlyMap<string, AlarmedDevice>, nowMs: number) {
    this.#devices = devices;
    this.#nowMs = nowMs;
  }

  /** Takes an alarm in as it is now. */
  note(kept: Kept): void {
    const { id, deviceId, deviceName = deviceId, kind, state, incidentId } = kept.alarm;
    if (deviceId === undefined || deviceName === undefined || !isSilence(kind)) return;
    const isOpen = state !== "cleared";
    // A metric that fell silent says nothing of what hangs behind the device.
    if (kind === "offline") {
      let ofDevice = this.#silent.get(deviceId);
      if (ofDevice === undefined) this.#silent.set(deviceId, (ofDevice = new Map<string, Silence>()));
      ofDevice.set(id, { alarmId: id, incidentId, name: deviceName, ...(isOpen ? {} : { untilMs: kept.turnedAt.getTime() + graceMs }) });
    }
    const key = keyOf({ ...kept.alarm, organisationId: kept.organisationId });
    for (const ancestor of this.#devices.get(deviceId)?.ancestors ?? []) {
      const behind = this.#behind.get(ancestor);
      if (!isOpen) behind?.delete(key);
      else if (behind === undefined) this.#behind.set(ancestor, new Set([key]));
      else behind.add(key);
    }
  }

  /** The silence of the farthest thing that a device is reached through; of what is back already only while its children are given time. */
  rootOf(deviceId: string): Silence | undefined {
    const ancestors = this.#devices.get(deviceId)?.ancestors ?? [];
    let lately: Silence | undefined;
    for (const ancestor of ancestors.toReversed()) {
      for (const silence of this.#silent.get(ancestor)?.values() ?? []) {
        if (silence.untilMs === undefined) return silence;
        if (silence.untilMs > this.#nowMs) lately ??= silence;
      }
    }
    return lately;
  }

  /** Keys of open silence alarms of what is reached through a device. */
  behind(deviceId: string): readonly string[] {
    return [...(this.#behind.get(deviceId) ?? [])];
  }
}
