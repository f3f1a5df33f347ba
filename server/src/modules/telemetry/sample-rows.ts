/** Microseconds between 1970 and 2000, where PostgreSQL's binary time begins. */
const postgresEpochUs = 946_684_800_000_000;
const twoTo32 = 4_294_967_296;

/** Columns in the order of a row below; `seq` comes last because it alone has no fixed length. */
export const sampleColumns = "segment_id, device_key, measured_at, received_at, quality, series_keys, sample_values, seq";

const at = { segment: 6, device: 14, measured: 22, received: 34, quality: 46, keys: 48 } as const;
const int4Oid = 23;
const float8Oid = 701;
const arrayHeaderBytes = 20;
/** CopyData's type and length, then the signature, flags and extension of the binary form. */
const frameBytes = 5;
const headBytes = frameBytes + 19;
/** The end mark of the binary form, then CopyDone. */
const tailBytes = 2 + 5;

/** All of a row that stays the same while a device sends the same metrics in the same order. */
export interface RowTemplate {
  readonly bytes: Uint8Array;
  readonly seriesKeys: readonly number[];
  /** Offset of the first value. */
  readonly valuesAt: number;
}

/** Makes the template for one device and an ordered set of its series. */
export function rowTemplate(deviceKey: number, seriesKeys: readonly number[]): RowTemplate {
  const n = seriesKeys.length;
  const valuesField = at.keys + 4 + arrayHeaderBytes + n * 8;
  const bytes = Buffer.alloc(valuesField + 4 + arrayHeaderBytes + n * 12);
  bytes.writeInt16BE(8, 0);
  bytes.writeInt32BE(4, 2);
  bytes.writeInt32BE(4, 10);
  bytes.writeInt32BE(deviceKey, at.device);
  bytes.writeInt32BE(8, 18);
  bytes.writeInt32BE(8, 30);
  bytes.writeInt32BE(2, 42);
  writeArrayHead(bytes, at.keys, int4Oid, n, 4);
  writeArrayHead(bytes, valuesField, float8Oid, n, 8);
  const keysAt = at.keys + 4 + arrayHeaderBytes;
  const valuesAt = valuesField + 4 + arrayHeaderBytes;
  for (const [index, key] of seriesKeys.entries()) {
    bytes.writeInt32BE(4, keysAt + index * 8);
    bytes.writeInt32BE(key, keysAt + index * 8 + 4);
    bytes.writeInt32BE(8, valuesAt + index * 12);
  }
  return { bytes, seriesKeys: [...seriesKeys], valuesAt: valuesAt + 4 };
}

function writeArrayHead(bytes: Buffer, offset: number, elementOid: number, n: number, elementBytes: number): void {
  bytes.writeInt32BE(arrayHeaderBytes + n * (4 + elementBytes), offset);
  bytes.writeInt32BE(1, offset + 4);
  bytes.writeInt32BE(0, offset + 8);
  bytes.writeInt32BE(elementOid, offset + 12);
  bytes.writeInt32BE(n, offset + 16);
  bytes.writeInt32BE(1, offset + 20);
}

/**
 * A batch of hot rows in PostgreSQL's binary COPY form, filled in place: a row costs no object, and the batch leaves
 * with one write. Rows can be read back, because what waits to be committed counts as stored when copies are looked for.
 */
export class SampleRows {
  #bytes: Buffer;
  #view: DataView;
  #end = headBytes;
  #starts = new Int32Array(256);
  #count = 0;

