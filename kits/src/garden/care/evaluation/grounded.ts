import { aReading, goodAnswer, refused, says, someFacts, stored } from "./case.ts";
import type { EvaluationCase } from "./case.ts";
import type { Scripted } from "./scripted.ts";

const unknown = { current: null, ideal: "Not known here", recommendation: "There is no sensor for it.", cites: [] };

/** Plans that rest on what was measured, and such as only seem to. */
export const groundedCases: readonly EvaluationCase[] = [
  { name: "a grounded plan", facts: someFacts(), model: says(), expected: stored },
  {
    name: "values rounded to whole numbers",
    facts: someFacts(),
    model: says({ temperature: { ...goodAnswer().temperature, current: { value: 21, unit: "°C" } } }),
    expected: stored,
  },
  {
    name: "the unit written out",
    facts: someFacts(),
    model: says({ light: { ...goodAnswer().light, current: { value: 820, unit: "lux" } } }),
    expected: stored,
  },
  {
    name: "figures of the day and week in the summary",
    facts: someFacts(),
    model: says({ summary: { text: "The soil is at 34 %, between 34 and 62 % over the week, on average 44.7 %.", cites: ["r1"] } }),
    expected: stored,
  },
  {
    name: "a limit named in an alert",
    facts: someFacts({ readings: [aReading("r1", "soil_moisture", 21)] }),
    model: says({
      summary: { text: "The soil is too dry.", cites: ["r1"] },
      light: unknown,
      humidity: unknown,
      temperature: unknown,
      alerts: [{ text: "The soil is at 21 %, below the limit of 25 %.", cites: ["r1"] }],
    }),
    expected: stored,
  },
  {
    name: "today as the next date",
    facts: someFacts(),
    model: says({ watering: { ...goodAnswer().watering, next_date: "2026-11-21" } }),
    expected: stored,
  },
  {
    name: "metrics without a sensor, said so",
    facts: someFacts({ readings: [aReading("r1", "soil_moisture", 34.2)], missing: [{ metric: "light_level" }] }),
    model: says({ light: unknown, humidity: unknown, temperature: unknown }),
    expected: stored,
  },
  {
    name: "no soil probe: watering without a citation",
    facts: someFacts({ readings: [aReading("r2", "temperature", 21.4)], missing: [{ metric: "soil_moisture" }] }),
    model: says({
      summary: { text: "The air is fine; of the soil nothing is known.", cites: ["r2"] },
      watering: { ...goodAnswer().watering, cites: [] },
      light: unknown,
      humidity: unknown,
    }),
    expected: stored,
  },
  {
    name: "zero is a reading",
    facts: someFacts({ readings: [aReading("r1", "soil_moisture", 0), aReading("r4", "light_level", 0)] }),
    model: says({
      summary: { text: "The soil is at 0 %.", cites: ["r1"] },
      light: { ...goodAnswer().light, current: { value: 0, unit: "lx" } },
      humidity: unknown,
      temperature: unknown,
    }),
    expected: stored,
  },
  {
    name: "a reading cited that was never given",
    facts: someFacts(),
    model: says({ tips: [{ text: "Mist it.", cites: ["r9"] }] }),
    expected: refused("unknown_citation"),
  },
  {
    name: "an invented value",
    facts: someFacts(),
    model: says({ temperature: { ...goodAnswer().temperature, current: { value: 27.5, unit: "°C" } } }),
    expected: refused("wrong_value"),
  },
  {
    name: "a value for a metric without a reading",
    facts: someFacts({ readings: [aReading("r1", "soil_moisture", 34.2)], missing: [{ metric: "temperature" }] }),
    model: says({ light: unknown, humidity: unknown, temperature: { ...goodAnswer().temperature, cites: ["r1"] } }),
    expected: refused("uncited"),
  },
  {
    name: "a value without its citation",
    facts: someFacts(),
    model: says({ humidity: { ...goodAnswer().humidity, cites: [] } }),
    expected: refused("uncited"),
  },
  {
    name: "watering that rests on no reading of the soil",
    facts: someFacts(),
    model: says({ watering: { ...goodAnswer().watering, cites: ["r2"] } }),
    expected: refused("uncited"),
  },
  {
    name: "advice about light that keeps silent about what was measured",
    facts: someFacts(),
    model: says({ light: unknown }),
    expected: refused("uncited"),
  },
  {
    name: "a summary that rests on nothing",
    facts: someFacts(),
    model: says({ summary: { text: "The plant is well.", cites: [] } }),
    expected: refused("uncited"),
  },
  {
    name: "a figure in an alert without a citation",
    facts: someFacts({ spans: {} }),
    model: says({ alerts: [{ text: "It is at 21.4 °C now.", cites: [] }] }),
    expected: refused("uncited"),
  },
  {
    name: "a measured figure in the summary without a citation",
    facts: someFacts({ spans: {} }),
    model: says({ summary: { text: "The soil is at 34.2 %.", cites: [] } }),
    expected: refused("uncited"),
  },
  {
    name: "an invented figure in the summary",
    facts: someFacts(),
    model: says({ summary: { text: "The soil is at 12 % and the plant suffers.", cites: ["r1"] } }),
    expected: refused("wrong_value"),
  },
  {
    name: "an invented figure in an alert",
    facts: someFacts(),
    model: says({ alerts: [{ text: "It was 38 °C at noon.", cites: ["r2"] }] }),
    expected: refused("wrong_value"),
  },
  {
    name: "degrees Fahrenheit",
    facts: someFacts(),
    model: says({ temperature: { ...goodAnswer().temperature, current: { value: 70.5, unit: "°F" } } }),
    expected: refused("wrong_unit"),
  },
  {
    name: "a percentage where lux were measured",
    facts: someFacts(),
    model: says({ light: { ...goodAnswer().light, current: { value: 820, unit: "%" } } }),
    expected: refused("wrong_unit"),
  },
  ...(
    [
      ["yesterday as the next date", "2026-11-20"],
      ["a next date too far ahead", "2027-03-01"],
      ["a date that is none", "2026-02-30"],
      ["words instead of a date", "next Tuesday"],
      ["a date in another order", "24.11.2026"],
    ] as const
  ).map(([name, next_date]) => ({
    name,
    facts: someFacts(),
    model: says({ watering: { ...goodAnswer().watering, next_date } }),
    expected: refused("bad_date"),
  })),
];

