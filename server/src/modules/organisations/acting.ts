import { AppError, httpErrors } from "@roost/contract/errors";
import { organisationErrors } from "@roost/contract/organisations";
import { peopleErrors } from "@roost/contract/people";
import type { Permission } from "@roost/contract/permissions";

import type { Db, Transaction } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Audit } from "../audit/audit.ts";
import { findMember } from "./member-store.ts";
import type { StoredMember } from "./member-store.ts";
import type { Refusal } from "./membership-rules.ts";
import { lockOrganisation } from "./organisation-store.ts";
import { isClosed } from "./removal-store.ts";

/** What an attempt was about, for the record of those that were refused. */
export interface Attempt {
  /** What would have been recorded, such as `person.changed`. */
  readonly action: string;
  readonly object: { readonly kind: string; readonly id: string; readonly name?: string | undefined };
}

export type Act = <Result>(
  caller: PersonCaller,
  permission: Permission | "signedIn",
  attempt: Attempt,
  work: (tx: Transaction, by: StoredMember) => Promise<Result>,
) => Promise<Result>;

/** Attempts that reach for more than one has; the rest are slips. */
const telling: ReadonlySet<string> = new Set([
  peopleErrors.more_than_yours.code,
  peopleErrors.your_own.code,
  peopleErrors.last_owner.code,
  organisationErrors.whole_organisation_needed.code,
]);

/**
 * Makes what every change of who may what goes through: one at a time in an organisation, by a person, on the rights they hold at that very
 * moment and not on those of two seconds ago. Attempts to reach for more are recorded too.
 */
export function createAct({ db, audit }: { db: Db; audit: Pick<Audit, "record"> }): Act {
  return async (caller, permission, attempt, work) => {
    if (caller.kind !== "person") throw peopleErrors.person_needed();
    const { organisationId } = caller;
    try {
      return await db.within(caller).transaction(async (tx) => {
        await lockOrganisation(tx, organisationId);
        const by = await findMember(tx, organisationId, caller.id);
        const may = by !== undefined && !by.hasEnded && (permission === "signedIn" || by.held.permissions.has(permission));
        if (!may) throw httpErrors.forbidden();
        if (await isClosed(tx, organisationId)) throw organisationErrors.closed();
        return await work(tx, by);
      });
    } catch (caught) {
      if (caught instanceof AppError && telling.has(caught.code)) {
        const after = { code: caught.code };
        await db
          .within({ organisationId })
          .transaction((tx) => audit.record(tx, { organisationId, by: caller.by, ...attempt, after, outcome: "refused" }));
      }
      throw caught;
    }
  };
}

/** Throws what a rule refuses. */
export function allow(refusal: Refusal | undefined): void {
  if (refusal === "more_than_yours") throw peopleErrors.more_than_yours();
  if (refusal === "your_own") throw peopleErrors.your_own();
}
