import { crc32 } from "node:zlib";

import { describe, expect, it } from "vitest";

import { cleanPhoto } from "./photo-bytes.ts";
import { jpegWith } from "./test-photos.ts";

const secret = "52.5200 N 13.4050 E of Ada";
const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("latin1");

function pngWith(words: string): Uint8Array {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(data.length);
    const end = Buffer.alloc(4);
    end.writeUInt32BE(crc32(body));
    return Buffer.concat([head, body, end]);
  };
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", Buffer.alloc(13)),
    ...["tEXt", "iTXt", "zTXt", "eXIf", "tIME"].map((name) => chunk(name, Buffer.from(words))),
    chunk("IDAT", Buffer.from("picture")),
    chunk("IEND", Buffer.alloc(0)),
    Buffer.from(`behind ${words}`),
  ]);
}

function webpWith(words: string): Uint8Array {
  const chunk = (name: string, data: Buffer) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(data.length);
    return Buffer.concat([Buffer.from(name), size, data, Buffer.alloc(data.length % 2)]);
  };
  const chunks = Buffer.concat([
    chunk("VP8X", Buffer.from([0b0010_1100, 0, 0, 0, 9, 0, 0, 9, 0, 0])),
    chunk("ICCP", Buffer.from("profile")),
    chunk("VP8 ", Buffer.from("picture")),
    chunk("EXIF", Buffer.from(words)),
    chunk("XMP ", Buffer.from(words)),
  ]);
  const head = Buffer.from("RIFF\0\0\0\0WEBP");
  head.writeUInt32LE(4 + chunks.length, 4);
  return Buffer.concat([head, chunks, Buffer.from(words)]);
}

describe("a photo", () => {
  it("GA-24: loses all words of a JPEG's camera and what hangs on behind it, and keeps its picture and colours", () => {
    const clean = cleanPhoto(jpegWith(secret));
    expect(clean?.mediaType).toBe("image/jpeg");
    expect(textOf(clean?.bytes)).not.toContain(secret);
    for (const kept of ["JFIF", "ICC_PROFILE", "\x12\xff\x00\x34\xff\xd0\x56", "\x78\xff\x00\xff\xd9"])
      expect(textOf(clean?.bytes)).toContain(kept);
    expect(textOf(clean?.bytes).endsWith("\xff\xd9")).toBe(true);
    expect(textOf(clean?.bytes)).not.toContain("Exif");
  });

  it("GA-24: keeps which way up a JPEG is, and stays as it is when it is cleaned again", () => {
    const clean = cleanPhoto(jpegWith(secret, 6));
    expect(textOf(clean?.bytes)).toContain("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    expect(textOf(clean?.bytes)).not.toContain(secret);
    expect(cleanPhoto(clean?.bytes ?? new Uint8Array())?.bytes).toEqual(clean?.bytes);
  });

  it("GA-24: loses the words of a PNG", () => {
    const clean = cleanPhoto(pngWith(secret));
    expect(clean?.mediaType).toBe("image/png");
    expect(textOf(clean?.bytes)).not.toContain(secret);
    expect(textOf(clean?.bytes)).toContain("IDATpicture");
  });

  it("GA-24: loses the words of a WebP, whose head says then that there are none", () => {
    const clean = cleanPhoto(webpWith(secret));
    expect(clean?.mediaType).toBe("image/webp");
    const bytes = Buffer.from(clean?.bytes ?? []);
    expect(bytes.toString("latin1")).not.toContain(secret);
    expect(bytes.readUInt32LE(4)).toBe(bytes.length - 8);
    expect(bytes[20]).toBe(0b0010_0000);
    expect(bytes.toString("latin1")).toContain("ICCP");
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["a page", new TextEncoder().encode("<html><script>alert(1)</script>")],
    ["a drawing that can run code", new TextEncoder().encode("<svg xmlns='http://www.w3.org/2000/svg'/>")],
    ["a GIF", new TextEncoder().encode("GIF89a")],
    ["half a JPEG", jpegWith("x").subarray(0, 120)],
    ["a JPEG without a picture", Uint8Array.of(0xff, 0xd8, 0xff, 0xd9)],
    ["a JPEG whose segment is longer than the file", Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff, 1)],
    ["half a PNG", pngWith("x").subarray(0, 60)],
    ["a WebP that says it is longer", webpWith("x").subarray(0, 40)],
  ])("GA-24: is not %s", (_what, bytes) => {
    expect(cleanPhoto(bytes)).toBeUndefined();
  });

  it("GA-24: ends with whatever bytes come", () => {
    for (const whole of [jpegWith(secret, 3), pngWith(secret), webpWith(secret)]) {
      for (let at = 0; at < whole.length; at += 1) {
        const broken = new Uint8Array(whole);
        broken[at] = (broken[at] ?? 0) ^ 0xff;
        const clean = cleanPhoto(broken);
        if (clean !== undefined) expect(clean.bytes.length).toBeLessThanOrEqual(whole.length + 40);
        cleanPhoto(whole.subarray(0, at));
      }
    }
  });
});
