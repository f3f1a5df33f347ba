import { defineErrors } from "@roost/contract/errors";

export const gardenSimulatorErrors = defineErrors("garden_simulator", {
  misused: [400, "An option of the simulator was not understood."],
  lost: [0, "Values that were acknowledged are not stored. That must not happen."],
});
