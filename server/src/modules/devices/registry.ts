import { timingSafeEqual } from "node:crypto";

import type { Clock } from "../../platform/clock.ts";
import { isInScope } from "../../platform/tenancy.ts";
import type { Placed, Within } from "../../platform/tenancy.ts";
import { createTopology } from "./topology.ts";

/**
 * A device as the hot path knows it: one object for as long as the process knows the device, kept current in place,
 * so that whoever holds it sees a revocation at once.
 */
export interface DeviceIdentity {
  readonly id: string;
  /** Stands for the id in the big tables. */
  readonly key: number;
  readonly organisationId: string;
  /** What kind of thing it is, as a kit's manifest names it. */
  readonly kind: string;
  /** Where it stands, and which groups it belongs to: what scopes go by. */
  readonly siteId: string | undefined;
  readonly groupIds: ReadonlySet<string>;
  /** What it is reached through. */
  readonly parentId: string | undefined;
  /** The platform's own device, in no list. */
  readonly hidden: boolean;
  readonly heartbeatSeconds: number;
  /** True from the moment its credentials were all taken away, it was removed, or its organisation was closed. */
  readonly revoked: boolean;
}

/** Says whether a device is there for somebody: of their organisation, in their scope, none of the platform's own. */
export function maySee<Seen extends Placed & Pick<DeviceIdentity, "organisationId" | "hidden">>(
  within: Within,
  device: Seen | undefined,
): device is Seen {
  return device !== undefined && device.organisationId === within.organisationId && !device.hidden && isInScope(within.scope, device);
}

/** A device that proved who it is. `ended` turns true when the credential it used ends: by rotation, revocation, a new claim or removal. */
export interface DeviceAccess {
  readonly device: DeviceIdentity;
  readonly ended: boolean;
}

/** A device as it is loaded, with the credentials that work now. */
export interface RegistryRow {
  readonly id: string;
  readonly key: number;
  readonly organisationId: string;
  readonly kind: string;
  readonly siteId: string | undefined;
  readonly groupIds: ReadonlySet<string>;
  readonly parentId: string | undefined;
  readonly hidden: boolean;
  readonly heartbeatSeconds: number;
  readonly revoked: boolean;
  readonly state: "waiting" | "online" | "offline" | "revoked";
  readonly paceSeconds: number | undefined;
  readonly lastSeenAt: Date | undefined;
  readonly credentials: readonly {
    readonly id: string;
    readonly secretHash: Buffer;
    /** Seconds it still works, by the database's clock; absent: until it is taken away. */
    readonly secondsLeft: number | undefined;
  }[];
}

/** Facts after which a device has to be looked at again: about the device itself, or a place where it may have been. */
export const placeFacts: readonly string[] = [
  "device.added",
  "device.claimed",
  "device.changed",
  "device.transferred",
  "device.removed",
  "site.removed",
  "device_group.removed",
  "organisation.closed",
  "organisation.kept",
];

interface KnownDevice extends DeviceIdentity {
  key: number;
  organisationId: string;
  kind: string;
  siteId: string | undefined;
  groupIds: ReadonlySet<string>;
  parentId: string | undefined;
  hidden: boolean;
  heartbeatSeconds: number;
  revoked: boolean;
  credentials: Credential[];
}

interface Credential {
  readonly id: string;
  readonly hashHex: string;
  readonly device: KnownDevice;
  /** On the monotonic clock: a jump of the wall clock neither ends nor revives a password. */
  endsAtMonotonicMs: number;
  takenAway: boolean;
}

