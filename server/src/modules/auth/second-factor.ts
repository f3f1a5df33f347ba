import { httpErrors } from "@roost/contract/errors";
import type { AppError, ErrorDetails } from "@roost/contract/errors";
import { signInErrors } from "@roost/contract/sign-in";
import { isAPIError } from "better-auth/api";
import { renderSVG } from "uqr";

import type { Db } from "../../platform/db.ts";
import type { CredentialRequest } from "../../platform/http/access.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { RateLimits } from "../../platform/rate-limits.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { findPerson } from "./auth-store.ts";
import { cookieLineFor, hashSecret, unpackStep } from "./credentials.ts";
import { checkMayHelp } from "./passwords.ts";
import type { OwnSession, Passwords } from "./passwords.ts";
import { claimCode, countRecoveryCodes, distrustBrowsers, removeSecondFactor } from "./second-factor-store.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import type { SessionKeys } from "./session-keys.ts";
import type { SignInJournal } from "./sign-in-journal.ts";
import { sessionCookie } from "./sign-in-library.ts";
import type { SignInLibrary } from "./sign-in-library.ts";
import { hashRecoveryCode, isRecoveryCode, lockSeconds, stepCookies } from "./sign-in-plugins.ts";
import { libraryHeaders } from "./sign-in.ts";
import type { Proven } from "./sign-in.ts";

export interface SecondFactorDeps {
  readonly db: Db;
  readonly library: SignInLibrary;
  readonly sessionKeys: Pick<SessionKeys, "sign">;
  readonly passwords: Pick<Passwords, "confirm">;
  readonly keeper: SessionKeeper;
  readonly journal: SignInJournal;
  readonly signingKey: string;
  readonly limits: Pick<RateLimits, "guess">;
  readonly log: Log;
}

/** A person's own session in a browser, which the library knows by its cookie. */
export interface BrowserSession extends OwnSession {
  readonly cookieValue: string;
  readonly createdAt: Date;
}

