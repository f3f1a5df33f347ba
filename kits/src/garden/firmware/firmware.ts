import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";

import { isAppError } from "@roost/contract/errors";
import type { KitHost, KitSealedColumn, KitTransaction } from "@roost/contract/kit-host";
import type { Whose, Within } from "@roost/contract/tenancy";

import { firmwareErrors } from "../contract/firmware.ts";
import type { FirmwareFile, FirmwareKind, NodeSettings } from "../contract/firmware.ts";
import { esphomeConfiguration, esphomeSecrets } from "./esphome.ts";
import { heartbeatSecondsOf, portalName } from "./node-build.ts";
import type { NodeBuild, NodeSecrets } from "./node-build.ts";
import { ensureSettings, findSecrets, findSettings, saveSecrets, saveSettings, takeOver } from "./node-settings-store.ts";
import type { StoredSettings } from "./node-settings-store.ts";
import { sketchFiles, sketchSecrets } from "./sketch.ts";

/** What may be changed of a node's settings. */
export type SettingsChange = {
  readonly [Name in "sampleSeconds" | "sleepSeconds" | "hasBattery" | "signedUpdates" | "soilDryVolts" | "soilWetVolts"]?:
    | NodeSettings[Name]
    | undefined;
};

export interface ChangedSettings {
  readonly settings: NodeSettings;
  readonly takesEffect: "sent" | "build";
}

/** What a person has to know of credentials that were made. */
export interface MadeFirmware {
  readonly files: FirmwareFile[];
  readonly portal: { readonly name: string; readonly password: string };
  readonly oldValidUntil: Date;
}

/**
 * A probe out of the shop: 4095 counts of the converter in air, 1500 in water, at 3.3 V. Each probe differs, so a calibration is better.
 *
 * @see GA-41
 */
export const usualSettings: StoredSettings = {
  sampleSeconds: 60,
  sleepSeconds: 0,
  hasBattery: false,
  signedUpdates: false,
  soilDryVolts: 3.3,
  soilWetVolts: 1.209,
};

/** Nearer points than this are noise, not a calibration. */
const leastSpanVolts = 0.3;
/** A voltage that is older was not measured in what the person holds the probe in now. */
const freshMs = 5 * 60_000;

const portalPurpose = (deviceId: string) => `node portal ${deviceId}`;
const updatePurpose = (deviceId: string) => `node update ${deviceId}`;
const signingPurpose = (deviceId: string) => `node signing ${deviceId}`;

const sealed = (column: string, purposeOf: (deviceId: string) => string): KitSealedColumn => ({
  table: "kit_garden.node_settings",
  column,
  key: ["device_id"],
  purpose: (row) => purposeOf(String(row["device_id"])),
});

/** What the rotation of the data key has to walk. */
export const firmwareSealedColumns: readonly KitSealedColumn[] = [
  sealed("portal_password", portalPurpose),
  sealed("update_key", updatePurpose),
  sealed("signing_key", signingPurpose),
];

export type Firmware = ReturnType<typeof createFirmware>;