/** All devices of the installation in memory, so that neither a message nor a connection asks the database. */
export function createRegistry({ clock }: { clock: Clock }) {
  const byId = new Map<string, KnownDevice>();
  const byKey = new Map<number, KnownDevice>();
  const byHash = new Map<string, Credential>();
  const topology = createTopology<KnownDevice>({ find: (id) => byId.get(id) });

  function drop(credential: Credential): void {
    credential.takenAway = true;
    byHash.delete(credential.hashHex);
  }

  function forget(device: KnownDevice): void {
    device.revoked = true;
    for (const credential of device.credentials) drop(credential);
    device.credentials = [];
    topology.remove(device);
    byId.delete(device.id);
    byKey.delete(device.key);
  }

  function hasEnded(credential: Credential): boolean {
    return credential.takenAway || credential.device.revoked || clock.monotonicMs() >= credential.endsAtMonotonicMs;
  }

  function accessBy(credential: Credential | undefined): DeviceAccess | undefined {
    if (credential === undefined || hasEnded(credential)) return undefined;
    return {
      device: credential.device,
      get ended() {
        return hasEnded(credential);
      },
    };
  }

  return {
    /** Takes a device in as it is in the database now. */
    put(row: RegistryRow): DeviceIdentity {
      let device = byId.get(row.id);
      // A device that was removed and added again is another device, whatever its id.
      if (device !== undefined && device.key !== row.key) {
        forget(device);
        device = undefined;
      }
      const { id, key, organisationId, kind, siteId, groupIds, parentId, hidden, heartbeatSeconds, revoked } = row;
      if (device === undefined) {
        device = {
          id,
          key,
          organisationId,
          kind,
          siteId,
          groupIds,
          parentId: undefined,
          hidden,
          heartbeatSeconds,
          revoked,
          credentials: [],
        };
        byId.set(id, device);
        byKey.set(key, device);
      } else {
        // Whoever goes to another organisation leaves the way it was reached by, and those it stood on the way of.
        if (device.organisationId !== organisationId) topology.remove(device);
        Object.assign(device, { organisationId, kind, siteId, groupIds, hidden, heartbeatSeconds, revoked });
      }
      topology.put(device, parentId);
      const known = new Map(device.credentials.map((credential) => [credential.id, credential]));
      const nowMs = clock.monotonicMs();
      const credentials: Credential[] = [];
      for (const one of row.credentials) {
        const endsAtMonotonicMs = one.secondsLeft === undefined ? Infinity : nowMs + one.secondsLeft * 1_000;
        const same = known.get(one.id);
        known.delete(one.id);
        const credential = same ?? { id: one.id, hashHex: one.secretHash.toString("hex"), device, endsAtMonotonicMs, takenAway: false };
        credential.endsAtMonotonicMs = endsAtMonotonicMs;
        byHash.set(credential.hashHex, credential);
        credentials.push(credential);
      }
      for (const gone of known.values()) drop(gone);
      device.credentials = credentials;
      return device;
    },
    remove(id: string): void {
      const device = byId.get(id);
      if (device !== undefined) forget(device);
    },
    find: (id: string): DeviceIdentity | undefined => byId.get(id),
    findByKey: (key: number): DeviceIdentity | undefined => byKey.get(key),
    ids: (): string[] => [...byId.keys()],
    /** What a device is reached through, the nearest first. */
    ancestorsOf: (id: string): DeviceIdentity[] => topology.ancestorsOf(id),
    /** All that is reached through a device, the nearest first. */
    descendantsOf: (id: string): DeviceIdentity[] => topology.descendantsOf(id),
    /** Those of an organisation. */
    idsOf: (organisationId: string): string[] =>
      [...byId.values()].filter((device) => device.organisationId === organisationId).map(({ id }) => id),
    /** Those at a site or in a group. */
    idsAt: (partId: string): string[] =>
      [...byId.values()].filter((device) => device.siteId === partId || device.groupIds.has(partId)).map(({ id }) => id),
    /** @param secretHash - SHA-256 of the secret that was shown. */
    accessBySecret(deviceId: string, secretHash: Buffer): DeviceAccess | undefined {
      const credential = byHash.get(secretHash.toString("hex"));
      // The look-up found equal text; this compares once more in constant time, and the id with it.
      if (credential === undefined || !timingSafeEqual(Buffer.from(credential.hashHex, "hex"), secretHash)) return undefined;
      return credential.device.id === deviceId ? accessBy(credential) : undefined;
    },
    accessByToken(secretHash: Buffer): DeviceAccess | undefined {
      const credential = byHash.get(secretHash.toString("hex"));
      if (credential === undefined || !timingSafeEqual(Buffer.from(credential.hashHex, "hex"), secretHash)) return undefined;
      return accessBy(credential);
    },
  };
}