const two = [aReading("r1", "soil_moisture", 14, { node: "node-a" }), aReading("r2", "soil_moisture", 81, { node: "node-b" })];
const only = { light: unknown, humidity: unknown, temperature: unknown };
const contradictory: Scripted = says({
  ...only,
  summary: { text: "The two probes contradict each other.", cites: ["r1", "r2"] },
  alerts: [{ text: "One probe says 14 %, the other 81 %. Look after both.", cites: ["r1", "r2"] }],
});

/** Nodes that contradict each other, and data that are missing or old. */
export const dataCases: readonly EvaluationCase[] = [
  { name: "contradictory nodes, told", facts: someFacts({ readings: two, spans: {} }), model: contradictory, expected: stored },
  {
    name: "contradictory nodes, one of them believed",
    facts: someFacts({ readings: two, spans: {} }),
    model: says({ ...only, summary: { text: "The soil is at 14 %: water now.", cites: ["r1"] } }),
    expected: refused("contradiction_ignored"),
  },
  {
    name: "contradictory nodes, an alert that cites one",
    facts: someFacts({ readings: two, spans: {} }),
    model: says({ ...only, summary: { text: "Dry.", cites: ["r1"] }, alerts: [{ text: "The soil is at 14 %.", cites: ["r1"] }] }),
    expected: refused("contradiction_ignored"),
  },
  {
    name: "no node at the plant",
    facts: someFacts({ plant: { nodes: [] }, readings: [] }),
    expected: { kind: "abstained", reason: "no_node" },
  },
  {
    name: "a node that never measured",
    facts: someFacts({ readings: [], missing: [{ metric: "soil_moisture" }] }),
    expected: { kind: "abstained", reason: "no_readings" },
  },
  {
    name: "readings older than a day",
    facts: someFacts({ readings: [], missing: [{ metric: "soil_moisture", lastAt: new Date("2026-11-19T09:00:00Z") }] }),
    expected: { kind: "abstained", reason: "readings_old" },
  },
];
