import type { KitMount } from "@roost/contract/kit-host";

import { checkHealth } from "../contract/health.ts";
import type { HealthChecks } from "./health-check.ts";

/** Ties the route of the health check to its face. */
export function mountHealth(mount: KitMount, checks: HealthChecks): void {
  mount(checkHealth, async ({ params, caller }) => checks.check(caller, params.plantId));
}
