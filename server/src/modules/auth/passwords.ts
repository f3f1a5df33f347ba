import { randomBytes } from "node:crypto";

import { authErrors } from "@roost/contract/auth";
import { httpErrors } from "@roost/contract/errors";
import { uuid } from "@roost/contract/ids";
import { signInErrors } from "@roost/contract/sign-in";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { RateLimits } from "../../platform/rate-limits.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { createThrottle } from "../../platform/throttle.ts";
import { findPerson } from "./auth-store.ts";
import { hashSecret } from "./credentials.ts";
import { findMembership, listMemberships } from "./membership-store.ts";
import * as store from "./password-store.ts";
import type { IsWeakPassword, PasswordHasher } from "./password.ts";
import { distrustBrowsers } from "./second-factor-store.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import type { SignInJournal } from "./sign-in-journal.ts";

export interface PasswordsDeps {
  readonly db: Db;
  readonly hasher: PasswordHasher;
  readonly isWeak: IsWeakPassword;
  readonly keeper: SessionKeeper;
  readonly journal: SignInJournal;
  readonly mail: Mail;
  readonly publicUrl: string | undefined;
  readonly limits: Pick<RateLimits, "guess">;
  readonly clock: Clock;
  readonly log: Log;
}

/** A session that asks for a change of its own person's ways in. */
export interface OwnSession {
  readonly id: string;
  readonly person: { readonly id: string; readonly email: string };
}

const linkMinutes = 60;
const secretForm = /^[A-Za-z0-9_-]{43}$/;

/** Changing passwords, and getting back in without one. */
export function createPasswords({ db, hasher, isWeak, keeper, journal, mail, publicUrl, limits, clock, log }: PasswordsDeps) {
  // Nobody's mailbox is filled by strangers; the answer does not tell.
  const mailsPerAccount = createThrottle({ clock, burst: 3, refill: 3, windowMs: 3_600_000, maxKeys: 50_000 });

  /** Whoever sits at an open browser may not guess either. */
  async function confirm(personId: string, password: string): Promise<void> {
    const { waitSeconds, giveBack } = await limits.guess("guesses", `confirm:${personId}`);
    if (waitSeconds > 0) throw httpErrors.too_many_requests({ retryAfterSeconds: waitSeconds });
    const hash = await store.findPasswordHash(db, personId);
    if (hash === undefined) throw signInErrors.no_password();
    if (!(await hasher.verify({ hash, password }))) throw signInErrors.wrong_password();
    await giveBack();
  }

  async function makeLink(personId: string, maker: store.ResetMaker | undefined, by: Actor) {
    const secret = randomBytes(32).toString("base64url");
    const expiresAt = await db.transaction(async (tx) => {
      await journal.record(tx, { by, personId, action: "password_reset.made", after: { byMail: maker === undefined } });
      return store.addReset(tx, { secretHash: hashSecret(secret), personId, maker, minutes: linkMinutes });
    });
    // In the fragment, which no server and no log sees.
    const path = `/reset-password#token=${secret}`;
    return { path, expiresAt, ...(publicUrl === undefined ? {} : { url: new URL(path, publicUrl).href }) };
  }

  async function sendLink(email: string, by: Actor): Promise<void> {
    const person = await store.findPersonByEmail(db, email);
    // Also to whom nobody lets in at the moment: who had a provider or a passkey alone comes back to an organisation by a password.
    if (person === undefined) return;
    const { url = "" } = await makeLink(person.id, undefined, by);
    const text = [
      `Somebody, most likely you, asked for a new password for ${person.email} at Roost.`,
      `Set it here; the link works once, for one hour:`,
      url,
      "If it was not you, do nothing: your password stays as it is.",
    ].join("\n\n");
    await mail.send({ to: person.email, subject: "Set a new password for Roost", text: `${text}\n` });
  }

  return {
    /** Asks for the password once more before something weighty. @throws {AppError} `auth.wrong_password`, `auth.no_password`, `http.too_many_requests` */
    confirm,

    /**
     * Changes a person's own password and ends their other sessions.
     *
     * @throws {AppError} `auth.wrong_password`, `auth.no_password`, `auth.same_password`, `auth.weak_password`
     */
    async change(session: OwnSession, by: Actor, input: { currentPassword: string; newPassword: string }): Promise<void> {
      const { id: personId } = session.person;
      await confirm(personId, input.currentPassword);
      if (input.currentPassword.normalize("NFKC") === input.newPassword.normalize("NFKC")) throw signInErrors.same_password();
      const person = await findPerson(db, personId);
      if (person === undefined) throw httpErrors.unauthenticated();
      if (isWeak(input.newPassword, [person.email, person.name])) throw authErrors.weak_password();
      const passwordHash = await hasher.hash(input.newPassword);
      await db.transaction(async (tx) => {
        await store.savePasswordHash(tx, personId, passwordHash);
        await distrustBrowsers(tx, personId);
        await journal.record(tx, { by, personId, action: "password.changed" });
      });
      await keeper.endAllOf(personId, session.id);
    },

    /** False: nothing is sent, for want of a mail server or of the address that links are made from. */
    canMail: mail.isOn && publicUrl !== undefined,

    /**
     * Sends a link by mail to a person that there is; the answer is the same, and as quick, where there is none.
     *
     * @throws {AppError} `auth.reset_unavailable`
     */
    requestReset(input: { email: string }, by: Actor): void {
      if (!mail.isOn || publicUrl === undefined) throw signInErrors.reset_unavailable();
      const email = input.email.toLowerCase();
      if (mailsPerAccount.take(email) > 0) return;
      // Behind the answer, which must not tell by its time whether there is such a person.
      sendLink(email, by).catch((error: unknown) => log.warn({ err: error }, "a reset link could not be sent"));
    },

    /**
     * A link for somebody whom the caller may help: shown once, for installations without mail.
     *
     * @throws {AppError} `auth.person_not_found`, `auth.not_theirs_to_reset`
     */
    async makeLinkFor(caller: PersonCaller, personId: string) {
      await checkMayHelp(db, caller, personId);
      return makeLink(personId, { personId: caller.id, organisationId: caller.organisationId }, caller.by);
    },

    /**
     * Sets a new password by a link; all sessions end. Where nobody had proved the address before, whoever made the account may have been
     * somebody else who named it: passkeys and links to providers of that time go. A second factor stays, it lets nobody in alone.
     *
     * @throws {AppError} `auth.wrong_reset_link`, `auth.weak_password`
     */
    async reset({ token, newPassword }: { token: string; newPassword: string }, from: Omit<Actor, "id" | "name" | "kind">): Promise<void> {
      const secretHash = hashSecret(token);
      const found = secretForm.test(token) ? await store.findReset(db, secretHash) : undefined;
      // A link in somebody's hand is worth what they may on the day it is used.
      if (found === undefined || (found.maker !== undefined && !(await mayHelp(db, found.maker, found.personId))))
        throw signInErrors.wrong_reset_link();
      if (isWeak(newPassword, [found.email, found.name])) throw authErrors.weak_password();
      const passwordHash = await hasher.hash(newPassword);
      const by: Actor = { ...from, kind: "person", id: found.personId, name: found.email };
      await db.transaction(async (tx) => {
        const used = await store.useReset(tx, secretHash);
        if (used === undefined) throw signInErrors.wrong_reset_link();
        await store.savePasswordHash(tx, found.personId, passwordHash);
        const removed = used.isFirstProof ? await store.removeOtherWays(tx, found.personId) : 0;
        await distrustBrowsers(tx, found.personId);
        const after = removed === 0 ? {} : { after: { otherWaysInRemoved: removed } };
        await journal.record(tx, { by, personId: found.personId, action: "password.reset", ...after });
      });
      await keeper.endAllOf(found.personId);
    },
  };
}