  constructor(initialBytes = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.#view = viewOf(this.#bytes);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of all rows. */
  get sizeBytes(): number {
    return this.#end - headBytes;
  }

  /**
   * Appends a row; `values` beyond the template's series are not looked at. Instants in epoch microseconds; quality 0 ok,
   * 1 suspect, 2 stale, 3 estimated, +16 where the receive time stands in.
   *
   * @returns The row's index.
   */
  append(
    template: RowTemplate,
    values: ArrayLike<number>,
    measuredUs: number,
    receivedUs: number,
    facts: { readonly quality: number; readonly seq: number | undefined },
  ): number {
    const fixedBytes = template.bytes.length;
    if (this.#end + fixedBytes + 12 + tailBytes > this.#bytes.length) this.#grow(fixedBytes);
    const row = this.#count;
    if (row === this.#starts.length) {
      const starts = new Int32Array(row * 2);
      starts.set(this.#starts);
      this.#starts = starts;
    }
    const start = this.#end;
    this.#starts[row] = start;
    this.#bytes.set(template.bytes, start);
    const view = this.#view;
    writeInstant(view, start + at.measured, measuredUs);
    writeInstant(view, start + at.received, receivedUs);
    view.setInt16(start + at.quality, facts.quality);
    const n = template.seriesKeys.length;
    for (let index = 0, offset = start + template.valuesAt; index < n; index += 1, offset += 12)
      view.setFloat64(offset, values[index] ?? 0);
    let end = start + fixedBytes;
    if (facts.seq === undefined) {
      view.setInt32(end, -1);
      end += 4;
    } else {
      view.setInt32(end, 8);
      const high = Math.floor(facts.seq / twoTo32);
      view.setInt32(end + 4, high);
      view.setUint32(end + 8, facts.seq - high * twoTo32);
      end += 12;
    }
    this.#end = end;
    this.#count = row + 1;
    return row;
  }

  deviceKeyOf(row: number): number {
    return this.#view.getInt32(this.#startOf(row) + at.device);
  }

  measuredUsOf(row: number): number {
    return readInstant(this.#view, this.#startOf(row) + at.measured);
  }

  receivedUsOf(row: number): number {
    return readInstant(this.#view, this.#startOf(row) + at.received);
  }

  qualityOf(row: number): number {
    return this.#view.getInt16(this.#startOf(row) + at.quality);
  }

  seqOf(row: number): number | undefined {
    const start = this.#startOf(row);
    const n = this.#view.getInt32(start + at.keys + 16);
    const seqAt = start + at.keys + 8 + 2 * arrayHeaderBytes + n * 20;
    if (this.#view.getInt32(seqAt) === -1) return undefined;
    return this.#view.getInt32(seqAt + 4) * twoTo32 + this.#view.getUint32(seqAt + 8);
  }

  /** Hands every (series, value) of a row to `visit`. */
  eachValue(row: number, visit: (seriesKey: number, value: number) => void): void {
    const start = this.#startOf(row);
    const n = this.#view.getInt32(start + at.keys + 16);
    const keysAt = start + at.keys + 4 + arrayHeaderBytes + 4;
    const valuesAt = start + at.keys + 8 + 2 * arrayHeaderBytes + n * 8 + 4;
    for (let index = 0; index < n; index += 1) visit(this.#view.getInt32(keysAt + index * 8), this.#view.getFloat64(valuesAt + index * 12));
  }

  /** The whole batch as it goes to the server after COPY's answer: data, end mark, CopyDone. Valid until the next change. */
  seal(segmentId: number): Buffer {
    this.#assign(segmentId, 0, this.#count);
    return finish(this.#bytes, this.#end);
  }

  /** The rows from `from` up to but not including `to`, as a batch of their own. */
  sealRange(segmentId: number, from: number, to: number): Buffer {
    this.#assign(segmentId, from, to);
    const begin = this.#startOf(from);
    const end = to === this.#count ? this.#end : this.#startOf(to);
    const bytes = Buffer.allocUnsafe(headBytes + (end - begin) + tailBytes);
    this.#bytes.copy(bytes, headBytes, begin, end);
    return finish(bytes, headBytes + (end - begin));
  }

  /** Empties the batch; memory beyond `keepBytes` is given back. */
  clear(keepBytes = 8 * 1024 * 1024): void {
    this.#end = headBytes;
    this.#count = 0;
    if (this.#bytes.length <= keepBytes) return;
    this.#bytes = Buffer.allocUnsafeSlow(64 * 1024);
    this.#view = viewOf(this.#bytes);
    this.#starts = new Int32Array(256);
  }

  #startOf(row: number): number {
    return this.#starts[row] ?? 0;
  }

  // A batch may wait while its segment is closed, so the segment is written in at the last moment.
  #assign(segmentId: number, from: number, to: number): void {
    for (let row = from; row < to; row += 1) this.#view.setInt32(this.#startOf(row) + at.segment, segmentId);
  }

  #grow(moreBytes: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + moreBytes + 1024));
    this.#bytes.copy(bytes, 0, 0, this.#end);
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}

const head = Buffer.concat([Buffer.from("d\0\0\0\0PGCOPY\n", "latin1"), Buffer.from([0xff, 0x0d, 0x0a, 0]), Buffer.alloc(8)]);
const tail = Buffer.from([0xff, 0xff, 0x63, 0, 0, 0, 4]);

function finish(bytes: Buffer, end: number): Buffer {
  bytes.set(head, 0);
  bytes.writeInt32BE(end + 2 - 1, 1);
  bytes.set(tail, end);
  return bytes.subarray(0, end + tailBytes);
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function writeInstant(view: DataView, offset: number, epochUs: number): void {
  const us = epochUs - postgresEpochUs;
  const high = Math.floor(us / twoTo32);
  view.setInt32(offset, high);
  view.setUint32(offset + 4, us - high * twoTo32);
}

function readInstant(view: DataView, offset: number): number {
  return view.getInt32(offset) * twoTo32 + view.getUint32(offset + 4) + postgresEpochUs;
}
