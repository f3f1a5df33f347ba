import { device, deviceErrors, deviceState } from "@roost/contract/devices";
import { deviceId, metricName } from "@roost/contract/ids";
import { listOf, page } from "@roost/contract/paging";
import { personal } from "@roost/contract/personal";
import { quality } from "@roost/contract/quality";
import { defineRoute } from "@roost/contract/route";
import { instant } from "@roost/contract/time";
import { unit } from "@roost/contract/units";
import { z } from "zod";

import { plantId } from "./plants.ts";

/** A node of the garden, with the plant it stands at and all it measures: `rssi` and `uptime` too. */
export const gardenNode = device.extend({
  /** The address of its radio, where the node told it. */
  macAddress: personal("id", z.string()).optional(),
  /** Absent: it stands at none, and no alarm comes of what it measures. */
  plant: z.object({ id: plantId, name: personal("text", z.string()), since: instant }).optional(),
  latest: z.array(z.object({ metric: metricName, value: z.number(), unit, measuredAt: instant, quality })),
  openAlarms: z.int().nonnegative(),
});
export type GardenNode = z.output<typeof gardenNode>;

const count = z.int().nonnegative();

export const listNodes = defineRoute({
  operation: "gardenListNodes",
  method: "GET",
  path: "/api/v1/kits/garden/nodes",
  access: "garden:read",
  summary: "Lists the garden's nodes by name, with their live values and plants: also those that stand at none.",
  query: page.extend({
    /** Part of the name, id, address of the radio, or of the plant's name. */
    q: z.string().max(120).optional(),
    state: deviceState.optional(),
    /** `no`: those at no plant. */
    assigned: z.enum(["yes", "no"]).optional(),
  }),
  reply: listOf(gardenNode).extend({
    /** Of all that `q` finds; `state` and `assigned` do not narrow them. */
    counts: z.object({ all: count, waiting: count, online: count, offline: count, revoked: count, unassigned: count }),
  }),
});

export const removeNode = defineRoute({
  operation: "gardenRemoveNode",
  method: "DELETE",
  path: "/api/v1/kits/garden/nodes/:deviceId",
  access: "devices:write",
  summary:
    "Removes a node with its credentials and values; what it measured at plants is kept there by the hour. `confirm` must repeat its id.",
  params: z.object({ deviceId }),
  query: z.object({ confirm: z.string().max(64) }),
  errors: [deviceErrors.not_found, deviceErrors.name_mismatch],
});

export const nodeRoutes = [listNodes, removeNode] as const;
