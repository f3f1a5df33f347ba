import type { Bearer } from "@roost/contract/auth";
import { signInErrors } from "@roost/contract/sign-in";
import type { OpenSession } from "@roost/contract/sign-in";
import { sql } from "@roost/contract/sql";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { describeBrowser } from "./browser-name.ts";
import { hashSecret, makeAccessSecret, makeRefreshSecret } from "./credentials.ts";
import type { Credential } from "./credentials.ts";
import * as store from "./session-store.ts";
import { sessionCookie } from "./sign-in-library.ts";
import type { SignInLibrary } from "./sign-in-library.ts";

export interface FoundSession {
  readonly id: string;
  readonly organisationId: string | undefined;
  readonly person: { readonly id: string; readonly email: string };
  /** When the person proved who they are. */
  readonly createdAt: Date;
  /** Set where the library renewed the session; by its own names. */
  readonly cookies: readonly string[];
}

export interface SessionKeeperDeps {
  readonly db: Db;
  readonly library: SignInLibrary;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: SessionLimits;
  /** Ends what a session has open in this process. */
  readonly onEnded: (sessionId: string) => void;
}

export interface SessionLimits {
  /** From the sign-in on, used or not. */
  readonly maxHours: number;
  /** Of a program's bearer token. */
  readonly bearerMinutes: number;
}

/** Finds, renews and ends sessions: those of browsers by the library, those of programs by their bearer token. */
export function createSessionKeeper({ db, library, clock, log, limits, onEnded }: SessionKeeperDeps) {
  /** The library hides the database's own error; asking it once more tells "away" from "wrong". */
  async function refuse(error: unknown): Promise<never> {
    await db.query(sql`select 1 as one`);
    throw error;
  }

  async function findInBrowser(cookieValue: string, renews: boolean): Promise<FoundSession | undefined> {
    const headers = new Headers({ cookie: `${sessionCookie}=${cookieValue}` });
    const { response, headers: answered } = await library.api
      .getSession({ headers, returnHeaders: true, query: { disableRefresh: !renews } })
      .catch(refuse);
    if (response === null) return undefined;
    const { session, user } = response;
    if (clock.nowMs() - session.createdAt.getTime() >= limits.maxHours * 3_600_000) {
      await store.removeSession(db, session.id);
      return undefined;
    }
    return {
      id: session.id,
      organisationId: session.activeOrganizationId ?? undefined,
      person: { id: user.id, email: user.email },
      createdAt: session.createdAt,
      cookies: answered.getSetCookie(),
    };
  }

  function toBearer(given: store.GivenBearer, access: string, refreshSecret: string): Bearer {
    return {
      access_token: access,
      token_type: "Bearer",
      expires_in: Math.max(0, Math.round((given.accessExpiresAt.getTime() - clock.nowMs()) / 1_000)),
      expires_at: given.accessExpiresAt,
      refresh_token: refreshSecret,
      refresh_expires_at: given.refreshExpiresAt,
    };
  }

  return {
    /**
     * The session behind a credential; `undefined` when it is not ours or has ended.
     *
     * @param renews - A session in a browser is renewed by use; a bearer token ends when it was said to end.
     * @throws {AppError} `http.unavailable`
     */
    async find(credential: Exclude<Credential, { kind: "token" }>, renews: boolean): Promise<FoundSession | undefined> {
      let found: FoundSession | undefined;
      if (credential.kind === "session") found = await findInBrowser(credential.cookieValue, renews);
      else {
        const session = await store.findBearerSession(db, hashSecret(credential.secret), limits.maxHours);
        if (session !== undefined) {
          const { id, organisationId, personId, email, createdAt } = session;
          found = { id, organisationId, person: { id: personId, email }, createdAt, cookies: [] };
        }
      }
      if (found !== undefined && renews) {
        store.touchSession(db, found.id).catch((error: unknown) => log.debug({ err: error }, "a session's use could not be noted"));
      }
      return found;
    },

    /** Gives a session that the library just opened to a program: a bearer token and what renews it. */
    async giveBearer(token: string): Promise<Bearer> {
      const [access, refreshSecret] = [makeAccessSecret(), makeRefreshSecret()];
      const given = await db.transaction(async (tx) =>
        store.giveBearer(tx, {
          token,
          accessHash: hashSecret(access),
          refreshHash: hashSecret(refreshSecret),
          minutes: limits.bearerMinutes,
          maxHours: limits.maxHours,
        }),
      );
      if (given === undefined) throw signInErrors.refresh_ended();
      return toBearer(given, access, refreshSecret);
    },

    /**
     * The next pair for a refresh token. One that comes a second time was copied: nobody can tell which of the two is the thief, so
     * the whole sign-in ends.
     *
     * @throws {AppError} `auth.refresh_ended`
     */
    async refresh(secret: string): Promise<{ bearer: Bearer } | { reusedBy: { personId: string; email: string } }> {
      const [access, refreshSecret] = [makeAccessSecret(), makeRefreshSecret()];
      const outcome = await db.transaction(async (tx) => {
        const used = await store.useRefreshToken(tx, hashSecret(secret));
        if (used === undefined) return undefined;
        if (used.isReused) {
          await store.removeSession(tx, used.sessionId);
          return { used };
        }
        const [accessHash, refreshHash] = [hashSecret(access), hashSecret(refreshSecret)];
        const given = await store.renewBearer(tx, { id: used.sessionId, accessHash, refreshHash, minutes: limits.bearerMinutes });
        return given === undefined ? undefined : { used, given };
      });
      if (outcome === undefined) throw signInErrors.refresh_ended();
      // The access token before has ended too: nothing stays open on it.
      onEnded(outcome.used.sessionId);
      return outcome.given === undefined ? { reusedBy: outcome.used } : { bearer: toBearer(outcome.given, access, refreshSecret) };
    },

    /** Where a person is signed in, last seen first. */
    async list(personId: string, currentId: string): Promise<OpenSession[]> {
      const sessions = await store.listSessionsOf(db, personId, limits.maxHours);
      return sessions.map(({ userAgent, remoteAddress, isProgram, ...session }) => ({
        ...session,
        name: describeBrowser(userAgent),
        kind: isProgram ? "program" : "browser",
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
        isCurrent: session.id === currentId,
      }));
    },

    /** Ends a session and what it has open. By our own statement: the library answers success even where the row could not be deleted. */
    async end(sessionId: string): Promise<void> {
      await store.removeSession(db, sessionId);
      onEnded(sessionId);
    },

    /** Ends a session that was opened and is given to nobody. */
    endByToken: (token: string) => store.removeSessionByToken(db, token),

    /** @throws {AppError} `auth.session_not_found` for another person's, too. */
    async endOf(personId: string, sessionId: string): Promise<void> {
      if (!(await store.removeSessionOf(db, personId, sessionId))) throw signInErrors.session_not_found();
      onEnded(sessionId);
    },

    /** Ends all sessions of a person but the one to keep. @returns How many. */
    async endAllOf(personId: string, keepId?: string): Promise<number> {
      const ended = await store.removeSessionsOf(db, personId, keepId);
      for (const id of ended) onEnded(id);
      return ended.length;
    },

    removeEnded: () => store.removeEndedSessions(db, limits.maxHours),
    refuse,
  };
}

export type SessionKeeper = ReturnType<typeof createSessionKeeper>;
