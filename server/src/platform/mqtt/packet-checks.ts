import { packetBit, PropertyScan, readVarint, scanProperties, varintLength } from "./properties.ts";
import { isMqttText } from "./text.ts";

// mqtt-packet reads what it can; these checks come before it and refuse what the standard calls malformed.

/** What a check says: 0 is fine, else the reason code to close with. `scan` tells what the properties held. */
export interface PacketCheck {
  readonly reason: number;
  readonly userProperties: number;
}

const fine: PacketCheck = { reason: 0, userProperties: 0 };
const malformed: PacketCheck = { reason: 0x81, userProperties: 0 };
const protocolError: PacketCheck = { reason: 0x82, userProperties: 0 };

/** CONNECT's protocol level, 0 where the bytes are not even that. `MQIsdp` (3.1) counts as level 3. */
export function protocolLevelOf(bytes: Buffer, start: number, end: number): number {
  const length = start + 2 <= end ? bytes.readUInt16BE(start) : -1;
  if (length < 0 || start + 2 + length >= end) return 0;
  const name = bytes.toString("latin1", start + 2, start + 2 + length);
  if (name !== "MQTT" && name !== "MQIsdp") return 0;
  const level = bytes[start + 2 + length] as number;
  return name === "MQTT" ? level : 3;
}

/** Walks a packet field by field. Anything missing or wrong is noted once and stays noted. */
class Walk {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;
  reason = 0;
  userProperties = 0;
  readonly scan = new PropertyScan();

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get left(): number {
    return this.reason === 0 ? this.end - this.at : 0;
  }

  fail(reason: number): void {
    if (this.reason === 0) this.reason = reason;
  }

  byte(): number {
    if (this.left < 1) {
      this.fail(0x81);
      return 0;
    }
    this.at += 1;
    return this.bytes[this.at - 1] as number;
  }

  u16(): number {
    if (this.left < 2) {
      this.fail(0x81);
      return 0;
    }
    this.at += 2;
    return this.bytes.readUInt16BE(this.at - 2);
  }

  /** Skips a length-prefixed field. @returns Its length in bytes. */
  field(text: boolean): number {
    const length = this.u16();
    if (this.reason !== 0) return 0;
    if (this.left < length || (text && !isMqttText(this.bytes, this.at, this.at + length))) {
      this.fail(0x81);
      return 0;
    }
    this.at += length;
    return length;
  }

  properties(packet: number): void {
    if (this.reason !== 0) return;
    const fault = scanProperties(this.bytes, this.at, this.end, packet, this.scan);
    if (fault !== 0) this.fail(fault);
    this.userProperties += this.scan.userProperties;
    this.at = this.scan.end;
  }

  done(): PacketCheck {
    if (this.reason === 0 && this.at !== this.end) this.reason = 0x81;
    return { reason: this.reason, userProperties: this.userProperties };
  }
}

/** Also tells where the will's properties lie, so that they can travel on as they came. */
export interface ConnectCheck extends PacketCheck {
  readonly willPropertiesStart: number;
  readonly willPropertiesEnd: number;
}

/** Checks a CONNECT of 3.1.1 (level 4) or 5. */
export function checkConnect(bytes: Buffer, start: number, end: number): ConnectCheck {
  const walk = new Walk(bytes, start, end);
  walk.field(true);
  const version = walk.byte();
  const flags = walk.byte();
  walk.u16();
  const hasWill = (flags & 0x04) !== 0;
  const willQos = (flags >> 3) & 3;
  if ((flags & 1) !== 0 || willQos === 3 || (!hasWill && (flags & 0x38) !== 0)) walk.fail(0x81);
  // 3.1.1 knows no password without a user name (3.1.2.9).
  if (version === 4 && (flags & 0xc0) === 0x40) walk.fail(0x81);
  let willPropertiesStart = 0;
  let willPropertiesEnd = 0;
  if (version === 5) {
    walk.properties(packetBit.connect);
    if (walk.scan.hasAuthenticationData && !walk.scan.hasAuthenticationMethod) walk.fail(0x82);
  }
  walk.field(true);
  if (hasWill) {
    if (version === 5) {
      const propertiesAt = walk.at;
      walk.properties(packetBit.will);
      willPropertiesEnd = walk.at;
      willPropertiesStart = propertiesAt + varintLength(readVarint(bytes, propertiesAt, end));
    }
    const topicAt = walk.at + 2;
    const length = walk.field(true);
    if (length === 0) walk.fail(0x81);
    for (let at = topicAt; at < topicAt + length; at += 1) if (bytes[at] === 0x2b || bytes[at] === 0x23) walk.fail(0x81);
    walk.field(false);
  }
  if ((flags & 0x80) !== 0) walk.field(true);
  if ((flags & 0x40) !== 0) walk.field(false);
  return { ...walk.done(), willPropertiesStart, willPropertiesEnd };
}

