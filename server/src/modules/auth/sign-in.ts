import { authErrors } from "@roost/contract/auth";
import type { Session } from "@roost/contract/auth";
import { httpErrors } from "@roost/contract/errors";
import { organisationId as organisationIdShape, personId as personIdShape } from "@roost/contract/ids";
import type { Permission } from "@roost/contract/permissions";
import { isAPIError } from "better-auth/api";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { sql } from "../../platform/sql.ts";
import { createThrottle } from "../../platform/throttle.ts";
import { findPerson, findSetup } from "./auth-store.ts";
import { cookieLineFor, cookieNameFor, makeKnownBrowser, readCookie, readKnownBrowser, toBearer } from "./credentials.ts";
import { findMembership, listMemberships } from "./membership-store.ts";
import { sessionCookie } from "./sign-in-library.ts";
import type { SignInLibrary } from "./sign-in-library.ts";

/** What a sign-in needs of its request. */
export interface SignInRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  addHeader(name: string, value: string): void;
}

export interface FoundSession {
  readonly session: { readonly id: string; readonly activeOrganizationId?: string | null | undefined };
  readonly person: { readonly id: string; readonly email: string };
  /** Set where the library renewed the session; by its own names. */
  readonly cookies: readonly string[];
}

interface SignInDeps {
  readonly db: Db;
  readonly library: SignInLibrary;
  readonly clock: Clock;
  readonly log: Log;
  readonly signingKey: string;
}

const quarterHourMs = 900_000;
const browserSeconds = 31_536_000;
const browserCookie = "roost_browser";
const attributes = "Path=/; HttpOnly; SameSite=Lax";

/** Signing in and finding sessions, over the sign-in library. */
export function createSignIn({ db, library, clock, log, signingKey }: SignInDeps) {
  // A burst of five and five more in a quarter of an hour: no account is guessed at more than ten times in one.
  const perAccount = createThrottle({ clock, burst: 5, refill: 5, windowMs: quarterHourMs, maxKeys: 50_000 });
  const perAddress = createThrottle({ clock, burst: 30, refill: 60, windowMs: quarterHourMs, maxKeys: 50_000 });

  async function check(input: { email: string; password: string }, request: SignInRequest, isBrief: boolean) {
    const email = input.email.toLowerCase();
    const { cookie, "user-agent": userAgent } = request.headers;
    const known = typeof cookie === "string" ? readCookie(cookie, cookieNameFor(browserCookie, request.isSecure)) : undefined;
    const browser = readKnownBrowser(known, signingKey, email);
    // A browser that signed in to this account before has tries of its own, so that strangers cannot lock its owner out.
    const account = browser === undefined ? `account:${email}` : `browser:${browser}`;
    const waitSeconds = Math.max(perAccount.take(account), perAddress.take(request.remoteAddress));
    if (waitSeconds > 0) {
      log.warn({ remoteAddress: request.remoteAddress }, "sign-ins were held back: too many tries for an account or from an address");
      throw httpErrors.too_many_requests({ retryAfterSeconds: waitSeconds });
    }
    const headers = new Headers({ "x-roost-address": request.remoteAddress });
    if (typeof userAgent === "string") headers.set("user-agent", userAgent.slice(0, 256));
    const answer = await library.api
      .signInEmail({ body: { email, password: input.password, rememberMe: !isBrief }, headers, returnHeaders: true })
      .catch(async (error: unknown) => {
        if (isAPIError(error) && error.statusCode < 500) {
          log.info({ remoteAddress: request.remoteAddress }, "a sign-in was refused");
          const setup = await findSetup(db);
          throw setup?.isUsed === true ? authErrors.wrong_credentials({}, { cause: error }) : authErrors.not_set_up({}, { cause: error });
        }
        return refuse(error);
      });
    perAccount.giveBack(account);
    perAddress.giveBack(request.remoteAddress);
    log.info({ personId: answer.response.user.id, remoteAddress: request.remoteAddress }, "a person signed in");
    const cookies = answer.headers.getSetCookie();
    const own = cookies.find((line) => line.startsWith(`${sessionCookie}=`));
    if (own === undefined) throw new TypeError("The sign-in library made no session cookie.");
    return {
      email,
      personId: answer.response.user.id,
      own,
      cookieValue: own.slice(sessionCookie.length + 1).split(";", 1)[0] ?? "",
      isKnown: browser !== undefined,
    };
  }

  /** The library hides the database's own error; asking it once more tells "away" from "wrong". */
  async function refuse(error: unknown): Promise<never> {
    await db.query(sql`select 1 as one`);
    throw error;
  }

  /**
   * The session behind a cookie's value; `undefined` when it is not ours or has ended.
   *
   * @param renews - A session in a browser is renewed by use; a bearer token ends when it was said to end.
   * @throws {AppError} `http.unavailable`
   */
  async function findSession(
    cookieValue: string,
    renews: boolean,
  ): Promise<(FoundSession & { readonly session: { readonly expiresAt: Date } }) | undefined> {
    const headers = new Headers({ cookie: `${sessionCookie}=${cookieValue}` });
    const { response, headers: answered } = await library.api
      .getSession({ headers, returnHeaders: true, query: { disableRefresh: !renews } })
      .catch(refuse);
    if (response === null) return undefined;
    return { session: response.session, person: response.user, cookies: answered.getSetCookie() };
  }

  async function describe(personId: string | undefined, organisationId: string, permissions?: ReadonlySet<Permission>): Promise<Session> {
    const person = personId === undefined ? undefined : await findPerson(db, personId);
    const memberships = person === undefined ? [] : await listMemberships(db, person.id);
    const membership = memberships.find((one) => one.organisationId === organisationId);
    if (person === undefined || membership === undefined) throw httpErrors.unauthenticated();
    return {
      person: { ...person, id: personIdShape.parse(person.id) },
      organisation: { id: organisationIdShape.parse(organisationId), name: membership.organisationName },
      organisations: memberships.map((one) => ({ id: organisationIdShape.parse(one.organisationId), name: one.organisationName })),
      role: membership.role,
      roleName: membership.roleName,
      permissions: [...(permissions ?? membership.permissions)],
      isScoped: membership.scope !== undefined,
    };
  }

  return {
    describe,

    async withCookie(input: { email: string; password: string }, request: SignInRequest): Promise<Session> {
      const signedIn = await check(input, request, false);
      const membership = await findMembership(db, signedIn.personId);
      if (membership === undefined) throw authErrors.wrong_credentials();
      request.addHeader("set-cookie", cookieLineFor(signedIn.own, request.isSecure));
      if (!signedIn.isKnown) {
        request.addHeader(
          "set-cookie",
          cookieLineFor(
            `${browserCookie}=${makeKnownBrowser(signingKey, signedIn.email)}; Max-Age=${browserSeconds}; ${attributes}`,
            request.isSecure,
          ),
        );
      }
      return describe(signedIn.personId, membership.organisationId);
    },

    async withBearer(
      input: { username: string; password: string },
      request: SignInRequest,
    ): Promise<{ access_token: string; token_type: "Bearer"; expires_at: Date }> {
      const signedIn = await check({ email: input.username, password: input.password }, request, true);
      const found = await findSession(signedIn.cookieValue, false);
      if (found === undefined) throw authErrors.wrong_credentials();
      return { access_token: toBearer(signedIn.cookieValue), token_type: "Bearer", expires_at: found.session.expiresAt };
    },

    findSession,

    /** Takes the session's cookie out of the browser. */
    endedCookie: (isSecure: boolean) => cookieLineFor(`${sessionCookie}=; Max-Age=0; ${attributes}`, isSecure),
  };
}
