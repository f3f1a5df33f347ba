import { stampUs } from "./stamp.ts";

/** What stands where a number stands in a shape. */
const slotTimestamp = -1;
const slotSeq = -2;

// Quotients of whole numbers below 2^53 and these are rounded once, so they equal what JSON.parse reads.
const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);
const mostDigits = 16;

/**
 * The form of a device's messages: all bytes but its numbers. A device sends the same form again and again, so comparing
 * bytes and reading digits replaces a parser.
 *
 * It only ever says yes: a message it does not fit, to the byte, goes the long way of `decodeTelemetry`, and what it reads is
 * what that would have read.
 */
export class MessageShape {
  /** In the order of the text; each once. */
  readonly metrics: readonly string[];
  readonly hasTimestamp: boolean;
  readonly hasSeq: boolean;
  /** The values read last, one per metric. */
  readonly values: Float64Array;
  /** Epoch microseconds, where the shape has a timestamp. */
  measuredUs = 0;
  seq = 0;
  readonly #text: Uint8Array;
  /** Ends of the literal parts in `#text`; one more than slots. */
  readonly #ends: Int32Array;
  /** Index of the metric, or one of the two others. */
  readonly #slots: Int32Array;
  readonly #shortestBytes: number;

  private constructor(text: Uint8Array, ends: readonly number[], names: readonly string[]) {
    const metrics: string[] = [];
    const slots = names.map((name) => {
      if (name === "timestamp") return slotTimestamp;
      if (name === "seq") return slotSeq;
      return metrics.push(name) - 1;
    });
    this.metrics = metrics;
    this.hasTimestamp = names.includes("timestamp");
    this.hasSeq = names.includes("seq");
    this.values = new Float64Array(metrics.length);
    this.#text = text;
    this.#ends = Int32Array.from(ends);
    this.#slots = Int32Array.from(slots);
    this.#shortestBytes = text.length + slots.length;
  }

  /**
   * Learns the shape of a message that was read the long way without a fault.
   *
   * @returns `undefined` for what has no shape: not one flat object of numbers, names that need escapes or come twice.
   */
  static learn(bytes: Uint8Array, start: number, end: number): MessageShape | undefined {
    const literal: number[] = [];
    const ends: number[] = [];
    const names: string[] = [];
    let at = start;
    const skipSpace = () => {
      while (at < end && isSpace(bytes[at])) literal.push(bytes[at++] ?? 0);
    };
    const take = (byte: number): boolean => {
      if (at >= end || bytes[at] !== byte) return false;
      literal.push(byte);
      at += 1;
      return true;
    };
    skipSpace();
    if (!take(0x7b)) return undefined;
    do {
      skipSpace();
      if (!take(0x22)) return undefined;
      let name = "";
      while (at < end && isNameByte(bytes[at])) {
        name += String.fromCharCode(bytes[at] ?? 0);
        literal.push(bytes[at++] ?? 0);
      }
      if (!take(0x22) || name === "quality" || names.includes(name)) return undefined;
      skipSpace();
      if (!take(0x3a)) return undefined;
      skipSpace();
      const from = at;
      while (at < end && isNumberByte(bytes[at])) at += 1;
      if (at === from) return undefined;
      ends.push(literal.length);
      names.push(name);
      skipSpace();
    } while (take(0x2c));
    if (!take(0x7d)) return undefined;
    skipSpace();
    if (at !== end) return undefined;
    ends.push(literal.length);
    const shape = new MessageShape(Uint8Array.from(literal), ends, names);
    return shape.metrics.length > 0 ? shape : undefined;
  }

  /**
   * Reads a message of exactly this shape into `values`, `measuredUs` and `seq`.
   *
   * @param latestUs - The latest instant a right clock can show now.
   * @returns False where it does not fit, or needs a closer look: exponents, more digits than a number holds, a wrong clock.
   */
  read(bytes: Uint8Array, start: number, end: number, latestUs: number): boolean {
    if (end - start < this.#shortestBytes) return false;
    const text = this.#text;
    const slots = this.#slots;
    let at = start;
    let part = 0;
    for (let slot = 0; ; slot += 1) {
      const partEnd = this.#ends[slot] as number;
      while (part < partEnd) if (text[part++] !== bytes[at++]) return false;
      if (slot === slots.length) return at === end;

      let byte = bytes[at] as number;
      const negative = byte === 0x2d;
      if (negative) byte = bytes[++at] as number;
      let digit = byte - 0x30;
      if (!(digit >= 0 && digit <= 9)) return false;
      const first = at;
      let whole = digit;
      let scale = 0;
      // Reading beyond `end` gives the next message's bytes at worst; the last part then does not end at `end`.
      for (digit = (bytes[++at] as number) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - 0x30)
        whole = whole * 10 + digit;
      if (byte === 0x30 && at > first + 1) return false;
      let digits = at - first;
      if (digit === -2) {
        const point = at;
        for (digit = (bytes[++at] as number) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - 0x30)
          whole = whole * 10 + digit;
        scale = at - point - 1;
        if (scale === 0) return false;
        digits += scale;
      }
      // An exponent fits no literal part: such a number goes the long way.
      if (digits > mostDigits || whole > Number.MAX_SAFE_INTEGER) return false;
      const value = scale === 0 ? whole : whole / (powersOfTen[scale] as number);
      const target = slots[slot] as number;
      if (target >= 0) this.values[target] = negative ? -value : value;
      else if (negative) return false;
      else if (target === slotTimestamp) {
        const us = stampUs(value, latestUs);
        if (us === undefined) return false;
        this.measuredUs = us;
      } else {
        if (scale !== 0) return false;
        this.seq = value;
      }
    }
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** Bytes of names that stand for themselves: `A-Z a-z 0-9 _ . -`. */
function isNameByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x5f ||
    byte === 0x2e ||
    byte === 0x2d
  );
}

/** Bytes a number of JSON is made of. */
function isNumberByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45;
}
