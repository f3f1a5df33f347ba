import { randomBytes } from "node:crypto";

import { authErrors } from "@roost/contract/auth";
import type { Session } from "@roost/contract/auth";
import type { Bearer } from "@roost/contract/auth";
import { httpErrors } from "@roost/contract/errors";
import type { Permission } from "@roost/contract/permissions";
import { signInErrors } from "@roost/contract/sign-in";

import type { Config } from "../../config.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import type { CredentialRequest, HeldCaller } from "../../platform/http/access.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { RateLimits } from "../../platform/rate-limits.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Scope } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import * as store from "./auth-store.ts";
import { cookieLineFor, cookieNameFor, hashSecret, isTokenSecret, readCredential } from "./credentials.ts";
import type { Credential } from "./credentials.ts";
import { createFirstRun } from "./first-run.ts";
import type { FirstAdministrator } from "./first-run.ts";
import { createIdentityProviders } from "./identity-provider.ts";
import { chooseOrganisation, findMembership, listStandingSessions } from "./membership-store.ts";
import { createPasskeys } from "./passkeys.ts";
import { findPasswordHash } from "./password-store.ts";
import { createPasswordHasher, createWeakPasswordCheck } from "./password.ts";
import { createPasswords } from "./passwords.ts";
import { createRights } from "./rights.ts";
import type { Grant } from "./rights.ts";
import { createSecondFactor } from "./second-factor.ts";
import type { BrowserSession } from "./second-factor.ts";
import { createSessionKeeper } from "./session-keeper.ts";
import type { FoundSession } from "./session-keeper.ts";
import { createSessionKeys } from "./session-keys.ts";
import { actorOf, createSignInJournal } from "./sign-in-journal.ts";
import { createSignInLibrary, freshSeconds, sessionCookie } from "./sign-in-library.ts";
import { createSignInProviders } from "./sign-in-providers.ts";
import { createSignIn } from "./sign-in.ts";
import { callbackOf, createSingleSignOn } from "./single-sign-on.ts";
import * as tokens from "./token-store.ts";
import { createTokens } from "./tokens.ts";

export { membershipColumns, toMembership } from "./membership-store.ts";
export type { MembershipRow } from "./membership-store.ts";
export type { CredentialRequest as SignInRequest } from "../../platform/http/access.ts";

export interface AuthDeps {
  readonly db: Db;
  readonly config: Pick<
    Config,
    "ROOST_PUBLIC_URL" | "ROOST_SETUP_CODE" | "ROOST_SESSION_IDLE_HOURS" | "ROOST_SESSION_MAX_HOURS" | "ROOST_BEARER_MINUTES"
  >;
  readonly audit: Pick<Audit, "record">;
  readonly mail: Mail;
  readonly egress: Pick<Egress, "request">;
  readonly limits: Pick<RateLimits, "guess">;
  readonly clock: Clock;
  readonly log: Log;
  readonly seal: Seal;
}

/** A token that checked out, for connections that live long. */
export interface VerifiedToken {
  readonly id: string;
  readonly name: string;
  readonly organisationId: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Absent: the whole organisation. */
  readonly scope?: Scope | undefined;
  /** Turns true within 5 s when the token is taken away or runs out, or its maker may less than it holds. */
  readonly revoked: boolean;
  readonly signal: AbortSignal;
}

const keyPurpose = "auth session signing key";
const cleanUpMs = 300_000;

