import { httpErrors } from "@roost/contract/errors";
import type { PersonId } from "@roost/contract/ids";
import { organisationErrors } from "@roost/contract/organisations";
import { peopleErrors } from "@roost/contract/people";
import type { InvitationLink } from "@roost/contract/people";
import { platformErrors } from "@roost/contract/platform-administration";
import type { PlatformAdministrator, PlatformOrganisation, SupportGrant } from "@roost/contract/platform-administration";

import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Audit } from "../audit/audit.ts";
import type { Auth } from "../auth/auth.ts";
import { findPersonByEmail, findPersonById, insertInvitation, withdrawAllOf, withdrawPlatformOnes } from "./invitation-store.ts";
import { hashToken, linkTo, makeToken } from "./invitations.ts";
import { countOwners, deleteMember, findMember } from "./member-store.ts";
import { plainTerms } from "./membership-rules.ts";
import { insertOrganisation, listPlatformOrganisations, lockOrganisation } from "./organisation-store.ts";
import * as store from "./support-store.ts";

const ownerInvitationDays = 7;

interface PlatformAdministrationDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly auth: Pick<Auth, "removeTokensOf">;
  readonly publicUrl: string | undefined;
}

/** Looking after the installation: making organisations and platform administrators. No tenant's data are touched here. */
export function createPlatformAdministration({ db, audit, auth, publicUrl }: PlatformAdministrationDeps) {
  /** The platform's own work, by somebody who looks after it at this very moment. */
  async function administer<Result>(caller: PersonCaller, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    if (caller.kind !== "person") throw peopleErrors.person_needed();
    return db.transaction(async (tx) => {
      await store.lockAdministrators(tx);
      if ((await findPersonById(tx, caller.id))?.isPlatformAdmin !== true) throw httpErrors.forbidden();
      return work(tx);
    });
  }

  async function inviteOwner(
    tx: Transaction,
    caller: PersonCaller,
    organisationId: string,
    email: string | undefined,
  ): Promise<InvitationLink> {
    await withdrawPlatformOnes(tx, organisationId);
    const token = makeToken();
    const id = await insertInvitation(tx, {
      organisationId,
      email: email?.toLowerCase(),
      byMail: false,
      byPlatform: true,
      terms: plainTerms("owner"),
      secretHash: hashToken(token),
      invitedBy: caller.id,
      days: ownerInvitationDays,
    });
    const entry = {
      by: caller.by,
      action: "owner.invited",
      object: { kind: "invitation", id, name: email?.toLowerCase() },
      after: { role: "owner" },
    };
    // In the tenant's own trail, where its owners will find it, and in the installation's.
    await audit.record(tx, { ...entry, organisationId });
    await audit.record(tx, { ...entry, after: { role: "owner", organisationId } });
    return linkTo(token, publicUrl);
  }

  /** What a grant gave, with all that was made by it, and nothing that somebody else gave since. */
  async function endGranted(tx: Transaction, grant: SupportGrant): Promise<void> {
    const [organisationId, personId] = [grant.organisation.id, grant.person.id];
    if ((await findMember(tx, organisationId, personId))?.supportGrantId !== grant.id) return;
    await deleteMember(tx, organisationId, personId);
    await auth.removeTokensOf(tx, organisationId, personId);
    await withdrawAllOf(tx, organisationId, personId);
  }

  return {
    administer,
    endGranted,

    /** Names of organisations and no more, by name. @throws {AppError} `http.invalid` for a cursor of another list. */
    async listOrganisations(query: {
      limit: number;
      cursor?: string | undefined;
    }): Promise<{ items: PlatformOrganisation[]; next?: string }> {
      const [name, id] = query.cursor === undefined ? [] : readCursor(query.cursor, ["text", "uuid"]);
      const after = name === undefined || id === undefined ? undefined : { name, id };
      const rows = await listPlatformOrganisations(db, { after, limit: query.limit });
      return pageOf(rows, query.limit, (last) => [last.name, last.id]);
    },

    /** Makes an organisation and a link for its first owner, shown once. @throws {AppError} `people.person_needed` */
    addOrganisation: (
      caller: PersonCaller,
      given: { name: string; email?: string | undefined },
    ): Promise<{ organisation: PlatformOrganisation; link: InvitationLink }> =>
      administer(caller, async (tx) => {
        const organisation = await insertOrganisation(tx, given.name);
        const object = { kind: "organisation", id: organisation.id, name: given.name };
        await audit.record(tx, { by: caller.by, action: "organisation.added", object, after: { name: given.name } });
        return { organisation, link: await inviteOwner(tx, caller, organisation.id, given.email) };
      }),

    /**
     * A new link for the first owner; the earlier one ends. Where there is an owner, a platform administrator lets nobody in.
     *
     * @throws {AppError} `organisations.not_found`, `platform.has_owner`, `people.person_needed`
     */
    renewOwnerInvitation: (caller: PersonCaller, organisationId: string, email: string | undefined): Promise<InvitationLink> =>
      administer(caller, async (tx) => {
        if ((await lockOrganisation(tx, organisationId)) === undefined) throw organisationErrors.not_found({ organisationId });
        if ((await countOwners(tx, organisationId)) > 0) throw platformErrors.has_owner();
        return inviteOwner(tx, caller, organisationId, email);
      }),

    /** By name. */
    async listAdministrators(caller: PersonCaller): Promise<PlatformAdministrator[]> {
      const rows = await store.listAdministrators(db);
      return rows.map((row) => ({ personId: row.id as PersonId, name: row.name, email: row.email, isSelf: row.id === caller.id }));
    },

    /** @throws {AppError} `platform.person_not_found`, `people.person_needed` */
    addAdministrator: (caller: PersonCaller, email: string): Promise<PlatformAdministrator> =>
      administer(caller, async (tx) => {
        const person = await findPersonByEmail(tx, email);
        if (person === undefined) throw platformErrors.person_not_found();
        await store.setAdministrator(tx, person.id, true);
        const object = { kind: "person", id: person.id, name: person.email };
        await audit.record(tx, { by: caller.by, action: "platform_administrator.added", object });
        return { personId: person.id as PersonId, name: person.name, email: person.email, isSelf: person.id === caller.id };
      }),

    /** @throws {AppError} `platform.administrator_not_found`, `platform.last_administrator`, `people.person_needed` */
    removeAdministrator: (caller: PersonCaller, personId: string): Promise<void> =>
      administer(caller, async (tx) => {
        const person = await findPersonById(tx, personId);
        if (person?.isPlatformAdmin !== true) throw platformErrors.administrator_not_found({ personId });
        if ((await store.listAdministrators(tx)).length <= 1) throw platformErrors.last_administrator();
        await store.setAdministrator(tx, person.id, false);
        const object = { kind: "person", id: person.id, name: person.email };
        await audit.record(tx, { by: caller.by, action: "platform_administrator.removed", object });
        for (const grant of await store.listOpenGrants(tx, person.id)) {
          await endGranted(tx, grant);
          await store.settleGrant(tx, grant.id, { state: "ended", by: undefined });
          const supportObject = { kind: "support", id: grant.id, name: person.email };
          await audit.record(tx, { organisationId: grant.organisation.id, by: caller.by, action: "support.ended", object: supportObject });
        }
      }),
  };
}
export type PlatformAdministration = ReturnType<typeof createPlatformAdministration>;
