import type { Asked } from "./evaluation/scripted.ts";
import type { PlanAnswer } from "./plan-answer.ts";

/** A plan as a model writes it that has read the question. */
export function answerTo({ data }: Asked): string {
  // Somebody tries out the model.
  if (!data.includes("readings")) return "OK";
  const asked = JSON.parse(data) as { today: string; readings: { id: string; metric: string; value: number; unit: string }[] };
  const reading = (metric: string) => asked.readings.find((one) => one.metric === metric);
  const section = (metric: string) => {
    const found = reading(metric);
    return {
      current: found === undefined ? null : { value: found.value, unit: found.unit },
      ideal: "As its species likes it",
      recommendation: "Leave it so.",
      cites: found === undefined ? [] : [found.id],
    };
  };
  const soil = reading("soil_moisture");
  const answer: PlanAnswer = {
    summary:
      soil === undefined
        ? { text: "Of the soil nothing is known.", cites: asked.readings.slice(0, 1).map(({ id }) => id) }
        : { text: `The soil is at ${soil.value} %.`, cites: [soil.id] },
    watering: { frequency: "Weekly", amount: "Half a litre", next_date: asked.today, cites: soil === undefined ? [] : [soil.id] },
    light: section("light_level"),
    humidity: section("humidity"),
    temperature: section("temperature"),
    alerts: [],
    tips: [{ text: "Turn the pot.", cites: [] }],
  };
  return `\`\`\`json\n${JSON.stringify(answer)}\n\`\`\``;
}
