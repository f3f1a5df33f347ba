import { generate, parser, writeToStream } from "mqtt-packet";
import type { Packet } from "mqtt-packet";

// A buffer for each of the 65,536 numbers: 13 MB, and looking one up takes twice as long as writing it.
writeToStream.cacheNumbers = false;

/**
 * Reads one whole packet that passed the checks of `packet-checks.ts`.
 *
 * @returns undefined where mqtt-packet finds a fault the checks did not.
 */
export function decodePacket(packetBytes: Buffer, version: number): Packet | undefined {
  const reader = parser({ protocolVersion: version });
  const read: { packet?: Packet; faulty: boolean } = { faulty: false };
  reader.on("packet", (packet) => {
    read.packet = packet;
  });
  reader.on("error", () => {
    read.faulty = true;
  });
  const left = reader.parse(packetBytes);
  return read.faulty || left !== 0 ? undefined : read.packet;
}

/** Writes a packet for a client of the given version. */
export function encodePacket(packet: Packet, version: number): Buffer {
  return generate(packet, { protocolVersion: version });
}

/** PINGRESP, which never differs. */
export const pingResponse: Uint8Array = Uint8Array.of(0xd0, 0);

/** CONNACK's 3.1.1 return code for an MQTT 5 reason code. */
export function returnCodeOf(reason: number): number {
  switch (reason) {
    case 0:
      return 0;
    case 0x84:
      return 1;
    case 0x85:
      return 2;
    case 0x86:
    case 0x8c:
      return 4;
    case 0x88:
    case 0x89:
    case 0x8b:
    case 0x97:
    case 0x9f:
      return 3;
    default:
      return 5;
  }
}

/** CONNACK that says no. */
export function encodeRefusal(version: number, reason: number): Buffer {
  if (version === 5) return encodePacket({ cmd: "connack", sessionPresent: false, reasonCode: reason }, 5);
  return encodePacket({ cmd: "connack", sessionPresent: false, returnCode: returnCodeOf(reason) }, 4);
}

/** DISCONNECT, which only MQTT 5 clients are sent. */
export function encodeDisconnect(reason: number): Buffer {
  return encodePacket({ cmd: "disconnect", reasonCode: reason }, 5);
}
