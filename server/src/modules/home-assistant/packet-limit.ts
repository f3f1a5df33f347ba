/**
 * Looks along at the lengths of MQTT packets as their bytes pass by. The client gathers a packet before it looks at it, so that a broker which
 * announces a huge one would have us keep all of it.
 *
 * @see MQTT 3.1.1, 2.2.3 Remaining Length
 */
export class PacketLimit {
  readonly #mostBytes: number;
  #place: "type" | "length" | "body" = "type";
  #length = 0;
  #shift = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** @returns False where a packet is too long, or its length is none. */
  accepts(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#place === "body") {
        const step = Math.min(this.#length, bytes.length - at);
        at += step;
        this.#length -= step;
        if (this.#length === 0) this.#place = "type";
        continue;
      }
      const byte = bytes[at] as number;
      at += 1;
      if (this.#place === "type") {
        this.#place = "length";
        this.#length = 0;
        this.#shift = 0;
        continue;
      }
      this.#length += (byte & 0x7f) * 2 ** this.#shift;
      this.#shift += 7;
      if (this.#length > this.#mostBytes || (byte >= 0x80 && this.#shift > 21)) return false;
      if (byte < 0x80) this.#place = this.#length === 0 ? "type" : "body";
    }
    return true;
  }
}
