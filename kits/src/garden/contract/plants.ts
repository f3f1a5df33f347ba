import { deviceErrors } from "@roost/contract/devices";
import { defineErrors } from "@roost/contract/errors";
import { deviceId, metricName, siteId, uuid } from "@roost/contract/ids";
import { listOf, page } from "@roost/contract/paging";
import { personal } from "@roost/contract/personal";
import { quality } from "@roost/contract/quality";
import { defineRoute } from "@roost/contract/route";
import { points, telemetryErrors } from "@roost/contract/telemetry";
import { instant, timeZone } from "@roost/contract/time";
import { unit } from "@roost/contract/units";
import { z } from "zod";

import { band, limitChange, plantLimits } from "./limits.ts";

export const plantId = uuid.brand("PlantId");
export type PlantId = z.output<typeof plantId>;

export const photoId = uuid.brand("PhotoId");
export type PhotoId = z.output<typeof photoId>;

/**
 * How a plant is, as far as its nodes can tell. `critical`: a value lies outside its limits, or an alarm about one is open. `warning`: a value is
 * within a tenth of the band of its edge. `stale`: what it is judged by is older than three paces of its node. `unknown`: there is nothing to judge
 * by, see `why`. `healthy` is said only of fresh values inside limits.
 */
export const plantState = z.enum(["healthy", "warning", "critical", "stale", "unknown"]);
export type PlantState = z.output<typeof plantState>;

/** Why there is nothing to judge by. */
export const unknownReason = z.enum(["no_node", "no_data", "no_limits", "doubtful", "other_unit"]);

/** The newest value of a metric over the plant's nodes. */
export const plantValue = z.object({
  metric: metricName,
  value: z.number(),
  unit,
  measuredAt: instant,
  quality,
  deviceId,
  /** Older than three paces of its node, or old by its own word. */
  isStale: z.boolean(),
  /** How it stands to the plant's limits; absent without any. */
  standing: z.enum(["inside", "near_min", "near_max", "below", "above"]).optional(),
});
export type PlantValue = z.output<typeof plantValue>;

export const plantNode = z.object({ deviceId, name: personal("text", z.string()), since: instant });

export const plantPhoto = z.object({
  id: photoId,
  mediaType: z.enum(["image/jpeg", "image/png", "image/webp"]),
  sizeBytes: z.int(),
  addedAt: instant,
  addedBy: personal("name", z.string()),
});
export type PlantPhoto = z.output<typeof plantPhoto>;

/** Where it stands on the plan of its site: 0 is left and top, 1 right and bottom. */
export const plantPosition = z.strictObject({ x: z.number().min(0).max(1), y: z.number().min(0).max(1) });

export const plant = z.object({
  id: plantId,
  name: personal("text", z.string()),
  species: personal("text", z.string()).optional(),
  /** The preset its limits were taken from. */
  presetId: personal("none", z.string()).optional(),
  /** In words: "kitchen window". */
  place: personal("text", z.string()).optional(),
  siteId: siteId.optional(),
  notes: personal("text", z.string()).optional(),
  limits: plantLimits,
  position: plantPosition.optional(),
  coverPhotoId: photoId.optional(),
  /** The newest first. */
  photoIds: z.array(photoId),
  createdAt: instant,
  changedAt: instant,
  state: plantState,
  /** Of a plant that is `unknown`. */
  why: unknownReason.optional(),
  /** When the newest of its values was measured: what a stale plant's age counts from. */
  newestAt: instant.optional(),
  nodes: z.array(plantNode),
  /** By metric; those with limits first. */
  latest: z.array(plantValue),
  openAlarms: z.int().nonnegative(),
});
export type Plant = z.output<typeof plant>;

export const gardenErrors = defineErrors("garden", {
  plant_not_found: [404, "There is no such plant."],
  photo_not_found: [404, "There is no such photo."],
  not_its_node: [404, "This node is not at this plant."],
  limits_reversed: [400, "A lower limit is greater than the upper one. Swap them, or clear one."],
  unknown_preset: [422, "There is no such species in the table."],
  unknown_site: [422, "There is no such site here."],
  name_mismatch: [409, "The name given does not match the plant's. Nothing was removed."],
  out_of_reach: [403, "You act in a part of the organisation only, and the plant would not be seen there. Choose a site of your own."],
  node_out_of_reach: [403, "A node that you may not see stands at this plant. Ask somebody who acts in all of the organisation."],
  since_taken: [
    409,
    "The node cannot have stood there since then: that is ahead of now, or it stood at a plant meanwhile. Choose a later beginning.",
  ],
  too_many_nodes: [409, "A plant has 8 nodes at most."],
  too_many_plants: [409, "The organisation has as many plants as one may have. Remove some."],
  too_many_photos: [409, "A plant has 50 photos at most. Remove some."],
  photo_too_large: [413, "A photo has 8 MB at most."],
  photo_unreadable: [415, "This is no photo that is taken: send a JPEG, PNG or WebP, whole."],
  unknown_history: [404, "No node of this plant has ever sent such a metric while it stood there."],
});

