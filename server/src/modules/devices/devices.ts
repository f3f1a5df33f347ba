import { randomBytes } from "node:crypto";

import type { ClaimRequest } from "@roost/contract/claim";
import { deviceErrors } from "@roost/contract/devices";
import type { ClaimTicket, Device, DeviceState } from "@roost/contract/devices";
import type { DeviceId } from "@roost/contract/ids";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Database, Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit, AuditEntry } from "../audit/audit.ts";
import { pruneClaims, repeatSeconds } from "./claim-store.ts";
import { claimSecretPurpose, createClaims } from "./claims.ts";
import type { ClaimOutcome } from "./claims.ts";
import { makeVersion, reportConfigurations } from "./configuration-store.ts";
import { endCredentials, expireCredentials, findCredentialDevice, insertCredential, pruneCredentials } from "./credential-store.ts";
import { hashSecret, looksLikeDeviceSecret, makeDeviceSecret } from "./credential.ts";
import { makeDeviceId } from "./device-name.ts";
import type { FleetPart } from "./device-store.ts";
import {
  countDevices,
  deleteDevice,
  findDevice,
  insertDevice,
  listDevicePage,
  loadRegistryRows,
  lockDevice,
  setClaimSecret,
  setPurpose,
  setRevoked,
  updateDevice,
} from "./device-store.ts";
import { claimUriOf, labelSvg } from "./label.ts";
import { joinGroups, leaveGroups } from "./place-store.ts";
import { checkPlace, planPlace, settingsOf } from "./placement.ts";
import type { AddDevice, DeviceChange } from "./placement.ts";
import { createPresence } from "./presence-watch.ts";
import { labelHostFor } from "./reach.ts";
import type { Reach } from "./reach.ts";
import { createRegistry, placeFacts } from "./registry.ts";
import type { DeviceAccess, DeviceIdentity } from "./registry.ts";
import { deleteDeviceEvents, insertDeviceEvents, loadAttributes, mergeAttributes } from "./report-store.ts";
import { loadRetained, retain } from "./retained-store.ts";
import { setParent } from "./topology-store.ts";

export { slugOf } from "./device-name.ts";
export type { ClaimOutcome } from "./claims.ts";
export { labelHostFor } from "./reach.ts";
export type { Reach } from "./reach.ts";
export { maySee } from "./registry.ts";
export type { DeviceAccess, DeviceIdentity } from "./registry.ts";
export type { DeviceEventRow } from "./report-store.ts";
export type { ReportRow } from "./configuration-store.ts";
export type { RetainRow } from "./retained-store.ts";

export interface DevicesDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly log: Log;
  /** How devices reach this installation; asked anew each time, because free ports are known only once somebody listens. */
  readonly reach: () => Reach;
  /** False while readings are not taken in (the intake gate is closed): silence then is ours, not the devices'. */
  readonly isHearing?: () => boolean;
  /** How long a device's claim is answered again, in seconds; absent: the 300 s for which answers are kept. */
  readonly claimRepeatSeconds?: (device: DeviceIdentity | undefined) => number;
}

/** What is done for a device in the transaction that adds it. */
type DeviceWork = (tx: Transaction, device: Device) => Promise<void>;

const pruneEveryMs = 60_000;
const eventsPerStep = 5_000;

