import type { CallReason, RefusalReason, AbstainReason } from "../../contract/care-reasons.ts";
import { metricUnits } from "../../contract/limits.ts";
import { contradictionsIn } from "../care-facts.ts";
import type { CareFacts, CareReading } from "../care-facts.ts";
import type { PlanAnswer } from "../plan-answer.ts";
import type { Scripted } from "./scripted.ts";

/** One case of the evaluation set: what is known of a plant, what the model says, and what has to come of it. */
export interface EvaluationCase {
  readonly name: string;
  readonly facts: CareFacts;
  /** Absent: nobody may be asked. */
  readonly model?: Scripted;
  readonly expected:
    | { readonly kind: "stored" }
    | { readonly kind: "refused"; readonly reason: RefusalReason }
    | { readonly kind: "failed"; readonly reason: CallReason | "bad_key" }
    | { readonly kind: "abstained"; readonly reason: AbstainReason };
}

export const evaluationNow = new Date("2026-11-21T09:00:00Z");

/** A reading so many minutes old. */
export function aReading(
  id: string,
  metric: CareReading["metric"],
  value: number,
  { minutes = 2, node = "node-a", quality = "ok" }: { minutes?: number; node?: string; quality?: CareReading["quality"] } = {},
): CareReading {
  const measuredAt = new Date(evaluationNow.getTime() - minutes * 60_000);
  return { id, deviceId: node, metric, value, unit: metricUnits[metric], measuredAt, quality };
}

const four = [
  aReading("r1", "soil_moisture", 34.2),
  aReading("r2", "temperature", 21.4),
  aReading("r3", "humidity", 48),
  aReading("r4", "light_level", 820),
];

/** A monstera with one node and four fresh readings; parts of it as given. */
export function someFacts({
  plant = {},
  readings = four,
  missing = [],
  ...rest
}: { plant?: Partial<CareFacts["plant"]> } & Partial<Omit<CareFacts, "plant">> = {}): CareFacts {
  return {
    plant: {
      id: "0199f0b4-0000-7000-8000-000000000001",
      name: "Monstera",
      species: "Monstera deliciosa",
      limits: { soil_moisture: { min: 25, max: 70 }, temperature: { min: 16, max: 29 } },
      nodes: [{ deviceId: "node-a", since: new Date("2026-09-01T00:00:00Z") }],
      ...plant,
    },
    now: evaluationNow,
    readings,
    spans: {
      soil_moisture: {
        day: { average: 36.1, min: 34, max: 39.5, count: 1_440 },
        week: { average: 44.7, min: 34, max: 62.1, count: 10_080 },
      },
      temperature: { day: { average: 20.9, min: 18.8, max: 23.3, count: 1_440 } },
    },
    missing,
    contradictions: contradictionsIn(readings),
    health: {
      status: "optimal",
      issues: [],
      trends: {
        soil_moisture: { direction: "falling", text: "Falls by 5 % a day." },
        light_level: { direction: "stable", text: "Steady." },
      },
    },
    ...rest,
  };
}

/** A plan as a good model writes it for {@link someFacts}. */
export function goodAnswer(change: Partial<PlanAnswer> = {}): PlanAnswer {
  return {
    summary: { text: "The soil is at 34 % and slowly drying; the plant is well.", cites: ["r1"] },
    watering: { frequency: "About once a week", amount: "Half a litre, until it runs through", next_date: "2026-11-24", cites: ["r1"] },
    light: {
      current: { value: 820, unit: "lx" },
      ideal: "Bright, no sun at noon",
      recommendation: "Leave it where it is.",
      cites: ["r4"],
    },
    humidity: {
      current: { value: 48, unit: "%" },
      ideal: "50 to 70 %",
      recommendation: "Group it with other plants.",
      cites: ["r3"],
    },
    temperature: { current: { value: 21.4, unit: "°C" }, ideal: "18 to 27 °C", recommendation: "Keep it so.", cites: ["r2"] },
    alerts: [],
    tips: [{ text: "Wipe the leaves once a month.", cites: [] }],
    ...change,
  };
}

/** As a model sends it. */
export function says(change: Partial<PlanAnswer> = {}): Scripted {
  return { says: JSON.stringify(goodAnswer(change)) };
}

export const stored = { kind: "stored" } as const;

export function refused(reason: RefusalReason): EvaluationCase["expected"] {
  return { kind: "refused", reason };
}
