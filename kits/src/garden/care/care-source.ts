import { isAppError } from "@roost/contract/errors";
import type { Within } from "@roost/contract/tenancy";

import type { HealthCheck } from "../contract/health.ts";
import { gardenErrors } from "../contract/plants.ts";
import type { CareHealth, CarePlant, CareSource } from "./care-facts.ts";

/** The plants and the health check, as the care advisor reads them. */
export interface CareNeighbours {
  /** @throws {AppError} `garden.plant_not_found` */
  readonly getPlant: (within: Within, plantId: string) => Promise<CarePlant>;
  /** @throws {AppError} `garden.plant_not_found` */
  readonly checkHealth?: (within: Within, plantId: string) => Promise<Pick<HealthCheck, "status" | "issues" | "trends">>;
}

export function createCareSource({ getPlant, checkHealth }: CareNeighbours): CareSource {
  return {
    plant: (within, plantId) => unlessGone(getPlant(within, plantId)),
    async health(within, plantId) {
      const health = checkHealth === undefined ? undefined : await unlessGone(checkHealth(within, plantId));
      if (health === undefined) return undefined;
      const trends: Record<string, CareHealth["trends"][keyof CareHealth["trends"]]> = {};
      for (const { metric, direction, text } of health.trends) trends[metric] = { direction, text };
      return { status: health.status, issues: health.issues.map(({ text }) => text), trends };
    },
  };
}

async function unlessGone<Found>(found: Promise<Found>): Promise<Found | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isAppError(error, gardenErrors.plant_not_found.code)) return undefined;
    throw error;
  }
}
