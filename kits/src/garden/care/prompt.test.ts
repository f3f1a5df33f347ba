import { describe, expect, it } from "vitest";

import { aReading, someFacts } from "./evaluation/case.ts";
import { hostileTexts } from "./evaluation/hostile.ts";
import { cleanText } from "./plain-text.ts";
import { carePrompt } from "./prompt.ts";

interface PromptData {
  today: string;
  plant: { name: string; species: string | null; place: string | null; notes: string | null };
  limits: Record<string, unknown>;
  readings: { id: string; metric: string; value: number; unit: string; age_minutes: number; quality: string; node: number }[];
  missing: string[];
  contradictions: string[][];
  last_24_hours: Record<string, unknown>;
  last_7_days: Record<string, unknown>;
  trends: Record<string, unknown>;
  health: { status: string; issues: string[] };
}

const dataOf = (facts: Parameters<typeof carePrompt>[0]) => JSON.parse(carePrompt(facts).data) as PromptData;

/** Text from a seed, of characters that break things: quotes, controls, halves of pairs, directions, braces. */
function hostileName(seed: number): string {
  const odd = [
    '"',
    "\\",
    "}",
    "{",
    "]",
    "`",
    "<",
    ">",
    "\n",
    "\0",
    "\u202E",
    "\uD83C",
    "\uDF31",
    "\u2028",
    "é",
    "е",
    " ",
    "$",
    "'",
    "\u{E0041}",
    "A",
    "7",
  ];
  let state = seed * 2_654_435_761;
  let text = "";
  for (let index = 0; index < 3 + (seed % 140); index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += odd[state % odd.length] ?? "";
  }
  return text;
}

describe("the question to a model", () => {
  it("is the same text for the same facts (GA-20)", () => {
    expect(carePrompt(someFacts())).toEqual(carePrompt(someFacts()));
  });

  it("tells plant, limits, readings with age and quality, both spans, all four trends and health (GA-20)", () => {
    const facts = someFacts({
      readings: [
        aReading("r1", "soil_moisture", 34.25, { minutes: 95, quality: "suspect" }),
        aReading("r2", "light_level", 811.6, { node: "node-b" }),
      ],
      missing: [{ metric: "humidity" }],
    });
    const data = dataOf(facts);
    expect(data.today).toBe("2026-11-21");
    expect(data.plant).toEqual({ name: "Monstera", species: "Monstera deliciosa", place: null, notes: null });
    expect(data.limits["soil_moisture"]).toEqual({ min: 25, max: 70, unit: "%" });
    expect(data.readings).toEqual([
      { id: "r1", metric: "soil_moisture", value: 34.3, unit: "%", age_minutes: 95, quality: "suspect", node: 1 },
      { id: "r2", metric: "light_level", value: 812, unit: "lx", age_minutes: 2, quality: "ok", node: 2 },
    ]);
    expect(data.missing).toEqual(["humidity"]);
    expect(data.last_24_hours["soil_moisture"]).toEqual({ average: 36.1, min: 34, max: 39.5, unit: "%" });
    expect(data.last_7_days["soil_moisture"]).toEqual({ average: 44.7, min: 34, max: 62.1, unit: "%" });
    expect(Object.keys(data.trends)).toEqual(["soil_moisture", "temperature", "humidity", "light_level"]);
    expect(data.trends["light_level"]).toEqual({ direction: "stable", text: "Steady." });
    expect(data.health.status).toBe("optimal");
    expect(carePrompt(facts).data).not.toContain("node-b");
  });

  it("marks nodes that contradict each other (GA-20)", () => {
    const readings = [aReading("r1", "soil_moisture", 14), aReading("r2", "soil_moisture", 81, { node: "node-b" })];
    expect(dataOf(someFacts({ readings })).contradictions).toEqual([["r1", "r2"]]);
    const later = [aReading("r1", "soil_moisture", 14), aReading("r2", "soil_moisture", 81, { node: "node-b", minutes: 300 })];
    expect(dataOf(someFacts({ readings: later })).contradictions).toEqual([]);
  });

  it("holds any name as data: one JSON value, and the instructions are the same for all (GA-20)", () => {
    const plain = carePrompt(someFacts());
    const names = [...hostileTexts.map(([, text]) => text), ...Array.from({ length: 400 }, (_, seed) => hostileName(seed + 1))];
    for (const text of names) {
      const prompt = carePrompt(someFacts({ plant: { name: text, species: text, notes: text, place: text } }));
      expect(prompt.instructions).toBe(plain.instructions);
      const { plant, ...rest } = JSON.parse(prompt.data) as PromptData;
      expect(plant.name).toBe(cleanText(text, 80));
      expect(plant.notes ?? "").toBe(cleanText(text, 1_000));
      const { plant: _, ...plainRest } = JSON.parse(plain.data) as PromptData;
      expect(rest).toEqual(plainRest);
    }
  });

  it("stays small whatever people write (GA-20)", () => {
    const long = "🌱 long ".repeat(10_000);
    const { data, instructions } = carePrompt(someFacts({ plant: { name: long, species: long, notes: long, place: long } }));
    expect(Buffer.byteLength(data + instructions)).toBeLessThan(16_000);
  });
});
