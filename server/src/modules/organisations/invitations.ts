import { createHash, randomBytes } from "node:crypto";

import type { Session } from "@roost/contract/auth";
import { httpErrors } from "@roost/contract/errors";
import type { InvitationId, OrganisationId } from "@roost/contract/ids";
import { peopleErrors } from "@roost/contract/people";
import type { Invitation, InvitationLink } from "@roost/contract/people";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import type { Auth, SignInRequest } from "../auth/auth.ts";
import { allow } from "./acting.ts";
import type { Act } from "./acting.ts";
import * as store from "./invitation-store.ts";
import type { StoredInvitation } from "./invitation-store.ts";
import { belongsAnywhere, countOwners, deleteMember, findMember, insertMember } from "./member-store.ts";
import { coversScope, refuseToGive, refuseToRemove } from "./membership-rules.ts";
import type { Terms } from "./membership-rules.ts";
import { lockOrganisation } from "./organisation-store.ts";
import { recorded, shownTerms, weigh } from "./people.ts";

export interface InvitationsDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly auth: Pick<Auth, "addPerson" | "hashNewPassword" | "passwords" | "removeTokensOf" | "signIn">;
  readonly mail: Mail;
  readonly clock: Clock;
  readonly log: Log;
  readonly publicUrl: string | undefined;
  readonly act: Act;
}

/** Who takes an invitation up. */
interface Taker {
  readonly id: string;
  readonly email: string;
}

const prefix = "roost_inv_";
const days = 7;
/** Open at a time in an organisation: this Roost's mail is nobody's loudspeaker. */
const mostOpen = 500;

export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

export function makeToken(): string {
  return prefix + randomBytes(32).toString("base64url");
}

/** Where a token is taken up: in the fragment, which no server and no log sees. Its origin is the configured one or none. */
export function linkTo(token: string, publicUrl: string | undefined): InvitationLink {
  const path = `/join#${token}`;
  return publicUrl === undefined ? { path } : { path, url: new URL(path, publicUrl).href };
}

