import type { Principal } from "./principal.ts";
import { varintLength } from "./properties.ts";

/** A message on its way to subscribers. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** MQTT 5 properties as they came, in their order, without expiry and alias; undefined where there are none. */
  readonly properties: Buffer | undefined;
  /** Monotonic milliseconds; Infinity where it does not expire. */
  readonly expiresAtMs: number;
  /** Who wrote it; undefined for the server itself. */
  readonly author: Principal | undefined;
  /** The session it came from, for No Local. */
  readonly origin: object | undefined;
  /** For one client alone, and somebody wants to know whether it took it. */
  readonly offer?: Offer | undefined;
}

/** What the server itself offers to one client that is here. */
export interface Offer {
  /** Tells a second offer of the same from another one. */
  readonly key: string;
  /** The client confirmed that it got it (PUBACK). `reason`: 0, or from 0x80 on why it did not take it. */
  readonly answered: (reason: number) => void;
}

/** Bytes a message costs while it waits. */
export function costOf(message: Message): number {
  return message.payload.length + message.topic.length + (message.properties?.length ?? 0) + 100;
}

function propertySize(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case 0x01:
      return 2;
    case 0x02:
    case 0x18:
      return 5;
    case 0x23:
      return 3;
    case 0x26: {
      const name = bytes.readUInt16BE(at + 1);
      return 5 + name + bytes.readUInt16BE(at + 3 + name);
    }
    default:
      return 3 + bytes.readUInt16BE(at + 1);
  }
}

/**
 * Copies the properties that travel on with a message: all but the expiry, which is counted down, the alias, which belongs to one
 * connection, and a will's delay.
 *
 * User properties keep their order (3.3.2.3.7). The bytes must have been checked.
 */
export function forwardedProperties(bytes: Buffer, start: number, end: number): Buffer | undefined {
  const kept: Buffer[] = [];
  for (let at = start; at < end;) {
    const size = propertySize(bytes, at);
    const id = bytes[at];
    if (id !== 0x02 && id !== 0x18 && id !== 0x23) kept.push(bytes.subarray(at, at + size));
    at += size;
  }
  return kept.length === 0 ? undefined : Buffer.concat(kept);
}

/** How one message leaves for one client. */
export interface Envelope {
  readonly message: Message;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 for QoS 0. */
  readonly packetId: number;
  readonly subscriptionIds: readonly number[] | undefined;
}

function writeVarint(target: Buffer, at: number, value: number): number {
  let left = value;
  let position = at;
  do {
    const more = left >= 128;
    target[position] = (left & 0x7f) | (more ? 0x80 : 0);
    left >>>= 7;
    position += 1;
  } while (left > 0);
  return position;
}

/** Writes a PUBLISH for a client of the given version. */
export function encodePublish(envelope: Envelope, version: number, nowMs: number): Buffer {
  const { message, qos, packetId, subscriptionIds } = envelope;
  const topicBytes = Buffer.byteLength(message.topic);
  const expires = version === 5 && message.expiresAtMs !== Infinity;
  let propertyBytes = 0;
  if (version === 5) {
    propertyBytes = (message.properties?.length ?? 0) + (expires ? 5 : 0);
    for (const id of subscriptionIds ?? []) propertyBytes += 1 + varintLength(id);
  }
  const body =
    2 + topicBytes + (qos > 0 ? 2 : 0) + (version === 5 ? varintLength(propertyBytes) + propertyBytes : 0) + message.payload.length;
  const target = Buffer.allocUnsafe(1 + varintLength(body) + body);
  target[0] = 0x30 | (envelope.dup ? 8 : 0) | (qos << 1) | (envelope.retain ? 1 : 0);
  let at = writeVarint(target, 1, body);
  at = target.writeUInt16BE(topicBytes, at);
  at += target.write(message.topic, at);
  if (qos > 0) at = target.writeUInt16BE(packetId, at);
  if (version === 5) {
    at = writeVarint(target, at, propertyBytes);
    if (expires) {
      target[at] = 0x02;
      at = target.writeUInt32BE(Math.max(0, Math.ceil((message.expiresAtMs - nowMs) / 1_000)), at + 1);
    }
    if (message.properties !== undefined) at += message.properties.copy(target, at);
    for (const id of subscriptionIds ?? []) {
      target[at] = 0x0b;
      at = writeVarint(target, at + 1, id);
    }
  }
  message.payload.copy(target, at);
  return target;
}
