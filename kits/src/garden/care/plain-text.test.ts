import { describe, expect, it } from "vitest";

import { hostileTexts } from "./evaluation/hostile.ts";
import { cleanText, faultIn } from "./plain-text.ts";

describe("text for a model", () => {
  it("loses what hides in it, and keeps what people read (GA-20)", () => {
    expect(cleanText("Fi\u200Bcus\u0000 \u202Eben\u00ADjamina\u202C", 80)).toBe("Ficus benjamina");
    expect(cleanText("  Rose\r\n\tof  Jericho ", 80)).toBe("Rose of Jericho");
    expect(cleanText("Zimmerpflanze für Küche 🌱 – 100 %", 80)).toBe("Zimmerpflanze für Küche 🌱 – 100 %");
    expect(cleanText("Fern\u{E0049}\u{E0067}", 80)).toBe("Fern");
    expect(cleanText("Palm \uD83C", 80)).toBe("Palm");
  });

  it("is cut at whole characters (GA-20)", () => {
    const cut = cleanText("🌱".repeat(50), 10);
    expect(cut).toBe(`${"🌱".repeat(9)}…`);
    for (const [, text] of hostileTexts) expect(Array.from(cleanText(text, 80)).length).toBeLessThanOrEqual(80);
  });
});

describe("text of a model", () => {
  it.each([
    "Water once a week, about 0.5 l; less than 30 % is too dry.",
    "Leaves curl when it is thirsty.\nTurn the pot (a quarter) each month.",
    "Keep it at 18-24 °C & out of drafts.",
    "It likes light > 2,000 lx and < 20,000 lx.",
    "Es braucht mehr Licht – näher ans Fenster!",
  ])("may be shown: %s (GA-20)", (text) => {
    expect(faultIn(text)).toBeUndefined();
  });

  it.each(hostileTexts.filter(([what]) => /markup|link|fence|tag|direction|hidden|zero|control|separators|template|surrogate/.test(what)))(
    "may not be shown: %s (GA-20)",
    (_, text) => {
      expect(faultIn(text)).toBe("markup");
    },
  );
});