/** The devices: who they are, how they prove it, and which of them live. */
export function createDevices({ db, audit, seal, clock, log, reach, isHearing, claimRepeatSeconds = () => repeatSeconds }: DevicesDeps) {
  const registry = createRegistry({ clock });
  const presence = createPresence({ db, clock, log, ...(isHearing === undefined ? {} : { isHearing }) });
  let pruneTimer: NodeJS.Timeout | undefined;

  async function reload(ids?: readonly string[]): Promise<void> {
    const rows = await loadRegistryRows(db, ids);
    const found = new Set<string>();
    for (const row of rows) {
      found.add(row.id);
      const before = registry.find(row.id);
      if (before !== undefined && before.key !== row.key) presence.untrack(before.key);
      registry.put(row);
      presence.track(row);
    }
    for (const id of ids ?? registry.ids()) {
      const gone = registry.find(id);
      if (found.has(id) || gone === undefined) continue;
      registry.remove(id);
      presence.untrack(gone.key);
    }
  }

  const claims = createClaims({
    db,
    seal,
    reach,
    log,
    reload: (id) => reload([id]),
    repeatSecondsFor: (id) => claimRepeatSeconds(registry.find(id)),
  });

  function ticketOf(deviceId: string, name: string, claimSecret: string, hostHeader: string | undefined): ClaimTicket {
    const now = reach();
    const server = now.httpUrl(labelHostFor(now, hostHeader));
    const claimUri = claimUriOf({ server, deviceId, claimSecret, caMark: now.caMark?.(server) });
    return { deviceId: deviceId as DeviceId, claimSecret, claimUri, qrSvg: labelSvg({ claimUri, deviceId, name }) };
  }

  async function insert(
    within: Database,
    whose: Whose,
    { id, name, kind, heartbeatSeconds, siteId, groupIds = [], parentId }: AddDevice,
    { hidden, claimSecret, also }: { hidden: boolean; claimSecret: Buffer | undefined; also?: DeviceWork },
  ): Promise<Device> {
    const deviceId = id?.toLowerCase() ?? makeDeviceId(name);
    const added = await within.transaction(async (tx) => {
      if (!hidden) await checkPlace(tx, whose, undefined, { siteId, groupIds: new Set(groupIds) });
      await joinGroups(tx, whose.organisationId, deviceId, groupIds);
      let device = await insertDevice(tx, {
        id: deviceId,
        organisationId: whose.organisationId,
        name: name ?? deviceId,
        kind,
        heartbeatSeconds,
        siteId,
        claimSecretSealed: claimSecret === undefined ? undefined : seal.seal(claimSecret, claimSecretPurpose(deviceId)),
        hidden,
      });
      if (device === undefined) throw deviceErrors.already_exists({ id: deviceId });
      if (hidden) return device;
      if (parentId !== undefined) {
        await setParent(tx, whose.organisationId, deviceId, parentId);
        device = { ...device, parentId: parentId as DeviceId };
      }
      await emit(tx, { organisationId: whose.organisationId, type: "device.added", nounId: deviceId });
      await record(tx, whose, "device.added", device, { after: settingsOf(device) });
      await also?.(tx, device);
      return device;
    });
    await reload([deviceId]);
    return added;
  }

  /** Changes one device of the organisation under its lock, then brings the memory up to date. */
  async function changeLocked<Result>(
    whose: Whose,
    id: string,
    work: (tx: Transaction, device: Device & { key: number }) => Promise<Result>,
  ): Promise<Result> {
    const result = await db.within(whose).transaction(async (tx) => {
      const device = await lockDevice(tx, whose.organisationId, id);
      if (device === undefined) throw deviceErrors.not_found({ deviceId: id });
      return work(tx, device);
    });
    await reload([id]);
    return result;
  }

  async function record(
    tx: Transaction,
    whose: Whose,
    action: string,
    { id, name }: Pick<Device, "id" | "name">,
    change: Pick<AuditEntry, "before" | "after"> = {},
  ): Promise<void> {
    await audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action,
      object: { kind: "device", id, name },
      ...change,
    });
  }

  async function changed(tx: Transaction, organisationId: string, id: string, what: string): Promise<void> {
    await emit(tx, { organisationId, type: "device.changed", nounId: id, data: { what } });
  }

  /** Looks again with the database's knowledge, for credentials that another server made a moment ago. */
  async function look(secret: string, find: (hash: Buffer) => DeviceAccess | undefined): Promise<DeviceAccess | undefined> {
    if (!looksLikeDeviceSecret(secret)) return undefined;
    const hash = hashSecret(secret);
    const known = find(hash);
    if (known !== undefined) return known;
    const deviceId = await findCredentialDevice(db, hash);
    if (deviceId === undefined) return undefined;
    await reload([deviceId]);
    return find(hash);
  }

  /** Which devices a fact about a device, a place or an organisation is about. */
  function toldOf({ type, nounId }: Fact): readonly string[] {
    if (type.startsWith("device.")) return [nounId];
    return type.startsWith("organisation.") ? registry.idsOf(nounId) : registry.idsAt(nounId);
  }

  const handler: FactHandler = {
    name: "devices.registry",
    types: placeFacts,
    handle: (fact) => reload(toldOf(fact)),
  };

  return {
    /** Loads the devices and begins to watch over them. To be awaited before anything else is asked. */
    async start(): Promise<void> {
      await reload();
      presence.start();
      pruneTimer = setInterval(() => {
        Promise.all([pruneClaims(db), pruneCredentials(db)]).catch((error: unknown) => log.warn({ err: error }, "pruning claims failed"));
      }, pruneEveryMs);
      pruneTimer.unref();
    },
    async stop(): Promise<void> {
      clearInterval(pruneTimer);
      await presence.stop();
    },
    /** Loads all devices again; once after the dispatcher of facts has started, so that nothing falls between. */
    refresh: (): Promise<void> => reload(),
    /** For the dispatcher: what other servers changed. */
    handlers: [handler] as readonly FactHandler[],
    /** Knows what a fact says of where a device stands. To be awaited by whoever asks so before the handler above had its turn. */
    async learn(fact: Fact): Promise<void> {
      if (placeFacts.includes(fact.type)) await handler.handle(fact);
    },
    presence,

    /** From memory; any organisation, hidden ones too. */
    find: (id: string): DeviceIdentity | undefined => registry.find(id),
    findByKey: (key: number): DeviceIdentity | undefined => registry.findByKey(key),
    /** What a device is reached through, the nearest first; from memory. */
    ancestorsOf: registry.ancestorsOf,
    /** All that is reached through a device, the nearest first; from memory. */
    descendantsOf: registry.descendantsOf,

    /**
     * Checks a device's password. An unknown device and a wrong password are alike in answer, work and time.
     *
     * @param username - The device's id, in lower case.
     * @throws {AppError} `http.unavailable` when the database is needed and away.
     */
    authenticateDevice: (given: { username: string; password: string }): Promise<DeviceAccess | undefined> =>
      look(given.password, (hash) => registry.accessBySecret(given.username, hash)),
    /** The same for HTTP, where the token alone tells which device it is. @throws {AppError} `http.unavailable` */
    authenticateDeviceToken: (token: string): Promise<DeviceAccess | undefined> => look(token, (hash) => registry.accessByToken(hash)),

    /**
     * Adds a device with a claim secret that is shown once.
     *
     * @param hostHeader - By which name the person reached this installation: the label then names it too, if the certificate does.
     * @throws {AppError} `devices.already_exists`, `devices.unknown_place`, `devices.out_of_reach`
     */
    async add(whose: Whose, wanted: AddDevice, hostHeader?: string): Promise<{ device: Device; ticket: ClaimTicket }> {
      const secret = randomBytes(32);
      const device = await insert(db.within(whose), whose, wanted, { hidden: false, claimSecret: secret });
      return { device, ticket: ticketOf(device.id, device.name, secret.toString("hex"), hostHeader) };
    },
    /**
     * Adds a device whose readings come by another way than our door: it has no claim secret, and no credentials.
     *
     * @param also - What belongs to it, in the same transaction.
     * @throws {AppError} `devices.already_exists`, `devices.unknown_place`, `devices.out_of_reach`
     */
    addBridged: (whose: Whose, wanted: AddDevice, also: DeviceWork): Promise<Device> =>
      insert(db.within(whose), whose, wanted, { hidden: false, claimSecret: undefined, also }),
    /** Devices by name, case aside. @throws {AppError} `http.invalid` for a cursor of another list. */
    async list(
      whose: Within,
      query: FleetPart & { state?: DeviceState | undefined; limit: number; cursor?: string | undefined },
    ): Promise<{ items: Device[]; next?: string; counts: Record<DeviceState, number> }> {
      const [name, id] = query.cursor === undefined ? [] : readCursor(query.cursor, ["text", "text"]);
      const [found, counts] = await Promise.all([
        listDevicePage(db.within(whose), whose.organisationId, {
          ...query,
          state: query.state,
          after: name === undefined || id === undefined ? undefined : { name, id },
        }),
        countDevices(db.within(whose), whose.organisationId, query),
      ]);
      return { ...pageOf(found, query.limit, (last) => [last.name, last.id]), counts };
    },
    /** How many devices are in each state. */
    counts: (whose: Within): Promise<Record<DeviceState, number>> => countDevices(db.within(whose), whose.organisationId),
    /** @throws {AppError} `devices.not_found` */
    async get(whose: Within, id: string): Promise<Device> {
      const device = await findDevice(db.within(whose), whose.organisationId, id);
      if (device === undefined) throw deviceErrors.not_found({ deviceId: id });
      return device;
    },
    /** Brings the memory up to date about one device; for what changes devices beside this face. */
    reload: (id: string): Promise<void> => reload([id]),
    /** @throws {AppError} `devices.not_found`, `devices.unknown_place`, `devices.out_of_reach` */
    change: (whose: Whose, id: string, change: DeviceChange): Promise<Device> =>
      changeLocked(whose, id, async (tx, device) => {
        const { joins, leaves } = await planPlace(tx, whose, device, change);
        await joinGroups(tx, whose.organisationId, id, joins);
        const updated = (await updateDevice(tx, id, change)) ?? device;
        await leaveGroups(tx, id, leaves);
        if (change.parentId !== undefined) await setParent(tx, whose.organisationId, id, change.parentId);
        if (updated.heartbeatSeconds !== device.heartbeatSeconds)
          await makeVersion(tx, { organisationId: whose.organisationId, id, by: actorOf(whose).name });
        const after =
          joins.length + leaves.length === 0 && change.parentId === undefined
            ? updated
            : ((await findDevice(tx, whose.organisationId, id)) ?? updated);
        await changed(tx, whose.organisationId, id, change.parentId === undefined ? "settings" : "way");
        await record(tx, whose, "device.changed", after, { before: settingsOf(device), after: settingsOf(after) });
        return after;
      }),
    /** What a device is there for, as its kit says; 200 characters at most. Nothing where there is no such device. */
    async setPurpose(organisationId: string, id: string, purpose: string | undefined): Promise<void> {
      await db.transaction(async (tx) => {
        if (await setPurpose(tx, organisationId, id, purpose?.slice(0, 200))) await changed(tx, organisationId, id, "purpose");
      });
    },
    /**
     * Removes a device and all that hangs on it, and ends its connections.
     *
     * Its credentials end first, then its events go in small steps: a device that told a million times must not exceed a statement's time.
     * Cut off in between, it is revoked and can be removed again.
     *
     * @throws {AppError} `devices.not_found`, `devices.name_mismatch` unless `confirm` is its id.
     */
    async remove(whose: Whose, id: string, confirm: string): Promise<void> {
      await changeLocked(whose, id, async (tx, device) => {
        if (confirm.toLowerCase() !== device.id) throw deviceErrors.name_mismatch();
        await endCredentials(tx, id);
        await setClaimSecret(tx, id, undefined);
        await setRevoked(tx, id);
      });
      while ((await deleteDeviceEvents(db.within(whose), id, eventsPerStep)) === eventsPerStep);
      await changeLocked(whose, id, async (tx, device) => {
        await deleteDevice(tx, id);
        await emit(tx, {
          organisationId: whose.organisationId,
          type: "device.removed",
          nounId: id,
          data: { key: device.key, name: device.name },
        });
        await record(tx, whose, "device.removed", device);
      });
    },
    /** A new claim secret; the old one and its remembered claims are void. @throws {AppError} `devices.not_found` */
    renewClaimSecret: (whose: Whose, id: string, hostHeader?: string): Promise<ClaimTicket> =>
      changeLocked(whose, id, async (tx, device) => {
        const secret = randomBytes(32);
        await setClaimSecret(tx, id, seal.seal(secret, claimSecretPurpose(id)));
        await changed(tx, whose.organisationId, id, "claim_secret");
        await record(tx, whose, "device.claim_secret_renewed", device);
        return ticketOf(id, device.name, secret.toString("hex"), hostHeader);
      }),
    /** A new password; those that work now go on for the overlap, then their connections are cut. @throws {AppError} `devices.not_found` */
    rotateCredentials: (
      whose: Whose,
      id: string,
      overlapSeconds: number,
    ): Promise<{ username: string; password: string; oldValidUntil?: Date }> =>
      changeLocked(whose, id, async (tx, device) => {
        const password = makeDeviceSecret();
        let until: Date | undefined;
        if (overlapSeconds === 0) await endCredentials(tx, id);
        else until = await expireCredentials(tx, id, overlapSeconds);
        await insertCredential(tx, { deviceId: id, organisationId: whose.organisationId, secretHash: hashSecret(password) });
        await changed(tx, whose.organisationId, id, "credentials");
        await record(tx, whose, "device.credentials_rotated", device, { after: { overlapSeconds } });
        return { username: id, password, ...(until === undefined ? {} : { oldValidUntil: until }) };
      }),
    /** Takes every credential and the claim secret away, at once. @throws {AppError} `devices.not_found` */
    revokeCredentials: (whose: Whose, id: string): Promise<Device> =>
      changeLocked(whose, id, async (tx, device) => {
        await endCredentials(tx, id);
        await setClaimSecret(tx, id, undefined);
        const after = (await setRevoked(tx, id)) ?? device;
        await changed(tx, whose.organisationId, id, "revoked");
        await record(tx, whose, "device.revoked", device);
        return after;
      }),

    /**
     * Settles a claim; see docs/guide/claim.md.
     *
     * @param hostHeader - By which name the device reached this installation.
     * @throws {AppError} `claim.refused`, `claim.nonce_conflict`, `claim.too_many_tries`
     */
    claim: (request: ClaimRequest, hostHeader: string | undefined): Promise<ClaimOutcome> => claims.claim(request, hostHeader),
    /** The installation's certificate authority, as PEM. */
    caPem: (): string => reach().caPem,

    /** What the door starts with. */
    loadRetained: () => loadRetained(db),
    /** For ingest, within the transaction of a batch: keeps or (empty payload) forgets retained messages. */
    retain,
    /** For ingest, likewise: texts that devices tell about themselves, and their events. */
    mergeAttributes,
    loadAttributes: (deviceKeys: readonly number[]) => loadAttributes(db, deviceKeys),
    insertDeviceEvents,
    reportConfigurations,

    /** Adds a device that claims nothing and is in no list, and answers a password for it; an earlier one's passwords end. */
    async ensureHidden(organisationId: string, id: string, heartbeatSeconds: number): Promise<{ deviceId: string; password: string }> {
      if (registry.find(id) === undefined) {
        await insert(db, { organisationId }, { id, kind: "platform", heartbeatSeconds }, { hidden: true, claimSecret: undefined });
      }
      const password = makeDeviceSecret();
      await db.transaction(async (tx) => {
        await endCredentials(tx, id);
        await insertCredential(tx, { deviceId: id, organisationId, secretHash: hashSecret(password) });
      });
      await reload([id]);
      return { deviceId: id, password };
    },
    /** Says whether a device with this id exists anywhere in the installation. */
    exists: (id: string): boolean => registry.find(id) !== undefined,
  };
}

export type Devices = ReturnType<typeof createDevices>;

/** What people set of a device, for the record of changes. */