/** People, their sessions and tokens. Tables must be there; the first organisation is made by `ensureFirstOrganisation`. */
export async function createAuth({ db, config, audit, mail, egress, limits, clock, log, seal }: AuthDeps) {
  const signingKey = await loadSigningKey(db, seal);
  const hasher = createPasswordHasher();
  const isWeak = createWeakPasswordCheck();
  const publicUrl = config.ROOST_PUBLIC_URL;
  const library = createSignInLibrary({ db, log, hasher, signingKey, publicUrl, idleHours: config.ROOST_SESSION_IDLE_HOURS });
  const sessionKeys = await createSessionKeys({ db, seal, log, idleHours: config.ROOST_SESSION_IDLE_HOURS });
  const credentialOf = ({ headers, isSecure }: CredentialRequest): Credential | undefined => {
    const credential = readCredential(headers, cookieNameFor(sessionCookie, isSecure));
    if (credential?.kind !== "session") return credential;
    const signed = sessionKeys.read(credential.cookieValue);
    return signed === undefined ? undefined : { kind: "session", cookieValue: signed.value, isOld: signed.isOld };
  };
  const rights = createRights({ clock, log, recheck: (grants) => recheck(db, grants, config.ROOST_SESSION_MAX_HOURS) });
  const keeper = createSessionKeeper({
    db,
    library,
    clock,
    log,
    limits: { maxHours: config.ROOST_SESSION_MAX_HOURS, bearerMinutes: config.ROOST_BEARER_MINUTES },
    onEnded: (sessionId) => rights.end("person", sessionId),
  });
  const journal = createSignInJournal({ db, audit, log });
  const firstRun = createFirstRun({ db, chosenCode: config.ROOST_SETUP_CODE?.reveal(), hasher, isWeak, journal, log });
  const signIn = createSignIn({
    db,
    library,
    hasher,
    sessionKeys,
    keeper,
    journal,
    limits,
    log,
    signingKey,
    idleHours: config.ROOST_SESSION_IDLE_HOURS,
  });
  const passwords = createPasswords({ db, hasher, isWeak, keeper, journal, mail, publicUrl, limits, clock, log });
  const secondFactor = createSecondFactor({ db, library, sessionKeys, passwords, keeper, journal, signingKey, limits, log });
  const passkeys = createPasskeys({ db, library, keeper, journal, publicUrl, limits, log });
  const identityProviders = createIdentityProviders({ egress, clock });
  const singleSignOn = createSingleSignOn({ db, library, identityProviders, journal, seal, publicUrl, clock, log });
  const providers = createSignInProviders({ db, identityProviders, audit, seal, redirectUri: callbackOf(publicUrl) });
  const cleanUp = setInterval(() => {
    Promise.all([keeper.removeEnded(), sessionKeys.retire()]).catch((error: unknown) =>
      log.debug({ err: error }, "ended sessions could not be cleaned up"),
    );
  }, cleanUpMs);
  cleanUp.unref();

  async function findToken(secret: string) {
    const secretHash = hashSecret(secret);
    return rights.find(secretHash.toString("base64"), async () => {
      const token = await tokens.findStandingToken(db, secretHash);
      if (token === undefined) return undefined;
      if (token.lastUsedAt === undefined || clock.nowMs() - token.lastUsedAt.getTime() > 60_000) {
        tokens.touchToken(db, token.id).catch((error: unknown) => log.debug({ err: error }, "a token's use could not be noted"));
      }
      return grantOfToken(token);
    });
  }

  /** The session a person asks with. @throws {AppError} `http.forbidden` for a token: it is nobody's own. */
  async function ownSession(caller: PersonCaller, request: CredentialRequest): Promise<FoundSession> {
    const credential = credentialOf(request);
    if (caller.kind !== "person" || credential === undefined || credential.kind === "token") throw httpErrors.forbidden();
    const found = await keeper.find(credential, false);
    if (found === undefined) throw httpErrors.unauthenticated();
    return found;
  }

  return {
    passwords,
    secondFactor,
    passkeys,
    singleSignOn,
    providers,
    sessions: keeper,
    tokens: createTokens({ db, audit, log, onEnded: (tokenId) => rights.end("token", tokenId) }),
    /** The keys that sign the sessions of browsers, for their rotation. */
    sessionKeys: sessionKeys.rotation,
    welcome: signIn.welcome,
    welcomeProgram: signIn.welcomeProgram,
    ownSession,

    /** The same, where a ceremony needs a browser. @throws {AppError} `http.forbidden` for programs too. */
    async browserSession(caller: PersonCaller, request: CredentialRequest): Promise<BrowserSession> {
      const credential = credentialOf(request);
      if (credential?.kind !== "session") throw httpErrors.forbidden();
      return { ...(await ownSession(caller, request)), cookieValue: credential.cookieValue };
    },

    /** The same, where an act takes a sign-in within the last hour. @throws {AppError} `auth.sign_in_again`, and as `ownSession` */
    async freshSession(caller: PersonCaller, request: CredentialRequest): Promise<FoundSession> {
      const session = await ownSession(caller, request);
      if (clock.nowMs() - session.createdAt.getTime() > freshSeconds * 1_000) throw signInErrors.sign_in_again();
      return session;
    },

    ensureFirstOrganisation: firstRun.ensureOrganisation,
    isSetupNeeded: firstRun.isNeeded,

    /** Makes the first administrator, and signs in. @throws {AppError} `auth.already_set_up`, `auth.wrong_setup_code`, `auth.weak_password` */
    async setUp(input: FirstAdministrator, request: CredentialRequest): Promise<Session> {
      await firstRun.setUp(input, request);
      return signIn.withCookie(input, request);
    },

    /** @throws {AppError} `auth.wrong_credentials`, `http.too_many_requests` */
    signIn: (input: { email: string; password: string }, request: CredentialRequest) => signIn.withCookie(input, request),

    /** Hashes the password of an account to be made. @throws {AppError} `auth.weak_password` */
    async hashNewPassword(input: { email: string; name: string; password: string }): Promise<string> {
      if (isWeak(input.password, [input.email, input.name])) throw authErrors.weak_password();
      return hasher.hash(input.password);
    },
    /**
     * Makes an account within a transaction of the platform's; it belongs to no organisation yet. `undefined` where the address is taken.
     *
     * @param person - E-mail in lower case; password as `hashNewPassword` answers it.
     */
    addPerson: (
      tx: Transaction,
      person: { email: string; name: string; passwordHash: string; isEmailVerified: boolean },
    ): Promise<string | undefined> => store.addPerson(tx, person),
    /** Takes the tokens away that somebody made in an organisation they leave: coming back does not revive them. */
    removeTokensOf: (tx: Transaction, organisationId: string, personId: string): Promise<void> =>
      tokens.removeTokensOf(tx, organisationId, personId),

    /** A bearer token, and a refresh token for the next. @throws {AppError} `auth.wrong_credentials`, `http.too_many_requests` */
    login: (input: { username: string; password: string }, request: CredentialRequest) => signIn.withBearer(input, request),

    /** The next pair of tokens for a refresh token. @throws {AppError} `auth.refresh_ended` */
    async refresh(secret: string, request: CredentialRequest): Promise<Bearer> {
      const answer = await keeper.refresh(secret);
      if ("bearer" in answer) return answer.bearer;
      const { personId, email } = answer.reusedBy;
      await journal.record(db, { by: actorOf({ id: personId, email }, request), personId, action: "refresh_token.reused" });
      log.warn({ personId, remoteAddress: request.remoteAddress }, "a refresh token came a second time: the sign-in was ended");
      throw signInErrors.refresh_ended();
    },

    /** How a person's account is secured. @throws {AppError} `http.forbidden` for a token. */
    async getSecurity(caller: PersonCaller) {
      if (caller.kind !== "person") throw httpErrors.forbidden();
      const [hash, left, keys, known, links] = await Promise.all([
        findPasswordHash(db, caller.id),
        secondFactor.recoveryCodesLeft(caller.id),
        passkeys.list(caller.id),
        singleSignOn.list(),
        singleSignOn.links(caller.id),
      ]);
      return {
        hasPassword: hash !== undefined,
        secondFactor: { enabled: left !== undefined, recoveryCodesLeft: left ?? 0 },
        passkeys: keys.length,
        providers: known.map((provider) => ({ ...provider, linkedAt: links.get(provider.id) })),
      };
    },

    /** Ends the session a request came with, and its streams, at once. */
    async signOut(caller: PersonCaller, request: CredentialRequest): Promise<void> {
      const credential = credentialOf(request);
      if (credential === undefined || credential.kind === "token") return;
      const found = await keeper.find(credential, false);
      if (found !== undefined) {
        await journal.record(db, {
          by: caller.by,
          personId: caller.id,
          organisationId: caller.organisationId,
          action: "person.signed_out",
        });
        await keeper.end(found.id);
      }
      if (credential.kind === "session") request.addHeader("set-cookie", signIn.endedCookie(request.isSecure));
    },

    /**
     * Lets a session act in another organisation of its person. What was open for the one before ends.
     *
     * @throws {AppError} `auth.organisation_not_found` where they do not belong to it; `http.forbidden` for a token, which belongs to one.
     */
    async chooseOrganisation(caller: PersonCaller, request: CredentialRequest, organisationId: string): Promise<Session> {
      const session = await ownSession(caller, request);
      const membership = await findMembership(db, caller.id, organisationId);
      if (membership?.organisationId !== organisationId) throw authErrors.organisation_not_found();
      await chooseOrganisation(db, session.id, organisationId);
      rights.end("person", session.id);
      return signIn.describe(caller.id, organisationId, membership.permissions);
    },

    /** Who is asking. `undefined` without a valid credential. @throws {AppError} `http.unavailable` */
    async authenticatePerson(request: CredentialRequest): Promise<HeldCaller | undefined> {
      const credential = credentialOf(request);
      if (credential === undefined) return undefined;
      if (credential.kind === "token") return (await findToken(credential.secret))?.caller;
      const key = hashSecret(credential.kind === "bearer" ? credential.secret : credential.cookieValue).toString("base64");
      const right = await rights.find(key, async () => {
        const found = await keeper.find(credential, true);
        if (found === undefined) return undefined;
        const own = found.cookies.some((cookie) => cookie.startsWith(`${sessionCookie}=`));
        // One that an old key signed is good still, and gets its successor with the answer.
        const anew = credential.kind === "session" && credential.isOld === true && !own ? [signIn.cookieAnew(credential.cookieValue)] : [];
        for (const cookie of [...found.cookies, ...anew])
          request.addHeader("set-cookie", cookieLineFor(sessionKeys.sign(cookie), request.isSecure));
        const membership = await findMembership(db, found.person.id, found.organisationId);
        if (membership === undefined) return undefined;
        return {
          kind: "person",
          id: found.id,
          callerId: found.person.id,
          name: found.person.email,
          organisationId: membership.organisationId,
          permissions: membership.permissions,
          scope: membership.scope,
          ...(credential.kind === "bearer" ? { accessHash: hashSecret(credential.secret) } : {}),
        };
      });
      return right?.caller;
    },

    /** Checks an API token's secret. `undefined` for what is no standing token. @throws {AppError} `http.unavailable` */
    async verifyToken(secret: string): Promise<VerifiedToken | undefined> {
      if (!isTokenSecret(secret)) return undefined;
      const right = await findToken(secret);
      if (right === undefined) return undefined;
      const { id, name, organisationId, permissions, scope } = right.grant;
      return {
        id,
        name,
        organisationId,
        permissions,
        scope,
        signal: right.caller.signal,
        get revoked() {
          return right.ended;
        },
      };
    },

    /** What a person may in an organisation at this moment; `undefined` where they do not belong to it. */
    async rightsOf(
      personId: string,
      organisationId: string,
    ): Promise<{ email: string; permissions: ReadonlySet<Permission>; scope: Scope | undefined } | undefined> {
      const [person, membership] = await Promise.all([store.findPerson(db, personId), findMembership(db, personId, organisationId)]);
      if (person === undefined || membership?.organisationId !== organisationId) return undefined;
      return { email: person.email, permissions: membership.permissions, scope: membership.scope };
    },

    /** Who is signed in, in words for a person. @throws {AppError} `http.unauthenticated` when they are gone. */
    async getSession(caller: Omit<PersonCaller, "by">): Promise<Session> {
      if (caller.kind === "person") {
        const now = await findMembership(db, caller.id, caller.organisationId);
        // A right is remembered for a moment longer than it stands: whoever lost one organisation is signed in still, and acts in another.
        if (now === undefined || now.organisationId === caller.organisationId)
          return signIn.describe(caller.id, caller.organisationId, caller.permissions);
        rights.leave(caller.id, caller.organisationId);
        return signIn.describe(caller.id, now.organisationId, now.permissions);
      }
      const personId = (await tokens.listStandingTokens(db, [caller.id])).get(caller.id)?.personId;
      return signIn.describe(personId, caller.organisationId, caller.permissions);
    },

    close(): void {
      clearInterval(cleanUp);
      sessionKeys.close();
      rights.close();
    },
  };
}