/** Checks a SUBSCRIBE: packet id, options, at least one filter. */
export function checkSubscribe(bytes: Buffer, start: number, end: number, version: number): PacketCheck {
  const walk = new Walk(bytes, start, end);
  if (walk.u16() === 0) walk.fail(0x81);
  if (version === 5) walk.properties(packetBit.subscribe);
  if (walk.left === 0) walk.fail(0x82);
  while (walk.left > 0) {
    const filterAt = walk.at + 2;
    if (walk.field(true) === 0) walk.fail(0x81);
    const options = walk.byte();
    if ((options & 3) === 3 || (options & (version === 5 ? 0xc0 : 0xfc)) !== 0) walk.fail(0x81);
    if (version !== 5) continue;
    if ((options & 0x30) === 0x30) walk.fail(0x82);
    // No Local on a shared subscription is a protocol error (3.8.3.1).
    if ((options & 4) !== 0 && bytes.toString("latin1", filterAt, filterAt + 7) === "$share/") walk.fail(0x82);
  }
  return walk.done();
}

/** Checks an UNSUBSCRIBE: packet id, at least one filter. */
export function checkUnsubscribe(bytes: Buffer, start: number, end: number, version: number): PacketCheck {
  const walk = new Walk(bytes, start, end);
  if (walk.u16() === 0) walk.fail(0x81);
  if (version === 5) walk.properties(packetBit.unsubscribe);
  if (walk.left === 0) walk.fail(0x82);
  while (walk.left > 0) if (walk.field(true) === 0) walk.fail(0x81);
  return walk.done();
}

const pubackCodes: ReadonlySet<number> = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
const pubrelCodes: ReadonlySet<number> = new Set([0x00, 0x92]);

/** Checks PUBACK, PUBREC, PUBREL and PUBCOMP. */
export function checkAck(bytes: Buffer, start: number, end: number, version: number, type: number): PacketCheck {
  const length = end - start;
  if (length < 2 || (version !== 5 && length !== 2)) return malformed;
  if (bytes.readUInt16BE(start) === 0) return protocolError;
  if (length === 2) return fine;
  const codes = type === 4 || type === 5 ? pubackCodes : pubrelCodes;
  if (!codes.has(bytes[start + 2] as number)) return protocolError;
  if (length === 3) return fine;
  const walk = new Walk(bytes, start + 3, end);
  walk.properties(packetBit.puback);
  return walk.done();
}

const disconnectCodes: ReadonlySet<number> = new Set([0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]);

/** Checks a DISCONNECT of a client. */
export function checkDisconnect(bytes: Buffer, start: number, end: number, version: number): PacketCheck {
  if (start === end) return fine;
  if (version !== 5 || !disconnectCodes.has(bytes[start] as number)) return malformed;
  if (end - start === 1) return fine;
  const walk = new Walk(bytes, start + 1, end);
  walk.properties(packetBit.disconnect);
  return walk.done();
}

// Flags every packet type must carry in its first byte; PUBLISH has its own meaning for them.
const requiredFlags = [0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0] as const;
const clientPackets: ReadonlySet<number> = new Set([1, 3, 4, 5, 6, 7, 8, 10, 12, 14]);

/** Looks at the first byte of a packet. @returns 0 where a client may send it, else the reason code to close with. */
export function checkHeader(first: number, version: number): number {
  const type = first >> 4;
  if (type === 3) return 0;
  if (type === 0 || type === 2) return 0x82;
  if (type === 15) return version === 5 && first === 0xf0 ? 0 : 0x82;
  if (requiredFlags[type] !== (first & 0x0f)) return 0x81;
  return clientPackets.has(type) ? 0 : 0x82;
}
