import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { betterAuth } from "better-auth";

import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { PasswordHasher } from "./password.ts";
import { passkeyPlugin, secondFactorPlugin, sessionOpener, stepCookies } from "./sign-in-plugins.ts";

/** How recent a sign-in must be for what opens another way in. */
export const freshSeconds = 3_600;

export interface SignInLibraryOptions {
  readonly db: Db;
  readonly log: Log;
  readonly hasher: PasswordHasher;
  /** Signs session cookies; at least 32 bytes of randomness as text. */
  readonly signingKey: string;
  readonly publicUrl: string | undefined;
  /** A session that was not used for so long ends. */
  readonly idleHours: number;
}

/** What the library calls the cookie that carries the session; browsers get it by the name of their way in. */
export const sessionCookie = "roost_session";

/**
 * The sign-in library on the house's tables. It is called from our own routes; its own HTTP handler is reachable by nobody.
 *
 * Its rate limit and its origin check belong to that handler: ours stand at the edge and in the face of this module.
 */
export function createSignInLibrary({ db, log, hasher, signingKey, publicUrl, idleHours }: SignInLibraryOptions) {
  let decoy: Promise<string> | undefined;
  /**
   * What the library does where there is no such account, so that time does not tell: the statement and the check that a known one takes.
   * Passwords are set by us and never here; what this answers opens nothing.
   */
  async function pretend(password: string): Promise<string> {
    decoy ??= hasher.hash(randomBytes(16).toString("hex"));
    await db.query(sql`select a.* from accounts a where a.person_id = ${newId()}`);
    await hasher.verify({ hash: await decoy, password });
    return "";
  }
  const idleSeconds = Math.ceil(idleHours * 3_600);
  return betterAuth({
    appName: "Roost",
    baseURL: publicUrl ?? "http://roost.invalid",
    basePath: "/api/v1/auth",
    secret: signingKey,
    database: db.pool,
    telemetry: { enabled: false },
    rateLimit: { enabled: false },
    logger: {
      level: "warn",
      // What people type wrong is no warning; what the library calls an error is looked into by the caller.
      log: (_level, message) => log.debug({ library: "better-auth" }, message),
    },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      // Length and strength are checked by us where a password is set, and not where one is tried.
      minPasswordLength: 1,
      maxPasswordLength: 256,
      password: { verify: (input) => hasher.verify(input), hash: (password) => pretend(password) },
    },
    user: { modelName: "people", fields: { emailVerified: "email_verified", createdAt: "created_at", updatedAt: "updated_at" } },
    session: {
      modelName: "sessions",
      expiresIn: idleSeconds,
      // Written at most twelve times in that while.
      updateAge: Math.min(86_400, Math.floor(idleSeconds / 12)),
      freshAge: freshSeconds,
      // Which organisation the session acts in; memberships and invitations are the house's own, see docs/decisions/0014-memberships.md.
      additionalFields: {
        activeOrganizationId: { type: "string", required: false, input: false, fieldName: "active_organisation_id" },
      },
      fields: {
        userId: "person_id",
        expiresAt: "expires_at",
        ipAddress: "ip_address",
        userAgent: "user_agent",
        createdAt: "created_at",
        updatedAt: "updated_at",
      },
    },
    account: {
      modelName: "accounts",
      fields: {
        userId: "person_id",
        accountId: "account_id",
        providerId: "provider_id",
        accessToken: "access_token",
        refreshToken: "refresh_token",
        idToken: "id_token",
        accessTokenExpiresAt: "access_token_expires_at",
        refreshTokenExpiresAt: "refresh_token_expires_at",
        createdAt: "created_at",
        updatedAt: "updated_at",
      },
    },
    verification: {
      modelName: "verifications",
      // Whoever reads the table cannot go on with a sign-in that somebody began.
      storeIdentifier: "hashed",
      fields: { expiresAt: "expires_at", createdAt: "created_at", updatedAt: "updated_at" },
    },
    advanced: {
      useSecureCookies: false,
      cookies: {
        session_token: { name: sessionCookie },
        dont_remember: { name: "roost_brief" },
        two_factor: { name: stepCookies.secondFactor },
        trust_device: { name: stepCookies.trust },
        [stepCookies.passkey]: { name: stepCookies.passkey },
      },
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax", path: "/" },
      ipAddress: { ipAddressHeaders: ["x-roost-address"] },
      database: { generateId: () => newId() },
    },
    plugins: [secondFactorPlugin(signingKey), passkeyPlugin(publicUrl), sessionOpener()],
  });
}

export type SignInLibrary = ReturnType<typeof createSignInLibrary>;