/** The second factor: an authenticator app and recovery codes, over the library's plugin. */
export function createSecondFactor({ db, library, sessionKeys, passwords, keeper, journal, signingKey, limits, log }: SecondFactorDeps) {
  const headersOf = ({ cookieValue }: BrowserSession, request?: CredentialRequest) => {
    const headers = request === undefined ? new Headers() : libraryHeaders(request);
    headers.set("cookie", `${sessionCookie}=${cookieValue}`);
    return headers;
  };

  async function claim(personId: string, code: string): Promise<void> {
    if (!(await claimCode(db, personId, hashSecret(`${personId}:${code}`)))) throw signInErrors.wrong_code();
  }

  /** Whose sign-in a challenge belongs to. The library checks its signature; what was made up is not found. */
  async function personOf(step: string): Promise<string> {
    const [identifier = ""] = decodeURIComponent(step).split(".");
    const { internalAdapter } = await library.$context;
    const found = await internalAdapter.findVerificationValue(identifier).catch(keeper.refuse);
    if (found === null || !identifier.startsWith("2fa-")) throw signInErrors.challenge_ended();
    return found.value;
  }

  return {
    /** `undefined`: off. */
    recoveryCodesLeft: (personId: string): Promise<number | undefined> => countRecoveryCodes(db, personId),

    /**
     * Makes a secret for an app, and recovery codes. Off until confirmed; made again, what was made before ends.
     *
     * @throws {AppError} `auth.wrong_password`, `auth.second_factor_on`
     */
    async enrol(session: BrowserSession, password: string) {
      await passwords.confirm(session.person.id, password);
      const answer = await library.api
        .enableTwoFactor({ body: { password, method: "totp" }, headers: headersOf(session) })
        .catch((error: unknown) => refuseBy(error, { TOTP_ALREADY_ENABLED: signInErrors.second_factor_on }));
      if (answer.method !== "totp") throw new TypeError("The sign-in library made another second factor than it was asked for.");
      const uri = answer.totpURI;
      return {
        uri,
        secret: new URL(uri).searchParams.get("secret") ?? "",
        qrSvg: renderSVG(uri),
        recoveryCodes: [...answer.backupCodes],
      };
    },

    /**
     * Switches it on with a first code; the session goes on under a new name.
     *
     * @throws {AppError} `auth.wrong_code`, `auth.second_factor_off`, `http.too_many_requests`
     */
    async confirm(session: BrowserSession, by: Actor, code: string, request: CredentialRequest): Promise<void> {
      const { id: personId } = session.person;
      // The library counts tries of a sign-in; whoever sits at an open browser is counted here.
      const { waitSeconds, giveBack } = await limits.guess("guesses", `code:${personId}`);
      if (waitSeconds > 0) throw httpErrors.too_many_requests({ retryAfterSeconds: waitSeconds });
      const { headers } = await library.api
        .verifyTOTP({ body: { code }, headers: headersOf(session, request), returnHeaders: true })
        .catch((error: unknown) =>
          refuseBy(error, { INVALID_CODE: signInErrors.wrong_code, TOTP_NOT_ENABLED: signInErrors.second_factor_off }),
        );
      await giveBack();
      await claimCode(db, personId, hashSecret(`${personId}:${code}`));
      for (const line of headers.getSetCookie()) {
        if (line.startsWith(`${sessionCookie}=`)) request.addHeader("set-cookie", cookieLineFor(sessionKeys.sign(line), request.isSecure));
      }
      await journal.record(db, { by, personId, action: "second_factor.added" });
      log.info({ personId }, "a second factor was switched on");
    },

    /** @throws {AppError} `auth.wrong_password`, `auth.second_factor_off` */
    async remove(session: BrowserSession, by: Actor, password: string, request: CredentialRequest): Promise<void> {
      const { id: personId } = session.person;
      await passwords.confirm(personId, password);
      if ((await countRecoveryCodes(db, personId)) === undefined) throw signInErrors.second_factor_off();
      const { headers } = await library.api.disableTwoFactor({
        body: { password },
        headers: headersOf(session, request),
        returnHeaders: true,
      });
      for (const line of headers.getSetCookie()) {
        if (line.startsWith(`${sessionCookie}=`)) request.addHeader("set-cookie", cookieLineFor(sessionKeys.sign(line), request.isSecure));
      }
      await distrustBrowsers(db, personId);
      await journal.record(db, { by, personId, action: "second_factor.removed" });
      log.info({ personId }, "a second factor was switched off");
    },

    /**
     * Switches it off for somebody who lost phone and codes; their sessions end.
     *
     * @throws {AppError} `auth.person_not_found`, `auth.not_theirs_to_reset`
     */
    async removeFor(caller: PersonCaller, personId: string): Promise<void> {
      await checkMayHelp(db, caller, personId);
      await db.transaction(async (tx) => {
        await removeSecondFactor(tx, personId);
        await distrustBrowsers(tx, personId);
        await journal.record(tx, { by: caller.by, personId, organisationId: caller.organisationId, action: "second_factor.removed" });
      });
      await keeper.endAllOf(personId);
      log.info({ personId }, "a second factor was switched off by somebody in charge");
    },

    /** New recovery codes; the old ones end. @throws {AppError} `auth.wrong_password`, `auth.second_factor_off` */
    async renewRecoveryCodes(session: BrowserSession, by: Actor, password: string): Promise<string[]> {
      await passwords.confirm(session.person.id, password);
      const answer = await library.api
        .generateBackupCodes({ body: { password }, headers: headersOf(session) })
        .catch((error: unknown) => refuseBy(error, { TWO_FACTOR_NOT_ENABLED: signInErrors.second_factor_off }));
      await journal.record(db, { by, personId: session.person.id, action: "recovery_codes.renewed" });
      return [...answer.backupCodes];
    },

    /**
     * The second step of a sign-in: five tries for a challenge, and five wrong ones in a row close the account's second factor for five minutes.
     *
     * @throws {AppError} `auth.wrong_code`, `auth.challenge_ended`, `http.too_many_requests`
     */
    async verify(input: { challenge: string; code: string; trustBrowser: boolean }, request: CredentialRequest): Promise<Proven> {
      const step = unpackStep(input.challenge);
      if (step === undefined) throw signInErrors.challenge_ended();
      const personId = await personOf(step);
      const headers = libraryHeaders(request);
      headers.set("cookie", `${stepCookies.secondFactor}=${step}`);
      const body = { trustDevice: input.trustBrowser };
      const isRecovery = isRecoveryCode(input.code);
      try {
        // An app's code works once, although it fits for a minute and a half.
        if (!isRecovery) await claim(personId, input.code.replaceAll(/\s/g, ""));
        const answer = isRecovery
          ? await library.api.verifyBackupCode({
              body: { ...body, code: hashRecoveryCode(input.code, signingKey) },
              headers,
              returnHeaders: true,
            })
          : await library.api.verifyTOTP({ body: { ...body, code: input.code.replaceAll(/\s/g, "") }, headers, returnHeaders: true });
        const { token } = answer.response;
        if (typeof token !== "string") throw new TypeError("The sign-in library opened no session.");
        return {
          personId,
          token,
          cookies: answer.headers.getSetCookie(),
          by: isRecovery ? "password and recovery code" : "password and app",
        };
      } catch (error) {
        const person = await findPerson(db, personId);
        if (person !== undefined) journal.refused(person.email, "second factor", request);
        return refuseBy(error, {
          INVALID_CODE: signInErrors.wrong_code,
          INVALID_BACKUP_CODE: signInErrors.wrong_code,
          INVALID_TWO_FACTOR_COOKIE: signInErrors.challenge_ended,
          TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE: signInErrors.challenge_ended,
          TOTP_NOT_ENABLED: signInErrors.challenge_ended,
          ACCOUNT_TEMPORARILY_LOCKED: () => httpErrors.too_many_requests({ retryAfterSeconds: lockSeconds }),
        });
      }
    },
  };
}

/** Turns the library's code into one of ours; what is not named stays what it is. */
function refuseBy(error: unknown, codes: Readonly<Record<string, (details?: ErrorDetails, options?: ErrorOptions) => AppError>>): never {
  const make = isAPIError(error) && typeof error.body?.code === "string" ? codes[error.body.code] : undefined;
  throw make?.({}, { cause: error }) ?? error;
}
