import { isMqttText } from "./text.ts";

/** Packets that carry properties a client may send; bits, so that one number says where a property belongs. */
export const packetBit = {
  connect: 1,
  will: 2,
  publish: 4,
  puback: 8,
  subscribe: 16,
  unsubscribe: 32,
  disconnect: 64,
  auth: 128,
} as const;

type Kind = "flag" | "u16" | "u32" | "varint" | "text" | "pair" | "binary";

interface Property {
  readonly kind: Kind;
  readonly in: number;
  /** May stand more than once. */
  readonly many?: true;
  readonly notZero?: true;
}

const { connect, will, publish, puback, subscribe, unsubscribe, disconnect, auth } = packetBit;
const everywhere = connect | will | publish | puback | subscribe | unsubscribe | disconnect | auth;

/** Every property of MQTT 5, section 2.2.2.2. Those that only servers send belong to no packet of a client. */
const properties = new Map<number, Property>([
  [0x01, { kind: "flag", in: publish | will }],
  [0x02, { kind: "u32", in: publish | will }],
  [0x03, { kind: "text", in: publish | will }],
  [0x08, { kind: "text", in: publish | will }],
  [0x09, { kind: "binary", in: publish | will }],
  [0x0b, { kind: "varint", in: subscribe, notZero: true }],
  [0x11, { kind: "u32", in: connect | disconnect }],
  [0x12, { kind: "text", in: 0 }],
  [0x13, { kind: "u16", in: 0 }],
  [0x15, { kind: "text", in: connect | auth }],
  [0x16, { kind: "binary", in: connect | auth }],
  [0x17, { kind: "flag", in: connect }],
  [0x18, { kind: "u32", in: will }],
  [0x19, { kind: "flag", in: connect }],
  [0x1a, { kind: "text", in: 0 }],
  [0x1c, { kind: "text", in: 0 }],
  [0x1f, { kind: "text", in: puback | disconnect | auth }],
  [0x21, { kind: "u16", in: connect, notZero: true }],
  [0x22, { kind: "u16", in: connect }],
  [0x23, { kind: "u16", in: publish }],
  [0x24, { kind: "flag", in: 0 }],
  [0x25, { kind: "flag", in: 0 }],
  [0x26, { kind: "pair", in: everywhere, many: true }],
  [0x27, { kind: "u32", in: connect, notZero: true }],
  [0x28, { kind: "flag", in: 0 }],
  [0x29, { kind: "flag", in: 0 }],
  [0x2a, { kind: "flag", in: 0 }],
]);

/** Reads a variable byte integer of at most four bytes, in as few as it needs; -1 where there is none. */
export function readVarint(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let index = 0; index < 4; index += 1) {
    if (start + index >= end) return -1;
    const byte = bytes[start + index] as number;
    value += (byte & 0x7f) * 128 ** index;
    if ((byte & 0x80) === 0) return index > 0 && byte === 0 ? -1 : value;
  }
  return -1;
}

export function varintLength(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;
}

/** What {@link scanProperties} found in one packet; made once and used again. */
export class PropertyScan {
  /** Position behind the properties. */
  end = 0;
  userProperties = 0;
  topicAlias = 0;
  /** Message expiry in seconds, -1 where there is none. */
  expirySeconds = -1;
  hasAuthenticationMethod = false;
  hasAuthenticationData = false;

  reset(): void {
    this.end = 0;
    this.userProperties = 0;
    this.topicAlias = 0;
    this.expirySeconds = -1;
    this.hasAuthenticationMethod = false;
    this.hasAuthenticationData = false;
  }
}

/**
 * Walks the properties of a packet and checks each one: known, allowed in this packet, once, well-formed, in range.
 *
 * @returns 0, or the reason code to close with: 0x81 malformed, 0x82 protocol error.
 */
