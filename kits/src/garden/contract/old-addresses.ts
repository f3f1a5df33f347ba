import { deviceErrors } from "@roost/contract/devices";
import { deviceId, siteId } from "@roost/contract/ids";
import { personal } from "@roost/contract/personal";
import { defineRoute } from "@roost/contract/route";
import { instant } from "@roost/contract/time";
import { z } from "zod";

import { limitChange, limitedMetric, plantLimits } from "./limits.ts";
import { gardenErrors, plantId, plantPosition, words } from "./plants.ts";

/**
 * The addresses and shapes of the system that came before, for clients that know them. They ask for the same sign-in as everything, by cookie or
 * bearer token, and their errors have the one shape of the platform. What is absent stays and null clears, here too.
 */

/** A row of readings: what was not measured is null. */
const oldReading = z.object({
  timestamp: instant,
  soil_moisture: z.number().nullable(),
  temperature: z.number().nullable(),
  humidity: z.number().nullable(),
  light_level: z.number().nullable(),
});
export type OldReading = z.output<typeof oldReading>;

const oldPlant = z.object({
  id: plantId,
  name: personal("text", z.string()),
  species: personal("text", z.string()).nullable(),
  thresholds: plantLimits,
  position: plantPosition.nullable(),
  created_at: instant,
  /** The newest row over its devices. */
  latest_telemetry: oldReading.nullable(),
  device_count: z.int(),
});
export type OldPlant = z.output<typeof oldPlant>;

const oldDevice = z.object({
  id: deviceId,
  mac_address: personal("id", z.string()).nullable(),
  mqtt_username: personal("id", z.string()),
  plant_id: plantId.nullable(),
  /** `error`: its credentials were taken away. */
  status: z.enum(["provisioning", "online", "offline", "error"]),
  firmware_version: z.string().nullable(),
  /** The metrics it ever sent. */
  sensor_types: z.array(personal("none", z.string())),
  last_seen_at: instant.nullable(),
  created_at: instant,
});
export type OldDevice = z.output<typeof oldDevice>;

const devices = z.object({ devices: z.array(oldDevice), total: z.int() });
const onePlant = z.object({ plantId });
const oneDevice = z.object({ deviceId });

export const oldListPlants = defineRoute({
  operation: "gardenOldListPlants",
  method: "GET",
  path: "/api/plants",
  access: "garden:read",
  summary: "Old address: lists all plants by name.",
  reply: z.object({ plants: z.array(oldPlant), total: z.int() }),
});

export const oldAddPlant = defineRoute({
  operation: "gardenOldAddPlant",
  method: "POST",
  path: "/api/plants",
  access: "garden:write",
  summary: "Old address: adds a plant.",
  body: z.object({ name: words(80), species: words(120).nullish(), thresholds: limitChange.nullish(), site_id: siteId.nullish() }),
  reply: oldPlant,
  status: 201,
  errors: [gardenErrors.limits_reversed, gardenErrors.unknown_site, gardenErrors.out_of_reach, gardenErrors.too_many_plants],
});

export const oldGetPlant = defineRoute({
  operation: "gardenOldGetPlant",
  method: "GET",
  path: "/api/plants/:plantId",
  access: "garden:read",
  summary: "Old address: shows one plant.",
  params: onePlant,
  reply: oldPlant,
  errors: [gardenErrors.plant_not_found],
});

export const oldChangePlant = defineRoute({
  operation: "gardenOldChangePlant",
  method: "PUT",
  path: "/api/plants/:plantId",
  access: "garden:write",
  summary: "Old address: changes a plant; absent fields stay, null clears.",
  params: onePlant,
  body: z.object({ name: words(80).optional(), species: words(120).nullish(), thresholds: limitChange.nullish() }),
  reply: oldPlant,
  errors: [gardenErrors.plant_not_found, gardenErrors.limits_reversed],
});

export const oldRemovePlant = defineRoute({
  operation: "gardenOldRemovePlant",
  method: "DELETE",
  path: "/api/plants/:plantId",
  access: "garden:write",
  summary: "Old address: removes a plant; its devices stay, unassigned.",
  params: onePlant,
  errors: [gardenErrors.plant_not_found, gardenErrors.node_out_of_reach],
});

export const oldPlacePlant = defineRoute({
  operation: "gardenOldPlacePlant",
  method: "PUT",
  path: "/api/plants/:plantId/position",
  access: "garden:write",
  summary: "Old address: says where a plant stands on the plan; 0 is left and top, 1 right and bottom.",
  params: onePlant,
  body: z.object({ x: z.number().min(0).max(1), y: z.number().min(0).max(1) }),
  reply: oldPlant,
  errors: [gardenErrors.plant_not_found],
});

export const oldListPlantDevices = defineRoute({
  operation: "gardenOldListPlantDevices",
  method: "GET",
  path: "/api/plants/:plantId/devices",
  access: "garden:read",
  summary: "Old address: lists the devices that stand at a plant.",
  params: onePlant,
  reply: devices,
  errors: [gardenErrors.plant_not_found],
});

