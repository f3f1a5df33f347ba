import { httpErrors } from "@roost/contract/errors";
import { ingestErrors } from "@roost/contract/ingest";
import type { Permission } from "@roost/contract/permissions";
import { deviceTopics, isTopicBelow, parseDeviceTopic } from "@roost/contract/topics";

import type { Auth, VerifiedToken } from "./modules/auth/auth.ts";
import { maySee } from "./modules/devices/devices.ts";
import type { DeviceAccess, DeviceIdentity, Devices } from "./modules/devices/devices.ts";
import type { Ingest } from "./modules/ingest/ingest.ts";
import { isDatabaseAway } from "./platform/db.ts";
import type { Log } from "./platform/log.ts";
import type { Authenticate, Principal, Refusal } from "./platform/mqtt/principal.ts";

/** What the door's access is made of. */
export interface PrincipalDeps {
  readonly devices: Pick<Devices, "authenticateDevice" | "find">;
  readonly auth: Pick<Auth, "verifyToken">;
  readonly ingest: Pick<Ingest, "routeFor">;
  readonly log: Log;
}

/** MQTT 5 reason codes. */
const notAuthorised = 0x87;
const badCredentials = 0x86;
const serverUnavailable = 0x88;

const refusedCredentials: Refusal = { refused: true, code: ingestErrors.unknown_device.code, reason: badCredentials };
const notAllowed: Refusal = { refused: true, code: ingestErrors.not_allowed.code, reason: notAuthorised };

/** What people and integrations may read of a device; commands and configuration may carry secrets. */
const readableKinds: ReadonlySet<string> = new Set(["telemetry", "heartbeat", "event", "status"]);
const readPermission: Permission = "telemetry:read";

/**
 * Makes the door's check of credentials: a device by its id and secret, a person or an integration by an API token as password.
 *
 * An unknown device, a wrong password and a token that is none get one and the same answer. While the database is away and needed,
 * the answer is "try later", never "wrong": a device that believed the latter would throw good credentials away.
 */
export function createAuthenticate({ devices, auth, ingest, log }: PrincipalDeps): Authenticate {
  return async ({ username, password }) => {
    if (password === undefined) return refusedCredentials;
    const secret = password.toString("utf8");
    try {
      const access = username === undefined ? undefined : await devices.authenticateDevice({ username, password: secret });
      if (access !== undefined) return devicePrincipal(access, ingest);
      const token = await auth.verifyToken(secret);
      if (token !== undefined) return token.permissions.has(readPermission) ? tokenPrincipal(token, devices) : refusedCredentials;
      return refusedCredentials;
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      log.warn({ err: error }, "credentials could not be checked while the database is away");
      return { refused: true, code: httpErrors.unavailable.code, reason: serverUnavailable };
    }
  };
}

/** A device: writes its own up topics, reads its own down topics, and nothing else. */
function devicePrincipal(access: DeviceAccess, ingest: Pick<Ingest, "routeFor">): Principal {
  const { device } = access;
  const { id } = device;
  const { commands } = deviceTopics(id);
  const isOwnDown = (topic: string) => {
    const parsed = parseDeviceTopic(topic);
    return parsed?.deviceId === id && parsed.direction === "down";
  };
  return {
    kind: "device",
    id,
    // It may be handed over while it is connected.
    get organisationId() {
      return device.organisationId;
    },
    get revoked() {
      return access.ended;
    },
    // Its id, or its id and a hyphen and more: a device may hold several connections, and nobody can take another's name.
    mayUseClientId: (clientId) => clientId === id || (clientId.startsWith(`${id}-`) && clientId.length <= 128),
    mayPublish(topic) {
      if (access.ended || !isTopicBelow(id, topic) || isOwnDown(topic)) return notAllowed;
      return ingest.routeFor(device, topic);
    },
    maySubscribe: (filter) => !access.ended && (filter === commands || isOwnDown(filter)),
    mayReceive: (topic) => !access.ended && isOwnDown(topic),
  };
}

/** A person or an integration with an API token: reads what devices of its organisation send. */
function tokenPrincipal(token: VerifiedToken, devices: Pick<Devices, "find">): Principal {
  const mayRead = (device: DeviceIdentity | undefined) => maySee(token, device) && !device.revoked;
  return {
    kind: "token",
    id: token.id,
    organisationId: token.organisationId,
    get revoked() {
      return token.revoked;
    },
    mayUseClientId: (clientId) => clientId.length <= 128,
    mayPublish: () => notAllowed,
    maySubscribe(filter) {
      if (token.revoked) return false;
      const [root, id, noun, ...more] = filter.split("/");
      if (root !== "devices" || id === undefined) return false;
      if (id === "#") return noun === undefined;
      // A device that is another's and one that does not exist are refused alike.
      if (id !== "+" && !mayRead(devices.find(id))) return false;
      return noun !== undefined && more.length === 0 && (noun === "#" || noun === "+" || readableKinds.has(noun));
    },
    mayReceive(topic) {
      const parsed = parseDeviceTopic(topic);
      return parsed !== undefined && readableKinds.has(parsed.kind) && !token.revoked && mayRead(devices.find(parsed.deviceId));
    },
  };
}
