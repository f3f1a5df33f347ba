import { httpErrors } from "@roost/contract/errors";
import { organisationErrors } from "@roost/contract/organisations";
import { peopleErrors } from "@roost/contract/people";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Audit } from "../audit/audit.ts";
import type { Auth, SignInRequest } from "../auth/auth.ts";
import { findMember, listOwnerEmails } from "./member-store.ts";
import type { StoredMember } from "./member-store.ts";
import { lockOrganisation } from "./organisation-store.ts";
import * as store from "./removal-store.ts";

interface RemovalDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly auth: Pick<Auth, "freshSession">;
  readonly mail: Mail;
  readonly clock: Clock;
  readonly log: Log;
  /** For how long a closed organisation can be kept. */
  readonly graceDays: number;
}

const dayMs = 86_400_000;

/**
 * Closing an organisation, to be removed, and keeping it after all. Closed it is from the commit on: whoever looks at rights, devices and
 * notices asks `roost_is_open`, and what is held in memory hears the fact. The removing itself is the work of a job; see `personal`.
 */
export function createRemovals({ db, audit, auth, mail, clock, log, graceDays }: RemovalDeps) {
  /** The owner who asks, by what they hold at this very moment. */
  async function ownerIn(tx: Transaction, caller: PersonCaller): Promise<StoredMember> {
    const by = await findMember(tx, caller.organisationId, caller.id);
    if (by === undefined || by.hasEnded) throw httpErrors.forbidden();
    if (by.held.role !== "owner") throw organisationErrors.owner_needed();
    return by;
  }

  /** In the organisation's own trail, and in the installation's, which stays. */
  async function record(tx: Transaction, caller: PersonCaller, action: string, name: string, after?: object): Promise<void> {
    const entry = { by: caller.by, action, object: { kind: "organisation", id: caller.organisationId, name }, after };
    await audit.record(tx, { ...entry, organisationId: caller.organisationId });
    await audit.record(tx, entry);
  }

  /** Whoever can keep it must hear of it, whoever of them asked. That it went is not waited for. */
  function tellOwners(organisationId: string, { name, email, endsAt }: { name: string; email: string; endsAt: Date }): void {
    if (!mail.isOn) return;
    const subject = `"${name}" in Roost is closed, and will be removed`;
    const text = [
      `${email} asked that "${name}" be removed. It is closed: its devices are not let in, and nobody is told of alarms.`,
      `On ${endsAt.toISOString().slice(0, 16).replace("T", " at ")} UTC it goes for good, with its devices, their values and all else.`,
      "Until then an owner can keep it: sign in to Roost and press Keep it after all, or run: roost organisation keep",
    ].join("\n\n");
    listOwnerEmails(db, organisationId)
      .then((owners) => Promise.all(owners.map((to) => mail.send({ to, subject, text }))))
      .catch((error: unknown) => log.warn({ err: error, organisationId }, "owners could not be told that their organisation is closed"));
  }

  return {
    /**
     * Closes the caller's organisation, to be removed when the days of grace are over.
     *
     * @param request - What the caller came with: they must have signed in within the last hour.
     * @throws {AppError} `organisations.owner_needed`, `.removal_mismatch`, `.last_organisation`, `.closed`, `auth.sign_in_again`,
     *   `people.person_needed`
     */
    async request(caller: PersonCaller, confirm: string, request: SignInRequest): Promise<void> {
      if (caller.kind !== "person") throw peopleErrors.person_needed();
      await auth.freshSession(caller, request);
      const { organisationId } = caller;
      const closed = await db.transaction(async (tx) => {
        await store.lockClosings(tx);
        const name = await lockOrganisation(tx, organisationId);
        if (name === undefined) throw organisationErrors.not_found();
        const { email } = await ownerIn(tx, caller);
        if (await store.isClosed(tx, organisationId)) throw organisationErrors.closed();
        if (confirm.trim().toLowerCase() !== name.toLowerCase()) throw organisationErrors.removal_mismatch();
        if (!(await store.hasOtherOpen(tx, organisationId))) throw organisationErrors.last_organisation();
        const requestedAt = new Date(clock.nowMs());
        const endsAt = new Date(clock.nowMs() + graceDays * dayMs);
        await store.insertRemoval(tx, { organisationId, personId: caller.id, email, requestedAt, endsAt });
        const home = await store.moveHome(tx, organisationId);
        const data = { endsAt: endsAt.toISOString(), ...(home === undefined ? {} : { home }) };
        await emit(tx, { organisationId, type: "organisation.closed", nounId: organisationId, data });
        await record(tx, caller, "organisation.closed", name, { endsAt: endsAt.toISOString() });
        return { name, email, endsAt };
      });
      tellOwners(organisationId, closed);
    },

    /** Opens it again. @throws {AppError} `organisations.owner_needed`, `.not_closed`, `.removal_begun`, `people.person_needed` */
    async keep(caller: PersonCaller): Promise<void> {
      if (caller.kind !== "person") throw peopleErrors.person_needed();
      const { organisationId } = caller;
      await db.transaction(async (tx) => {
        const name = await lockOrganisation(tx, organisationId);
        if (name === undefined) throw organisationErrors.not_found();
        await ownerIn(tx, caller);
        const removal = await store.lockRemoval(tx, organisationId);
        if (removal === undefined) throw organisationErrors.not_closed();
        if (removal.hasBegun) throw organisationErrors.removal_begun();
        await store.deleteRemoval(tx, organisationId);
        await emit(tx, { organisationId, type: "organisation.kept", nounId: organisationId });
        await record(tx, caller, "organisation.kept", name);
      });
    },
  };
}
