import type { KitCliFace } from "@roost/contract/kit-cli";

import { careCommands } from "./care/care-cli.ts";
import { firmwareCommands } from "./firmware/firmware-cli.ts";
import { healthCommands } from "./health/health-cli.ts";
import { plantCommands } from "./plants/plant-cli.ts";
import { simulateGarden } from "./simulator/simulate.ts";

/** What the garden adds to the command line. */
export const gardenCli: KitCliFace = {
  kitId: "garden",
  commands: [...plantCommands, ...firmwareCommands, ...careCommands, ...healthCommands],
  simulate: simulateGarden,
};
