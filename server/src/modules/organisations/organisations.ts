import { httpErrors } from "@roost/contract/errors";
import { organisationErrors } from "@roost/contract/organisations";
import type { Organisation } from "@roost/contract/organisations";
import type { Permission } from "@roost/contract/permissions";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Actor, Scope, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import type { Auth, SignInRequest } from "../auth/auth.ts";
import { createAct } from "./acting.ts";
import { forgetOld, withdrawAllOf } from "./invitation-store.ts";
import { createInvitations } from "./invitations.ts";
import * as members from "./member-store.ts";
import { findOrganisation, renameOrganisation } from "./organisation-store.ts";
import { createOwnRoles } from "./own-roles.ts";
import { createPeople } from "./people.ts";
import { createPlaces } from "./places.ts";
import { createPlatformAdministration } from "./platform-administration.ts";
import { isClosed } from "./removal-store.ts";
import { createRemovals } from "./removals.ts";
import { settleGrant } from "./support-store.ts";
import { createSupport } from "./support.ts";

export interface OrganisationsDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly auth: Pick<Auth, "addPerson" | "freshSession" | "hashNewPassword" | "passwords" | "removeTokensOf" | "signIn">;
  readonly mail: Mail;
  readonly clock: Clock;
  readonly log: Log;
  /** The only origin that links are built from. */
  readonly publicUrl: string | undefined;
  /** For how many days an organisation that is to be removed can be kept. */
  readonly removalDays: number;
}

const sweepMs = 15_000;
/** How long an invitation that ended is kept for questions. */
const rememberDays = 30;
const sweeper: Actor = { kind: "system", id: "organisations", name: "Roost" };

/** Organisations: their sites and groups, their people and roles, and those who look after the installation. */
export function createOrganisations({ db, audit, auth, mail, clock, log, publicUrl, removalDays }: OrganisationsDeps) {
  const act = createAct({ db, audit });
  const removals = createRemovals({ db, audit, auth, mail, clock, log, graceDays: removalDays });
  const administration = createPlatformAdministration({ db, audit, auth, publicUrl });
  let timer: NodeJS.Timeout | undefined;

  /** Clears away what ended by itself, which gives nothing any more, and notes it. */
  async function endOverdue(): Promise<void> {
    await db.transaction(async (tx) => {
      await forgetOld(tx, rememberDays);
      for (const ended of await members.takeEnded(tx)) {
        const { organisationId, personId, email, role, supportGrantId } = ended;
        await auth.removeTokensOf(tx, organisationId, personId);
        await withdrawAllOf(tx, organisationId, personId);
        if (supportGrantId !== undefined) await settleGrant(tx, supportGrantId, { state: "ended", by: undefined });
        const entry = { organisationId, by: sweeper, before: { role } };
        const isSupport = supportGrantId !== undefined;
        const object = isSupport ? { kind: "support", id: supportGrantId, name: email } : { kind: "person", id: personId, name: email };
        await audit.record(tx, { ...entry, action: isSupport ? "support.ended" : "person.ended", object });
      }
    });
  }

  /** @throws {AppError} `organisations.not_found` */
  async function get(whose: Within): Promise<Organisation> {
    const found = await findOrganisation(db.within(whose), whose.organisationId);
    if (found === undefined) throw organisationErrors.not_found();
    return { ...found, removalDays };
  }

  return {
    places: createPlaces({ db, audit }),
    people: createPeople({ db, audit, auth, clock, act }),
    roles: createOwnRoles({ db, audit, act }),
    invitations: createInvitations({ db, audit, auth, mail, clock, log, publicUrl, act }),
    administration,
    support: createSupport({ db, audit, auth, mail, clock, log, act, administration }),

    /** The organisation a caller acts in. @throws {AppError} `organisations.not_found` */
    get,
    /** Closes the caller's organisation, to be removed. @throws {AppError} see `removals.ts` */
    async requestRemoval(caller: PersonCaller, confirm: string, request: SignInRequest): Promise<Organisation> {
      await removals.request(caller, confirm, request);
      return get({ organisationId: caller.organisationId });
    },
    /** Keeps it after all. @throws {AppError} see `removals.ts` */
    async keep(caller: PersonCaller): Promise<Organisation> {
      await removals.keep(caller);
      return get({ organisationId: caller.organisationId });
    },
    /** @throws {AppError} `organisations.not_found`, `organisations.closed`, `http.forbidden` */
    async rename(caller: PersonCaller, name: string): Promise<Organisation> {
      if (caller.kind !== "person") throw httpErrors.forbidden();
      const object = { kind: "organisation", id: caller.organisationId, name };
      return act(caller, "organisation:write", { action: "organisation.renamed", object }, async (tx) => {
        const before = await findOrganisation(tx, caller.organisationId);
        if (before === undefined) throw organisationErrors.not_found();
        await renameOrganisation(tx, caller.organisationId, name);
        const { organisationId, by } = caller;
        await audit.record(tx, {
          organisationId,
          by,
          action: "organisation.renamed",
          object,
          before: { name: before.name },
          after: { name },
        });
        return { ...before, name, removalDays };
      });
    },

    /** Whether a person may something in an organisation now. */
    async mayNow(tx: Queryable, organisationId: string, personId: string, permission: Permission): Promise<boolean> {
      if (await isClosed(tx, organisationId)) return false;
      const member = await members.findMember(tx, organisationId, personId);
      return member !== undefined && !member.hasEnded && member.held.permissions.has(permission);
    },
    /** Members who hold a permission now, by name, with the part of the organisation they act in. At most a thousand. */
    async holders(organisationId: string, permission: Permission): Promise<{ email: string; name: string; scope: Scope | undefined }[]> {
      const all = await members.listMembers(db, organisationId, { q: undefined, after: undefined, limit: 1_000 });
      return all
        .filter(({ held, hasEnded }) => !hasEnded && held.permissions.has(permission))
        .map(({ email, name, held: { scope } }) => ({ email, name, scope }));
    },
    /** An organisation's name, whosever. */
    nameOf: async (tx: Queryable, organisationId: string): Promise<string | undefined> =>
      (await findOrganisation(tx, organisationId))?.name,

    /** Clears away now what ended by itself; else every 15 s. */
    endOverdue,
    start(): void {
      timer = setInterval(() => {
        endOverdue().catch((error: unknown) => log.debug({ err: error }, "memberships that ended could not be cleared away"));
      }, sweepMs);
      timer.unref();
    },
    close(): void {
      clearInterval(timer);
    },
  };
}
export type Organisations = ReturnType<typeof createOrganisations>;
