import { deviceErrors } from "@roost/contract/devices";
import type { Device } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";

import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { DeviceIdentity, Devices } from "../devices/devices.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { announcementOf, expirySeconds, stateOf } from "./announcing.ts";
import type { Topics } from "./announcing.ts";
import type { BrokerSession } from "./broker.ts";

export interface OutletDeps {
  readonly organisationId: string;
  readonly topics: Topics;
  readonly short: string;
  readonly version: string;
  readonly devices: Pick<Devices, "find" | "findByKey" | "get" | "list">;
  readonly telemetry: Pick<Telemetry, "latestOf">;
  readonly precisionOf: (kind: string, metric: string) => number | undefined;
  /** Devices that came over the bridge do not go back over it. */
  readonly isTaken: (deviceId: string) => boolean;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often states are published: what a device sends in between is in the next one. */
export const usualEveryMs = 1_000;
const devicesPerPage = 200;
/** Each asks the database. */
const changedAtOnce = 5;
const staleCode = 2;

interface Announced {
  readonly payload: string;
  availability: string;
  /** The metrics that are announced: another one makes a new announcement. */
  readonly metrics: string;
  readonly expiresAfterSeconds: number;
}

/** Announces an organisation's devices on a broker, and publishes their states: the newest values of a device at most once a second. */
export function createOutlet({
  organisationId,
  topics,
  short,
  version,
  devices,
  telemetry,
  precisionOf,
  isTaken,
  everyMs,
  clock,
  log,
}: OutletDeps) {
  const announced = new Map<string, Announced>();
  const withValues = new Set<number>();
  const changed = new Set<string>();
  const whose = { organisationId };
  let session: BrokerSession | undefined;
  let timer: NodeJS.Timeout | undefined;
  let busy: Promise<void> = Promise.resolve();
  let isBusy = false;
  let bornAgain = false;
  let isLeaving = false;

  const retained = async (topic: string, payload: string) => session?.publish(topic, payload, { retain: true });

  /** What may be told: of this organisation, and nothing that came over the bridge itself. */
  const isOurs = ({ id, organisationId: whoseDevice, hidden, revoked }: DeviceIdentity): boolean =>
    whoseDevice === organisationId && !hidden && !revoked && !isTaken(id);

  async function withdraw(deviceId: string): Promise<void> {
    announced.delete(deviceId);
    await Promise.all([retained(topics.config(deviceId), ""), retained(topics.availability(deviceId), "")]);
  }

  /** Says what a device is, where that is new; then whether it is there, and its values. */
  async function announce(device: Device, isForced: boolean): Promise<void> {
    const known = devices.find(device.id);
    if (known === undefined || !isOurs(known)) {
      if (announced.has(device.id)) await withdraw(device.id);
      return;
    }
    const { key } = known;
    const series = ((await telemetry.latestOf([key], Number.MAX_SAFE_INTEGER)).get(key) ?? []).map((one) => one.series);
    // Nothing to show yet; its first values bring it here again.
    if (series.length === 0) return;
    const metrics = series.map(({ metric, unit, kind }) => ({ metric, unit, kind, precision: precisionOf(device.kind, metric) }));
    const payload = announcementOf({ ...device, metrics }, topics, { short, version });
    const availability = device.state === "online" ? "online" : "offline";
    const before = announced.get(device.id);
    announced.set(device.id, { payload, availability, metrics: markOf(series), expiresAfterSeconds: expirySeconds(device) });
    if (isForced || before === undefined) withValues.add(key);
    await Promise.all([
      isForced || before?.payload !== payload ? retained(topics.config(device.id), payload) : undefined,
      isForced || before?.availability !== availability ? retained(topics.availability(device.id), availability) : undefined,
    ]);
  }

  async function announceAll(): Promise<void> {
    const gone = new Set(announced.keys());
    let cursor: string | undefined;
    do {
      const page = await devices.list(whose, { limit: devicesPerPage, ...(cursor === undefined ? {} : { cursor }) });
      // Brings what is known of them into memory in one go.
      await telemetry.latestOf(
        page.items.flatMap(({ id }) => devices.find(id)?.key ?? []),
        1,
      );
      for (const { id } of page.items) gone.delete(id);
      // Not one after the other: each waits for the broker's answer.
      await Promise.all(page.items.map(async (device) => announce(device, true)));
      cursor = page.next;
    } while (cursor !== undefined && session !== undefined);
    await Promise.all([...gone].map(withdraw));
  }

  async function announceChanged(deviceId: string): Promise<void> {
    try {
      await announce(await devices.get(whose, deviceId), false);
    } catch (error) {
      if (!isAppError(error, deviceErrors.not_found.code)) throw error;
      if (announced.has(deviceId)) await withdraw(deviceId);
    }
  }

  async function announceAllChanged(): Promise<void> {
    const ids = [...changed];
    changed.clear();
    for (let at = 0; at < ids.length; at += changedAtOnce) await Promise.all(ids.slice(at, at + changedAtOnce).map(announceChanged));
  }

  async function publishStates(): Promise<void> {
    const keys = [...withValues];
    withValues.clear();
    if (keys.length === 0) return;
    const found = await telemetry.latestOf(keys, Number.MAX_SAFE_INTEGER);
    const nowMs = clock.nowMs();
    const messages = keys.flatMap((key) => {
      const device = devices.findByKey(key);
      if (device === undefined || !isOurs(device)) return [];
      const deviceId = device.id;
      const rows = found.get(key) ?? [];
      const known = announced.get(deviceId);
      if (known?.metrics !== markOf(rows.map(({ series }) => series))) {
        changed.add(deviceId);
        // The values follow what announces them.
        if (known === undefined) return [];
      }
      const values = rows.flatMap(({ series: { metric }, latest }) =>
        latest === undefined || (latest.quality & 15) === staleCode
          ? []
          : [{ metric, value: latest.value, measuredAtMs: latest.measuredAtUs / 1_000 }],
      );
      const payload = stateOf(values, { nowMs, expiresAfterSeconds: known.expiresAfterSeconds });
      return payload === undefined ? [] : [{ topic: topics.state(deviceId), payload }];
    });
    await Promise.all(messages.map(async ({ topic, payload }) => session?.publish(topic, payload, { retain: false })));
  }

  async function work(): Promise<void> {
    if (bornAgain) {
      bornAgain = false;
      await announceAll();
    }
    await announceAllChanged();
    await publishStates();
    // A device that was not announced yet is by now, and its values are as fresh as they were.
    if (changed.size > 0) {
      await announceAllChanged();
      await publishStates();
    }
  }

  function tick(): void {
    if (session === undefined || isBusy || (!bornAgain && withValues.size === 0 && changed.size === 0)) return;
    isBusy = true;
    busy = work()
      .catch((error: unknown) => {
        // Where the connection is lost, the next one announces everything.
        if (session?.isUp() === true) {
          log.warn({ err: error, organisationId }, "states could not be published to Home Assistant; all is announced again");
          bornAgain = true;
        }
      })
      .finally(() => {
        isBusy = false;
      });
  }

  return {
    /** Announces all over a new connection. */
    async up(opened: BrokerSession): Promise<void> {
      session = opened;
      await retained(topics.bridge, "online");
      await announceAll();
      await publishStates();
      timer = setInterval(tick, everyMs);
      timer.unref();
    },
    down(): void {
      clearInterval(timer);
      session = undefined;
    },
    /** Values of a device were committed. Cheap: they are looked at with the next second. */
    touched: (deviceKey: number): void => void withValues.add(deviceKey),
    /** A device was changed, came or went. */
    changed: (deviceId: string): void => void changed.add(deviceId),
    /** Home Assistant started anew, and knows nothing but what lies on the broker. */
    born(): void {
      bornAgain = true;
    },
    /** Somebody said that the bridge is away. */
    calledOffline(): void {
      if (session === undefined || isLeaving) return;
      retained(topics.bridge, "online").catch((error: unknown) => log.debug({ err: error, organisationId }, "the bridge could not answer"));
    },
    /** An announcement of ours lies on the broker. What we would not announce today was left there, and goes. */
    async seen(deviceId: string): Promise<void> {
      if (session !== undefined && !announced.has(deviceId)) await withdraw(deviceId);
    },
    /** Takes everything back: nothing of ours stays on the broker. */
    async withdrawAll(): Promise<void> {
      isLeaving = true;
      clearInterval(timer);
      await busy;
      await Promise.all([...announced.keys()].map(withdraw));
      await retained(topics.bridge, "");
    },
    async close(): Promise<void> {
      isLeaving = true;
      clearInterval(timer);
      await busy;
      if (session?.isUp() === true) await retained(topics.bridge, "offline");
      session = undefined;
    },
    published: (): number => announced.size,
  };
}

function markOf(series: readonly { readonly metric: string; readonly unit: string }[]): string {
  return series.map(({ metric, unit }) => `${metric} ${unit}`).join(",");
}