/**
 * Whoever resets how somebody signs in may become that person: not oneself, whose password is asked for elsewhere; nobody who may more, or
 * belongs elsewhere too; and by nobody who is here in part or for a time, whom it would outlast.
 *
 * @throws {AppError} `auth.person_not_found`, `auth.not_theirs_to_reset`
 */
export async function checkMayHelp(db: Queryable, caller: PersonCaller, personId: string): Promise<void> {
  // What is no id names nobody; the database would not compare it.
  const memberships = uuid.safeParse(personId).success ? await listMemberships(db, personId) : [];
  if (!memberships.some((one) => one.organisationId === caller.organisationId)) throw signInErrors.person_not_found();
  const helper = { personId: caller.id, organisationId: caller.organisationId };
  if (caller.kind !== "person" || !(await mayHelp(db, helper, personId))) throw signInErrors.not_theirs_to_reset();
}

async function mayHelp(db: Queryable, helper: store.ResetMaker, personId: string): Promise<boolean> {
  const { organisationId } = helper;
  const [own, theirs] = [await findMembership(db, helper.personId, organisationId), await listMemberships(db, personId)];
  const [here] = theirs;
  if (own?.organisationId !== organisationId || here?.organisationId !== organisationId || theirs.length > 1) return false;
  const isWhole = own.scope === undefined && own.expiresAt === undefined && own.permissions.has("people:write");
  // A role that an organisation put together may hold all that owners may, and is still not an owner's.
  const isBeneath = (own.role === "owner" || here.role !== "owner") && [...here.permissions].every((one) => own.permissions.has(one));
  return isWhole && isBeneath && helper.personId !== personId;
}

export type Passwords = ReturnType<typeof createPasswords>;
