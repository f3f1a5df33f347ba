import { describe, expect, it } from "vitest";

import { esphomeConfiguration } from "./esphome.ts";
import { pins } from "./node-build.ts";
import { flashingSteps, lampWords, troubles } from "./steps.ts";
import { aBuild } from "./test-node.ts";
import { wiringSvg, wiringWords } from "./wiring.ts";

const texts = (svg: string): string[] => [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text ?? "");

describe("the wiring", () => {
  it("GA-41: names at both ends every wire that the program expects", () => {
    const named = texts(wiringSvg());
    for (const gpio of [pins.air, pins.soil, pins.lightData, pins.lightClock]) {
      expect(named).toEqual(expect.arrayContaining([`to GPIO${gpio}`, `GPIO${gpio}`]));
      expect(esphomeConfiguration(aBuild()).text).toContain(`GPIO${gpio}`);
      expect(wiringWords()).toContain(`GPIO${gpio}`);
    }
    expect(named.filter((text) => text === "to 3V3")).toHaveLength(3);
    expect(named.filter((text) => text === "to GND")).toHaveLength(3);
  });

  it("GA-27: is read by those who do not see it, and tells power from ground by more than a colour", () => {
    const svg = wiringSvg();
    expect(svg).toContain('role="img" aria-labelledby="garden-wiring-title garden-wiring-desc"');
    expect(svg).toMatch(/<desc id="garden-wiring-desc">[^<]{100,}<\/desc>/);
    const dashed = [...svg.matchAll(/stroke="([^"]+)"[^>]*stroke-dasharray/g)].map(([, colour]) => colour);
    const plain = [...svg.matchAll(/<path [^>]*stroke="([^"]+)" stroke-width="3(?:\.5)?"\/>/g)].map(([, colour]) => colour);
    expect(new Set(dashed).size).toBe(1);
    expect(plain).not.toContain(dashed[0]);
  });

  it("inside a page it brings no style of its own that would touch the page", () => {
    expect(wiringSvg({ alone: false })).not.toContain("<style");
    expect(wiringSvg()).toContain("svg:root{");
  });
});

describe("the flashing guide", () => {
  it("GA-44: tells set-up, connecting, fine and fault apart by pattern", () => {
    expect(new Set(lampWords.map(({ pattern }) => pattern)).size).toBe(4);
  });

  it("GA-46: leads from parts to calibrated values, with the command of each program", () => {
    const commands = (kind: "esphome" | "sketch") => flashingSteps(kind, "x.yaml", "balcony-1").flatMap(({ command = [] }) => command);
    expect(commands("esphome")).toContain("esphome run x.yaml");
    expect(commands("sketch")).toContain("pio run -t upload");
    expect(commands("esphome")).toContain("npx roost garden calibrate balcony-1 dry");
    expect(troubles.every(({ remedy }) => remedy.length > 20)).toBe(true);
  });
});