export const oldGetHistory = defineRoute({
  operation: "gardenOldGetHistory",
  method: "GET",
  path: "/api/plants/:plantId/history",
  access: "garden:read",
  summary: "Old address: what was measured at a plant in the last hours, the newest first, 10,000 rows at most.",
  params: onePlant,
  query: z.object({ hours: z.coerce.number().int().min(1).max(8_784).default(24) }),
  reply: z.object({
    plant_id: plantId,
    records: z.array(oldReading.extend({ device_id: deviceId })),
    count: z.int(),
    /** There is more in these hours than is shown: what is missing is the oldest. */
    truncated: z.boolean(),
  }),
  errors: [gardenErrors.plant_not_found],
});

export const oldListDevices = defineRoute({
  operation: "gardenOldListDevices",
  method: "GET",
  path: "/api/devices",
  access: "garden:read",
  summary: "Old address: lists the garden's nodes by name.",
  query: z.object({
    limit: z.coerce.number().int().min(1).max(500).default(100),
    // Of nothing a number would be made too: zero.
    offset: personal("none", z.string().regex(/^\d{1,7}$/))
      .transform(Number)
      .pipe(z.int().max(1_000_000))
      .default(0),
  }),
  reply: devices,
});

export const oldRemoveDevice = defineRoute({
  operation: "gardenOldRemoveDevice",
  method: "DELETE",
  path: "/api/devices/:deviceId",
  access: "devices:write",
  summary: "Old address: removes a node; what it measured at plants is kept there by the hour.",
  params: oneDevice,
  reply: z.object({ message: z.string() }),
  errors: [deviceErrors.not_found],
});

export const oldAssignDevice = defineRoute({
  operation: "gardenOldAssignDevice",
  method: "POST",
  path: "/api/devices/:deviceId/provision",
  access: "garden:write",
  summary: "Old address: puts a node at a plant; from another it moves.",
  params: oneDevice,
  body: z.object({ plant_id: plantId }),
  reply: oldDevice,
  errors: [deviceErrors.not_found, gardenErrors.plant_not_found, gardenErrors.too_many_nodes],
});

export const oldUnassignDevice = defineRoute({
  operation: "gardenOldUnassignDevice",
  method: "POST",
  path: "/api/devices/:deviceId/unassign",
  access: "garden:write",
  summary: "Old address: takes a node from its plant; of one that stands at none nothing changes.",
  params: oneDevice,
  reply: oldDevice,
  errors: [deviceErrors.not_found, gardenErrors.out_of_reach],
});

export const oldGetLatest = defineRoute({
  operation: "gardenOldGetLatest",
  method: "GET",
  path: "/api/devices/:deviceId/telemetry/latest",
  access: "garden:read",
  summary: "Old address: the newest row of a node's readings; null before the first.",
  params: oneDevice,
  reply: z.object({ device_id: deviceId, telemetry: oldReading.nullable() }),
  errors: [deviceErrors.not_found],
});

const message = z.string();

export const oldCheckHealth = defineRoute({
  operation: "gardenOldCheckHealth",
  method: "POST",
  path: "/api/plants/:plantId/health-check",
  access: "garden:read",
  summary: "Old address: judges a plant by its newest values, its limits and trends, and advises by rules.",
  params: onePlant,
  reply: z.object({
    plant_id: plantId,
    status: z.enum(["optimal", "warning", "critical", "unknown"]),
    issues: z.array(
      z.object({ metric: limitedMetric, severity: z.enum(["warning", "critical"]), value: z.number(), limit: z.number(), message }),
    ),
    recommendations: z.array(z.object({ priority: z.enum(["high", "medium", "low"]), message })).max(4),
    trends: z.array(
      z.object({
        metric: limitedMetric,
        direction: z.enum(["rising", "falling", "stable", "unknown"]),
        average: z.number().nullable(),
        min: z.number().nullable(),
        max: z.number().nullable(),
        message,
      }),
    ),
    checked_at: instant,
    has_care_plan: z.boolean(),
    care_plan_age_hours: z.number().nullable(),
  }),
  errors: [gardenErrors.plant_not_found],
});

const component = z.object({ status: z.enum(["connected", "disconnected"]), message: z.string() });

export const oldGetHealth = defineRoute({
  operation: "gardenOldGetHealth",
  method: "GET",
  path: "/api/health",
  access: "garden:read",
  summary: "Old address: how the installation is, by what went through it. For probes without a sign-in there is /health.",
  reply: z.object({
    status: z.enum(["healthy", "degraded", "unhealthy"]),
    timestamp: instant,
    version: personal("none", z.string()),
    components: z.object({ database: component, mqtt: component }),
  }),
});

export const oldGetReady = defineRoute({
  operation: "gardenOldGetReady",
  method: "GET",
  path: "/api/ready",
  access: "garden:read",
  summary: "Old address: whether readings are welcome; 503 when not. For probes without a sign-in there is /ready.",
  reply: z.object({
    ready: z.boolean(),
    timestamp: instant,
    checks: z.record(z.string(), z.object({ ok: z.boolean(), message: z.string() })),
  }),
});

export const oldRoutes = [
  oldListPlants,
  oldAddPlant,
  oldGetPlant,
  oldChangePlant,
  oldRemovePlant,
  oldPlacePlant,
  oldListPlantDevices,
  oldGetHistory,
  oldListDevices,
  oldRemoveDevice,
  oldAssignDevice,
  oldUnassignDevice,
  oldGetLatest,
  oldCheckHealth,
  oldGetHealth,
  oldGetReady,
] as const;
