import { deviceErrors } from "@roost/contract/devices";
import type { Device } from "@roost/contract/devices";
import { httpErrors } from "@roost/contract/errors";
import type { DeviceId } from "@roost/contract/ids";
import { registrationErrors } from "@roost/contract/registrations";
import type { EnrolmentCode, RegisterReply, RegisterRequest, Registration } from "@roost/contract/registrations";

import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { addressKey } from "../../platform/http/client-address.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Actor, Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { endCredentials, insertCredential } from "./credential-store.ts";
import { hashSecret, makeDeviceSecret } from "./credential.ts";
import { findDevice, insertDevice, lockDevice, setClaimed, updateDevice } from "./device-store.ts";
import * as codes from "./enrolment-code-store.ts";
import { checkPlace, planPlace, settingsOf } from "./placement.ts";
import { hostFor } from "./reach.ts";
import type { Reach } from "./reach.ts";
import * as store from "./registration-store.ts";
import type { NewRegistration, Waiting } from "./registration-store.ts";
import { checkCodeOf, deviceIdOf, hashEnrolmentCode, macOf, makeEnrolmentCode } from "./registration.ts";
import type { DeviceIdentity } from "./registry.ts";

export interface RegistrationsDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly devices: { find(id: string): DeviceIdentity | undefined; reload(id: string): Promise<void> };
  readonly reach: () => Reach;
  /** Kinds of devices that may register by themselves; the first is that of a device that names none. */
  readonly kinds: readonly string[];
  readonly log: Log;
}

/** From where a device asks. */
export interface Asking {
  readonly remoteAddress: string;
  readonly hostHeader: string | undefined;
  readonly userAgent?: string | undefined;
  readonly correlationId?: string | undefined;
}

/** What waits at most, oldest out first, and for how long. */
export const registrationBounds = { perAddress: 20, all: 200, keepSeconds: 86_400, codes: 100, inTurn: 100 } as const;

const heartbeatSeconds = 60;
const sweepMs = 60_000;

/**
 * Devices that ask to be let in by themselves.
 *
 * What they are answered works only once a person has approved it, or at once by an enrolment code. Whoever says to be a device that is here
 * already changes nothing about it until then: a MAC address is no secret.
 */
