import { httpErrors, isAppError } from "@roost/contract/errors";
import type { KitRows, KitTransaction } from "@roost/contract/kit-host";
import type { Whose, Within } from "@roost/contract/tenancy";

import { gardenErrors } from "../contract/plants.ts";
import type { Plant, PlantId, PlantState } from "../contract/plants.ts";
import { endAssignment, selectOpen } from "./assignment-store.ts";
import { cutPage } from "./cut-page.ts";
import { createNodes } from "./nodes.ts";
import { deletePhotosOf, findPhoto, selectPhotos } from "./photo-store.ts";
import { createPhotos } from "./photos.ts";
import { blankPlant, changeFields, onRecord } from "./plant-fields.ts";
import type { PlantChange, PresetFields } from "./plant-fields.ts";
import { createPlantHistory } from "./plant-history.ts";
import { createInStep } from "./plant-in-step.ts";
import type { PlantHost } from "./plant-in-step.ts";
import {
  countNodes,
  countPlants,
  existsSite,
  findPlant,
  insertPlant,
  lockPlant,
  retirePlant,
  selectPlants,
  updatePlant,
} from "./plant-store.ts";
import type { PlantFields, PlantRow } from "./plant-store.ts";
import { createPlantViews } from "./plant-views.ts";

export type { PlantChange, PresetFields } from "./plant-fields.ts";

export interface PlantDeps {
  /** A species of the table by its id. */
  findPreset(id: string): PresetFields | undefined;
}

/** So many plants of one organisation are listed, judged and sorted in memory. */
const plantsPerOrganisation = 2_000;

