/** Packet types that answer a message, as they stand in the first byte. */
export const ackType = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;
export type AckType = (typeof ackType)[keyof typeof ackType];

/**
 * Acknowledgements of one connection that wait for the end of the tick: a thousand of them leave in one write.
 */
export class AckBuffer {
  // One small integer each: type, reason, packet id. Kept between flushes, so that a busy connection allocates nothing here.
  readonly #waiting: number[] = [];
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes that {@link writeTo} will write. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param reason - MQTT 5 reason code; must be 0 for 3.1.1, which has no place for it. */
  add(type: AckType, packetId: number, reason: number): void {
    this.#waiting[this.#count] = (type << 24) | (reason << 16) | packetId;
    this.#count += 1;
    this.#bytes += reason === 0 ? 4 : 5;
  }

  /** Writes all that waits and forgets it. @returns The position behind the last byte. */
  writeTo(target: Uint8Array, start: number): number {
    let at = start;
    for (let index = 0; index < this.#count; index += 1) {
      const ack = this.#waiting[index] as number;
      const reason = (ack >> 16) & 0xff;
      target[at] = ack >>> 24;
      target[at + 1] = reason === 0 ? 2 : 3;
      target[at + 2] = (ack >> 8) & 0xff;
      target[at + 3] = ack & 0xff;
      at += 4;
      if (reason !== 0) {
        target[at] = reason;
        at += 1;
      }
    }
    // A burst must not be remembered for ever: an idle connection is to cost little.
    if (this.#count > 256) this.#waiting.length = 0;
    this.#count = 0;
    this.#bytes = 0;
    return at;
  }
}
