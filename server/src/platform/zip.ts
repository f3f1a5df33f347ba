import { Readable, pipeline } from "node:stream";
import { crc32, createDeflateRaw } from "node:zlib";

/** A file on its way into an archive; read when its turn comes. */
export interface ZipFile {
  /** Forward slashes, no slash first. */
  readonly name: string;
  readonly content: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>;
}

interface Entry {
  readonly name: Buffer;
  readonly at: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

// UTF-8 names; crc and sizes stand behind the bytes, because they are not known before.
const flags = 0x08_08;
const deflated = 8;
const most32 = 0xffff_ffff;
// MS-DOS time of 1980-01-01: the archive says when it was made inside.
const epochDate = 0x21;

/**
 * A ZIP archive as it is made, file by file: nothing but the file at hand is in memory.
 *
 * The archive may grow beyond 4 GiB (ZIP64); one file in it may not, the caller begins another.
 *
 * @see PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16
 * @throws {RangeError} for a file of 4 GiB and more.
 */
export async function* zip(files: AsyncIterable<ZipFile>): AsyncGenerator<Uint8Array> {
  const entries: Entry[] = [];
  let at = 0;
  for await (const file of files) {
    const name = Buffer.from(file.name);
    const head = localHeader(name);
    yield head;
    const counted = { crc: 0, size: 0 };
    let packed = 0;
    for await (const bytes of deflate(file.content, counted)) {
      packed += bytes.length;
      yield bytes;
    }
    if (counted.size > most32 || packed > most32) throw new RangeError("A file in an archive is smaller than 4 GiB.");
    const entry = { name, at, crc: counted.crc, packed, size: counted.size };
    entries.push(entry);
    yield descriptor(entry);
    at += head.length + packed + 16;
  }
  const directory = entries.map(directoryRecord);
  for (const record of directory) yield record;
  yield ending(
    entries.length,
    at,
    directory.reduce((sum, record) => sum + record.length, 0),
  );
}

async function* deflate(content: ZipFile["content"], counted: { crc: number; size: number }): AsyncGenerator<Buffer> {
  async function* count(): AsyncGenerator<Buffer> {
    for await (const part of content) {
      const bytes = typeof part === "string" ? Buffer.from(part) : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
      counted.crc = crc32(bytes, counted.crc);
      counted.size += bytes.length;
      yield bytes;
    }
  }
  const packer = createDeflateRaw();
  // A failure of the content ends the packer with it, and so the loop below.
  pipeline(Readable.from(count()), packer, () => undefined);
  for await (const bytes of packer) yield bytes as Buffer;
}

function localHeader(name: Buffer): Buffer {
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x04034b50, 0);
  head.writeUInt16LE(20, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt16LE(deflated, 8);
  head.writeUInt16LE(epochDate, 12);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, name]);
}

function descriptor({ crc, packed, size }: Entry): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(0x08074b50, 0);
  bytes.writeUInt32LE(crc, 4);
  bytes.writeUInt32LE(packed, 8);
  bytes.writeUInt32LE(size, 12);
  return bytes;
}

function directoryRecord({ name, at, crc, packed, size }: Entry): Buffer {
  const isFar = at >= most32;
  const head = Buffer.alloc(46);
  head.writeUInt32LE(0x02014b50, 0);
  // Made on Unix, so that the permissions below are read.
  head.writeUInt16LE((3 << 8) | 45, 4);
  head.writeUInt16LE(isFar ? 45 : 20, 6);
  head.writeUInt16LE(flags, 8);
  head.writeUInt16LE(deflated, 10);
  head.writeUInt16LE(epochDate, 14);
  head.writeUInt32LE(crc, 16);
  head.writeUInt32LE(packed, 20);
  head.writeUInt32LE(size, 24);
  head.writeUInt16LE(name.length, 28);
  head.writeUInt16LE(isFar ? 12 : 0, 30);
  head.writeUInt32LE((0o100600 << 16) >>> 0, 38);
  head.writeUInt32LE(Math.min(at, most32), 42);
  if (!isFar) return Buffer.concat([head, name]);
  const far = Buffer.alloc(12);
  far.writeUInt16LE(1, 0);
  far.writeUInt16LE(8, 2);
  far.writeBigUInt64LE(BigInt(at), 4);
  return Buffer.concat([head, name, far]);
}

function ending(count: number, at: number, length: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, 0xffff), 8);
  end.writeUInt16LE(Math.min(count, 0xffff), 10);
  end.writeUInt32LE(Math.min(length, most32), 12);
  end.writeUInt32LE(Math.min(at, most32), 16);
  if (at < most32 && count < 0xffff && length < most32) return end;
  const far = Buffer.alloc(76);
  far.writeUInt32LE(0x06064b50, 0);
  far.writeBigUInt64LE(44n, 4);
  far.writeUInt16LE((3 << 8) | 45, 12);
  far.writeUInt16LE(45, 14);
  far.writeBigUInt64LE(BigInt(count), 24);
  far.writeBigUInt64LE(BigInt(count), 32);
  far.writeBigUInt64LE(BigInt(length), 40);
  far.writeBigUInt64LE(BigInt(at), 48);
  far.writeUInt32LE(0x07064b50, 56);
  far.writeBigUInt64LE(BigInt(at + length), 64);
  far.writeUInt32LE(1, 72);
  return Buffer.concat([far, end]);
}
