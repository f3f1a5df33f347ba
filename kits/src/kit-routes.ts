import type { Route } from "@roost/contract/route";

import { gardenRoutes } from "./garden/routes.ts";

/** The routes of each kit, by its id: for the server, the reference and the tests that walk all routes. */
export const kitRoutes: Readonly<Record<string, readonly Route[]>> = { garden: gardenRoutes };
