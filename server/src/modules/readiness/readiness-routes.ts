import { getDatabaseHealth, getHealth, getReady, systemErrors } from "@roost/contract/system";

import type { Clock } from "../../platform/clock.ts";
import type { Mount } from "../../platform/http/mount.ts";
import type { Readiness } from "./readiness.ts";

/** Ties the health calls to the checks. Liveness asks nothing of anybody: it must answer while the database is frozen. */
export function mountReadiness(mount: Mount, { readiness, clock }: { readiness: Readiness; clock: Clock }): void {
  mount(getHealth, async () => ({ status: "healthy" as const, timestamp: new Date(clock.nowMs()) }));
  mount(getDatabaseHealth, async () => {
    const check = await readiness.checkDatabase();
    if (!check.ok) throw systemErrors.database_away({ reason: check.reason });
    return { status: "healthy" as const, timestamp: check.checkedAt ?? new Date(clock.nowMs()) };
  });
  mount(getReady, async () => {
    const verdict = await readiness.judge();
    if (!verdict.ready) throw systemErrors.not_ready({ checks: verdict.checks });
    return { ...verdict, ready: true as const };
  });
}
