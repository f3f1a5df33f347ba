import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { signatureOf, webhookHeaders } from "./webhook.ts";

type Check = (headers: Record<string, string>, body: string, secret: string, seen: Set<string>) => boolean;

/** The sample of the guide, as a receiver would run it. */
async function sampleOfGuide(): Promise<Check> {
  const guide = readFileSync(new URL("../../../../docs/guide/notifications.md", import.meta.url), "utf8");
  const [, source = ""] = /```js\n(import \{ createHmac[\s\S]*?)```/.exec(guide) ?? [];
  const url = `data:text/javascript,${encodeURIComponent(`${source}\nexport { isFromRoost };`)}`;
  const loaded = (await import(/* @vite-ignore */ url)) as { isFromRoost: Check };
  return loaded.isFromRoost;
}

describe("the signature of webhooks", () => {
  const secret = "roost_sign_abc";
  const body = '{"id":"0190b6a0-0000-7000-8000-000000000001","text":"Coop: é"}';
  const delivery = { id: "0190b6a0-0000-7000-8000-000000000001", type: "alarm.raised" };
  const sent = (nowMs = Date.now()) => webhookHeaders(delivery, body, nowMs, secret) as Record<string, string>;

  it("CO-63: is verified by the ten lines of the guide, which refuse what is old, altered, forged or played again", async () => {
    const isFromRoost = await sampleOfGuide();
    const seen = new Set<string>();
    expect(isFromRoost(sent(), body, secret, seen)).toBe(true);
    expect(isFromRoost(sent(), body, secret, seen)).toBe(false);
    expect(isFromRoost(sent(), `${body} `, secret, new Set())).toBe(false);
    expect(isFromRoost(sent(), body, "roost_sign_other", new Set())).toBe(false);
    expect(isFromRoost(sent(Date.now() - 301_000), body, secret, new Set())).toBe(false);
    const { "x-roost-timestamp": _time, ...timeless } = sent();
    expect(isFromRoost(timeless, body, secret, new Set())).toBe(false);
    const moved = { ...sent(Date.now() - 400_000), "x-roost-timestamp": String(Math.floor(Date.now() / 1000)) };
    expect(isFromRoost(moved, body, secret, new Set())).toBe(false);
    expect(isFromRoost({}, body, secret, new Set())).toBe(false);
  });

  it("is over the time stamp and the body, so that neither can be taken for another's", () => {
    expect(signatureOf("a", 1, secret)).not.toBe(signatureOf("a", 2, secret));
    expect(signatureOf("1.a", 1, secret)).not.toBe(signatureOf("a", 11, secret));
  });
});
