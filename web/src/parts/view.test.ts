import { describe, expect, it } from "vitest";

import { pinch } from "./pinch.ts";
import { endsOf, hold, keyOf, pan, ranges, stepOf, viewOf, zoom } from "./view.ts";
import { isZone, zoneChoices } from "./zones.ts";

const now = 1_000_000_000_000;

describe("views", () => {
  it("follows the present unless the address holds a stretch still", () => {
    expect(endsOf(viewOf({ range: "1h" }), now)).toEqual({ from: now - 3_600_000, to: now });
    expect(endsOf(viewOf({ from: 5_000, to: 25_000 }), now)).toEqual({ from: 5_000, to: 25_000 });
    expect(keyOf(viewOf({}))).toBe("24h");
    expect(keyOf(viewOf({ from: 5_000, to: 25_000 }))).toBe("5000-25000");
  });

  it("passes over ends that are reversed, too near or centuries apart", () => {
    for (const [from, to] of [
      [25_000, 5_000],
      [0, 9_999],
      [0, 1e15],
    ] as const)
      expect(viewOf({ from, to }).still).toBeUndefined();
  });

  it("zooms around the middle, never below ten seconds, never into the future", () => {
    const view = viewOf({ from: now - 7_200_000, to: now - 3_600_000 });
    expect(zoom(view, 0.5, now)).toEqual({ from: now - 6_300_000, to: now - 4_500_000 });
    expect(hold(now - 1, now, now).to - hold(now - 1, now, now).from).toBe(10_000);
    expect(zoom(viewOf({ range: "1h" }), 2, now)).toEqual({ from: now - 7_200_000, to: now });
    expect(pan(view, 5, now)).toEqual({ from: now - 3_600_000, to: now });
    expect(pan(view, -0.5, now)).toEqual({ from: now - 9_000_000, to: now - 5_400_000 });
  });

  it("moves by about a pixel at a time", () => {
    expect(stepOf(viewOf({ range: "1h" }))).toBe(3_600);
    expect(stepOf(viewOf({ range: "1y" }))).toBe(60_000);
    expect(ranges["30d"]).toBe(2_592_000_000);
  });

  it("keeps what was under each finger under it", () => {
    const start = { fingers: [25, 75] as [number, number], from: 0, to: 100 };
    expect(pinch(start, [0, 100], 100)).toEqual({ from: 25, to: 75 });
    expect(pinch(start, [35, 85], 100)).toEqual({ from: -10, to: 90 });
  });
});

describe("time zones", () => {
  it("offers the browser's own first, then UTC, each once", () => {
    expect(zoneChoices("Europe/Berlin", ["Africa/Abidjan", "Europe/Berlin", "UTC"]).map(({ value }) => value)).toEqual([
      "Europe/Berlin",
      "UTC",
      "Africa/Abidjan",
    ]);
    expect(zoneChoices("UTC", ["Africa/Abidjan", "UTC"]).map(({ label }) => label)).toEqual(["UTC (here)", "Africa/Abidjan"]);
  });

  it("knows real zones from made-up ones", () => {
    expect(isZone("Asia/Kathmandu")).toBe(true);
    expect(isZone("Moon/Tycho")).toBe(false);
  });
});
