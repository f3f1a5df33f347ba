import type { LatestValue } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import type { KitManifest } from "@roost/contract/kit";
import type { KitDevice, KitHost, KitTransaction } from "@roost/contract/kit-host";
import type { RuleFields } from "@roost/contract/rules";
import { telemetryErrors } from "@roost/contract/telemetry";
import type { z } from "zod";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import { emit } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Within } from "../../platform/tenancy.ts";
import type { Alarms, Signal } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import type { DeviceIdentity, Devices, Reach } from "../devices/devices.ts";
import { labelHostFor, maySee } from "../devices/devices.ts";
import type { Rules } from "../rules/rules.ts";
import { toSeries } from "../telemetry/telemetry.ts";
import type { SeriesWithLatest, Telemetry } from "../telemetry/telemetry.ts";

/** The parts of the platform that kits reach by their host. */
export interface HostParts {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly devices: Pick<Devices, "find" | "get" | "list" | "add" | "change" | "remove" | "rotateCredentials" | "setPurpose">;
  readonly telemetry: Pick<Telemetry, "listSeries" | "latestOf" | "query">;
  readonly alarms: Pick<Alarms, "take" | "list" | "openCounts">;
  readonly rules: Pick<Rules, "keep">;
  readonly commands: KitHost["commands"];
  readonly blobs: KitHost["blobs"];
  readonly egress: Pick<Egress, "request">;
  readonly seal: Seal;
  readonly reach: () => Reach;
  readonly installation: KitHost["installation"];
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What one kit is to be told of its settings. */
export interface KitSettingsReads {
  of(organisationId: string): unknown;
  organisations(): string[];
  isOn(organisationId: string): boolean;
}

const noRules: ReadonlyMap<string, RuleFields> = new Map();

const pageLimit = 500;

/** Makes what one kit may do out of the platform's parts; whatever it names gets the kit's name before it. */
export function createKitHost(kit: KitManifest, parts: HostParts, settings: KitSettingsReads): KitHost {
  const { db, audit, egress, seal, reach, clock } = parts;
  const words = alarmWords(kit, parts);
  return {
    clock,
    log: parts.log,
    db,
    devices: deviceReads(kit, parts),
    telemetry: telemetryReads(parts),
    alarms: {
      openCounts: (deviceIds) => parts.alarms.openCounts(deviceIds),
      list: async (within, { deviceIds, state = "open", limit }) => {
        const { items } = await parts.alarms.list(within, { deviceIds, state, limit });
        return items.toSorted((one, other) => other.raisedAt.getTime() - one.raisedAt.getTime());
      },
      raise: (tx, signal) => words.say(tx, { ...signal, what: "raise", kind: "state" }),
      clear: (tx, signal) => words.say(tx, { ...signal, what: "clear", kind: "state", severity: "info" }),
    },
    rules: {
      // Work that began before the kit was switched off ends after it: what it still wants kept would raise alarms that nobody can look after.
      keep: ({ organisationId, by }, prefix, wanted) =>
        parts.rules.keep({ organisationId, by }, kit.id, prefix, settings.isOn(organisationId) ? wanted : noRules),
    },
    commands: parts.commands,
    notifications: { tell: (tx, message) => words.say(tx, { ...message, what: "raise", kind: "event" }) },
    blobs: parts.blobs,
    settings: {
      of: async (organisationId) => settings.of(organisationId) as never,
      organisations: async () => settings.organisations(),
    },
    egress,
    seal: {
      seal: (plain, purpose) => seal.seal(plain, kitPurpose(kit.id, purpose)),
      open: (sealed, purpose) => seal.open(sealed, kitPurpose(kit.id, purpose)),
    },
    audit: {
      record: (tx, whose, { action, ...entry }) =>
        audit.record(tx, { ...entry, organisationId: whose.organisationId, by: actorOf(whose), action: `${kit.id}.${action}` }),
    },
    async emit(tx, fact) {
      if (!fact.type.startsWith(`${kit.id}.`)) throw new TypeError(`A fact of the kit ${kit.id} begins with its name.`);
      await emit(tx, fact);
    },
    newId,
    reach: {
      publicUrl: parts.publicUrl,
      host: (hostHeader) => labelHostFor(reach(), hostHeader),
      get httpsUrl() {
        const now = reach();
        return now.httpUrl(now.host);
      },
      get mqttPort() {
        return reach().mqttPort;
      },
      get caPem() {
        return reach().caPem;
      },
    },
    installation: parts.installation,
    instanceId: newId(),
  };
}

/** What a kit's secret is bound to: no other kit's, and none of the platform's, opens in its place. */
export function kitPurpose(kitId: string, purpose: string): string {
  return `kit ${kitId}: ${purpose}`;
}

/** Settings of a kit as stored, with the defaults of its schema. */
export function settingsWith(schema: z.ZodObject | undefined, stored: Readonly<Record<string, unknown>>): unknown {
  if (schema === undefined) return {};
  const read = schema.safeParse(stored);
  // What an older version of the kit allowed: the defaults are safer than half of what was meant.
  return read.success ? read.data : schema.parse({});
}

function deviceReads(kit: KitManifest, { devices }: HostParts): KitHost["devices"] {
  const kinds = Object.keys(kit.deviceKinds);
  const seen = (device: DeviceIdentity | undefined): KitDevice | undefined => (device === undefined || device.hidden ? undefined : device);
  return {
    find: (deviceId) => seen(devices.find(deviceId.toLowerCase())),
    findSeen(within: Within, deviceId) {
      const device = devices.find(deviceId.toLowerCase());
      return maySee(within, device) ? device : undefined;
    },
    get: (within, deviceId) => devices.get(within, deviceId),
    async listOwn(within) {
      const all = [];
      let cursor: string | undefined;
      do {
        const { items, next } = await devices.list(within, { kinds, limit: pageLimit, ...(cursor === undefined ? {} : { cursor }) });
        all.push(...items);
        cursor = next;
      } while (cursor !== undefined);
      return all;
    },
    add: (whose, wanted, hostHeader) => devices.add(whose, wanted, hostHeader),
    change: (whose, deviceId, change) => devices.change(whose, deviceId, change),
    remove: (whose, deviceId) => devices.remove(whose, deviceId, deviceId),
    rotateCredentials: (whose, deviceId, overlapSeconds) => devices.rotateCredentials(whose, deviceId, overlapSeconds),
    setPurpose: devices.setPurpose,
  };
}

function telemetryReads({ devices, telemetry }: HostParts): KitHost["telemetry"] {
  return {
    async series(deviceId) {
      const device = devices.find(deviceId);
      return device === undefined ? [] : (await telemetry.listSeries(device.key)).map(toSeries);
    },
    async latest(deviceIds) {
      const keys = new Map(deviceIds.flatMap((id) => devices.find(id) ?? []).map(({ key, id }) => [key, id]));
      const found = await telemetry.latestOf([...keys.keys()], Number.MAX_SAFE_INTEGER);
      return new Map([...found].map(([key, rows]) => [keys.get(key) ?? "", rows.flatMap(latestValueOf)]));
    },
    async query({ deviceId, timeZone = "UTC", ...question }) {
      const device = devices.find(deviceId);
      if (device === undefined) return undefined;
      try {
        return await telemetry.query({ deviceKey: device.key, timeZone, ...question });
      } catch (error) {
        if (isAppError(error, telemetryErrors.unknown_metric.code)) return undefined;
        throw error;
      }
    },
  };
}

function latestValueOf(row: SeriesWithLatest): LatestValue[] {
  const { metric, unit, latest } = toSeries(row);
  return latest === undefined ? [] : [{ metric, unit, ...latest }];
}

function alarmWords(kit: KitManifest, { alarms, clock }: HostParts) {
  return {
    async say(
      tx: KitTransaction,
      { deviceId, type, ...signal }: Omit<Signal, "id" | "at" | "source"> & { readonly deviceId?: string | undefined },
    ): Promise<void> {
      await alarms.take(tx, [
        {
          ...signal,
          id: newId(),
          source: deviceId ?? `kit:${kit.id}`,
          type: `kit:${kit.id}:${type}`.slice(0, 200),
          deviceId,
          at: new Date(clock.nowMs()),
        },
      ]);
    },
  };
}
