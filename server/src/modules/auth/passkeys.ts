import { isIP } from "node:net";

import { httpErrors } from "@roost/contract/errors";
import { signInErrors } from "@roost/contract/sign-in";
import type { Passkey } from "@roost/contract/sign-in";
import { isAPIError } from "better-auth/api";

import type { Db } from "../../platform/db.ts";
import type { CredentialRequest } from "../../platform/http/access.ts";
import { addressKey } from "../../platform/http/client-address.ts";
import type { Log } from "../../platform/log.ts";
import type { RateLimits } from "../../platform/rate-limits.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { packStep, setCookieValue, unpackStep } from "./credentials.ts";
import * as store from "./passkey-store.ts";
import type { OwnSession } from "./passwords.ts";
import type { BrowserSession } from "./second-factor.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import type { SignInJournal } from "./sign-in-journal.ts";
import { sessionCookie } from "./sign-in-library.ts";
import type { SignInLibrary } from "./sign-in-library.ts";
import { stepCookies } from "./sign-in-plugins.ts";
import { libraryHeaders } from "./sign-in.ts";
import type { Proven } from "./sign-in.ts";

export interface PasskeysDeps {
  readonly db: Db;
  readonly library: SignInLibrary;
  readonly keeper: SessionKeeper;
  readonly journal: SignInJournal;
  readonly publicUrl: string | undefined;
  readonly limits: Pick<RateLimits, "guess">;
  readonly log: Log;
}

type Json = Record<string, unknown>;
type Ceremony = NonNullable<Parameters<SignInLibrary["api"]["verifyPasskeyAuthentication"]>[0]>["body"]["response"];

