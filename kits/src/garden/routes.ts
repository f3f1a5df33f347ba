import type { Route } from "@roost/contract/route";

import { careRoutes } from "./contract/care.ts";
import { firmwareRoutes } from "./contract/firmware.ts";
import { healthRoutes } from "./contract/health.ts";
import { nodeRoutes } from "./contract/nodes.ts";
import { oldRoutes } from "./contract/old-addresses.ts";
import { oldCareRoutes } from "./contract/old-care-addresses.ts";
import { plantRoutes } from "./contract/plants.ts";
import { listPresets } from "./contract/presets.ts";

/** All routes of the garden: for its server face, the reference and the tests that walk them. */
export const gardenRoutes: readonly Route[] = [
  ...plantRoutes,
  ...nodeRoutes,
  ...healthRoutes,
  ...firmwareRoutes,
  listPresets,
  ...oldRoutes,
  ...careRoutes,
  ...oldCareRoutes,
];
