import type { ServiceLevelId } from "@roost/contract/ids";
import { serviceLevelErrors } from "@roost/contract/service-levels";
import type { ServiceLevel } from "@roost/contract/service-levels";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import { checkBusinessHours } from "./business-hours.ts";
import * as store from "./service-level-store.ts";

/** Puts a change on record, in the transaction that makes it. */
export type OnRecord = (
  tx: Transaction,
  whose: Whose,
  action: string,
  what: { readonly id: string; readonly name: string; readonly before?: object; readonly after?: object },
) => Promise<void>;

/** What somebody promises; see the contract. */
type LevelInput = Omit<ServiceLevel, "id" | "createdAt" | "changedAt" | "services">;
/** Absent stays, null takes away. */
type LevelChange = { readonly [Name in keyof LevelInput]?: LevelInput[Name] | null | undefined };

const levelsAtMost = 200;

/** What is promised of services. */
export function createLevels({ db, clock, onRecord }: { db: Db; clock: Clock; onRecord: OnRecord }) {
  async function locked(tx: Transaction, organisationId: string, id: string): Promise<ServiceLevel> {
    const level = await store.lockLevel(tx, organisationId, id);
    if (level === undefined) throw serviceLevelErrors.not_found({ serviceLevelId: id });
    return level;
  }

  return {
    list: (whose: Within): Promise<ServiceLevel[]> => store.selectLevels(db.within(whose), whose.organisationId),

    /** @throws {AppError} what is wrong with it; `service_levels.too_many` */
    async add(whose: Whose, input: LevelInput): Promise<ServiceLevel> {
      checkLevel(input);
      const at = new Date(clock.nowMs());
      const level: ServiceLevel = { ...input, id: newId() as ServiceLevelId, createdAt: at, changedAt: at, services: 0 };
      await db.within(whose).transaction(async (tx) => {
        if ((await store.countLevels(tx, whose.organisationId)) >= levelsAtMost) throw serviceLevelErrors.too_many({ limit: levelsAtMost });
        await store.saveLevel(tx, whose.organisationId, level);
        await onRecord(tx, whose, "service_level.added", { id: level.id, name: level.name, after: level });
      });
      return level;
    },

    /** @throws {AppError} `service_levels.not_found`, what is wrong with it */
    change: async (whose: Whose, id: ServiceLevelId, change: LevelChange): Promise<ServiceLevel> =>
      db.within(whose).transaction(async (tx) => {
        const before = await locked(tx, whose.organisationId, id);
        const after: ServiceLevel = { ...changed(before, change), changedAt: new Date(clock.nowMs()) };
        checkLevel(after);
        await store.saveLevel(tx, whose.organisationId, after);
        await onRecord(tx, whose, "service_level.changed", { id, name: after.name, before, after });
        return after;
      }),

    /** @throws {AppError} `service_levels.not_found`, `service_levels.in_use` */
    remove: async (whose: Whose, id: ServiceLevelId): Promise<void> =>
      db.within(whose).transaction(async (tx) => {
        const level = await locked(tx, whose.organisationId, id);
        if (level.services > 0) throw serviceLevelErrors.in_use({ services: level.services });
        await store.deleteLevel(tx, id);
        await onRecord(tx, whose, "service_level.removed", { id, name: level.name, before: level });
      }),
  };
}

/** What is absent stays as it is, what is null is taken away. */
export function changed<Kept extends object>(before: Kept, change: { readonly [name: string]: unknown }): Kept {
  const after = { ...before } as Record<string, unknown>;
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete after[name];
    else if (value !== undefined) after[name] = value;
  }
  return after as Kept;
}

/** @throws {AppError} `service_levels.unknown_zone`, `service_levels.end_before_start`, `service_levels.response_after_resolution` */
function checkLevel({ businessHours, responseMinutes, resolutionMinutes, bySeverity }: LevelInput): void {
  if (businessHours !== undefined) checkBusinessHours(businessHours);
  const all = [[undefined, { responseMinutes, resolutionMinutes }] as const, ...Object.entries(bySeverity)];
  for (const [severity, targets] of all)
    if (targets.responseMinutes > targets.resolutionMinutes) throw serviceLevelErrors.response_after_resolution({ severity });
}
