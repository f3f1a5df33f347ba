import { describe, expect, it } from "vitest";

import { ackType, AckBuffer } from "./ack-buffer.ts";

describe("the acknowledgements of one tick", () => {
  it("leave in order, with the reason only where there is one, and are forgotten", () => {
    const acks = new AckBuffer();
    acks.add(ackType.puback, 0x1234, 0);
    acks.add(ackType.pubrec, 0xffff, 0x97);
    acks.add(ackType.pubcomp, 1, 0x92);
    acks.add(ackType.pubrel, 256, 0);
    const bytes = Buffer.alloc(acks.bytes);
    expect(acks.writeTo(bytes, 0)).toBe(bytes.length);
    expect(bytes.toString("hex")).toBe("40021234_5003ffff97_7003000192_62020100".replaceAll("_", ""));
    expect([acks.count, acks.bytes]).toEqual([0, 0]);
  });

  it("are a thousand in one piece", () => {
    const acks = new AckBuffer();
    for (let id = 1; id <= 1_000; id += 1) acks.add(ackType.puback, id, 0);
    const bytes = Buffer.alloc(acks.bytes);
    acks.writeTo(bytes, 0);
    expect([bytes.length, bytes.readUInt16BE(3_998)]).toEqual([4_000, 1_000]);
    acks.add(ackType.puback, 7, 0);
    expect(acks.bytes).toBe(4);
  });
});
