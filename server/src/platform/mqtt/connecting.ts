import { randomBytes } from "node:crypto";

import type { IConnectPacket } from "mqtt-packet";

import type { Hub } from "./hub.ts";
import type { MqttLimits } from "./limits.ts";
import type { Link } from "./link.ts";
import { forwardedProperties } from "./message.ts";
import { checkConnect, protocolLevelOf } from "./packet-checks.ts";
import { decodePacket, encodePacket } from "./packet-codec.ts";
import type { PacketSpan } from "./packets.ts";
import type { Principal } from "./principal.ts";
import type { Session, Will } from "./session.ts";
import { levelsOf } from "./topic-filter.ts";

/** The longest packet MQTT can spell, header included: stands for "no limit". */
export const largestPacketBytes = 268_435_460;

/** A CONNECT, checked. */
export interface ConnectRequest {
  readonly version: 4 | 5;
  readonly clientId: string;
  readonly isClean: boolean;
  /** What the client asked for; 0 is none. */
  readonly keepAliveSeconds: number;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly will: Will | undefined;
  readonly sessionExpirySeconds: number;
  /** Whether that is less than the client asked for. */
  readonly isExpiryCapped: boolean;
  readonly receiveMaximum: number;
  readonly maximumPacketBytes: number;
}

/** Why a CONNECT is refused. `version` 0: the bytes are not even MQTT, so nothing is answered. */
export interface ConnectFault {
  readonly fault: true;
  readonly version: 0 | 4 | 5;
  readonly reason: number;
}

/** Reads a CONNECT. */
export function readConnect({ bytes, start, body, end }: PacketSpan, hub: Hub): ConnectRequest | ConnectFault {
  const level = protocolLevelOf(bytes, body, end);
  if (level === 0) return { fault: true, version: 0, reason: 0x81 };
  if (level !== 4 && level !== 5) return { fault: true, version: level === 3 ? 4 : 5, reason: 0x84 };
  const fault = (reason: number): ConnectFault => ({ fault: true, version: level, reason });
  const check = checkConnect(bytes, body, end);
  // 3.1.1 has no code for a malformed packet: the connection is just closed (3.1.4).
  if (check.reason !== 0) return { fault: true, version: level === 5 ? 5 : 0, reason: check.reason };
  if (check.userProperties > hub.limits.userProperties) {
    hub.exceed("userProperties");
    return fault(0x97);
  }
  const packet = decodePacket(bytes.subarray(start, end), level);
  if (packet?.cmd !== "connect") return { fault: true, version: level === 5 ? 5 : 0, reason: 0x81 };
  if (packet.properties?.authenticationMethod !== undefined) return fault(0x8c);
  const reason = faultOfNames(packet, hub);
  if (reason !== 0) return fault(reason);
  const isClean = packet.clean === true;
  if (packet.clientId === "" && level === 4 && !isClean) return fault(0x85);
  const expiry = packet.properties?.sessionExpiryInterval ?? 0;
  return {
    version: level,
    clientId: packet.clientId,
    isClean,
    keepAliveSeconds: packet.keepalive ?? 0,
    username: packet.username,
    password: packet.password === undefined ? undefined : Buffer.from(packet.password),
    will: willOf(packet, bytes, check.willPropertiesStart, check.willPropertiesEnd),
    sessionExpirySeconds: Math.min(level === 5 ? expiry : isClean ? 0 : Infinity, hub.limits.sessionExpirySeconds),
    isExpiryCapped: expiry > hub.limits.sessionExpirySeconds,
    receiveMaximum: packet.properties?.receiveMaximum ?? 65_535,
    maximumPacketBytes: Math.min(packet.properties?.maximumPacketSize ?? largestPacketBytes, largestPacketBytes),
  };
}

