import type { KitCommand, KitTerminal } from "@roost/contract/kit-cli";

import { adviceErrors, checkHealth } from "../contract/health.ts";
import { limitedMetrics } from "../contract/limits.ts";
import type { Band } from "../contract/limits.ts";
import { gardenErrors, listPlants, plantId } from "../contract/plants.ts";
import type { PlantId } from "../contract/plants.ts";
import { listPresets } from "../contract/presets.ts";
import { valueWords } from "./trend-words.ts";

const health: KitCommand = {
  usage: "health <plant>",
  summary: "Judges a plant, by its name or id: what is wrong, where its values go, and what to do.",
  async run(terminal, { args }) {
    const found = await terminal.call(checkHealth, { params: { plantId: await plantNamed(terminal, args[0] ?? "") } });
    const { issues, unjudged, recommendations, trends, dryForecast } = found;
    const rows = [
      { kind: "status", level: found.status, text: found.text },
      ...issues.map(({ severity, text }) => ({ kind: "issue", level: severity, text })),
      ...unjudged.map(({ because, text }) => ({ kind: "not judged", level: because.replaceAll("_", " "), text })),
      ...trends.map(({ direction, text }) => ({ kind: "trend", level: direction, text })),
      ...(dryForecast === undefined ? [] : [{ kind: "forecast", level: "", text: dryForecast.text }]),
      ...recommendations.map(({ priority, text }) => ({ kind: "advice", level: priority, text })),
    ];
    terminal.printRows(["kind", "level", "text"], rows, found);
  },
};

const species: KitCommand = {
  usage: "species [name]",
  summary: "Lists species with limits to begin with: those whose name holds the text.",
  async run(terminal, { args }) {
    const q = args[0];
    const { items } = await terminal.call(listPresets, { query: q === undefined ? {} : { q } });
    const rows = items.map(({ id, name, latinName, limits }) => ({
      id,
      name,
      latin: latinName,
      ...Object.fromEntries(limitedMetrics.map((metric) => [metric, bandWords(metric, limits[metric])])),
    }));
    terminal.printRows(["id", "name", "latin", ...limitedMetrics], rows, items);
  },
};

export const healthCommands: readonly KitCommand[] = [health, species];

/**
 * The plant that a person means: by its id, or its name whatever the case.
 *
 * @throws {AppError} `garden.plant_not_found`, `garden_advice.ambiguous_plant`
 */
export async function plantNamed({ call }: KitTerminal, wanted: string): Promise<PlantId> {
  const byId = plantId.safeParse(wanted);
  if (byId.success) return byId.data;
  const { items } = await call(listPlants, { query: { q: wanted.slice(0, 120), limit: "200" } });
  const named = items.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  const [only] = named;
  if (named.length > 1) throw adviceErrors.ambiguous_plant({ plant: wanted, ids: named.map(({ id }) => id) });
  if (only === undefined) throw gardenErrors.plant_not_found({ plant: wanted });
  return only.id;
}

function bandWords(metric: (typeof limitedMetrics)[number], band: Band | undefined): string {
  const { min = null, max = null } = band ?? {};
  if (min !== null && max !== null) return `${min.toLocaleString("en-GB")} to ${valueWords(metric, max)}`;
  if (min !== null) return `from ${valueWords(metric, min)}`;
  return max === null ? "" : `up to ${valueWords(metric, max)}`;
}
