import { authErrors } from "@roost/contract/auth";
import type { Session } from "@roost/contract/auth";
import type { Bearer } from "@roost/contract/auth";
import { httpErrors, isAppError } from "@roost/contract/errors";
import { organisationId as organisationIdShape, personId as personIdShape } from "@roost/contract/ids";
import type { Permission } from "@roost/contract/permissions";
import { isAPIError } from "better-auth/api";

import type { Db } from "../../platform/db.ts";
import type { CredentialRequest } from "../../platform/http/access.ts";
import { addressKey } from "../../platform/http/client-address.ts";
import type { Log } from "../../platform/log.ts";
import type { RateLimits } from "../../platform/rate-limits.ts";
import { findPerson, findSetup } from "./auth-store.ts";
import { cookieLineFor, cookieNameFor, makeKnownBrowser, packStep, readCookie, readKnownBrowser, setCookieValue } from "./credentials.ts";
import { findMembership, listMemberships } from "./membership-store.ts";
import type { PasswordHasher } from "./password.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import type { SessionKeys } from "./session-keys.ts";
import type { SignInJournal } from "./sign-in-journal.ts";
import { sessionCookie } from "./sign-in-library.ts";
import type { SignInLibrary } from "./sign-in-library.ts";
import { challengeSeconds, stepCookies } from "./sign-in-plugins.ts";

interface SignInDeps {
  readonly db: Db;
  readonly library: SignInLibrary;
  readonly hasher: Pick<PasswordHasher, "refuseIfFull">;
  readonly sessionKeys: Pick<SessionKeys, "sign">;
  readonly keeper: SessionKeeper;
  readonly journal: SignInJournal;
  readonly limits: Pick<RateLimits, "guess">;
  readonly log: Log;
  readonly signingKey: string;
  readonly idleHours: number;
}

/** Somebody who proved who they are, with the session that the library opened for them. */
export interface Proven {
  readonly personId: string;
  /** Of the session's row. */
  readonly token: string;
  /** By the library's own names. */
  readonly cookies: readonly string[];
  /** `password`, `passkey`, …: for the record. */
  readonly by: string;
}

const browserSeconds = 31_536_000;
const browserCookie = "roost_browser";
const attributes = "Path=/; HttpOnly; SameSite=Lax";

