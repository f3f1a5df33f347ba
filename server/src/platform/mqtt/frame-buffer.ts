/**
 * Length of the packet that begins at `at`, header included.
 *
 * @returns 0 where more bytes are needed to tell, else a negative reason code: -0x81 malformed, -0x95 longer than `maxBytes`.
 */
export function frameLengthAt(bytes: Uint8Array, at: number, end: number, maxBytes: number): number {
  let value = 0;
  let factor = 1;
  for (let index = 1; index <= 4; index += 1) {
    if (at + index >= end) return 0;
    const byte = bytes[at + index] as number;
    value += (byte & 0x7f) * factor;
    if ((byte & 0x80) === 0) {
      // Zeros at the end: more bytes than the length needs (1.5.5).
      if (index > 1 && byte === 0) return -0x81;
      const length = value + index + 1;
      return length > maxBytes ? -0x95 : length;
    }
    factor *= 128;
  }
  return -0x81;
}

/** Header bytes of a packet of this length, as {@link frameLengthAt} told it. */
export function headerBytes(length: number): number {
  return length < 130 ? 2 : length < 16_387 ? 3 : length < 2_097_156 ? 4 : 5;
}

const smallestBytes = 64;

/** Collects a packet that comes in pieces. Memory follows what has arrived, never what was announced (M3). */
export class FrameBuffer {
  #bytes: Buffer;
  #length: number;
  #frameLength = 0;
  /** Reason code to close with, once the header says something wrong; else 0. */
  fault = 0;

  constructor(chunk: Buffer, start: number) {
    this.#length = chunk.length - start;
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(smallestBytes, this.#length));
    chunk.copy(this.#bytes, 0, start);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  get isComplete(): boolean {
    return this.#frameLength > 0 && this.#length === this.#frameLength;
  }

  /** Takes what the packet still needs. @returns The position of the first byte that was not taken. */
  fill(chunk: Buffer, start: number, maxBytes: number): number {
    let at = start;
    while (at < chunk.length && this.fault === 0 && !this.isComplete) {
      if (this.#frameLength === 0) {
        const length = frameLengthAt(this.#bytes, 0, this.#length, maxBytes);
        if (length < 0) this.fault = -length;
        else if (length === 0) {
          // The header itself is not complete: one byte at a time, five at most.
          this.#append(chunk, at, at + 1);
          at += 1;
          const now = frameLengthAt(this.#bytes, 0, this.#length, maxBytes);
          if (now < 0) this.fault = -now;
          else this.#frameLength = now;
        } else this.#frameLength = length;
      } else {
        const stop = Math.min(chunk.length, at + this.#frameLength - this.#length);
        this.#append(chunk, at, stop);
        at = stop;
      }
    }
    return at;
  }

  #append(chunk: Buffer, start: number, stop: number): void {
    const needed = this.#length + stop - start;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#length, start, stop);
    this.#length = needed;
  }
}
