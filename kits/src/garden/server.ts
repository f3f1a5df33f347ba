import { defineKitServer } from "@roost/contract/kit-host";

import { mountCare } from "./care/care-routes.ts";
import { careSealedColumn } from "./care/care-settings.ts";
import { createCareSource } from "./care/care-source.ts";
import { createCare } from "./care/care.ts";
import { createFactsSource } from "./care/facts-source.ts";
import { mountOldCare } from "./care/old-care-routes.ts";
import { mountFirmware } from "./firmware/firmware-routes.ts";
import { createFirmware, firmwareSealedColumns } from "./firmware/firmware.ts";
import { createAdviceNumbers } from "./health/advice-numbers.ts";
import { createHealthChecks } from "./health/health-check.ts";
import { mountHealth } from "./health/health-routes.ts";
import { gardenKit } from "./kit.ts";
import { gardenPersonal } from "./personal.ts";
import { mountOldAddresses } from "./plants/old-routes.ts";
import { mountPlants } from "./plants/plant-routes.ts";
import { createPlants } from "./plants/plants.ts";
import { findPreset } from "./plants/presets.ts";
import { gardenRoutes } from "./routes.ts";

/** The garden inside the server. */
export const gardenServer = defineKitServer(gardenKit, {
  routes: gardenRoutes,
  migrations: new URL("./migrations/", import.meta.url),
  sealedColumns: [...firmwareSealedColumns, careSealedColumn],
  personal: gardenPersonal,
  create(host) {
    const plants = createPlants(host, { findPreset });
    const numbers = createAdviceNumbers(host, { plantOf: plants.told, findPreset });
    const health = createHealthChecks(host, {
      plantOf: plants.told,
      staysOf: plants.nodes.ofPlant,
      speciesLimits: (presetId) => findPreset(presetId)?.limits,
      numbersFor: numbers.ownFor,
      // The advisor looks at the health, and the health at the advisor's plans: either asks the other only when it is asked itself.
      carePlanOf: (within, plantId) => care.newestPlan(within, plantId),
      hasModel: (within) => care.hasModel(within),
    });
    const firmware = createFirmware(host);
    const care = createCare(host, {
      facts: createFactsSource(host, createCareSource({ getPlant: plants.toldWithNodes, checkHealth: health.check })),
    });
    return {
      mount(mount) {
        mountPlants(mount, plants);
        mountHealth(mount, health, numbers);
        mountOldAddresses(mount, { plants, health, host });
        mountFirmware(mount, firmware);
        mountCare(mount, care);
        mountOldCare(mount, care);
      },
      handlers: [...plants.handlers, ...care.handlers],
      jobs: care.jobs,
      checks: { limits: plants.check, care: care.check },
      start: plants.start,
      stop: async () => {
        await plants.stop();
        await care.stop();
      },
    };
  },
});
