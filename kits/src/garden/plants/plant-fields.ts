import type { LimitChange, PlantLimits } from "../contract/limits.ts";
import type { PhotoId } from "../contract/plants.ts";
import { changeLimits } from "./limits.ts";
import type { PlantFields } from "./plant-store.ts";

/** What a preset brings along. */
export interface PresetFields {
  readonly id: string;
  readonly name: string;
  readonly limits: PlantLimits;
}

/** What people ask for: absent stays, null clears. */
export interface PlantChange {
  readonly name?: string | undefined;
  readonly species?: string | null | undefined;
  readonly presetId?: string | null | undefined;
  readonly place?: string | null | undefined;
  readonly siteId?: string | null | undefined;
  readonly notes?: string | null | undefined;
  readonly limits?: LimitChange | null | undefined;
  readonly position?: PlantFields["position"] | null;
  readonly coverPhotoId?: PhotoId | null | undefined;
}

/** A plant before anybody said anything of it. */
export const blankPlant: PlantFields = {
  name: "",
  species: undefined,
  presetId: undefined,
  place: undefined,
  siteId: undefined,
  notes: undefined,
  limits: {},
  position: undefined,
  coverPhotoId: undefined,
};

/**
 * A plant's fields with a change made to them. A preset brings its limits in place of those there were, and its name where no species is known.
 *
 * @param preset - The one that `change.presetId` names.
 * @throws {AppError} `garden.limits_reversed`
 */
export function changeFields(before: PlantFields, change: PlantChange, preset: PresetFields | undefined): PlantFields {
  const base = change.limits === null ? {} : (preset?.limits ?? before.limits);
  const species = after(before.species, change.species);
  return {
    name: change.name ?? before.name,
    species: species ?? (change.species === null ? undefined : preset?.name),
    presetId: after(before.presetId, change.presetId),
    place: after(before.place, change.place),
    siteId: after(before.siteId, change.siteId),
    notes: after(before.notes, change.notes),
    limits: changeLimits(base, change.limits ?? {}),
    position: after(before.position, change.position),
    coverPhotoId: after(before.coverPhotoId, change.coverPhotoId),
  };
}

function after<Value>(before: Value | undefined, change: Value | null | undefined): Value | undefined {
  return change === undefined ? before : (change ?? undefined);
}

/** What the trail says of a plant: all but what people wrote about it at length. */
export function onRecord({ notes, ...fields }: PlantFields): Record<string, unknown> {
  return { ...fields, hasNotes: notes !== undefined };
}