/** Signing in by a password, and what every way in ends with. */
export function createSignIn({ db, library, hasher, sessionKeys, keeper, journal, limits, log, signingKey, idleHours }: SignInDeps) {
  function cookieOf({ headers, isSecure }: CredentialRequest, name: string): string | undefined {
    return typeof headers["cookie"] === "string" ? readCookie(headers["cookie"], cookieNameFor(name, isSecure)) : undefined;
  }

  async function check(input: { email: string; password: string }, request: CredentialRequest, isProgram: boolean): Promise<Proven> {
    // Before anything is asked or written.
    hasher.refuseIfFull();
    const email = input.email.toLowerCase();
    const browser = readKnownBrowser(cookieOf(request, browserCookie), signingKey, email);
    // A browser that signed in to this account before has tries of its own, so that strangers cannot lock its owner out.
    const account = browser === undefined ? `account:${email}` : `browser:${browser}`;
    const isNoGuess = await guess(limits, account, request.remoteAddress, log);
    const headers = libraryHeaders(request);
    const trusted = isProgram ? undefined : cookieOf(request, stepCookies.trust);
    if (trusted !== undefined) headers.set("cookie", `${stepCookies.trust}=${trusted}`);
    const answer = await library.api
      .signInEmail({ body: { email, password: input.password }, headers, returnHeaders: true })
      .catch(async (error: unknown) => {
        // No password was looked at: the owner of the account has not used up a guess.
        if (isAppError(error, httpErrors.too_many_requests.code)) await isNoGuess();
        if (isAPIError(error) && error.statusCode < 500) {
          journal.refused(email, "password", request);
          const setup = await findSetup(db);
          throw setup?.isUsed === true ? authErrors.wrong_credentials({}, { cause: error }) : authErrors.not_set_up({}, { cause: error });
        }
        return keeper.refuse(error);
      });
    await isNoGuess();
    const cookies = answer.headers.getSetCookie();
    const step = setCookieValue(cookies, stepCookies.secondFactor);
    if (step !== undefined) {
      request.addHeader("x-2fa-required", "true");
      throw authErrors.second_factor_required({ challenge: packStep(step), expiresInSeconds: challengeSeconds });
    }
    return { personId: answer.response.user.id, token: answer.response.token, cookies, by: "password" };
  }

  async function describe(personId: string | undefined, organisationId: string, permissions?: ReadonlySet<Permission>): Promise<Session> {
    const person = personId === undefined ? undefined : await findPerson(db, personId);
    const memberships = person === undefined ? [] : await listMemberships(db, person.id);
    const membership = memberships.find((one) => one.organisationId === organisationId);
    if (person === undefined || membership === undefined) throw httpErrors.unauthenticated();
    return {
      person: { ...person, id: personIdShape.parse(person.id) },
      organisation: { id: organisationIdShape.parse(organisationId), name: membership.organisationName, isClosed: membership.isClosed },
      organisations: memberships.map((one) => ({ id: organisationIdShape.parse(one.organisationId), name: one.organisationName })),
      role: membership.role,
      roleName: membership.roleName,
      permissions: [...(permissions ?? membership.permissions)],
      isScoped: membership.scope !== undefined,
    };
  }

  /** Who somebody who proved themselves is here; without a membership they are let in by nobody. */
  async function admit({ personId, token, by }: Proven, request: CredentialRequest) {
    const person = await findPerson(db, personId);
    const membership = await findMembership(db, personId);
    if (person === undefined || membership === undefined) {
      await keeper.endByToken(token);
      throw authErrors.wrong_credentials();
    }
    await journal.signedIn({ person, organisationId: membership.organisationId, by }, request);
    return { person, organisationId: membership.organisationId };
  }

  /** Gives the browser its session. @throws {AppError} `auth.wrong_credentials` for a person who belongs to no organisation (any more). */
  async function welcome(proven: Proven, request: CredentialRequest): Promise<Session> {
    const { person, organisationId } = await admit(proven, request);
    for (const name of [sessionCookie, stepCookies.trust]) {
      const line = proven.cookies.findLast((cookie) => cookie.startsWith(`${name}=`));
      if (line !== undefined) request.addHeader("set-cookie", cookieLineFor(sessionKeys.sign(line), request.isSecure));
    }
    if (readKnownBrowser(cookieOf(request, browserCookie), signingKey, person.email) === undefined) {
      const mark = `${browserCookie}=${makeKnownBrowser(signingKey, person.email)}; Max-Age=${browserSeconds}; ${attributes}`;
      request.addHeader("set-cookie", cookieLineFor(mark, request.isSecure));
    }
    return describe(person.id, organisationId);
  }

  /** Gives a program its bearer token. @throws {AppError} as `welcome` */
  async function welcomeProgram(proven: Proven, request: CredentialRequest): Promise<Bearer> {
    await admit(proven, request);
    return keeper.giveBearer(proven.token);
  }

  return {
    describe,
    welcome,
    welcomeProgram,

    /** @throws {AppError} `auth.wrong_credentials`, `auth.second_factor_required`, `http.too_many_requests` */
    withCookie: async (input: { email: string; password: string }, request: CredentialRequest): Promise<Session> =>
      welcome(await check(input, request, false), request),

    /** @throws {AppError} as `withCookie` */
    withBearer: async ({ username, password }: { username: string; password: string }, request: CredentialRequest): Promise<Bearer> =>
      welcomeProgram(await check({ email: username, password }, request, true), request),

    /** A session's cookie once more, by the library's own name. It never outlives its session: that is looked up each time. */
    cookieAnew: (cookieValue: string) => `${sessionCookie}=${cookieValue}; Max-Age=${Math.ceil(idleHours * 3_600)}; ${attributes}`,

    /** Takes the session's cookie out of the browser. */
    endedCookie: (isSecure: boolean) => cookieLineFor(`${sessionCookie}=; Max-Age=0; ${attributes}`, isSecure),
  };
}

/** What the library may know of a request: where from and what with, and no cookie. */
export function libraryHeaders({ headers, remoteAddress }: Pick<CredentialRequest, "headers" | "remoteAddress">): Headers {
  const userAgent = headers["user-agent"];
  return new Headers({
    "x-roost-address": remoteAddress,
    ...(typeof userAgent === "string" ? { "user-agent": userAgent.slice(0, 256) } : {}),
  });
}

/**
 * Takes a guess at an account, from an address.
 *
 * @returns To be called where it was no guess after all.
 * @throws {AppError} `http.too_many_requests`
 */
export async function guess(
  limits: Pick<RateLimits, "guess">,
  account: string,
  remoteAddress: string,
  log: Log,
): Promise<() => Promise<void>> {
  const taken = await Promise.all([limits.guess("guesses", account), limits.guess("guessesFrom", addressKey(remoteAddress))]);
  const giveBack = async () => {
    for (const one of taken) await one.giveBack();
  };
  const waitSeconds = Math.max(...taken.map((one) => one.waitSeconds));
  if (waitSeconds === 0) return giveBack;
  await giveBack();
  log.warn({ remoteAddress }, "sign-ins were held back: too many tries for an account or from an address");
  throw httpErrors.too_many_requests({ retryAfterSeconds: waitSeconds });
}