/** The plants: what people say of them, which nodes stand there, how they are, and what was measured. */
export function createPlants(host: PlantHost, { findPreset }: PlantDeps) {
  const { db, audit } = host;
  const views = createPlantViews(host);
  const inStep = createInStep(host);
  const history = createPlantHistory(host);
  const nodes = createNodes(host, { views, inStep, history });
  const photos = createPhotos(host);

  async function view(whose: Within, row: PlantRow): Promise<Plant> {
    const [plant] = await views.of(whose, [row]);
    if (plant === undefined) throw gardenErrors.plant_not_found();
    return plant;
  }

  /** @throws {AppError} `garden.plant_not_found` */
  async function told(whose: Within, plantId: string): Promise<PlantRow> {
    const row = await findPlant(db.within(whose), whose.organisationId, plantId);
    if (row === undefined) throw gardenErrors.plant_not_found({ plantId });
    return row;
  }

  function presetOf(id: string | null | undefined): PresetFields | undefined {
    if (id === undefined || id === null) return undefined;
    const preset = findPreset(id);
    if (preset === undefined) throw gardenErrors.unknown_preset({ presetId: id });
    return preset;
  }

  async function record(
    tx: KitTransaction,
    whose: Whose,
    what: "added" | "changed" | "removed",
    plant: PlantRow,
    { before, after, deviceIds = [] }: { before?: PlantFields; after?: PlantFields; deviceIds?: readonly string[] } = {},
  ): Promise<void> {
    const { organisationId } = whose;
    // Who acts in a part of the organisation hears of a plant by a node that stands there.
    const [deviceId] =
      deviceIds.length > 0 ? deviceIds : (await selectOpen(tx, organisationId, { plantId: plant.id })).map((open) => open.deviceId);
    await host.emit(tx, {
      organisationId,
      type: what === "removed" ? "garden.plant_removed" : "garden.plant_changed",
      nounId: plant.id,
      data: { plantId: plant.id, deviceIds, ...(deviceId === undefined ? {} : { deviceId }) },
    });
    await audit.record(tx, whose, {
      action: `plant_${what}`,
      object: { kind: "plant", id: plant.id, name: plant.name },
      ...(before === undefined ? {} : { before: onRecord(before) }),
      ...(after === undefined ? {} : { after: onRecord(after) }),
    });
  }

  /** @throws {AppError} `garden.unknown_site` */
  async function checkSite(rows: KitTransaction, { organisationId }: Within, siteId: string | undefined): Promise<void> {
    if (siteId !== undefined && !(await existsSite(rows, organisationId, siteId))) throw gardenErrors.unknown_site({ siteId });
  }

  return {
    handlers: inStep.handlers,
    start: inStep.start,
    stop: inStep.stop,
    check: inStep.check,
    nodes,
    photos,
    history,

    /**
     * Plants by name, case aside.
     *
     * @throws {AppError} `http.invalid` for a cursor of another list.
     */
    async list(
      whose: Within,
      query: {
        q?: string | undefined;
        state?: PlantState | undefined;
        siteId?: string | undefined;
        limit: number;
        cursor?: string | undefined;
      },
    ): Promise<{ items: Plant[]; next?: string; counts: Record<PlantState, number> }> {
      const rows = await selectPlants(db.within(whose), { organisationId: whose.organisationId, q: query.q, siteId: query.siteId });
      const all = await views.of(whose, rows);
      const counts: Record<PlantState, number> = { healthy: 0, warning: 0, critical: 0, stale: 0, unknown: 0 };
      for (const { state } of all) counts[state] += 1;
      const wanted = query.state === undefined ? all : all.filter(({ state }) => state === query.state);
      return { ...cutPage(wanted, query, ({ name, id }) => [name.toLowerCase(), id]), counts };
    },

    /** All plants, by name. */
    async all(whose: Within): Promise<Plant[]> {
      return views.of(whose, await selectPlants(db.within(whose), { organisationId: whose.organisationId }));
    },

    /** @throws {AppError} `garden.plant_not_found` */
    async get(whose: Within, plantId: string): Promise<Plant> {
      return view(whose, await told(whose, plantId));
    },

    /** What people say of a plant; how it is, which takes a look at values and alarms, tells `get`. @throws {AppError} `garden.plant_not_found` */
    told,

    /** The same, and which nodes stand there since when. @throws {AppError} `garden.plant_not_found` */
    async toldWithNodes(whose: Within, plantId: string) {
      const [row, open] = await Promise.all([told(whose, plantId), selectOpen(db.within(whose), whose.organisationId, { plantId })]);
      return { ...row, nodes: open.map(({ deviceId, from }) => ({ deviceId, since: from })) };
    },

    /** @throws {AppError} `garden.limits_reversed`, `garden.unknown_preset`, `garden.unknown_site`, `garden.out_of_reach`, `garden.too_many_plants` */
    async add(whose: Whose, wanted: PlantChange & { readonly name: string }): Promise<Plant> {
      const fields = changeFields(blankPlant, wanted, presetOf(wanted.presetId));
      const row = await withinReach(db.within(whose), async (tx) => {
        await checkSite(tx, whose, fields.siteId);
        if ((await countPlants(tx, whose.organisationId)) >= plantsPerOrganisation)
          throw gardenErrors.too_many_plants({ limit: plantsPerOrganisation });
        const added = await insertPlant(tx, whose.organisationId, host.newId(), fields);
        await record(tx, whose, "added", added, { after: fields });
        return added;
      });
      return view(whose, row);
    },

    /** @throws {AppError} `garden.plant_not_found` and those of `add`; `garden.photo_not_found` for a cover that is not the plant's. */
    async change(whose: Whose, plantId: string, change: PlantChange): Promise<Plant> {
      const preset = presetOf(change.presetId);
      const row = await withinReach(db.within(whose), async (tx) => {
        const before = await lockPlant(tx, whose.organisationId, plantId);
        if (before === undefined) throw gardenErrors.plant_not_found({ plantId });
        const fields = changeFields(before, change, preset);
        if (fields.siteId !== before.siteId) await checkSite(tx, whose, fields.siteId);
        if (typeof change.coverPhotoId === "string" && (await findPhoto(tx, plantId, change.coverPhotoId)) === undefined)
          throw gardenErrors.photo_not_found({ photoId: change.coverPhotoId });
        const after = await updatePlant(tx, plantId, fields);
        const deviceIds = (await selectOpen(tx, whose.organisationId, { plantId })).map(({ deviceId }) => deviceId);
        await record(tx, whose, "changed", after, { before: pickFields(before), after: fields, deviceIds });
        const isRenamed = before.name !== after.name;
        const isWatchedOtherwise = isRenamed || JSON.stringify(before.limits) !== JSON.stringify(after.limits);
        return { after, plantIds: isWatchedOtherwise ? [plantId] : [], deviceIds: isRenamed ? deviceIds : [] };
      });
      await inStep.after(whose.organisationId, { plantIds: row.plantIds, deviceIds: row.deviceIds, by: whose.by });
      return view(whose, row.after);
    },

    /**
     * Takes a plant out of use; its nodes stand nowhere afterwards, and what they measured stays.
     *
     * @param confirm - Must be its name. `undefined`: nobody is asked.
     * @throws {AppError} `garden.plant_not_found`, `garden.name_mismatch`, `garden.node_out_of_reach`
     */
    async remove(whose: Whose, plantId: string, confirm: string | undefined): Promise<void> {
      const gone = await db.within(whose).transaction(async (tx) => {
        const plant = await lockPlant(tx, whose.organisationId, plantId);
        if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
        if (confirm !== undefined && confirm.trim() !== plant.name) throw gardenErrors.name_mismatch();
        const open = await selectOpen(tx, whose.organisationId, { plantId });
        // A node that the caller does not see would stand at a plant that is gone.
        if ((await countNodes(tx, plantId)) > open.length) throw gardenErrors.node_out_of_reach();
        const deviceIds = open.map(({ deviceId }) => deviceId);
        await record(tx, whose, "removed", plant, { before: pickFields(plant), deviceIds });
        const blobIds = await deletePhotosOf(tx, plantId);
        // While its nodes stand there: by them a part of the organisation sees it at all.
        await retirePlant(tx, plantId);
        const at = new Date(host.clock.nowMs());
        for (const { id } of open) await endAssignment(tx, id, at, whose.by?.name ?? "Roost");
        return { deviceIds, blobIds };
      });
      await photos.forget(whose.organisationId, gone.blobIds);
      await inStep.after(whose.organisationId, { plantIds: [plantId], deviceIds: gone.deviceIds, by: whose.by });
    },

    /** Its photos, the newest first. */
    listPhotos: async (whose: Within, plantId: PlantId) =>
      (await selectPhotos(db.within(whose), plantId)).map(({ plantId: _plant, blobId: _blob, ...photo }) => photo),
  };
}

export type Plants = ReturnType<typeof createPlants>;

function pickFields(row: PlantRow): PlantFields {
  const { name, species, presetId, place, siteId, notes, limits, position, coverPhotoId } = row;
  return { name, species, presetId, place, siteId, notes, limits, position, coverPhotoId };
}

/** A plant that the caller would not see afterwards is not theirs to put there. @throws {AppError} `garden.out_of_reach` */
async function withinReach<Result>(rows: KitRows, work: (tx: KitTransaction) => Promise<Result>): Promise<Result> {
  return rows.transaction(work).catch((error: unknown) => {
    if (isAppError(error, httpErrors.forbidden.code)) throw gardenErrors.out_of_reach({}, { cause: error });
    throw error;
  });
}
