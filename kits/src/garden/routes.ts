import type { Route } from "@roost/contract/route";

import { nodeRoutes } from "./contract/nodes.ts";
import { plantRoutes } from "./contract/plants.ts";
import { listPresets } from "./contract/presets.ts";

/** All routes of the garden: for its server face, the reference and the tests that walk them. */
export const gardenRoutes: readonly Route[] = [...plantRoutes, ...nodeRoutes, listPresets];