function faultOfNames(packet: IConnectPacket, hub: Hub): number {
  // Names that look like filters have opened other brokers' rules: CVE after CVE, so none is let in (M9).
  if (/[+#/]/.test(packet.clientId)) return 0x85;
  if (packet.username !== undefined && /[+#/]/.test(packet.username)) return 0x86;
  if (Buffer.byteLength(packet.clientId) > hub.limits.clientIdBytes) {
    hub.exceed("clientIdBytes");
    return 0x85;
  }
  if (packet.will === undefined) return 0;
  if (Buffer.byteLength(packet.will.topic) > hub.limits.topicBytes) {
    hub.exceed("topicBytes");
    return 0x90;
  }
  if (levelsOf(packet.will.topic) > hub.limits.topicLevels) {
    hub.exceed("topicLevels");
    return 0x90;
  }
  return 0;
}

function willOf(packet: IConnectPacket, bytes: Buffer, propertiesStart: number, propertiesEnd: number): Will | undefined {
  const { will } = packet;
  if (will === undefined) return undefined;
  return {
    topic: will.topic,
    payload: Buffer.from(will.payload),
    qos: will.qos ?? 0,
    retain: will.retain === true,
    properties: propertiesStart >= propertiesEnd ? undefined : forwardedProperties(bytes, propertiesStart, propertiesEnd),
    expirySeconds: will.properties?.messageExpiryInterval ?? -1,
    delaySeconds: will.properties?.willDelayInterval ?? 0,
  };
}

/** A client that was let in. */
export interface Admission {
  readonly session: Session;
  readonly isPresent: boolean;
  /** Where the client left the choice to us. */
  readonly assignedClientId: string | undefined;
}

/** Lets a client in whose credentials were right: checks its client id and will, takes an older connection over, finds or makes its session. */
export function admit(hub: Hub, request: ConnectRequest, principal: Principal, link: Link): Admission | number {
  if (principal.revoked) return 0x87;
  const assignedClientId = request.clientId === "" ? assignClientId(principal) : undefined;
  const clientId = assignedClientId ?? request.clientId;
  if (clientId === "" || !principal.mayUseClientId(clientId)) return 0x85;
  if (request.will !== undefined) {
    const route = principal.mayPublish(request.will.topic);
    if ("refused" in route) {
      hub.counters.willsRefused += 1;
      const { topic } = request.will;
      hub.onRefused({ principal, code: route.code, topic, excerpt: "", remoteAddress: link.remoteAddress }, undefined);
      return 0x87;
    }
  }
  // The principal is part of the key: whatever client id someone picks, another's session is out of reach (M10).
  const key = [principal.kind, principal.id, clientId].join(":");
  const before = hub.sessions.get(key);
  if (before === undefined) {
    const full =
      hub.sessions.size >= hub.limits.sessions
        ? "sessions"
        : clientId !== principal.id && hub.sessionsOf(principal.id) >= hub.limits.sessionsPerPrincipal
          ? "sessionsPerPrincipal"
          : undefined;
    if (full !== undefined) {
      hub.exceed(full);
      return 0x97;
    }
  }
  const older = before?.link;
  if (older !== undefined) {
    hub.counters.takeovers += 1;
    older.fail(0x8e);
  }
  // Asked for again: the session may have ended with the connection that was just closed.
  const left = hub.sessions.get(key);
  if (left !== undefined && request.isClean) hub.dropSession(left, { withWill: true });
  const kept = request.isClean ? undefined : left;
  const session = kept ?? hub.newSession(key, clientId, principal);
  session.principal = principal;
  session.link = link;
  session.expirySeconds = request.sessionExpirySeconds;
  session.will = request.will;
  session.willDueAtMs = 0;
  return { session, isPresent: kept !== undefined, assignedClientId };
}

function assignClientId(principal: Principal): string {
  const made = `roost-${randomBytes(9).toString("hex")}`;
  return principal.mayUseClientId(made) ? made : principal.id;
}

/** Keep-alive in force, in seconds: the client's own, unless it is longer than allowed or absent. */
export function keepAliveOf(request: ConnectRequest, limits: MqttLimits): number {
  return request.keepAliveSeconds === 0 ? limits.keepAliveSeconds : Math.min(request.keepAliveSeconds, limits.keepAliveSeconds);
}

/** CONNACK that says yes, with every limit a client of MQTT 5 can be told. */
export function encodeWelcome(request: ConnectRequest, admission: Admission, limits: MqttLimits): Buffer {
  const sessionPresent = admission.isPresent;
  if (request.version === 4) return encodePacket({ cmd: "connack", sessionPresent, returnCode: 0 }, 4);
  const keepAlive = keepAliveOf(request, limits);
  const { assignedClientId } = admission;
  return encodePacket(
    {
      cmd: "connack",
      sessionPresent,
      reasonCode: 0,
      properties: {
        ...(request.isExpiryCapped ? { sessionExpiryInterval: request.sessionExpirySeconds } : {}),
        receiveMaximum: Math.min(limits.receiveMaximum, 65_535),
        maximumPacketSize: limits.packetBytes,
        topicAliasMaximum: limits.topicAliases,
        sharedSubscriptionAvailable: false,
        ...(keepAlive === request.keepAliveSeconds ? {} : { serverKeepAlive: keepAlive }),
        ...(assignedClientId === undefined ? {} : { assignedClientIdentifier: assignedClientId }),
      },
    },
    5,
  );
}
