import { httpErrors } from "@roost/contract/errors";
import { organisationErrors } from "@roost/contract/organisations";
import { peopleErrors } from "@roost/contract/people";
import { platformErrors } from "@roost/contract/platform-administration";
import type { SupportGrant } from "@roost/contract/platform-administration";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Whose } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import type { Auth } from "../auth/auth.ts";
import { allow } from "./acting.ts";
import type { Act } from "./acting.ts";
import { findPersonById } from "./invitation-store.ts";
import { deleteMember, findMember, insertMember, listOwnerEmails } from "./member-store.ts";
import { heldOf, plainTerms, refuseToGive } from "./membership-rules.ts";
import { lockOrganisation } from "./organisation-store.ts";
import type { PlatformAdministration } from "./platform-administration.ts";
import { isClosed } from "./removal-store.ts";
import * as store from "./support-store.ts";

interface SupportDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly auth: Pick<Auth, "removeTokensOf">;
  readonly mail: Mail;
  readonly clock: Clock;
  readonly log: Log;
  readonly act: Act;
  readonly administration: Pick<PlatformAdministration, "administer" | "endGranted">;
}

type Role = SupportGrant["role"];
const rank: readonly Role[] = ["viewer", "operator", "admin"];

/** How a platform administrator gets to see a tenant: they ask with a reason, an owner lets them in for a time. Nobody is impersonated. */
export function createSupport({ db, audit, auth, mail, clock, log, act, administration }: SupportDeps) {
  const { administer, endGranted } = administration;
  /** Into the tenant's own trail, whoever did it. */
  const record = (tx: Transaction, by: Whose["by"], action: string, grant: SupportGrant, after?: object) =>
    by === undefined
      ? Promise.resolve()
      : audit.record(tx, {
          organisationId: grant.organisation.id,
          by,
          action,
          object: { kind: "support", id: grant.id, name: grant.person.email },
          after,
        });

  async function grantIn(tx: Transaction, caller: PersonCaller, id: string): Promise<SupportGrant> {
    const grant = await store.findGrant(tx, id);
    if (grant === undefined || grant.organisation.id !== caller.organisationId) throw platformErrors.grant_not_found();
    return grant;
  }

  /** Owners are not always at the page; where mail is on, they get one. That it went is not waited for. */
  function tellOwners(grant: SupportGrant): void {
    if (!mail.isOn) return;
    const subject = `Somebody asks to be let into "${grant.organisation.name}" in Roost`;
    const text = [
      `${grant.person.email} looks after this Roost and asks to be let into "${grant.organisation.name}" as ${grant.role}, for ${grant.minutes} minutes:`,
      grant.reason,
      "Let them in or refuse under People in Roost. Without your answer nothing happens.",
    ].join("\n\n");
    listOwnerEmails(db, grant.organisation.id)
      .then((owners) => Promise.all(owners.map((to) => mail.send({ to, subject, text }))))
      .catch((error: unknown) =>
        log.warn({ err: error, supportGrantId: grant.id }, "owners could not be told that somebody asks to be let in"),
      );
  }

  const again = async (tx: Transaction, grant: SupportGrant) => (await store.findGrant(tx, grant.id)) ?? grant;
  const attemptOn = (action: string, id: string) => ({ action, object: { kind: "support", id } });

  return {
    /**
     * Asks an organisation's owners to be let in.
     *
     * @throws {AppError} `organisations.not_found`, `organisations.closed`, `people.already_member`, `platform.already_asked`, `people.person_needed`
     */
    async ask(caller: PersonCaller, asked: { organisationId: string; reason: string; minutes: number; role: Role }): Promise<SupportGrant> {
      const made = await administer(caller, async (tx) => {
        const { organisationId } = asked;
        if ((await lockOrganisation(tx, organisationId)) === undefined) throw organisationErrors.not_found({ organisationId });
        if (await isClosed(tx, organisationId)) throw organisationErrors.closed();
        const person = await findPersonById(tx, caller.id);
        if (person === undefined) throw httpErrors.unauthenticated();
        const open = await store.listOpenGrants(tx, caller.id);
        if (open.some((grant) => grant.organisation.id === organisationId)) throw platformErrors.already_asked();
        const member = await findMember(tx, organisationId, caller.id);
        if (member !== undefined && !member.hasEnded) throw peopleErrors.already_member();
        const id = await store.insertGrant(tx, { ...asked, person });
        const grant = await store.findGrant(tx, id);
        if (grant === undefined) throw new TypeError("What was just written is there.");
        await record(tx, caller.by, "support.asked", grant, { reason: asked.reason, minutes: asked.minutes, role: asked.role });
        return grant;
      });
      tellOwners(made);
      return made;
    },

    /** What the caller asked for, newest first. */
    listOwn: (caller: PersonCaller): Promise<SupportGrant[]> =>
      caller.kind === "person" ? store.listGrants(db, { personId: caller.id }) : Promise.resolve([]),

    /** Takes the caller's request back, or ends what it gave. @throws {AppError} `platform.grant_not_found`, `platform.grant_settled` */
    giveUp: (caller: PersonCaller, id: string): Promise<void> =>
      administer(caller, async (tx) => {
        const grant = await store.findGrant(tx, id);
        if (grant === undefined || grant.person.id !== caller.id) throw platformErrors.grant_not_found();
        await lockOrganisation(tx, grant.organisation.id);
        if (grant.state !== "asked" && grant.state !== "granted") throw platformErrors.grant_settled();
        await endGranted(tx, grant);
        await store.settleGrant(tx, id, { state: "ended", by: undefined });
        await record(tx, caller.by, "support.ended", grant);
      }),

    /** What the organisation was asked, newest first. */
    list: (caller: PersonCaller): Promise<SupportGrant[]> => store.listGrants(db.within(caller), { organisationId: caller.organisationId }),

    /**
     * Lets a platform administrator in, for no longer and as no more than they asked.
     *
     * @throws {AppError} `platform.grant_not_found`, `platform.grant_settled`, `people.more_than_yours`, `people.already_member`,
     *   `people.person_needed`
     */
    grant: (caller: PersonCaller, id: string, given: { minutes?: number | undefined; role?: Role | undefined }): Promise<SupportGrant> =>
      act(caller, "organisation:write", attemptOn("support.granted", id), async (tx, by) => {
        const asked = await grantIn(tx, caller, id);
        if (asked.state !== "asked") throw platformErrors.grant_settled();
        const minutes = Math.min(given.minutes ?? asked.minutes, asked.minutes);
        const role = rank[Math.min(rank.indexOf(given.role ?? asked.role), rank.indexOf(asked.role))] ?? "viewer";
        const until = new Date(clock.nowMs() + minutes * 60_000);
        allow(refuseToGive(by.held, heldOf({ ...plainTerms(role), expiresAt: until })));
        const before = await findMember(tx, caller.organisationId, asked.person.id);
        if (before !== undefined && !before.hasEnded) throw peopleErrors.already_member();
        if (before !== undefined) {
          await deleteMember(tx, caller.organisationId, asked.person.id);
          await auth.removeTokensOf(tx, caller.organisationId, asked.person.id);
        }
        const settledBy = { id: caller.id, email: by.email };
        const expiresAt = await store.settleGrant(tx, id, { state: "granted", by: settledBy, minutes, role });
        await insertMember(tx, caller.organisationId, asked.person.id, { ...plainTerms(role), expiresAt: expiresAt ?? until }, id);
        await record(tx, caller.by, "support.granted", asked, { role, minutes, expiresAt: (expiresAt ?? until).toISOString() });
        return again(tx, asked);
      }),

    /** @throws {AppError} `platform.grant_not_found`, `platform.grant_settled`, `people.person_needed` */
    refuse: (caller: PersonCaller, id: string): Promise<SupportGrant> =>
      act(caller, "organisation:write", attemptOn("support.refused", id), async (tx, by) => {
        const asked = await grantIn(tx, caller, id);
        if (asked.state !== "asked") throw platformErrors.grant_settled();
        await store.settleGrant(tx, id, { state: "refused", by: { id: caller.id, email: by.email } });
        await record(tx, caller.by, "support.refused", asked);
        return again(tx, asked);
      }),

    /** Ends it early. @throws {AppError} `platform.grant_not_found`, `platform.grant_settled`, `people.person_needed` */
    end: (caller: PersonCaller, id: string): Promise<SupportGrant> =>
      act(caller, "organisation:write", attemptOn("support.ended", id), async (tx, by) => {
        const grant = await grantIn(tx, caller, id);
        if (grant.state !== "granted") throw platformErrors.grant_settled();
        await endGranted(tx, grant);
        await store.settleGrant(tx, id, { state: "ended", by: { id: caller.id, email: by.email } });
        await record(tx, caller.by, "support.ended", grant);
        return again(tx, grant);
      }),
  };
}
