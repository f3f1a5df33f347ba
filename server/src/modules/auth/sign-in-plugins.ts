import { createHmac, randomInt } from "node:crypto";

import { passkey } from "@better-auth/passkey";
import { APIError } from "better-auth/api";
import { createAuthEndpoint } from "better-auth/api";
import { setSessionCookie } from "better-auth/cookies";
import { twoFactor } from "better-auth/plugins/two-factor";
import { z } from "zod";

/** What the library calls the cookies of a sign-in that is not over yet; browsers see neither of the first two. */
export const stepCookies = { secondFactor: "roost_second_factor", passkey: "roost_passkey", trust: "roost_trusted" } as const;

export const trustDays = 30;
export const challengeSeconds = 600;
/** Five wrong codes in a row close the second factor of an account for as long. */
export const lockSeconds = 300;
const codeCount = 10;

/** The second factor: codes of an authenticator app, and recovery codes of which the database has keyed hashes alone. */
export function secondFactorPlugin(signingKey: string) {
  return twoFactor({
    issuer: "Roost",
    twoFactorCookieMaxAge: challengeSeconds,
    trustDeviceMaxAge: trustDays * 86_400,
    accountLockout: { enabled: true, maxFailedAttempts: 5, durationSeconds: lockSeconds },
    backupCodeOptions: {
      amount: codeCount,
      customBackupCodesGenerate: () => Array.from({ length: codeCount }, makeRecoveryCode),
      // The library compares what it is given with what it kept: it is given hashes, and keeps hashes.
      storeBackupCodes: {
        encrypt: async (json) => JSON.stringify((JSON.parse(json) as string[]).map((code) => hashRecoveryCode(code, signingKey))),
        decrypt: async (stored) => stored,
      },
    },
    schema: {
      user: { fields: { twoFactorEnabled: "second_factor_enabled" } },
      twoFactor: {
        modelName: "second_factors",
        fields: {
          userId: "person_id",
          backupCodes: "recovery_codes",
          failedVerificationCount: "failed_count",
          lockedUntil: "locked_until",
        },
      },
    },
  });
}

// Crockford's alphabet, as in set-up codes: nothing in it is taken for something else.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const hashForm = /^hmac:[A-Za-z0-9_-]{43}$/;

function makeRecoveryCode(): string {
  const letters = Array.from({ length: 12 }, () => alphabet[randomInt(32)] ?? "").join("");
  return `${letters.slice(0, 4)}-${letters.slice(4, 8)}-${letters.slice(8)}`;
}

/** Says whether a text has the form of a recovery code, as a person types it. */
export function isRecoveryCode(text: string): boolean {
  return meant(text).length === 12;
}

/** A recovery code as it is kept; a hash stays what it is. */
export function hashRecoveryCode(code: string, signingKey: string): string {
  if (hashForm.test(code)) return code;
  return `hmac:${createHmac("sha256", signingKey)
    .update(`recovery code:${meant(code)}`)
    .digest("base64url")}`;
}

function meant(code: string): string {
  return code
    .toUpperCase()
    .replaceAll(/[^0-9A-Z]/g, "")
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
}

/**
 * Passkeys that stand alone: they are asked for finger, face or PIN each time, and the browser knows whose they are.
 *
 * @param publicUrl - Binds them to its name. Without it they belong to `localhost`, and the caller vouches for the origin it passes on.
 */
export function passkeyPlugin(publicUrl: string | undefined) {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl);
  return passkey({
    rpName: "Roost",
    rpID: url?.hostname ?? "localhost",
    origin: url?.origin ?? null,
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    advanced: { webAuthnChallengeCookie: stepCookies.passkey },
    registration: {
      afterVerification: async ({ verification }) => {
        if (verification.registrationInfo?.userVerified !== true) throw new APIError("BAD_REQUEST", { code: "USER_NOT_VERIFIED" });
      },
    },
    authentication: {
      afterVerification: async ({ verification }) => {
        if (!verification.authenticationInfo.userVerified) throw new APIError("UNAUTHORIZED", { code: "USER_NOT_VERIFIED" });
      },
    },
    schema: {
      passkey: {
        modelName: "passkeys",
        fields: {
          userId: "person_id",
          publicKey: "public_key",
          credentialID: "credential_id",
          deviceType: "device_type",
          backedUp: "backed_up",
          createdAt: "created_at",
        },
      },
    },
  });
}

/** Opens a session for a person whom somebody else vouched for; reachable from our own code alone. */
export function sessionOpener() {
  return {
    id: "roost-session-opener",
    endpoints: {
      openSession: createAuthEndpoint.serverOnly({ method: "POST", body: z.object({ personId: z.string() }) }, async (ctx) => {
        const user = await ctx.context.internalAdapter.findUserById(ctx.body.personId);
        if (user === null) throw new APIError("NOT_FOUND");
        const session = await ctx.context.internalAdapter.createSession(user.id);
        await setSessionCookie(ctx, { session, user });
        return ctx.json({ token: session.token, user: { id: user.id } });
      }),
    },
  };
}
