import type { Preset } from "../contract/presets.ts";
import { flowers, herbs, vegetables } from "./presets-garden.ts";
import { ferns, floweringHousePlants, foliagePlants, succulents } from "./presets-house.ts";
import { limitsOf, readRow, sourcesOf } from "./species.ts";
import type { Species } from "./species.ts";

/** Every species of the table with its classes, by group. */
export const allSpecies: readonly Species[] = [
  ...herbs,
  ...vegetables,
  ...flowers,
  ...foliagePlants,
  ...floweringHousePlants,
  ...ferns,
  ...succulents,
].map(readRow);

/** Common house and garden plants with limits to begin with, by name. */
export const presets: readonly Preset[] = allSpecies
  .map((species) => ({
    id: species.id,
    name: species.name,
    latinName: species.latinName,
    alsoCalled: [...species.alsoCalled],
    limits: limitsOf(species),
    sources: sourcesOf(species),
  }))
  .sort((one, other) => one.name.localeCompare(other.name, "en"));

/** The preset of that id. */
export function findPreset(id: string): Preset | undefined {
  return presets.find((preset) => preset.id === id);
}

/**
 * Presets with every word of the text in one of their names, whatever the case and accents: those whose names begin with it first, then by name.
 * All of them for a text without words.
 */
export function findPresets(text: string): Preset[] {
  const wanted = plain(text).trim();
  const words = wanted.split(/\s+/).filter(Boolean);
  return presets
    .map((preset) => ({ preset, names: [preset.name, preset.latinName, ...preset.alsoCalled].map(plain) }))
    .filter(({ names }) => words.every((word) => names.some((name) => name.includes(word))))
    .map(({ preset, names }) => ({ preset, rank: names.some((name) => name.startsWith(wanted)) ? 0 : 1 }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ preset }) => preset);
}

/** Without accents, apostrophes and the cross of hybrids, in lower case: what people type. */
function plain(text: string): string {
  return text
    .normalize("NFD")
    .replaceAll(/[\p{M}'’×]/gu, "")
    .replaceAll(/[\s-]+/g, " ")
    .toLowerCase();
}
