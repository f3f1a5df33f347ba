import { configurationBytes, configurationErrors } from "@roost/contract/configuration";
import type { DeviceConfiguration } from "@roost/contract/configuration";
import { deviceErrors } from "@roost/contract/devices";
import { deviceTopics } from "@roost/contract/topics";

import type { Db } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Fact } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { configurationPayload, standingOf } from "./configuration-state.ts";
import { findConfiguration, makeVersion, loadPublished } from "./configuration-store.ts";
import type { StoredConfiguration } from "./configuration-store.ts";
import { lockDevice, updateDevice } from "./device-store.ts";
import type { Devices } from "./devices.ts";

export interface ConfigurationDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly devices: Pick<Devices, "learn">;
  readonly log: Log;
}

/** Where a device hears of it at once. */
export interface ConfigurationOutlet {
  publish(message: { topic: string; payload: Uint8Array; qos: 1; retain: true }): unknown;
}

/** What is set; absent stays. */
export interface ConfigurationChange {
  readonly heartbeatSeconds?: number | undefined;
  /** `null`: as the heartbeat. */
  readonly sampleSeconds?: number | null | undefined;
  readonly settings?: DeviceConfiguration["settings"] | undefined;
}

const payloadOf = (wanted: StoredConfiguration["wanted"]): Buffer => Buffer.from(configurationPayload(wanted));

export type Configurations = ReturnType<typeof createConfigurations>;

function shown({ wanted, changedBy, changedAt, reported, reportedAt }: StoredConfiguration): DeviceConfiguration {
  return {
    ...wanted,
    ...(changedBy === undefined ? {} : { changedBy }),
    ...(changedAt === undefined || changedBy === undefined ? {} : { changedAt }),
    ...(reported === undefined || reportedAt === undefined
      ? {}
      : {
          reported: {
            version: reported.version,
            ...(reported.heartbeat_seconds === undefined ? {} : { heartbeatSeconds: reported.heartbeat_seconds }),
            ...(reported.sample_seconds === undefined ? {} : { sampleSeconds: reported.sample_seconds }),
            ...(reported.settings === undefined ? {} : { settings: reported.settings }),
            at: reportedAt,
          },
        }),
    ...standingOf(wanted, reported),
  };
}

/** What devices are wanted to be set to: kept, published retained, and compared with what they say. */
export function createConfigurations({ db, audit, devices, log }: ConfigurationDeps) {
  let outlet: ConfigurationOutlet | undefined;

  async function publish(deviceId: string): Promise<void> {
    // As it stands now: of two changes in a row the first one's fact may come last.
    const [found] = await loadPublished(db, deviceId);
    // An empty payload takes back what was published.
    const payload = found === undefined ? Buffer.alloc(0) : payloadOf(found.wanted);
    outlet?.publish({ topic: deviceTopics(deviceId).config, payload, qos: 1, retain: true });
  }

  async function get(whose: Within, id: string): Promise<DeviceConfiguration> {
    const found = await findConfiguration(db.within(whose), whose.organisationId, id);
    if (found === undefined) throw deviceErrors.not_found({ deviceId: id });
    return shown(found);
  }

  return {
    /** What the door starts with. */
    async loadRetained(): Promise<{ topic: string; payload: Buffer; qos: 1 }[]> {
      const all = await loadPublished(db);
      return all.map(({ deviceId, wanted }) => ({ topic: deviceTopics(deviceId).config, payload: payloadOf(wanted), qos: 1 as const }));
    },
    /** From now on devices hear of changes by this server's door. */
    start(to: ConfigurationOutlet): void {
      outlet = to;
    },
    /** Hears every fact, in memory: each server's door shows what is wanted. */
    observe({ type, nounId, data }: Pick<Fact, "type" | "nounId" | "data">): void {
      // Whoever gets the id of a removed device one day must not be shown what that one was set to.
      const isNews = type === "device.configured" || type === "device.removed" || (type === "device.changed" && data["what"] === "revoked");
      if (!isNews) return;
      publish(nounId).catch((error: unknown) => log.warn({ err: error, deviceId: nounId }, "a configuration could not be published"));
    },

    /** @throws {AppError} `devices.not_found` */
    get,

    /** Sets what a device is wanted to be set to; the same again changes nothing. @throws {AppError} `devices.not_found`, `configuration.too_large` */
    async set(whose: Whose, id: string, change: ConfigurationChange): Promise<DeviceConfiguration> {
      if (Buffer.byteLength(JSON.stringify(change.settings ?? {})) > configurationBytes)
        throw configurationErrors.too_large({ limitBytes: configurationBytes });
      const { organisationId } = whose;
      const by = actorOf(whose);
      const isChanged = await db.within(whose).transaction(async (tx) => {
        const device = await lockDevice(tx, organisationId, id);
        const before = device === undefined ? undefined : await findConfiguration(tx, organisationId, id);
        if (device === undefined || before === undefined) throw deviceErrors.not_found({ deviceId: id });
        const { wanted } = before;
        const heartbeatSeconds = change.heartbeatSeconds ?? wanted.heartbeatSeconds;
        const sampleSeconds = change.sampleSeconds === null ? heartbeatSeconds : (change.sampleSeconds ?? wanted.sampleSeconds);
        const settings = change.settings ?? wanted.settings;
        const next = { ...wanted, heartbeatSeconds, sampleSeconds, settings };
        if (JSON.stringify(next) === JSON.stringify(wanted)) return false;
        if (heartbeatSeconds !== wanted.heartbeatSeconds) {
          await updateDevice(tx, id, { heartbeatSeconds });
          await emit(tx, { organisationId, type: "device.changed", nounId: id, data: { what: "settings" } });
        }
        await makeVersion(tx, { organisationId, id, by: by.name }, { sampleSeconds: change.sampleSeconds, settings: change.settings });
        const words = ({ heartbeatSeconds: heartbeat, sampleSeconds: sample, settings: own }: typeof next) => ({
          heartbeatSeconds: heartbeat,
          sampleSeconds: sample,
          settings: own,
        });
        await audit.record(tx, {
          organisationId,
          by,
          action: "device.configured",
          object: { kind: "device", id, name: device.name },
          before: words(wanted),
          after: words(next),
        });
        return true;
      });
      if (isChanged) await devices.learn({ id: "", organisationId, type: "device.changed", nounId: id, data: {}, at: new Date() });
      return get(whose, id);
    },
  };
}
