import { describe, expect, it } from "vitest";

import { FrameBuffer, frameLengthAt, headerBytes } from "./frame-buffer.ts";

function packetOf(bodyBytes: number): Buffer {
  const length: number[] = [];
  let left = bodyBytes;
  do {
    length.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(bodyBytes, 7)]);
}

describe("framing", () => {
  it.each([0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])("finds the end of a packet with a body of %i bytes", (body) => {
    const packet = packetOf(body);
    expect(frameLengthAt(packet, 0, packet.length, 268_435_460)).toBe(packet.length);
    expect(headerBytes(packet.length)).toBe(packet.length - body);
  });

  it.each([
    ["a length of five bytes", "30ffffffff01", -0x81],
    ["a length with needless zeros", "308000", -0x81],
    ["a length that is not there", "30", 0],
    ["half a length", "30ff", 0],
    ["more than is allowed", "30ffffff7f", -0x95],
  ])("M1: answers %s", (_, hex, answer) => {
    const bytes = Buffer.from(hex, "hex");
    expect(frameLengthAt(bytes, 0, bytes.length, 1_000)).toBe(answer);
  });

  it.each([1, 2, 3, 7, 100, 5_000])("puts a packet together from pieces of %i bytes and takes no byte of the next", (size) => {
    const packet = packetOf(4_000);
    const stream = Buffer.concat([packet, Buffer.from("e000", "hex")]);
    let buffer: FrameBuffer | undefined;
    let at = 0;
    while (at < packet.length && buffer?.isComplete !== true) {
      const chunk = stream.subarray(at, Math.min(stream.length, at + size));
      if (buffer === undefined) {
        const first = chunk.subarray(0, Math.min(chunk.length, 3));
        buffer = new FrameBuffer(first, 0);
        at += first.length;
      } else at += buffer.fill(chunk, 0, 10_000);
    }
    expect(at).toBe(packet.length);
    expect(buffer?.bytes.subarray(0, buffer.length).equals(packet)).toBe(true);
  });

  it("M3: takes memory for what arrived, not for what was announced", () => {
    const buffer = new FrameBuffer(Buffer.from("30ffffff7f", "hex"), 0);
    buffer.fill(Buffer.from([1]), 0, 268_435_460);
    expect(buffer.bytes.length).toBeLessThan(200);
    const refused = new FrameBuffer(Buffer.from("10ffff", "hex"), 0);
    refused.fill(Buffer.from("ff7f00", "hex"), 0, 8_192);
    expect([refused.fault, refused.bytes.length < 200]).toEqual([0x95, true]);
  });
});