/** One line of text that people write. */
export const words = (most: number) =>
  personal(
    "text",
    z
      .string()
      .trim()
      .min(1)
      .max(most)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, "One line, without control characters."),
  );
const notes = personal(
  "text",
  z
    .string()
    .trim()
    .min(1)
    .max(4_000)
    .regex(/^[^\p{Cs}\0]*$/u, "Text only."),
);
const name = words(80);
const preset = personal("none", z.string().regex(/^[a-z0-9-]{1,64}$/));

const base = "/api/v1/kits/garden";
const onePlant = z.object({ plantId });
const onePhoto = z.object({ plantId, photoId });

/** Plants by their state, over all that the caller sees and `q` and `siteId` find; `state` does not narrow them. */
const counts = z.record(plantState, z.int());

export const listPlants = defineRoute({
  operation: "gardenListPlants",
  method: "GET",
  path: `${base}/plants`,
  access: "garden:read",
  summary: "Lists plants by name, with their state, newest values and open alarms.",
  query: page.extend({
    /** Part of the name, species or place. */
    q: z.string().max(120).optional(),
    state: plantState.optional(),
    siteId: siteId.optional(),
  }),
  reply: listOf(plant).extend({ counts }),
});

export const getPlant = defineRoute({
  operation: "gardenGetPlant",
  method: "GET",
  path: `${base}/plants/:plantId`,
  access: "garden:read",
  summary: "Shows one plant.",
  params: onePlant,
  reply: plant.extend({ photos: z.array(plantPhoto) }),
  errors: [gardenErrors.plant_not_found],
});

export const addPlant = defineRoute({
  operation: "gardenAddPlant",
  method: "POST",
  path: `${base}/plants`,
  access: "garden:write",
  summary: "Adds a plant. With a preset it gets the limits of its species, save those that are given.",
  body: z.strictObject({
    name,
    species: words(120).optional(),
    presetId: preset.optional(),
    place: words(120).optional(),
    siteId: siteId.optional(),
    notes: notes.optional(),
    limits: limitChange.optional(),
    position: plantPosition.optional(),
  }),
  reply: plant,
  status: 201,
  errors: [
    gardenErrors.limits_reversed,
    gardenErrors.unknown_preset,
    gardenErrors.unknown_site,
    gardenErrors.out_of_reach,
    gardenErrors.too_many_plants,
  ],
});

export const changePlant = defineRoute({
  operation: "gardenChangePlant",
  method: "PATCH",
  path: `${base}/plants/:plantId`,
  access: "garden:write",
  summary: "Changes a plant; absent fields stay, null clears. A preset given brings its limits, save those that are given with it.",
  params: onePlant,
  body: z.strictObject({
    name: name.optional(),
    species: words(120).nullable().optional(),
    presetId: preset.nullable().optional(),
    place: words(120).nullable().optional(),
    siteId: siteId.nullable().optional(),
    notes: notes.nullable().optional(),
    limits: limitChange.nullable().optional(),
    position: plantPosition.nullable().optional(),
    /** Absent: it stays; null: the newest photo stands for the plant again. */
    coverPhotoId: photoId.nullable().optional(),
  }),
  reply: plant,
  errors: [
    gardenErrors.plant_not_found,
    gardenErrors.limits_reversed,
    gardenErrors.unknown_preset,
    gardenErrors.unknown_site,
    gardenErrors.out_of_reach,
    gardenErrors.photo_not_found,
  ],
});

export const removePlant = defineRoute({
  operation: "gardenRemovePlant",
  method: "DELETE",
  path: `${base}/plants/:plantId`,
  access: "garden:write",
  summary: "Removes a plant with its photos. Its nodes stay, unassigned, with all they measured. `confirm` must repeat its name.",
  params: onePlant,
  query: z.object({ confirm: personal("text", z.string().max(200)) }),
  errors: [gardenErrors.plant_not_found, gardenErrors.name_mismatch, gardenErrors.node_out_of_reach],
});

export const assignNode = defineRoute({
  operation: "gardenAssignNode",
  method: "POST",
  path: `${base}/plants/:plantId/nodes`,
  access: "garden:write",
  summary: "Puts a node at a plant; from another plant it moves, and what it measured there stays there. Twice is not an error.",
  params: onePlant,
  body: z.strictObject({
    deviceId,
    /** It stood there before this was put on record: what it measured since is the plant's too. Absent: from now on. */
    since: instant.optional(),
  }),
  reply: plant,
  errors: [gardenErrors.plant_not_found, deviceErrors.not_found, gardenErrors.too_many_nodes, gardenErrors.since_taken],
});

export const unassignNode = defineRoute({
  operation: "gardenUnassignNode",
  method: "DELETE",
  path: `${base}/plants/:plantId/nodes/:deviceId`,
  access: "garden:write",
  summary: "Takes a node from a plant. It goes on measuring; what it measured stays with the plant.",
  params: onePlant.extend({ deviceId }),
  reply: plant,
  errors: [gardenErrors.plant_not_found, gardenErrors.not_its_node, gardenErrors.out_of_reach],
});

