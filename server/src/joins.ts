import { deviceErrors } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import { findCommandManifests, findMetricManifest } from "@roost/contract/kit";
import type { HeartbeatMetric } from "@roost/contract/kit";
import type { Permission } from "@roost/contract/permissions";
import { telemetryErrors } from "@roost/contract/telemetry";
import { kits } from "@roost/kits/kits";

import type { Alarms, Keeper } from "./modules/alarms/alarms.ts";
import type { FleetReads } from "./modules/devices/device-routes.ts";
import { maySee } from "./modules/devices/devices.ts";
import type { DeviceIdentity, Devices } from "./modules/devices/devices.ts";
import type { Organisations } from "./modules/organisations/organisations.ts";
import type { RuleDeps } from "./modules/rules/rules.ts";
import { qualityOf } from "./modules/telemetry/series.ts";
import type { Telemetry } from "./modules/telemetry/telemetry.ts";
import type { Clock } from "./platform/clock.ts";
import type { Fact } from "./platform/events.ts";
import type { CredentialRequest } from "./platform/http/access.ts";
import type { DeviceCaller } from "./platform/http/mount.ts";
import type { Whose, Within } from "./platform/tenancy.ts";

/** What the fleet page shows of nouns of higher rank than devices. */
export function fleetReads(telemetry: Telemetry, alarms: Alarms): FleetReads {
  return {
    openCounts: alarms.openCounts,
    async latestOf(deviceKeys, perDevice) {
      const found = await telemetry.latestOf(deviceKeys, perDevice);
      return new Map(
        [...found].map(([key, rows]) => [
          key,
          rows.flatMap(({ series, latest }) =>
            latest === undefined
              ? []
              : [
                  {
                    metric: series.metric,
                    unit: series.unit,
                    value: latest.value,
                    measuredAt: new Date(latest.measuredAtUs / 1_000),
                    receivedAt: new Date(latest.receivedAtUs / 1_000),
                    quality: qualityOf(latest.quality),
                  },
                ],
          ),
        ]),
      );
    },
  };
}

/** Every value of a device that is kept, as CSV: what a wrong clock put into the future too. */
export function allSamples(telemetry: Telemetry, clock: Clock) {
  const dayMs = 86_400_000;
  return (within: Within, deviceKey: number): Promise<AsyncIterable<string>> =>
    telemetry.exportCsv({ within, deviceKey, from: new Date(0), to: new Date(clock.nowMs() + dayMs), timeZone: "UTC" });
}

/** What the kits know of a device's metrics, by the kind the device has. */
export function metricDescriptions(devices: Devices) {
  return (deviceKey: number, metric: string) => {
    const kind = devices.findByKey(deviceKey)?.kind;
    return kind === undefined ? undefined : findMetricManifest(kits, kind, metric);
  };
}

/** What of a device's heartbeats is kept, by its kind. */
export function heartbeatMetrics(devices: Pick<Devices, "find">) {
  const byKind = new Map(
    kits.flatMap(({ deviceKinds }) => Object.entries(deviceKinds).map(([kind, known]) => [kind, known.heartbeatMetrics])),
  );
  return (deviceId: string): readonly HeartbeatMetric[] => byKind.get(devices.find(deviceId)?.kind ?? "") ?? [];
}

/** Kinds of devices that may register by themselves, as the kits say. */
export function selfRegisteringKinds(): string[] {
  return kits.flatMap((kit) => Object.entries(kit.deviceKinds).flatMap(([kind, { registersItself }]) => (registersItself ? [kind] : [])));
}

/** The commands that devices of a kind understand, by the kits. */
export const commandManifests = (kind: string) => findCommandManifests(kits, kind);

/** How many digits of a metric mean something, where a kit knows it. */
export function metricPrecision(kind: string, metric: string): number | undefined {
  return findMetricManifest(kits, kind, metric)?.precision;
}

// A look at memory alone; what is open ends well within the 5 s in which access has to end.
const lookMs = 1_000;

/** Finds a device in memory: one that the caller may see. Hidden ones are not there. */
export function deviceLookup(devices: Devices) {
  return {
    /** @throws {AppError} `devices.not_found` */
    async get(within: Within, deviceId: string): Promise<DeviceIdentity> {
      const device = devices.find(deviceId);
      if (!maySee(within, device)) throw deviceErrors.not_found({ deviceId });
      return device;
    },
    whileSeen(within: Within, deviceId: string, signal: AbortSignal): AbortSignal {
      const gone = new AbortController();
      const timer = setInterval(() => {
        if (!maySee(within, devices.find(deviceId))) gone.abort();
      }, lookMs);
      timer.unref();
      const both = AbortSignal.any([signal, gone.signal]);
      if (both.aborted) clearInterval(timer);
      else both.addEventListener("abort", () => clearInterval(timer), { once: true });
      return both;
    },
  };
}

/**
 * Says which facts somebody with a scope may hear: those of devices in it. What is about no device (people, roles, settings) is for those who see
 * the whole organisation.
 */
