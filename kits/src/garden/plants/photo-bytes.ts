import type { PlantPhoto } from "../contract/plants.ts";

/** A photo fit to be shown: what it is, and its bytes without what the camera wrote into it of place and owner. */
export interface CleanPhoto {
  readonly mediaType: PlantPhoto["mediaType"];
  readonly bytes: Uint8Array;
}

/**
 * Reads a photo by its own bytes, whatever its name says, and takes out what tells of place, time and owner: EXIF with GPS, XMP, IPTC, comments, and what
 * hangs on behind its end. Which way up it is stays.
 *
 * @returns `undefined` for what is no whole JPEG, PNG or WebP.
 */
export function cleanPhoto(bytes: Uint8Array): CleanPhoto | undefined {
  const kind = mediaTypeOf(bytes);
  if (kind === undefined) return undefined;
  const cleaners = { "image/jpeg": cleanJpeg, "image/png": cleanPng, "image/webp": cleanWebp } as const;
  const clean = cleaners[kind](bytes);
  return clean === undefined ? undefined : { mediaType: kind, bytes: clean };
}

function mediaTypeOf(bytes: Uint8Array): PlantPhoto["mediaType"] | undefined {
  const starts = (at: number, ...wanted: number[]) => wanted.every((byte, index) => bytes[at + index] === byte);
  if (starts(0, 0xff, 0xd8, 0xff)) return "image/jpeg";
  if (starts(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "image/png";
  if (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50)) return "image/webp";
  return undefined;
}

const marker = { startOfScan: 0xda, end: 0xd9, app1: 0xe1, app2: 0xe2, app15: 0xef, comment: 0xfe } as const;

/** @see ITU-T T.81, annex B: markers and their segments */
function cleanJpeg(bytes: Uint8Array): Uint8Array | undefined {
  const kept: Uint8Array[] = [bytes.subarray(0, 2)];
  let orientation = 1;
  let hasPicture = false;
  let at = 2;
  for (;;) {
    while (bytes[at] === 0xff && bytes[at + 1] === 0xff) at += 1;
    const code = bytes[at] === 0xff ? bytes[at + 1] : undefined;
    if (code === undefined) return undefined;
    if (code === marker.end) {
      if (!hasPicture) return undefined;
      kept.push(bytes.subarray(at, at + 2));
      // Behind the first segment, where readers look for it.
      if (orientation !== 1) kept.splice(1, 0, orientationSegment(orientation));
      return join(kept);
    }
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return undefined;
    const segment = bytes.subarray(at, end);
    if (code === marker.app1) orientation = orientationOf(segment) ?? orientation;
    if (isKept(code, segment)) kept.push(segment);
    at = end;
    if (code === marker.startOfScan) {
      hasPicture = true;
      const scanEnd = endOfScan(bytes, at);
      kept.push(bytes.subarray(at, scanEnd));
      at = scanEnd;
    }
  }
}

/** Of what applications put into a JPEG only what colours need stays: JFIF, the colour profile, Adobe's transform. */
function isKept(code: number, segment: Uint8Array): boolean {
  if (code === marker.comment) return false;
  if (code < marker.app1 || code > marker.app15) return true;
  if (code === marker.app2) return text(segment, 4, 11) === "ICC_PROFILE";
  return code === 0xee && text(segment, 4, 5) === "Adobe";
}

/** Where the next marker stands behind a scan: neither a stuffed 0xff nor a restart. */
function endOfScan(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const next = bytes.indexOf(0xff, at);
    if (next === -1) return bytes.length;
    const code = bytes[next + 1] ?? 0;
    if (code !== 0 && code !== 0xff && (code < 0xd0 || code > 0xd7)) return next;
    at = next + (code === 0xff ? 1 : 2);
  }
  return bytes.length;
}

const orientationTag = 0x01_12;

/** Which way up the picture is, out of an EXIF segment. @see EXIF 2.32, section 4.6.4 */
function orientationOf(segment: Uint8Array): number | undefined {
  if (text(segment, 4, 6) !== "Exif\0\0" || segment.length < 18) return undefined;
  const tiff = new DataView(segment.buffer, segment.byteOffset + 10, segment.length - 10);
  const isLittle = tiff.getUint16(0) === 0x49_49;
  const first = tiff.getUint32(4, isLittle);
  if (first + 2 > tiff.byteLength) return undefined;
  const entries = tiff.getUint16(first, isLittle);
  for (let index = 0; index < entries; index += 1) {
    const at = first + 2 + index * 12;
    if (at + 12 > tiff.byteLength) return undefined;
    if (tiff.getUint16(at, isLittle) !== orientationTag) continue;
    const value = tiff.getUint16(at + 8, isLittle);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}

/** An EXIF segment that says which way up, and nothing else. */
function orientationSegment(orientation: number): Uint8Array {
  // oxfmt-ignore
  return Uint8Array.of(
    0xff, marker.app1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0,
    0x4d, 0x4d, 0, 42, 0, 0, 0, 8,
    0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0,
    0, 0, 0, 0,
  );
}

/** Chunks that say something of the picture's maker, place or time. @see PNG, third edition, section 11.3 */
const pngWords = new Set(["tEXt", "zTXt", "iTXt", "eXIf", "tIME"]);

function cleanPng(bytes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, 8)];
  let hasPicture = false;
  let at = 8;
  while (at + 12 <= bytes.length) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) return undefined;
    const name = text(bytes, at + 4, 4);
    if (!pngWords.has(name)) kept.push(bytes.subarray(at, end));
    if (name === "IDAT") hasPicture = true;
    if (name === "IEND") return hasPicture ? join(kept) : undefined;
    at = end;
  }
  return undefined;
}

/** In the flags of an extended WebP: EXIF and XMP are there. @see RFC 9649, section 2.7 */
const webpMetadataFlags = 0b0000_1100;

function cleanWebp(bytes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 20) return undefined;
  const total = 8 + view.getUint32(4, true);
  if (total > bytes.length) return undefined;
  const kept: Uint8Array[] = [];
  let hasPicture = false;
  let at = 12;
  while (at + 8 <= total) {
    const size = view.getUint32(at + 4, true);
    const end = at + 8 + size + (size % 2);
    if (end > total) return undefined;
    const name = text(bytes, at, 4);
    if (name === "VP8 " || name === "VP8L" || name === "ANMF") hasPicture = true;
    if (name !== "EXIF" && name !== "XMP ") {
      // A copy: a slice of a Buffer is the same bytes.
      const chunk = new Uint8Array(bytes.subarray(at, end));
      if (name === "VP8X") chunk[8] = (chunk[8] ?? 0) & ~webpMetadataFlags;
      kept.push(chunk);
    }
    at = end;
  }
  if (!hasPicture) return undefined;
  const head = new Uint8Array(bytes.subarray(0, 12));
  new DataView(head.buffer).setUint32(4, 4 + kept.reduce((sum, chunk) => sum + chunk.length, 0), true);
  return join([head, ...kept]);
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
