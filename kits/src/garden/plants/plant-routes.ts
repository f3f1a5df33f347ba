import type { KitMount } from "@roost/contract/kit-host";

import { listNodes, removeNode } from "../contract/nodes.ts";
import {
  addPhoto,
  addPlant,
  assignNode,
  changePlant,
  exportPlantHistory,
  getPhoto,
  getPlant,
  getPlantHistory,
  listNodeAssignments,
  listPlantAssignments,
  listPlants,
  removePhoto,
  removePlant,
  unassignNode,
} from "../contract/plants.ts";
import { listPresets } from "../contract/presets.ts";
import type { Plants } from "./plants.ts";
import { findPresets } from "./presets.ts";

/** Ties the routes of plants and their nodes to their face. */
export function mountPlants(mount: KitMount, plants: Plants): void {
  mount(listPlants, async ({ query, caller }) => plants.list(caller, query));
  mount(addPlant, async ({ body, caller }) => plants.add(caller, body));
  mount(getPlant, async ({ params, caller }) => {
    const plant = await plants.get(caller, params.plantId);
    return { ...plant, photos: await plants.listPhotos(caller, params.plantId) };
  });
  mount(changePlant, async ({ params, body, caller }) => plants.change(caller, params.plantId, body));
  mount(removePlant, async ({ params, query, caller }) => plants.remove(caller, params.plantId, query.confirm));
  mount(listPresets, async ({ query }) => ({ items: findPresets(query.q ?? "") }));
  mountPlaces(mount, plants);
  mountPictures(mount, plants);
}

function mountPlaces(mount: KitMount, { nodes, history }: Plants): void {
  mount(listNodes, async ({ query, caller }) => nodes.list(caller, query));
  mount(removeNode, async ({ params, query, caller }) => nodes.remove(caller, params.deviceId, query.confirm));
  mount(assignNode, async ({ params, body, caller }) => {
    nodes.checkKind(caller, body.deviceId);
    return nodes.assign(caller, params.plantId, body.deviceId, body.since);
  });
  mount(unassignNode, async ({ params, caller }) => nodes.unassign(caller, params.plantId, params.deviceId));
  mount(listPlantAssignments, async ({ params, caller }) => ({ items: await nodes.ofPlant(caller, params.plantId) }));
  mount(listNodeAssignments, async ({ params, caller }) => ({ items: await nodes.ofNode(caller, params.deviceId) }));
  mount(getPlantHistory, async ({ params, query, caller }) => history.read(caller, params.plantId, query));
  mount(exportPlantHistory, async ({ params, query, caller }) => ({
    body: await history.exportCsv(caller, params.plantId, query),
    headers: { "content-disposition": `attachment; filename="plant-${params.plantId}.csv"` },
  }));
}

/** A photo is somebody's upload: it is shown as a picture or not at all, and no cache but the reader's own keeps it. */
const pictureHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "private, max-age=86400, immutable",
};

function mountPictures(mount: KitMount, { photos }: Plants): void {
  mount(addPhoto, async ({ params, caller, request }) => photos.add(caller, params.plantId, request.rawBody));
  mount(getPhoto, async ({ params, caller }) => {
    const { mediaType, bytes } = await photos.read(caller, params.plantId, params.photoId);
    return { body: bytes, headers: { ...pictureHeaders, "content-type": mediaType } };
  });
  mount(removePhoto, async ({ params, caller }) => photos.remove(caller, params.plantId, params.photoId));
}
