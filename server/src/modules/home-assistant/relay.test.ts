import { describe, expect, it } from "vitest";

import { createLog } from "../../platform/log.ts";
import { createRelay } from "./relay.ts";

const log = createLog({ level: "silent", pretty: false });

describe("what servers tell each other of devices", () => {
  it("GA: tells each device once, however often it sent, and no more at once than a notice holds", async () => {
    const said: string[] = [];
    const relay = createRelay({ say: async (text) => Promise.resolve(void said.push(text)), log });
    await relay.tell();
    expect(said).toEqual([]);
    for (let round = 0; round < 3; round += 1) for (let key = 0; key < 1_200; key += 1) relay.touched(900_000_000 + key);
    for (let round = 0; round < 4; round += 1) await relay.tell();
    expect(said).toHaveLength(3);
    for (const text of said) expect(Buffer.byteLength(text)).toBeLessThan(8_000);
    expect(new Set(said.flatMap(relay.read)).size).toBe(1_200);
  });

  it("GA: reads nothing but keys", () => {
    const relay = createRelay({ say: async () => Promise.resolve(), log });
    expect(relay.read("7,x,-1,1e3,99999999999,12")).toEqual([7, 12]);
    expect(relay.read("")).toEqual([]);
    expect(relay.read(undefined)).toEqual([]);
  });
});