/** Programs of nodes, their settings, and the calibration of their soil probes. */
export function createFirmware(host: Omit<KitHost, "settings">) {
  const { db, devices } = host;

  /** @throws {AppError} `devices.not_found`, `garden_firmware.not_a_node` */
  async function nodeOf(within: Within, deviceId: string) {
    const device = await devices.get(within, deviceId);
    if (device.kind !== "garden-node") throw firmwareErrors.not_a_node({ deviceId: device.id });
    await takeOver(db, within.organisationId, device.id);
    return device;
  }

  async function settingsOf(within: Within, deviceId: string): Promise<NodeSettings> {
    const { id } = await nodeOf(within, deviceId);
    return { deviceId: id, ...usualSettings, ...(await findSettings(db.within(within), id)) };
  }

  function buildOf(settings: NodeSettings, name: string, hostHeader: string | undefined): NodeBuild {
    const { httpsUrl, mqttPort, caPem } = host.reach;
    const reachedBy = host.reach.host(hostHeader);
    return {
      ...settings,
      name,
      host: reachedBy,
      mqttPort,
      httpsUrl: httpsUrl?.startsWith("https:") === true ? httpsUrl : undefined,
      caPem,
    };
  }

  async function secretsOf(tx: KitTransaction, deviceId: string): Promise<Omit<NodeSecrets, "mqttUsername" | "mqttPassword">> {
    const kept = await findSecrets(tx, deviceId);
    const open = (bytes: Uint8Array, purpose: string) => Buffer.from(host.seal.open(bytes, purpose)).toString("utf8");
    const seal = (text: string, purpose: string) => host.seal.seal(Buffer.from(text), purpose);
    if (kept !== undefined) {
      return {
        portalPassword: open(kept.portalPassword, portalPurpose(deviceId)),
        updateKey: open(kept.updateKey, updatePurpose(deviceId)),
        signingKeyPem: open(kept.signingKey, signingPurpose(deviceId)),
      };
    }
    const made = { portalPassword: newPortalPassword(), updateKey: randomBytes(32).toString("base64"), signingKeyPem: newSigningKey() };
    await saveSecrets(tx, deviceId, {
      portalPassword: seal(made.portalPassword, portalPurpose(deviceId)),
      updateKey: seal(made.updateKey, updatePurpose(deviceId)),
      signingKey: seal(made.signingKeyPem, signingPurpose(deviceId)),
    });
    return made;
  }

  /** Tells the node what it can take while it runs; what it cannot is built in anew. */
  async function tell(whose: Whose, settings: NodeSettings): Promise<"sent" | "build"> {
    try {
      const params = {
        sample_seconds: settings.sampleSeconds,
        soil_dry_volts: settings.soilDryVolts,
        soil_wet_volts: settings.soilWetVolts,
      };
      await host.commands.send(whose, settings.deviceId, { name: "configure", params });
      return "sent";
    } catch (error) {
      // A node that cannot be told, such as one without credentials: the setting stands, and the next program has it.
      if (isAppError(error)) return "build";
      throw error;
    }
  }

  async function changeWith(
    whose: Whose,
    deviceId: string,
    action: string,
    alter: (settings: StoredSettings) => StoredSettings,
  ): Promise<ChangedSettings> {
    const { id, name } = await nodeOf(whose, deviceId);
    const [before, after] = await db.within(whose).transaction(async (tx) => {
      await ensureSettings(tx, whose.organisationId, id, usualSettings);
      const old = (await findSettings(tx, id, true)) ?? usualSettings;
      const changed = alter(old);
      if (!isCalibration(changed)) throw firmwareErrors.soil_points_too_near();
      await saveSettings(tx, id, changed);
      await host.audit.record(tx, whose, { action, object: { kind: "device", id, name }, before: old, after: changed });
      return [old, changed] as const;
    });
    const settings: NodeSettings = { deviceId: id, ...after };
    if (heartbeatSecondsOf(before) !== heartbeatSecondsOf(after)) {
      await devices.change(whose, id, { heartbeatSeconds: heartbeatSecondsOf(after) });
    }
    const needsBuild =
      before.sleepSeconds !== after.sleepSeconds || before.hasBattery !== after.hasBattery || before.signedUpdates !== after.signedUpdates;
    return { settings, takesEffect: needsBuild ? "build" : await tell(whose, settings) };
  }

  return {
    /** @throws {AppError} `devices.not_found`, `garden_firmware.not_a_node` */
    settingsOf,

    /** @throws {AppError} those of {@link settingsOf}, `garden_firmware.soil_points_too_near` */
    change: (
      whose: Whose,
      deviceId: string,
      { sampleSeconds, sleepSeconds, hasBattery, signedUpdates, soilDryVolts, soilWetVolts }: SettingsChange,
    ) =>
      changeWith(whose, deviceId, "node_settings.changed", (old) => {
        const { soilDryAt, soilWetAt, ...rest } = old;
        return {
          ...rest,
          sampleSeconds: sampleSeconds ?? old.sampleSeconds,
          sleepSeconds: sleepSeconds ?? old.sleepSeconds,
          hasBattery: hasBattery ?? old.hasBattery,
          signedUpdates: signedUpdates ?? old.signedUpdates,
          soilDryVolts: soilDryVolts ?? old.soilDryVolts,
          soilWetVolts: soilWetVolts ?? old.soilWetVolts,
          // A voltage that was typed was not measured here.
          ...(soilDryVolts !== undefined || soilDryAt === undefined ? {} : { soilDryAt }),
          ...(soilWetVolts !== undefined || soilWetAt === undefined ? {} : { soilWetAt }),
        };
      }),

    /**
     * Takes the newest voltage of the probe as one of its two points.
     *
     * @throws {AppError} those of {@link settingsOf}, `garden_firmware.no_fresh_reading`, `garden_firmware.soil_points_too_near`
     */
    async calibrate(whose: Whose, deviceId: string, point: "dry" | "wet"): Promise<ChangedSettings> {
      const { id } = await nodeOf(whose, deviceId);
      const latest = (await host.telemetry.series(id)).find(({ metric }) => metric === "soil_raw")?.latest;
      if (latest === undefined || host.clock.nowMs() - latest.measuredAt.getTime() > freshMs) throw firmwareErrors.no_fresh_reading();
      const { value, measuredAt } = latest;
      return changeWith(whose, id, `soil_${point}.calibrated`, (old) =>
        point === "dry" ? { ...old, soilDryVolts: value, soilDryAt: measuredAt } : { ...old, soilWetVolts: value, soilWetAt: measuredAt },
      );
    },

    /** The program of a node, to be read by anyone. @throws {AppError} those of {@link settingsOf} */
    async filesOf(within: Within, deviceId: string, kind: FirmwareKind, hostHeader: string | undefined): Promise<FirmwareFile[]> {
      const { name } = await nodeOf(within, deviceId);
      const build = buildOf(await settingsOf(within, deviceId), name, hostHeader);
      return kind === "esphome" ? [esphomeConfiguration(build)] : sketchFiles(build);
    },

    /**
     * The same with its secrets, and new credentials in them. The code of its portal and the key of its updates stay what they are: one is printed on
     * the node, the other is in it.
     *
     * @throws {AppError} those of {@link settingsOf}
     */
    async make(
      whose: Whose,
      deviceId: string,
      { kind, overlapSeconds }: { readonly kind: FirmwareKind; readonly overlapSeconds: number },
      hostHeader: string | undefined,
    ): Promise<MadeFirmware> {
      const { id, name } = await nodeOf(whose, deviceId);
      const madeAt = new Date(host.clock.nowMs());
      const own = await db.within(whose).transaction(async (tx) => {
        await ensureSettings(tx, whose.organisationId, id, usualSettings);
        const settings = (await findSettings(tx, id, true)) ?? usualSettings;
        const secrets = await secretsOf(tx, id);
        await saveSettings(tx, id, { ...settings, credentialsMadeAt: madeAt });
        await host.audit.record(tx, whose, {
          action: "firmware.made",
          object: { kind: "device", id, name },
          after: { kind, overlapSeconds },
        });
        return { settings, secrets };
      });
      const { username, password } = await devices.rotateCredentials(whose, id, overlapSeconds);
      const secrets: NodeSecrets = { ...own.secrets, mqttUsername: username, mqttPassword: password };
      const build = buildOf({ deviceId: id, ...own.settings }, name, hostHeader);
      const files =
        kind === "esphome"
          ? [esphomeConfiguration(build), ...esphomeSecrets(build, secrets)]
          : [...sketchFiles(build), sketchSecrets(build, secrets)];
      return {
        files,
        portal: { name: portalName, password: secrets.portalPassword },
        oldValidUntil: new Date(madeAt.getTime() + overlapSeconds * 1_000),
      };
    },
  };
}

function isCalibration({ soilDryVolts, soilWetVolts }: StoredSettings): boolean {
  return soilDryVolts - soilWetVolts >= leastSpanVolts - 1e-9;
}

/** Ten characters that are told apart on a label and typed on a phone: 49 bits. */
function newPortalPassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const pick = () => letters[randomInt(letters.length)] ?? "";
  const part = () => Array.from({ length: 5 }, pick).join("");
  return `${part()}-${part()}`;
}

/** Of the curve and in the form that ESP-IDF signs programs with. */
function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return privateKey.export({ type: "sec1", format: "pem" }).toString();
}