export type Auth = Awaited<ReturnType<typeof createAuth>>;

function grantOfToken(token: tokens.StandingToken): Grant {
  const { maker, parts } = token;
  return {
    kind: "token",
    id: token.id,
    callerId: token.id,
    name: token.name,
    organisationId: token.organisationId,
    // Never more than its maker holds now, and nowhere else.
    permissions: new Set(token.permissions.filter((permission) => maker.permissions.has(permission))),
    scope:
      parts === undefined
        ? maker.scope
        : { allow: [...(maker.scope?.allow ?? []), parts], deny: maker.scope?.deny ?? { siteIds: [], groupIds: [] } },
  };
}

async function recheck(
  db: Db,
  grants: readonly Grant[],
  maxHours: number,
): Promise<ReadonlyMap<Grant, Pick<Grant, "permissions" | "scope">>> {
  const people = grants.filter((grant) => grant.kind === "person");
  const others = grants.filter((grant) => grant.kind === "token");
  const [memberships, known] = await Promise.all([
    people.length === 0
      ? []
      : listStandingSessions(
          db,
          people.map(({ id, organisationId, accessHash }) => ({ sessionId: id, organisationId, accessHash })),
          maxHours,
        ),
    others.length === 0
      ? new Map<string, tokens.StandingToken>()
      : tokens.listStandingTokens(
          db,
          others.map(({ id }) => id),
        ),
  ]);
  const standing = new Map<Grant, Pick<Grant, "permissions" | "scope">>();
  for (const [index, grant] of people.entries()) {
    const membership = memberships[index];
    if (membership !== undefined) standing.set(grant, membership);
  }
  for (const grant of others) {
    const token = known.get(grant.id);
    if (token !== undefined) standing.set(grant, grantOfToken(token));
  }
  return standing;
}

function openKey(sealed: Buffer, seal: Seal): string {
  try {
    return seal.open(sealed, keyPurpose).toString("base64");
  } catch (cause) {
    // Making a new key would only hide that every other sealed secret is out of reach as well.
    throw authErrors.wrong_installation_key({}, { cause });
  }
}

async function loadSigningKey(db: Db, seal: Seal): Promise<string> {
  return db.transaction(async (tx) => {
    await store.lockStart(tx);
    const sealed = await store.loadSealedKey(tx);
    if (sealed !== undefined) return openKey(sealed, seal);
    const key = randomBytes(32);
    await store.saveSealedKey(tx, seal.seal(key, keyPurpose));
    return key.toString("base64");
  });
}
