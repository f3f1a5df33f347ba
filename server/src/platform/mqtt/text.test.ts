import { describe, expect, it } from "vitest";

import { excerptOf, isMqttText } from "./text.ts";

const ofHex = (hex: string) => Buffer.from(hex, "hex");
const isText = (bytes: Buffer) => isMqttText(bytes, 0, bytes.length);

describe("text in MQTT", () => {
  it.each(["", "devices/coop-1/telemetry", "küche", "温度", "🐔", "\u{2A6D4}", "\u00A0", "\uFFFD", "\u{10FFFD}"])("takes %j", (text) => {
    expect(isText(Buffer.from(text))).toBe(true);
  });

  it.each([
    ["U+0000", "610061"],
    ["U+0001", "01"],
    ["U+001F", "1f"],
    ["U+007F", "7f"],
    ["U+0080", "c280"],
    ["U+009F", "c29f"],
    ["a surrogate", "eda080"],
    ["the last surrogate", "edbfbf"],
    ["U+FDD0", "efb790"],
    ["U+FFFE", "efbfbe"],
    ["U+FFFF", "efbfbf"],
    ["U+1FFFF", "f09fbfbf"],
    ["beyond U+10FFFF", "f4908080"],
    ["a slash in two bytes", "c0af"],
    ["a slash in three bytes", "e080af"],
    ["a slash in four bytes", "f08080af"],
    ["a lone continuation", "80"],
    ["a byte that cannot be", "ff"],
    ["a character cut off", "e282"],
    ["a lead without continuation", "c241"],
  ])("M1: refuses %s", (_, hex) => {
    expect(isText(ofHex(hex))).toBe(false);
  });

  it("looks at its own part only", () => {
    expect(isMqttText(ofHex("00610000"), 1, 2)).toBe(true);
    expect(isMqttText(ofHex("e282ac"), 0, 2)).toBe(false);
  });

  it("shows the start of anything as printable text", () => {
    const bytes = Buffer.concat([ofHex("00ff0a1b"), Buffer.from("<b>ok\u2028")]);
    expect(excerptOf(bytes, 0, bytes.length)).toBe("....<b>ok.");
    expect(excerptOf(Buffer.alloc(500, "a"), 0, 500)).toHaveLength(120);
  });
});
