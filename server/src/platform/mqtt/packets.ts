import { ackType } from "./ack-buffer.ts";
import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { checkAck, checkDisconnect, checkSubscribe, checkUnsubscribe } from "./packet-checks.ts";
import type { PacketCheck } from "./packet-checks.ts";
import { decodePacket, pingResponse } from "./packet-codec.ts";
import type { Session } from "./session.ts";
import { subscribe, unsubscribe } from "./subscribing.ts";

/** One whole packet in the bytes at hand. */
export interface PacketSpan {
  readonly bytes: Buffer;
  /** The packet's first byte. */
  readonly start: number;
  /** First byte behind the remaining length. */
  readonly body: number;
  readonly end: number;
}

/** The connection, as far as handling a packet may change it. */
export interface PacketLink extends Link {
  /** The second half of a QoS 2 message of the client. */
  release(packetId: number): void;
  /** The client said goodbye. */
  leave(how: { withWill: boolean }): void;
}

/**
 * Handles a packet of a signed-in client that is no PUBLISH.
 *
 * @returns 0, or the reason code to close the connection with.
 */
export function handlePacket(hub: Hub, session: Session, link: PacketLink, span: PacketSpan): number {
  const { bytes, body, end, start } = span;
  if (session.principal.revoked) return 0x87;
  const type = (bytes[start] as number) >> 4;
  switch (type) {
    case 4:
    case 5:
    case 6:
    case 7: {
      const reason = reasonOf(hub, checkAck(bytes, body, end, link.version, type));
      return reason === 0
        ? acknowledged(session, link, type, bytes.readUInt16BE(body), end > body + 2 ? (bytes[body + 2] ?? 0) : 0)
        : reason;
    }
    case 8: {
      const reason = reasonOf(hub, checkSubscribe(bytes, body, end, link.version));
      if (reason !== 0) return reason;
      const packet = decodePacket(bytes.subarray(start, end), link.version);
      if (packet?.cmd !== "subscribe") return 0x81;
      subscribe(hub, session, link, packet);
      return 0;
    }
    case 10: {
      const reason = reasonOf(hub, checkUnsubscribe(bytes, body, end, link.version));
      if (reason !== 0) return reason;
      const packet = decodePacket(bytes.subarray(start, end), link.version);
      if (packet?.cmd !== "unsubscribe") return 0x81;
      unsubscribe(hub, session, link, packet);
      return 0;
    }
    case 12:
      if (body !== end) return 0x81;
      link.send(pingResponse);
      return 0;
    case 14:
      return disconnect(hub, session, link, span);
    default:
      // A second CONNECT, or AUTH where no method was agreed on (3.1.0, 4.12).
      return 0x82;
  }
}

function reasonOf(hub: Hub, check: PacketCheck): number {
  if (check.reason !== 0 || check.userProperties <= hub.limits.userProperties) return check.reason;
  hub.exceed("userProperties");
  return 0x97;
}

function acknowledged(session: Session, link: PacketLink, type: number, packetId: number, answer: number): number {
  const { outbox } = session;
  if (type === 4) {
    outbox?.settled(packetId, answer);
    outbox?.pump(link, session.principal);
  } else if (type === 6) {
    link.release(packetId);
  } else {
    // We send nothing at QoS 2: such an answer to a message of QoS 1 is wrong, and to anything else nothing is known under the id (4.3.3).
    if (outbox?.isWaitingFor(packetId) === true) return 0x82;
    if (type === 5) link.acknowledge(ackType.pubrel, packetId, link.version === 5 ? 0x92 : 0);
  }
  return 0;
}

function disconnect(hub: Hub, session: Session, link: PacketLink, { bytes, start, body, end }: PacketSpan): number {
  const reason = reasonOf(hub, checkDisconnect(bytes, body, end, link.version));
  if (reason !== 0) return reason;
  const packet = decodePacket(bytes.subarray(start, end), link.version);
  if (packet?.cmd !== "disconnect") return 0x81;
  const expiry = packet.properties?.sessionExpiryInterval;
  if (expiry !== undefined) {
    // Who asked for no session cannot ask for one when leaving (3.14.2.2.2).
    if (expiry > 0 && session.expirySeconds === 0) return 0x82;
    session.expirySeconds = Math.min(expiry, hub.limits.sessionExpirySeconds);
  }
  link.leave({ withWill: link.version === 5 && end > body && bytes[body] !== 0 });
  return 0;
}