export function scanProperties(bytes: Buffer, start: number, limit: number, packet: number, scan: PropertyScan): number {
  scan.reset();
  const length = readVarint(bytes, start, limit);
  if (length < 0) return 0x81;
  let at = start + varintLength(length);
  const end = at + length;
  if (end > limit) return 0x81;
  scan.end = end;
  let seen = 0;
  while (at < end) {
    const id = bytes[at] as number;
    const property = properties.get(id);
    // No property has an identifier of two bytes.
    if (property === undefined) return 0x81;
    at += 1;
    const size = sizeOf(bytes, at, end, property.kind);
    if (size < 0) return 0x81;
    if ((property.in & packet) === 0) return misplaced(packet);
    if (property.many === undefined) {
      const bit = 2 ** id;
      if (Math.floor(seen / bit) % 2 === 1) return 0x82;
      seen += bit;
    }
    const fault = checkValue(bytes, at, id, property, scan);
    if (fault !== 0) return fault;
    at += size;
  }
  return 0;
}

/**
 * The standard calls a property in the wrong packet malformed (2.2.2.2); other brokers and the packet suites made for them call it so in
 * SUBSCRIBE and UNSUBSCRIBE and a protocol error elsewhere. The connection ends either way.
 */
function misplaced(packet: number): number {
  return (packet & (subscribe | unsubscribe)) === 0 ? 0x82 : 0x81;
}

function sizeOf(bytes: Buffer, at: number, end: number, kind: Kind): number {
  switch (kind) {
    case "flag":
      return at + 1 <= end ? 1 : -1;
    case "u16":
      return at + 2 <= end ? 2 : -1;
    case "u32":
      return at + 4 <= end ? 4 : -1;
    case "varint": {
      const value = readVarint(bytes, at, end);
      return value < 0 ? -1 : varintLength(value);
    }
    case "binary":
    case "text":
      return lengthPrefixed(bytes, at, end, kind === "text");
    default: {
      // A pair of texts.
      const name = lengthPrefixed(bytes, at, end, true);
      if (name < 0) return -1;
      const value = lengthPrefixed(bytes, at + name, end, true);
      return value < 0 ? -1 : name + value;
    }
  }
}

function lengthPrefixed(bytes: Buffer, at: number, end: number, text: boolean): number {
  if (at + 2 > end) return -1;
  const stop = at + 2 + bytes.readUInt16BE(at);
  if (stop > end || (text && !isMqttText(bytes, at + 2, stop))) return -1;
  return stop - at;
}

function checkValue(bytes: Buffer, at: number, id: number, property: Property, scan: PropertyScan): number {
  switch (id) {
    case 0x02:
      scan.expirySeconds = bytes.readUInt32BE(at);
      return 0;
    case 0x08:
      return checkResponseTopic(bytes, at);
    case 0x15:
      scan.hasAuthenticationMethod = true;
      return 0;
    case 0x16:
      scan.hasAuthenticationData = true;
      return 0;
    case 0x23:
      scan.topicAlias = bytes.readUInt16BE(at);
      return scan.topicAlias === 0 ? 0x94 : 0;
    case 0x26:
      scan.userProperties += 1;
      return 0;
    default:
      if (property.kind === "flag") return (bytes[at] as number) > 1 ? 0x82 : 0;
      return property.notZero === true && isZero(bytes, at, property.kind) ? 0x82 : 0;
  }
}

/** A response topic is a topic name: no wildcards, not empty (3.3.2.3.5). */
function checkResponseTopic(bytes: Buffer, at: number): number {
  const stop = at + 2 + bytes.readUInt16BE(at);
  for (let index = at + 2; index < stop; index += 1) if (bytes[index] === 0x2b || bytes[index] === 0x23) return 0x82;
  return stop === at + 2 ? 0x82 : 0;
}

function isZero(bytes: Buffer, at: number, kind: Kind): boolean {
  if (kind === "u16") return bytes.readUInt16BE(at) === 0;
  return kind === "u32" ? bytes.readUInt32BE(at) === 0 : bytes[at] === 0;
}
