import { defineKitServer } from "@roost/contract/kit-host";

import { gardenKit } from "./kit.ts";
import { mountPlants } from "./plants/plant-routes.ts";
import { createPlants } from "./plants/plants.ts";
import { findPreset } from "./plants/presets.ts";
import { gardenRoutes } from "./routes.ts";

/** The garden inside the server. */
export const gardenServer = defineKitServer(gardenKit, {
  routes: gardenRoutes,
  migrations: new URL("./migrations/", import.meta.url),
  create(host) {
    const plants = createPlants(host, { findPreset });
    return {
      mount(mount) {
        mountPlants(mount, plants);
      },
      handlers: plants.handlers,
      checks: { limits: plants.check },
      start: plants.start,
    };
  },
});
