import { createHmac } from "node:crypto";

import { describe, expect, it } from "vitest";

import { discordMessage, plainText } from "./discord.ts";
import { noticeOf } from "./notice.ts";
import { signatureOf } from "./webhook.ts";

const data = {
  id: "0190b6a0-0000-7000-8000-000000000001",
  deviceId: "coop-1",
  deviceName: "Coop",
  kind: "above",
  severity: "critical",
  state: "raised",
  metric: "temperature",
  unit: "°C",
  threshold: 30,
  value: 31.123456789,
  raisedAt: "2025-06-01T03:00:00.000Z",
  currentValue: 31.123456789,
};

describe("a notice", () => {
  it("GA-07: says what happened in one sentence, with units, and how long a device was away", () => {
    const text = (type: string, more: object) => noticeOf({ type, data: { ...data, ...more } }, undefined)?.text;
    expect(text("alarm.raised", {})).toBe("Coop: temperature is 31.1235 °C, above the limit of 30 °C.");
    expect(text("alarm.raised", { kind: "below", unit: "1" })).toBe("Coop: temperature is 31.1235, below the limit of 30.");
    expect(text("alarm.cleared", { currentValue: 28 })).toBe("Coop: temperature is 28 °C, back to normal.");
    expect(text("alarm.cleared", { currentValue: undefined, detail: "rule removed" })).toBe(
      "Coop: temperature alarm cleared (rule removed).",
    );
    expect(text("alarm.raised", { kind: "offline", metric: undefined })).toBe("Coop is offline.");
    const back = (clearedAt?: string) => text("alarm.cleared", { kind: "offline", metric: undefined, clearedAt });
    expect(back()).toBe("Coop is back online.");
    expect(back("2025-06-01T03:00:00.400Z")).toBe("Coop is back online.");
    expect(back("2025-06-01T03:00:59.000Z")).toBe("Coop is back online after 59 s.");
    expect(back("2025-06-01T03:12:20.000Z")).toBe("Coop is back online after 12 min.");
    expect(back("2025-06-01T05:05:00.000Z")).toBe("Coop is back online after 2 h 5 min.");
    expect(back("2025-06-04T05:05:00.000Z")).toBe("Coop is back online after 3 days.");
  });

  it("links to the configured address only, and carries none without it", () => {
    const fact = { type: "alarm.raised", data };
    expect(noticeOf(fact, "https://roost.example.org/")?.link).toBe(`https://roost.example.org/alarms/${data.id}`);
    expect(noticeOf(fact, undefined)).not.toHaveProperty("link");
  });

  it("is not made of what is no alarm", () => {
    expect(noticeOf({ type: "alarm.raised", data: {} }, undefined)).toBeUndefined();
    expect(noticeOf({ type: "device.added", data }, undefined)).toBeUndefined();
  });

  it("S14: mentions nobody and marks nothing up in Discord, whatever a device is called", () => {
    const deviceName = "@everyone <@123> [x](http://evil.example) **b** `c` ||d|| # e\n> f\u202Eg <t:1:R> <#1> https://evil.example";
    const told = noticeOf({ type: "alarm.raised", data: { ...data, deviceName, metric: "a_b" } }, "https://roost.example.org");
    if (told === undefined) throw new TypeError("no notice");
    const message = discordMessage(told);
    expect(message["allowed_mentions"]).toEqual({ parse: [] });
    const { content, embeds } = message as { content: string; embeds: { title: string; fields: { name: string; value: string }[] }[] };
    const texts = [content, embeds[0]?.title ?? "", embeds[0]?.fields.find(({ name }) => name === "Device")?.value ?? ""];
    for (const text of texts) {
      expect(text).toContain("everyone");
      expect(text).not.toMatch(/@everyone|(?<!\\)[`*|[<>]|https?:\/\/|[\n\u202E]/);
    }
  });

  it("S14: never ends on half an escape and stays within Discord's limits", () => {
    for (let limit = 2; limit < 40; limit += 1) {
      const text = plainText("**********************************", limit);
      expect(text.length).toBeLessThanOrEqual(limit);
      expect(text.replaceAll(/\\\*/g, "")).toMatch(/^…?$/);
    }
    expect(plainText("\uD800x\0y", 10)).toBe(" x y");
  });

  it("is signed so that a receiver can check it with a few lines", () => {
    const body = '{"a":1}';
    const expected = createHmac("sha256", "roost_sign_abc").update(`1700000000.${body}`).digest("hex");
    expect(signatureOf(body, 1_700_000_000, "roost_sign_abc")).toBe(`v1=${expected}`);
  });
});
