import type { KitWebFace } from "@roost/web/parts/kit-face.ts";
import { lazy } from "react";

import { LeafIcon, NodeIcon } from "./web/icons.tsx";

/** What the garden shows in the browser. */
export const gardenWeb: KitWebFace = {
  kitId: "garden",
  places: [
    { path: "", word: "Plants", icon: <LeafIcon />, needs: "garden:read" },
    { path: "nodes", word: "Nodes", icon: <NodeIcon />, needs: "garden:read" },
  ],
  configurations: {
    "garden-node": lazy(async () => ({ default: (await import("./web/node-configuration.tsx")).NodeConfiguration })),
  },
  pages: [
    { path: "", component: lazy(async () => ({ default: (await import("./web/plants-page.tsx")).PlantsPage })) },
    { path: "plants/new", component: lazy(async () => ({ default: (await import("./web/add-plant-page.tsx")).AddPlantPage })) },
    { path: "plants/:plantId", component: lazy(async () => ({ default: (await import("./web/plant-page.tsx")).PlantPage })) },
    { path: "nodes", component: lazy(async () => ({ default: (await import("./web/nodes-page.tsx")).NodesPage })) },
    { path: "nodes/:deviceId/flash", component: lazy(async () => ({ default: (await import("./web/flash-page.tsx")).FlashPage })) },
    { path: "settings", component: lazy(async () => ({ default: (await import("./web/garden-settings-page.tsx")).GardenSettingsPage })) },
    { path: "plan", component: lazy(async () => ({ default: (await import("./web/plan-page.tsx")).PlanPage })) },
  ],
};