/** Passkeys of people, over the library's plugin. */
export function createPasskeys({ db, library, keeper, journal, publicUrl, limits, log }: PasskeysDeps) {
  const publicOrigin = publicUrl === undefined ? undefined : new URL(publicUrl);

  /** Where the ceremony takes place. Browsers make passkeys for names, over TLS or on their own machine alone. */
  function originOf({ headers }: Pick<CredentialRequest, "headers">): string | undefined {
    if (publicOrigin !== undefined) {
      const isFit = publicOrigin.protocol === "https:" || publicOrigin.hostname === "localhost";
      return isFit && isIP(publicOrigin.hostname.replace(/^\[|\]$/g, "")) === 0 ? publicOrigin.origin : undefined;
    }
    // The edge let no other site's origin pass; that it is this machine's own is what counts here.
    const { origin } = headers;
    return typeof origin === "string" && URL.canParse(origin) && new URL(origin).hostname === "localhost"
      ? new URL(origin).origin
      : undefined;
  }

  function headersOf(request: CredentialRequest, cookies: Readonly<Record<string, string>>): Headers {
    const origin = originOf(request);
    if (origin === undefined) throw signInErrors.passkeys_unavailable();
    const headers = libraryHeaders(request);
    headers.set("origin", origin);
    const pairs = Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
    if (pairs.length > 0) headers.set("cookie", pairs.join("; "));
    return headers;
  }

  function stepOf(headers: Headers, options: object): { challenge: string; options: Json } {
    const step = setCookieValue(headers.getSetCookie(), stepCookies.passkey);
    if (step === undefined) throw new TypeError("The sign-in library began no ceremony.");
    return { challenge: packStep(step), options: { ...options } };
  }

  function refuse(error: unknown): Promise<never> {
    if (!isAPIError(error) || (error.statusCode >= 500 && error.body?.code !== "FAILED_TO_VERIFY_REGISTRATION"))
      return keeper.refuse(error);
    if (error.body?.code === "SESSION_NOT_FRESH") throw signInErrors.sign_in_again({}, { cause: error });
    throw signInErrors.passkey_refused({}, { cause: error });
  }

  return {
    /** Says whether the browser that asks could use one at this address. A page is asked for without an Origin: then its Host counts. */
    isAvailable({ headers }: Pick<CredentialRequest, "headers">): boolean {
      if (originOf({ headers }) !== undefined) return true;
      return publicOrigin === undefined && /^localhost(?::\d+)?$/.test(typeof headers["host"] === "string" ? headers["host"] : "");
    },

    list: async (personId: string): Promise<Passkey[]> => store.listPasskeys(db, personId),

    /** @throws {AppError} `auth.passkeys_unavailable`, `auth.sign_in_again` */
    async begin(session: BrowserSession, request: CredentialRequest) {
      const { response, headers } = await library.api
        .generatePasskeyRegistrationOptions({ headers: headersOf(request, { [sessionCookie]: session.cookieValue }), returnHeaders: true })
        .catch(refuse);
      return stepOf(headers, response);
    },

    /** @throws {AppError} `auth.passkeys_unavailable`, `auth.passkey_refused`, `auth.sign_in_again` */
    async add(
      session: BrowserSession,
      by: Actor,
      input: { challenge: string; name: string; response: Json },
      request: CredentialRequest,
    ): Promise<Passkey> {
      const step = unpackStep(input.challenge);
      if (step === undefined) throw signInErrors.passkey_refused();
      const headers = headersOf(request, { [sessionCookie]: session.cookieValue, [stepCookies.passkey]: step });
      const { id } = await library.api
        .verifyPasskeyRegistration({ body: { response: input.response, name: input.name }, headers })
        .catch(refuse);
      const added = (await store.listPasskeys(db, session.person.id)).find((one) => one.id === id);
      if (added === undefined) throw new TypeError("The sign-in library kept no passkey.");
      await journal.record(db, {
        by,
        personId: session.person.id,
        action: "passkey.added",
        after: { passkeyId: added.id, name: added.name },
      });
      log.info({ personId: session.person.id }, "a passkey was added");
      return added;
    },

    /** @throws {AppError} `auth.passkey_not_found` for another person's, too. */
    async rename(session: OwnSession, passkeyId: string, name: string): Promise<Passkey> {
      const renamed = await store.renamePasskey(db, session.person.id, passkeyId, name);
      if (renamed === undefined) throw signInErrors.passkey_not_found();
      return renamed;
    },

    /** @throws {AppError} `auth.passkey_not_found` for another person's, too. */
    async remove(session: OwnSession, by: Actor, passkeyId: string): Promise<void> {
      await db.transaction(async (tx) => {
        const removed = await store.removePasskey(tx, session.person.id, passkeyId);
        if (removed === undefined) throw signInErrors.passkey_not_found();
        await journal.record(tx, { by, personId: session.person.id, action: "passkey.removed", after: { passkeyId, name: removed.name } });
      });
    },

    /** @throws {AppError} `auth.passkeys_unavailable` */
    async beginSignIn(request: CredentialRequest) {
      const { response, headers } = await library.api
        .generatePasskeyAuthenticationOptions({ headers: headersOf(request, {}), returnHeaders: true })
        .catch(refuse);
      // It stands in for password and second factor: the authenticator itself must know its person.
      return stepOf(headers, { ...response, userVerification: "required" });
    },

    /** @throws {AppError} `auth.passkeys_unavailable`, `auth.passkey_refused`, `http.too_many_requests` */
    async prove(input: { challenge: string; response: Json }, request: CredentialRequest): Promise<Proven> {
      const { waitSeconds, giveBack } = await limits.guess("guessesFrom", addressKey(request.remoteAddress));
      if (waitSeconds > 0) throw httpErrors.too_many_requests({ retryAfterSeconds: waitSeconds });
      const step = unpackStep(input.challenge);
      if (step === undefined) throw signInErrors.passkey_refused();
      const answer = await library.api
        .verifyPasskeyAuthentication({
          body: { response: input.response as unknown as Ceremony },
          headers: headersOf(request, { [stepCookies.passkey]: step }),
          returnHeaders: true,
        })
        .catch(refuse);
      await giveBack();
      // The plugin's types leave out what its answer holds.
      const { user, session } = answer.response as unknown as { user: { id: string }; session: { token: string } };
      return { personId: user.id, token: session.token, cookies: answer.headers.getSetCookie(), by: "passkey" };
    },
  };
}