/** How somebody comes into an organisation: by a link, shown once, or by mail. */
export function createInvitations({ db, audit, auth, mail, clock, log, publicUrl, act }: InvitationsDeps) {
  /** The open invitation behind a token, if whoever made it could still make it. Unknown, ended and used ones are alike. */
  async function look(token: string): Promise<StoredInvitation> {
    const found = await store.findBySecret(db, hashToken(token));
    if (found === undefined || !(await stands(db, found))) throw peopleErrors.invitation_ended();
    return found;
  }

  /** An offer is worth what its maker holds on the day it is taken up. */
  async function stands(tx: Queryable, { organisationId, invitedById, byPlatform, held }: StoredInvitation): Promise<boolean> {
    if (invitedById === undefined) return false;
    if (byPlatform) {
      const maker = await store.findPersonById(tx, invitedById);
      return maker?.isPlatformAdmin === true && (await countOwners(tx, organisationId)) === 0;
    }
    const maker = await findMember(tx, organisationId, invitedById);
    if (maker === undefined || maker.hasEnded || !maker.held.permissions.has("people:write")) return false;
    return refuseToGive(maker.held, held) === undefined;
  }

  /** Lets somebody in, once: of two at once, one wins. */
  async function takeUp(tx: Transaction, token: string, taker: Taker, by: Actor): Promise<StoredInvitation> {
    const first = await store.findBySecret(tx, hashToken(token));
    if (first === undefined) throw peopleErrors.invitation_ended();
    await lockOrganisation(tx, first.organisationId);
    // Looked at again under the lock: it may have been taken up, withdrawn or lost its ground meanwhile.
    const found = await store.findBySecret(tx, hashToken(token));
    if (found === undefined || !(await stands(tx, found))) throw peopleErrors.invitation_ended();
    if (found.email !== undefined && found.email !== taker.email) throw peopleErrors.invitation_for_another();
    const { organisationId, terms } = found;
    if (terms.expiresAt !== undefined && terms.expiresAt.getTime() <= clock.nowMs()) throw peopleErrors.invitation_ended();
    const before = await findMember(tx, organisationId, taker.id);
    if (before !== undefined && !before.hasEnded) throw peopleErrors.already_member();
    if (before !== undefined) {
      // It ended this moment, and nobody has cleared it away yet: what hung on it does not come back with the new one.
      await deleteMember(tx, organisationId, taker.id);
      await auth.removeTokensOf(tx, organisationId, taker.id);
    }
    if (!(await store.markAccepted(tx, found.id, taker.id))) throw peopleErrors.invitation_ended();
    await insertMember(tx, organisationId, taker.id, terms);
    await audit.record(tx, {
      organisationId,
      by,
      action: "invitation.accepted",
      object: { kind: "person", id: taker.id, name: taker.email },
      after: { ...recorded(terms, found.roleName), ...(found.invitedBy === undefined ? {} : { invitedBy: found.invitedBy }) },
    });
    log.info({ personId: taker.id, organisationId }, "an invitation was accepted");
    return found;
  }

  /** A new account, and its first membership: both or none. */
  async function joinAnew(
    found: StoredInvitation,
    given: { token: string; email: string; name: string; password: string },
    by: Omit<Actor, "kind" | "id" | "name">,
  ): Promise<void> {
    const { email, name } = given;
    const passwordHash = await auth.hashNewPassword(given);
    await db.transaction(async (tx) => {
      // Whoever has a link that went by mail alone reads that mailbox.
      const id = await auth.addPerson(tx, { email, name, passwordHash, isEmailVerified: found.byMail });
      if (id === undefined) throw peopleErrors.account_exists();
      await takeUp(tx, given.token, { id, email }, { kind: "person", id, name: email, ...by });
    });
  }

  async function send(invitation: StoredInvitation, token: string): Promise<void> {
    const { url } = linkTo(token, publicUrl);
    if (invitation.email === undefined || url === undefined) throw peopleErrors.mail_unavailable();
    await mail.send({
      to: invitation.email,
      subject: `Invitation to "${invitation.organisationName}" in Roost`,
      text: [
        `${invitation.invitedBy ?? "An administrator"} invites you to the organisation "${invitation.organisationName}" in Roost, as ${invitation.roleName}.`,
        `Open this link to accept. It works once, until ${invitation.expiresAt.toISOString().slice(0, 16).replace("T", " ")} UTC:`,
        url,
        "If you did not expect this, do nothing.",
      ].join("\n\n"),
    });
  }

  return {
    /** Open ones, newest first: of what the caller acts in. */
    async list(caller: PersonCaller): Promise<Invitation[]> {
      const items = await store.listInvitations(db.within(caller), caller.organisationId);
      return items.filter((one) => coversScope(caller.scope, one.held.scope)).map(toInvitation);
    },

    /**
     * Invites somebody for seven days; the link is answered here and never again, or goes out by mail alone.
     *
     * @throws {AppError} `people.role_not_found`, `people.unknown_part`, `people.more_than_yours`, `people.owner_is_whole`,
     *   `people.person_needed`, `people.already_member`, `people.mail_unavailable`, `people.too_many_invitations`, `mail.not_sent`
     */
    async add(
      caller: PersonCaller,
      given: { email?: string | undefined; by: "link" | "mail"; terms: Terms },
    ): Promise<{ invitation: Invitation; link?: InvitationLink }> {
      const byMail = given.by === "mail";
      if (byMail && (!mail.isOn || publicUrl === undefined)) throw peopleErrors.mail_unavailable();
      const email = given.email?.toLowerCase();
      const token = makeToken();
      const { organisationId } = caller;
      const attempt = { action: "person.invited", object: { kind: "invitation", id: "-", name: email } };
      const stored = await act(caller, "people:write", attempt, async (tx, by) => {
        const { held, roleName } = await weigh(tx, organisationId, given.terms, undefined, clock);
        allow(refuseToGive(by.held, held));
        await refuseMembers(tx, organisationId, email);
        if ((await store.countOpen(tx, organisationId)) >= mostOpen) throw peopleErrors.too_many_invitations({ limit: mostOpen });
        const id = await store.insertInvitation(tx, {
          organisationId,
          email,
          byMail,
          byPlatform: false,
          terms: given.terms,
          secretHash: hashToken(token),
          invitedBy: caller.id,
          days,
        });
        await audit.record(tx, {
          organisationId,
          by: caller.by,
          action: "person.invited",
          object: { kind: "invitation", id, name: email },
          after: { ...recorded(given.terms, roleName), by: given.by },
        });
        const invitation = await store.findInvitation(tx, organisationId, id);
        if (invitation === undefined) throw new TypeError("What was just written is there.");
        return invitation;
      });
      if (!byMail) return { invitation: toInvitation(stored), link: linkTo(token, publicUrl) };
      try {
        await send(stored, token);
      } catch (error) {
        // Nobody has the link: an invitation that cannot be taken up is none.
        await db.within({ organisationId }).transaction((tx) => store.markWithdrawn(tx, stored.id));
        throw error;
      }
      return { invitation: toInvitation(stored) };
    },

    /** @throws {AppError} `people.invitation_not_found`, `people.more_than_yours`, `people.person_needed` */
    withdraw: (caller: PersonCaller, id: string): Promise<void> =>
      act(caller, "people:write", { action: "invitation.withdrawn", object: { kind: "invitation", id } }, async (tx, by) => {
        const found = await store.findInvitation(tx, caller.organisationId, id);
        if (found === undefined || !coversScope(by.held.scope, found.held.scope)) throw peopleErrors.invitation_not_found();
        allow(refuseToRemove(by.held, found.invitedById === caller.id, found.held));
        await store.markWithdrawn(tx, id);
        await audit.record(tx, {
          organisationId: caller.organisationId,
          by: caller.by,
          action: "invitation.withdrawn",
          object: { kind: "invitation", id, name: found.email },
          before: recorded(found.terms, found.roleName),
        });
      }),

    /** What an invitation is for. @throws {AppError} `people.invitation_ended` */
    async read(token: string) {
      const { organisationName, roleName, email, invitedBy, expiresAt } = await look(token);
      return {
        organisationName,
        roleName,
        ...(email === undefined ? {} : { email }),
        ...(invitedBy === undefined ? {} : { invitedBy }),
        expiresAt,
      };
    },

    /**
     * Accepts as the person who is signed in.
     *
     * @throws {AppError} `people.invitation_ended`, `people.invitation_for_another`, `people.already_member`, `people.person_needed`
     */
    async accept(caller: PersonCaller, token: string): Promise<{ organisation: { id: OrganisationId; name: string } }> {
      if (caller.kind !== "person") throw peopleErrors.person_needed();
      await look(token);
      const taken = await db.transaction(async (tx) => {
        const person = await store.findPersonById(tx, caller.id);
        if (person === undefined) throw httpErrors.unauthenticated();
        return takeUp(tx, token, person, caller.by);
      });
      return { organisation: { id: taken.organisationId as OrganisationId, name: taken.organisationName } };
    },

    /**
     * Makes an account with an invitation, and signs in.
     *
     * @throws {AppError} `people.invitation_ended`, `people.invitation_for_another`, `people.account_exists`, `auth.weak_password`,
     *   `auth.wrong_password` for the account of somebody who belongs nowhere
     */
    async join(
      given: { token: string; email?: string | undefined; name: string; password: string },
      request: SignInRequest,
      by: Omit<Actor, "kind" | "id" | "name">,
    ): Promise<Session> {
      const found = await look(given.token);
      const asked = given.email?.toLowerCase();
      if (found.email !== undefined && asked !== undefined && asked !== found.email) throw peopleErrors.invitation_for_another();
      const email = found.email ?? asked;
      if (email === undefined) throw httpErrors.invalid({ faults: [{ path: "body.email", message: "The invitation names no address." }] });
      const known = await store.findPersonByEmail(db, email);
      // With an account they sign in and accept; who belongs nowhere (any more) cannot sign in, and shows here whose account it is.
      if (known !== undefined && (await belongsAnywhere(db, known.id))) throw peopleErrors.account_exists();
      if (known === undefined) await joinAnew(found, { ...given, email }, by);
      else {
        await auth.passwords.confirm(known.id, given.password);
        await db.transaction((tx) => takeUp(tx, given.token, known, { kind: "person", id: known.id, name: email, ...by }));
      }
      return auth.signIn({ email, password: given.password }, request);
    },
  };
}

/** Who belongs to the organisation already needs no invitation. */
async function refuseMembers(tx: Queryable, organisationId: string, email: string | undefined): Promise<void> {
  if (email === undefined) return;
  // Under row-level security only people of this organisation are found: an account elsewhere stays unknown here.
  const person = await store.findPersonByEmail(tx, email);
  const member = person === undefined ? undefined : await findMember(tx, organisationId, person.id);
  if (member !== undefined && !member.hasEnded) throw peopleErrors.already_member();
}

function toInvitation(stored: StoredInvitation): Invitation {
  return {
    id: stored.id as InvitationId,
    ...(stored.email === undefined ? {} : { email: stored.email }),
    by: stored.byMail ? "mail" : "link",
    ...shownTerms(stored.terms),
    roleName: stored.roleName,
    ...(stored.terms.expiresAt === undefined ? {} : { membershipExpiresAt: stored.terms.expiresAt }),
    ...(stored.invitedBy === undefined ? {} : { invitedBy: stored.invitedBy }),
    createdAt: stored.createdAt,
    expiresAt: stored.expiresAt,
  };
}
