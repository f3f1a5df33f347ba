import type { KitHost } from "@roost/contract/kit-host";
import type { Whose, Within } from "@roost/contract/tenancy";

import { adviceErrors } from "../contract/health.ts";
import type { AdviceNumbers, AdviceNumbersChange, AdviceNumbersInForce, OwnAdviceNumbers } from "../contract/health.ts";
import type { PlantLimits } from "../contract/limits.ts";
import { gardenErrors } from "../contract/plants.ts";
import { lockNumbers, saveNumbers, selectNumbers } from "./advice-number-store.ts";
import type { NumbersSubject } from "./advice-number-store.ts";
import { effectiveLimits, numbersOf, usualNumbers } from "./advice.ts";

export interface AdviceNeighbours {
  /** @throws {AppError} `garden.plant_not_found` */
  plantOf(
    within: Within,
    plantId: string,
  ): Promise<{ readonly name: string; readonly limits: PlantLimits; readonly presetId?: string | undefined }>;
  findPreset(presetId: string): { readonly name: string; readonly limits: PlantLimits } | undefined;
}

type Key = keyof AdviceNumbers;
const keys = Object.keys(usualNumbers) as Key[];

/** What is below and what is above it: the other way round both rules would speak of every value between. */
const pairs: readonly (readonly [lower: Key, upper: Key])[] = [
  ["waterSoonBelow", "tooWetAbove"],
  ["coldBelow", "hotAbove"],
  ["dryAirBelow", "dampAirAbove"],
];

/** The numbers of the rules that give advice, as far as people set them. */
export function createAdviceNumbers(
  { db, clock, audit }: Pick<KitHost, "db" | "clock" | "audit">,
  { plantOf, findPreset }: AdviceNeighbours,
) {
  async function ownOf(
    within: Within,
    plantId: string,
    presetId: string | undefined,
  ): Promise<{ plant: OwnAdviceNumbers; species: OwnAdviceNumbers }> {
    const subjects: NumbersSubject[] = [
      { kind: "plant", id: plantId },
      ...(presetId === undefined ? [] : [{ kind: "species", id: presetId } as const]),
    ];
    const [plant = {}, species = {}] = await selectNumbers(db.within(within), within.organisationId, subjects);
    return { plant, species };
  }

  async function change(
    whose: Whose,
    subject: NumbersSubject & { readonly name: string },
    wanted: AdviceNumbersChange,
    check: (own: OwnAdviceNumbers) => void,
  ): Promise<void> {
    const { organisationId } = whose;
    const at = new Date(clock.nowMs());
    await db.within(whose).transaction(async (tx) => {
      const before = await lockNumbers(tx, organisationId, subject, at);
      const after = changed(before, wanted);
      check(after);
      await saveNumbers(tx, organisationId, subject, after, at);
      await audit.record(tx, whose, {
        action: "advice_numbers_changed",
        object: { kind: subject.kind, id: subject.id, name: subject.name },
        before,
        after,
      });
    });
  }

  async function ofPlant(within: Within, plantId: string): Promise<AdviceNumbersInForce> {
    const { limits, presetId } = await plantOf(within, plantId);
    const { plant, species } = await ownOf(within, plantId, presetId);
    return inForce(limitsFor(limits, presetId), plant, species);
  }

  async function ofSpecies(within: Within, presetId: string): Promise<AdviceNumbersInForce> {
    const preset = findPreset(presetId);
    if (preset === undefined) throw gardenErrors.unknown_preset({ presetId });
    const [species = {}] = await selectNumbers(db.within(within), within.organisationId, [{ kind: "species", id: presetId }]);
    return inForce(preset.limits, {}, species);
  }

  const limitsFor = (limits: PlantLimits, presetId: string | undefined) =>
    effectiveLimits(limits, presetId === undefined ? undefined : findPreset(presetId)?.limits);

  return {
    /** What was set for a plant, and where it says nothing, for its species. */
    async ownFor(within: Within, plantId: string, presetId: string | undefined): Promise<OwnAdviceNumbers> {
      const { plant, species } = await ownOf(within, plantId, presetId);
      return { ...species, ...plant };
    },

    /** @throws {AppError} `garden.plant_not_found` */
    ofPlant,

    /** @throws {AppError} `garden.unknown_preset` */
    ofSpecies,

    /** @throws {AppError} `garden.plant_not_found`, `garden_advice.numbers_reversed` */
    async changeForPlant(whose: Whose, plantId: string, wanted: AdviceNumbersChange): Promise<AdviceNumbersInForce> {
      const { name, limits, presetId } = await plantOf(whose, plantId);
      const { species } = await ownOf(whose, plantId, presetId);
      await change(whose, { kind: "plant", id: plantId, name }, wanted, (own) =>
        checkOrder(numbersOf(limitsFor(limits, presetId), { ...species, ...own }), wanted),
      );
      return ofPlant(whose, plantId);
    },

    /** @throws {AppError} `garden.unknown_preset`, `garden_advice.numbers_reversed` */
    async changeForSpecies(whose: Whose, presetId: string, wanted: AdviceNumbersChange): Promise<AdviceNumbersInForce> {
      const preset = findPreset(presetId);
      if (preset === undefined) throw gardenErrors.unknown_preset({ presetId });
      await change(whose, { kind: "species", id: presetId, name: preset.name }, wanted, (own) =>
        checkOrder(numbersOf(preset.limits, own), wanted),
      );
      return ofSpecies(whose, presetId);
    },
  };
}

function changed(before: OwnAdviceNumbers, wanted: AdviceNumbersChange): OwnAdviceNumbers {
  const after: OwnAdviceNumbers = { ...before };
  for (const key of keys) {
    const number = wanted[key];
    if (number === null) delete after[key];
    else if (number !== undefined) after[key] = number;
  }
  return after;
}

/** Only what somebody touches is refused: limits may stand closer than the usual numbers are apart. */
function checkOrder(numbers: AdviceNumbers, wanted: AdviceNumbersChange): void {
  for (const [lower, upper] of pairs) {
    const isTouched = (wanted[lower] ?? wanted[upper] ?? undefined) !== undefined;
    if (isTouched && numbers[lower] > numbers[upper])
      throw adviceErrors.numbers_reversed({ [lower]: numbers[lower], [upper]: numbers[upper] });
  }
}

function inForce(limits: PlantLimits, plant: OwnAdviceNumbers, species: OwnAdviceNumbers): AdviceNumbersInForce {
  const byLimits = numbersOf(limits);
  const from = keys.map((key): [Key, AdviceNumbersInForce["from"][Key]] => {
    if (plant[key] !== undefined) return [key, "plant"];
    if (species[key] !== undefined) return [key, "species"];
    return [key, byLimits[key] === usualNumbers[key] ? "usual" : "limits"];
  });
  return { numbers: numbersOf(limits, { ...species, ...plant }), from: Object.fromEntries(from) as AdviceNumbersInForce["from"] };
}
