/** A segment of a JPEG: marker and payload. */
export function segment(code: number, payload: Uint8Array): Uint8Array {
  const length = payload.length + 2;
  return Buffer.concat([Uint8Array.of(0xff, code, length >> 8, length & 0xff), payload]);
}

/** An EXIF segment with an orientation and words of its camera. */
export function exif(orientation: number, words: string): Uint8Array {
  const entry = Buffer.from([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
  const tiff = Buffer.concat([Buffer.from([0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1]), entry, Buffer.from([0, 0, 0, 0]), Buffer.from(words)]);
  return segment(0xe1, Buffer.concat([Buffer.from("Exif\0\0"), tiff]));
}

/** A JPEG in the form cameras make it: JFIF, EXIF, a colour profile, IPTC, a comment, tables, two scans, and a film behind its end. */
export function jpegWith(words: string, orientation = 1): Uint8Array<ArrayBuffer> {
  const text = (code: number, ...parts: string[]) => segment(code, Buffer.from(parts.join("")));
  return new Uint8Array(
    Buffer.concat([
      Uint8Array.of(0xff, 0xd8),
      text(0xe0, "JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
      exif(orientation, words),
      text(0xe1, "http://ns.adobe.com/xap/1.0/\0", words),
      text(0xe2, "ICC_PROFILE\0\x01\x01profile"),
      text(0xe2, "MPF\0", words),
      text(0xed, "Photoshop 3.0\0", words),
      text(0xfe, words),
      segment(0xc2, Uint8Array.of(8, 0, 1, 0, 1, 1, 1, 0x11, 0)),
      segment(0xda, Uint8Array.of(1, 1, 0, 0, 0x3f, 0)),
      // A stuffed 0xff and a restart are no end of the scan.
      Uint8Array.of(0x12, 0xff, 0x00, 0x34, 0xff, 0xd0, 0x56),
      segment(0xc4, Uint8Array.of(0, 1, 2, 3)),
      segment(0xda, Uint8Array.of(1, 1, 0, 0, 0x3f, 0)),
      Uint8Array.of(0x78, 0xff, 0x00),
      Uint8Array.of(0xff, 0xd9),
      Buffer.from(`film ${words}`),
    ]),
  );
}