/** A time during which a node stood at a plant. */
export const assignment = z.object({
  plantId,
  plantName: personal("text", z.string()),
  /** The plant was removed since. */
  isRemoved: z.boolean(),
  deviceId,
  deviceName: personal("text", z.string()),
  from: instant,
  /** Absent: it stands there now. */
  to: instant.optional(),
  by: personal("name", z.string()),
  endedBy: personal("name", z.string()).optional(),
});
export type Assignment = z.output<typeof assignment>;

export const listPlantAssignments = defineRoute({
  operation: "gardenListPlantAssignments",
  method: "GET",
  path: `${base}/plants/:plantId/assignments`,
  access: "garden:read",
  summary: "Lists which nodes stood at a plant, the newest first.",
  params: onePlant,
  reply: z.object({ items: z.array(assignment) }),
  errors: [gardenErrors.plant_not_found],
});

export const listNodeAssignments = defineRoute({
  operation: "gardenListNodeAssignments",
  method: "GET",
  path: `${base}/nodes/:deviceId/assignments`,
  access: "garden:read",
  summary: "Lists at which plants a node stood, the newest first; removed plants stay in it.",
  params: z.object({ deviceId }),
  reply: z.object({ items: z.array(assignment) }),
  errors: [deviceErrors.not_found],
});

/**
 * Points of a plant over all nodes that stood there, each for its time; as the platform's points, with the plant's limits of today.
 * Where two nodes stand at a plant at once, buckets hold the values of both.
 */
export const plantPoints = points.extend({
  limits: band.optional(),
  /** Which node's values they are, oldest first, cut to the range. */
  parts: z.array(z.object({ deviceId, from: instant, to: instant })),
});
export type PlantPoints = z.output<typeof plantPoints>;

export const getPlantHistory = defineRoute({
  operation: "gardenGetPlantHistory",
  method: "GET",
  path: `${base}/plants/:plantId/history`,
  access: "garden:read",
  summary:
    "Reads one metric of a plant over a range, from all nodes that stood there: min, max, average and count per bucket, with the limits. A removed plant's stays readable.",
  params: onePlant,
  query: z.object({
    metric: metricName,
    /** Inclusive. */
    from: instant,
    /** Exclusive. */
    to: instant,
    maxPoints: z.coerce.number().int().min(1).max(5_000).default(1_000),
    timeZone: timeZone.default("UTC"),
  }),
  reply: plantPoints,
  errors: [gardenErrors.plant_not_found, gardenErrors.unknown_history, telemetryErrors.range_reversed, telemetryErrors.range_too_fine],
});

export const exportPlantHistory = defineRoute({
  operation: "gardenExportPlantHistory",
  method: "GET",
  path: `${base}/plants/:plantId/history.csv`,
  access: "telemetry:export",
  summary:
    "Streams what the nodes of a plant measured there as CSV, metric by metric, each oldest first: measured_at, metric, value, unit, device_id.",
  params: onePlant,
  query: z.object({ metrics: z.string().max(1_000).optional(), from: instant, to: instant }),
  streams: "text/csv",
  errors: [gardenErrors.plant_not_found, telemetryErrors.range_reversed],
});

/** A photo has this many bytes at most. */
export const maxPhotoBytes = 8 * 1024 * 1024;

export const addPhoto = defineRoute({
  operation: "gardenAddPhoto",
  method: "POST",
  path: `${base}/plants/:plantId/photos`,
  access: "garden:write",
  summary: "Adds a photo: the body is a JPEG, PNG or WebP of at most 8 MB. What a camera wrote into it of place and owner is taken out.",
  params: onePlant,
  reply: plantPhoto,
  status: 201,
  rawBody: true,
  maxBodyBytes: maxPhotoBytes,
  errors: [gardenErrors.plant_not_found, gardenErrors.too_many_photos, gardenErrors.photo_too_large, gardenErrors.photo_unreadable],
});

export const getPhoto = defineRoute({
  operation: "gardenGetPhoto",
  method: "GET",
  path: `${base}/plants/:plantId/photos/:photoId`,
  access: "garden:read",
  summary: "Streams a photo, in the form it was given.",
  params: onePhoto,
  streams: "image/*",
  errors: [gardenErrors.plant_not_found, gardenErrors.photo_not_found],
});

export const removePhoto = defineRoute({
  operation: "gardenRemovePhoto",
  method: "DELETE",
  path: `${base}/plants/:plantId/photos/:photoId`,
  access: "garden:write",
  summary: "Removes a photo.",
  params: onePhoto,
  errors: [gardenErrors.plant_not_found, gardenErrors.photo_not_found],
});

export const plantRoutes = [
  listPlants,
  addPlant,
  getPlant,
  changePlant,
  removePlant,
  assignNode,
  unassignNode,
  listPlantAssignments,
  listNodeAssignments,
  getPlantHistory,
  exportPlantHistory,
  addPhoto,
  getPhoto,
  removePhoto,
] as const;
