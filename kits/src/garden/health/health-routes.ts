import type { KitMount } from "@roost/contract/kit-host";

import { changePlantAdvice, changeSpeciesAdvice, checkHealth, getPlantAdvice, getSpeciesAdvice } from "../contract/health.ts";
import type { createAdviceNumbers } from "./advice-numbers.ts";
import type { HealthChecks } from "./health-check.ts";

/** Ties the routes of the health check and of the numbers it advises by to their faces. */
export function mountHealth(mount: KitMount, checks: HealthChecks, numbers: ReturnType<typeof createAdviceNumbers>): void {
  mount(checkHealth, async ({ params, caller }) => checks.check(caller, params.plantId));
  mount(getPlantAdvice, async ({ params, caller }) => numbers.ofPlant(caller, params.plantId));
  mount(changePlantAdvice, async ({ params, body, caller }) => numbers.changeForPlant(caller, params.plantId, body));
  mount(getSpeciesAdvice, async ({ params, caller }) => numbers.ofSpecies(caller, params.presetId));
  mount(changeSpeciesAdvice, async ({ params, body, caller }) => numbers.changeForSpecies(caller, params.presetId, body));
}