export function createRegistrations({ db, audit, devices, reach, kinds, log }: RegistrationsDeps) {
  let timer: NodeJS.Timeout | undefined;
  let lastTurn: Promise<unknown> = Promise.resolve();
  let waitingTurns = 0;

  /** One registration at a time in this process: they wait for each other anyway, and a flood must not hold every database connection. */
  async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (waitingTurns >= registrationBounds.inTurn) throw httpErrors.too_many_requests({ retryAfterSeconds: 5 });
    waitingTurns += 1;
    const turn = lastTurn.then(work);
    lastTurn = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      waitingTurns -= 1;
    }
  }

  const record = (tx: Transaction, whose: Whose, action: string, { id, name }: { id: string; name: string }, after: object = {}) =>
    audit.record(tx, { organisationId: whose.organisationId, by: actorOf(whose), action, object: { kind: "device", id, name }, after });

  const seen = ({ checkCode, macAddress, remoteAddress, times }: Waiting) => ({ checkCode, macAddress, remoteAddress, times });

  const tell = (
    tx: Transaction,
    { id, organisationId, deviceId }: { id: string; organisationId: string; deviceId: string },
    what: string,
  ) => emit(tx, { organisationId, type: `registration.${what}`, nounId: id, data: { deviceId } });

  /** Ends a registration that nobody answered. */
  async function forget(tx: Transaction, waiting: Waiting, action: string): Promise<void> {
    await record(tx, waiting, action, { id: waiting.deviceId, name: waiting.deviceId }, seen(waiting));
    await tell(tx, waiting, "ended");
  }

  async function sweep(): Promise<void> {
    await db.transaction(async (tx) => {
      for (const waiting of await store.takeExpired(tx)) await forget(tx, waiting, "device.registration_expired");
    });
  }

  /** Makes a password work: of a new device, or in place of all that one had. */
  async function admit(
    tx: Transaction,
    whose: Whose,
    given: Pick<NewRegistration, "deviceId" | "kind" | "name" | "firmwareVersion" | "secretHash">,
    wanted: { name?: string | undefined; siteId?: string | undefined },
  ): Promise<{ device: Device; isNew: boolean }> {
    const { organisationId } = whose;
    const { deviceId: id } = given;
    const before = await lockDevice(tx, organisationId, id);
    if (before === undefined) {
      const name = wanted.name ?? given.name ?? id;
      await checkPlace(tx, whose, undefined, { siteId: wanted.siteId, groupIds: new Set() });
      const { kind } = given;
      const device = await insertDevice(tx, {
        id,
        organisationId,
        name,
        kind,
        heartbeatSeconds,
        siteId: wanted.siteId,
        claimSecretSealed: undefined,
        hidden: false,
      });
      if (device === undefined) throw registrationErrors.taken({ deviceId: id });
      await emit(tx, { organisationId, type: "device.added", nounId: id });
      await record(tx, whose, "device.added", device, settingsOf(device));
    } else {
      await endCredentials(tx, id);
      await planPlace(tx, whose, before, wanted);
      await updateDevice(tx, id, wanted);
      await emit(tx, { organisationId, type: "device.changed", nounId: id, data: { what: "credentials" } });
    }
    await setClaimed(tx, id, given.firmwareVersion);
    await insertCredential(tx, { deviceId: id, organisationId, secretHash: given.secretHash });
    const device = await findDevice(tx, organisationId, id);
    if (device === undefined) throw deviceErrors.not_found({ deviceId: id });
    return { device, isNew: before === undefined };
  }

  async function wait(tx: Transaction, given: NewRegistration, by: Actor): Promise<void> {
    const waiting = await store.insertRegistration(tx, given, registrationBounds.keepSeconds);
    await record(tx, { ...waiting, by }, "device.registered", { id: waiting.deviceId, name: waiting.deviceId }, seen(waiting));
    await tell(tx, waiting, "waiting");
    for (const dropped of await store.dropOldest(tx, given.countedAs, registrationBounds)) {
      await forget(tx, dropped, "device.registration_dropped");
    }
  }

  /** By a code that is valid for this device, a registration needs nobody. */
  async function settle(
    tx: Transaction,
    given: Omit<NewRegistration, "organisationId" | "wrongCode">,
    code: string | undefined,
    by: Actor,
  ): Promise<RegisterReply["status"]> {
    await store.lockRegistrations(tx);
    const enrolment = code === undefined ? undefined : await codes.lockValidCode(tx, hashEnrolmentCode(code));
    const organisationId = enrolment?.organisationId ?? (await store.findOnlyOrganisation(tx));
    if (organisationId === undefined) throw registrationErrors.needs_code();
    const holder = await store.findHolder(tx, given.deviceId);
    const isWelcome =
      enrolment !== undefined &&
      (holder === undefined || (holder.organisationId === organisationId && enrolment.readmits && !holder.revoked));
    if (!isWelcome) {
      await wait(tx, { ...given, organisationId, wrongCode: code !== undefined && enrolment === undefined }, by);
      return "waiting";
    }
    const whose: Whose = { organisationId, by };
    await codes.countUse(tx, enrolment.id);
    for (const id of await store.forgetWaiting(tx, given.deviceId, given.countedAs)) {
      await tell(tx, { id, organisationId, deviceId: given.deviceId }, "approved");
    }
    const { device, isNew } = await admit(tx, whose, given, isNewAt(holder, enrolment));
    await record(tx, whose, "device.enrolled", device, { code: enrolment.name, codeId: enrolment.id, isNew });
    return "approved";
  }

  return {
    /**
     * Takes a registration: answers new credentials, which wait for a person or work at once by an enrolment code.
     *
     * @throws {AppError} `registrations.needs_code`, `registrations.unknown_kind`, `http.too_many_requests`
     */
    async register(request: RegisterRequest, asking: Asking): Promise<RegisterReply> {
      const kind = request.kind ?? kinds[0];
      if (kind === undefined || !kinds.includes(kind)) throw registrationErrors.unknown_kind({ kinds });
      const mac = macOf(request.mac_address);
      const deviceId = deviceIdOf(mac);
      const password = makeDeviceSecret();
      const secretHash = hashSecret(password);
      const { remoteAddress, userAgent, correlationId } = asking;
      const by: Actor = { kind: "device", id: deviceId, name: deviceId, remoteAddress, userAgent, correlationId };
      const given = {
        deviceId,
        mac,
        kind,
        name: request.name === "" ? undefined : request.name,
        firmwareVersion: request.firmware_version,
        sensorTypes: request.sensor_types ?? [],
        secretHash,
        remoteAddress,
        countedAs: addressKey(remoteAddress),
      };
      const code = request.enrolment_code?.trim();
      const status = await inTurn(() => db.transaction((tx) => settle(tx, given, code === "" ? undefined : code, by)));
      if (status === "approved") await devices.reload(deviceId);
      log.info({ deviceId, status }, "a device registered");
      const now = reach();
      return {
        device_id: deviceId as DeviceId,
        mqtt_username: deviceId,
        mqtt_password: password,
        mqtt_client_id: deviceId,
        mqtt_host: hostFor(now, asking.hostHeader),
        mqtt_port: now.mqttPort,
        mqtt_tls: true,
        ca_pem: now.caPem,
        status,
        check_code: checkCodeOf(secretHash),
      };
    },
    /** Where devices register by TLS; `undefined` where nothing listens there. */
    secureUrl(hostHeader: string | undefined): string | undefined {
      const now = reach();
      const url = now.httpUrl(hostFor(now, hostHeader));
      return url.startsWith("https:") ? url : undefined;
    },

    /** How many wait for somebody to approve them, of everybody, for the platform's own figures. */
    waitingEverywhere: (): Promise<number> => store.countWaiting(db),

    /** Those that wait, newest first. */
    async list(whose: Within): Promise<Registration[]> {
      const rows = db.within(whose);
      const waiting = await store.listWaiting(rows, whose.organisationId);
      return Promise.all(
        waiting.map(async (one) => {
          const known = devices.find(one.deviceId);
          if (known === undefined) return { ...one, standing: "new" as const };
          if (known.organisationId !== whose.organisationId) return { ...one, standing: "elsewhere" as const };
          const device = await findDevice(rows, whose.organisationId, one.deviceId);
          return { ...one, standing: "returning" as const, ...(device === undefined ? {} : { deviceName: device.name }) };
        }),
      );
    },
    /**
     * Lets a waiting device in with the credentials it holds; those it had end, with their connections.
     *
     * @param mayReplace - Whether they may put these credentials in the place of others, of a device that is here already.
     * @throws {AppError} `registrations.not_found`, `registrations.taken`, `devices.unknown_place`, `devices.out_of_reach`, `http.forbidden`
     */
    async approve(
      whose: Whose,
      id: string,
      wanted: { name?: string | undefined; siteId?: string | undefined },
      { mayReplace }: { readonly mayReplace: boolean },
    ): Promise<Device> {
      const device = await db.within(whose).transaction(async (tx) => {
        const waiting = await store.takeWaiting(tx, whose.organisationId, id);
        if (waiting === undefined) throw registrationErrors.not_found({ registrationId: id });
        const { firmwareVersion, name } = waiting;
        const admitted = await admit(tx, whose, { ...waiting, firmwareVersion, name }, wanted);
        if (!admitted.isNew && !mayReplace) throw httpErrors.forbidden({ permission: "devices:credentials" });
        await record(tx, whose, "device.registration_approved", admitted.device, { ...seen(waiting), isNew: admitted.isNew });
        await tell(tx, waiting, "approved");
        return admitted.device;
      });
      await devices.reload(device.id);
      return device;
    },
    /** @throws {AppError} `registrations.not_found` */
    async reject(whose: Whose, id: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        const waiting = await store.takeWaiting(tx, whose.organisationId, id);
        if (waiting === undefined) throw registrationErrors.not_found({ registrationId: id });
        await record(tx, whose, "device.registration_rejected", { id: waiting.deviceId, name: waiting.deviceId }, seen(waiting));
        await tell(tx, waiting, "rejected");
      });
    },

    listCodes: (whose: Within): Promise<EnrolmentCode[]> => codes.listCodes(db.within(whose), whose.organisationId),
    /** @throws {AppError} `registrations.too_many_codes`, `devices.unknown_place` */
    async addCode(
      whose: Whose,
      wanted: { name: string; maxUses: number; validSeconds: number; siteId?: string | undefined; readmits: boolean },
    ): Promise<{ enrolmentCode: EnrolmentCode; code: string }> {
      const code = makeEnrolmentCode();
      const { organisationId } = whose;
      const { siteId, ...rest } = wanted;
      const given = { ...rest, siteId, organisationId, codeHash: hashEnrolmentCode(code), createdBy: actorOf(whose).name };
      const enrolmentCode = await db.within(whose).transaction(async (tx) => {
        await checkPlace(tx, whose, undefined, { siteId, groupIds: new Set() });
        const made = await codes.insertCode(tx, given, registrationBounds.codes);
        if (made === undefined) throw registrationErrors.too_many_codes();
        await recordCode(tx, whose, "enrolment_code.added", made);
        return made;
      });
      return { enrolmentCode, code };
    },
    /** @throws {AppError} `registrations.code_not_found` */
    async removeCode(whose: Whose, id: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        const gone = await codes.deleteCode(tx, whose.organisationId, id);
        if (gone === undefined) throw registrationErrors.code_not_found({ enrolmentCodeId: id });
        await recordCode(tx, whose, "enrolment_code.removed", gone);
      });
    },

    /** Forgets those whose time is over; runs every minute. */
    sweep,
    start(): void {
      timer = setInterval(() => {
        sweep().catch((error: unknown) => log.debug({ err: error }, "registrations whose time is over could not be looked for"));
      }, sweepMs);
      timer.unref();
    },
    close(): void {
      clearInterval(timer);
    },
  };

  async function recordCode(
    tx: Transaction,
    whose: Whose,
    action: string,
    { id, name, maxUses, expiresAt, siteId, readmits }: EnrolmentCode,
  ) {
    const object = { kind: "enrolment_code", id, name };
    const after = { maxUses, expiresAt: expiresAt.toISOString(), siteId, readmits };
    await audit.record(tx, { organisationId: whose.organisationId, by: actorOf(whose), action, object, after });
    await emit(tx, { organisationId: whose.organisationId, type: action, nounId: id });
  }
}

export type Registrations = ReturnType<typeof createRegistrations>;

/** A device that was here keeps its place; a new one takes the code's. */
function isNewAt(holder: object | undefined, { siteId }: EnrolmentCode): { siteId?: string } {
  return holder !== undefined || siteId === undefined ? {} : { siteId };
}
