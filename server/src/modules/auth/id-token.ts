import { createLocalJWKSet, errors, jwtVerify } from "jose";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";

/** Signatures by the provider's private key alone. With `none` or a shared secret anybody could make one. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
const clockToleranceSeconds = 60;
const maxAgeSeconds = 600;

/** What an identity provider vouches for. */
export interface Vouched {
  /** The provider's own name for the person; never changes, as their address may. */
  readonly subject: string;
  /** In lower case. Absent unless the provider says that it verified the address. */
  readonly email: string | undefined;
  readonly name: string | undefined;
}

export interface Expected {
  readonly issuer: string;
  readonly clientId: string;
  readonly nonce: string;
  readonly now?: Date;
}

const claims = z.object({
  sub: z.string().min(1).max(255),
  nonce: z.string(),
  azp: z.string().optional(),
  email: z.email().max(254).optional().catch(undefined),
  // As a word too: some providers send it so.
  email_verified: z.union([z.boolean(), z.enum(["true", "false"])]).optional(),
  name: z.string().trim().min(1).max(120).optional().catch(undefined),
});

/** The key that signed is not among those at hand: it may be new. */
export class UnknownKeyError extends Error {
  override readonly name = "UnknownKeyError";
}

/**
 * Checks an ID token: signature by one of the provider's keys, issuer, audience, time, nonce.
 *
 * @throws {UnknownKeyError} when the provider's keys should be fetched again; anything else where the token is not to be believed.
 * @see OpenID Connect Core 1.0, 3.1.3.7
 */
export async function verifyIdToken(token: string, keys: JSONWebKeySet, expected: Expected): Promise<Vouched> {
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
    algorithms,
    issuer: expected.issuer,
    audience: expected.clientId,
    requiredClaims: ["sub", "exp", "iat", "nonce"],
    clockTolerance: clockToleranceSeconds,
    maxTokenAge: maxAgeSeconds,
    ...(expected.now === undefined ? {} : { currentDate: expected.now }),
  }).catch((error: unknown) => {
    throw error instanceof errors.JWKSNoMatchingKey ? new UnknownKeyError("No key of the provider fits.", { cause: error }) : error;
  });
  const read = claims.parse(payload);
  if (read.nonce !== expected.nonce) throw new TypeError("The nonce is not the one that was sent.");
  // Made out to several: then the one who asked has to be named.
  if (
    (Array.isArray(payload.aud) && payload.aud.length > 1 && read.azp === undefined) ||
    (read.azp ?? expected.clientId) !== expected.clientId
  )
    throw new TypeError("The token was made for another client.");
  const isVerified = read.email_verified === true || read.email_verified === "true";
  return { subject: read.sub, email: isVerified ? read.email?.toLowerCase() : undefined, name: read.name };
}