export function factsInScope(devices: Pick<Devices, "find">) {
  return (within: Whose, { type, nounId, data }: Pick<Fact, "type" | "nounId" | "data">): boolean => {
    // Somebody's own: nobody else hears that they were told.
    if (type === "inbox.changed") return within.by?.kind === "person" && within.by.id === nounId;
    if (within.scope === undefined) return true;
    const named = type.startsWith("device.") ? nounId : data["deviceId"];
    return typeof named === "string" && maySee(within, devices.find(named));
  };
}

/** Who may look after which alarms: members who hold the permission, of devices in their scope; of no device those who see everything. */
export function alarmKeepers(
  organisations: Pick<Organisations, "holders">,
  devices: Pick<Devices, "find">,
  permission: Permission = "alarms:acknowledge",
) {
  return async (organisationId: string): Promise<Keeper[]> =>
    (await organisations.holders(organisationId, permission)).map(({ email, name, scope }) => ({
      email,
      name,
      maySee: (deviceId) => (deviceId === undefined ? scope === undefined : maySee({ organisationId, scope }, devices.find(deviceId))),
    }));
}

/** Tells which device an HTTP request comes from, by its bearer token. */
export function deviceAuthentication(devices: Devices) {
  return async ({ headers }: CredentialRequest): Promise<DeviceCaller | undefined> => {
    const { authorization } = headers;
    const token = typeof authorization === "string" ? /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization)?.[1] : undefined;
    if (token === undefined) return undefined;
    const access = await devices.authenticateDeviceToken(token);
    if (access === undefined) return undefined;
    const { id, key, organisationId } = access.device;
    return { kind: "device", id, deviceKey: key, organisationId };
  };
}

const replayPage = 5_000;

/** What rules have to know of devices and of what is stored. */
export function ruleReads(devices: Devices, telemetry: Telemetry): Pick<RuleDeps, "placeOf" | "unitOf" | "history"> {
  const query = async (deviceId: string, metric: string, range: { from: Date; to: Date; resolutionSeconds: number; maxPoints: number }) => {
    const device = devices.find(deviceId);
    try {
      return device === undefined ? undefined : await telemetry.query({ deviceKey: device.key, metric, timeZone: "UTC", ...range });
    } catch (error) {
      if (isAppError(error, telemetryErrors.unknown_metric.code)) return undefined;
      throw error;
    }
  };
  return {
    placeOf: devices.find,
    unitOf(deviceId, metric) {
      const device = devices.find(deviceId);
      return device === undefined ? undefined : telemetry.knownSeries(device.key, metric)?.unit;
    },
    history: {
      async latest(wanted) {
        const keys = new Set(wanted.flatMap(({ deviceId }) => devices.find(deviceId)?.key ?? []));
        const found = await telemetry.latestOf([...keys], Number.MAX_SAFE_INTEGER);
        const byName = new Map([...found].map(([key, rows]) => [key, new Map(rows.map((row) => [row.series.metric, row.latest]))]));
        return wanted.map(({ deviceId, metric }) => byName.get(devices.find(deviceId)?.key ?? -1)?.get(metric));
      },
      async *samples({ deviceId, metric }, fromUs, toUs) {
        const to = new Date(Math.floor(toUs / 1_000) + 1);
        let from: Date | undefined = new Date(Math.floor(fromUs / 1_000));
        while (from !== undefined && from < to) {
          const points = await query(deviceId, metric, { from, to, resolutionSeconds: 0, maxPoints: replayPage });
          if (points === undefined) return;
          yield points.at.map((at, index) => ({ measuredAtUs: at * 1_000, value: points.avg[index] ?? Number.NaN }));
          from = points.nextFrom;
        }
      },
      async hours({ deviceId, metric }, from, to) {
        const points = await query(deviceId, metric, { from, to, resolutionSeconds: 3_600, maxPoints: 10_000 });
        return (points?.at ?? []).map((atMs, index) => ({
          atMs,
          min: points?.min[index] ?? Number.NaN,
          max: points?.max[index] ?? Number.NaN,
          avg: points?.avg[index] ?? Number.NaN,
        }));
      },
    },
  };
}

/** Says whether a reading can be read back, by the same query that charts use. */
export function isReadBack(devices: Devices, telemetry: Telemetry, deviceId: string) {
  return async (metric: string, measuredAt: Date): Promise<boolean> => {
    const device = devices.find(deviceId);
    if (device === undefined) return false;
    try {
      const points = await telemetry.query({
        deviceKey: device.key,
        metric,
        from: measuredAt,
        to: new Date(measuredAt.getTime() + 1),
        resolutionSeconds: 0,
        maxPoints: 1,
        timeZone: "UTC",
      });
      return points.at.length === 1;
    } catch (error) {
      if (isAppError(error, telemetryErrors.unknown_metric.code)) return false;
      throw error;
    }
  };
}
