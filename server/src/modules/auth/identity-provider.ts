import { createHash } from "node:crypto";

import { signInErrors } from "@roost/contract/sign-in";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";

import type { Clock } from "../../platform/clock.ts";
import type { Egress } from "../../platform/egress.ts";
import { UnknownKeyError, verifyIdToken } from "./id-token.ts";
import type { Vouched } from "./id-token.ts";

export interface ProviderIdentity {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
}

const configuration = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url({ protocol: /^https?$/ }),
  token_endpoint: z.url({ protocol: /^https?$/ }),
  jwks_uri: z.url({ protocol: /^https?$/ }),
  end_session_endpoint: z.url({ protocol: /^https?$/ }).optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).default(["client_secret_basic"]),
  authorization_response_iss_parameter_supported: z.boolean().default(false),
});
/** What a provider says about itself. */
export type ProviderConfiguration = z.output<typeof configuration>;

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });
const tokenAnswer = z.object({ id_token: z.string().max(16_384), token_type: z.string().optional() });

const keptMs = 600_000;
/** Keys are fetched anew for a token that none fits, but not as often as somebody sends one. */
const renewedMs = 30_000;

interface Kept<Value> {
  readonly value: Value;
  readonly atMs: number;
}

/** Speaks OpenID Connect with identity providers, by the rules for outgoing requests. */
export function createIdentityProviders({ egress, clock }: { egress: Pick<Egress, "request">; clock: Clock }) {
  const configurations = new Map<string, Kept<ProviderConfiguration>>();
  const keys = new Map<string, Kept<JSONWebKeySet>>();

  async function getJson<Shape extends z.ZodType>(url: string, shape: Shape): Promise<z.output<Shape>> {
    try {
      const { status, text } = await egress.request({ url, headers: { accept: "application/json" } });
      if (status !== 200) throw new TypeError(`The provider answered ${status}.`);
      return shape.parse(JSON.parse(text));
    } catch (cause) {
      throw signInErrors.provider_unreachable({}, { cause });
    }
  }

  /** @see OpenID Connect Discovery 1.0, 4 */
  async function configure(issuer: string): Promise<ProviderConfiguration> {
    const known = configurations.get(issuer);
    if (known !== undefined && clock.monotonicMs() - known.atMs < keptMs) return known.value;
    const found = await getJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, configuration);
    // Who speaks for another issuer speaks for none.
    if (found.issuer !== issuer) throw signInErrors.provider_unreachable({ because: "issuer" });
    // What is asked by TLS is not answered by an address without.
    const isPlain = [found.authorization_endpoint, found.token_endpoint, found.jwks_uri].some((url) => url.startsWith("http:"));
    if (issuer.startsWith("https:") && isPlain) throw signInErrors.provider_unreachable({ because: "without TLS" });
    configurations.set(issuer, { value: found, atMs: clock.monotonicMs() });
    return found;
  }

  async function keysOf(url: string, newerThanMs: number): Promise<JSONWebKeySet> {
    const known = keys.get(url);
    if (known !== undefined && clock.monotonicMs() - known.atMs < newerThanMs) return known.value;
    const value = (await getJson(url, keySet)) as JSONWebKeySet;
    keys.set(url, { value, atMs: clock.monotonicMs() });
    return value;
  }

  return {
    configure,

    /** The address to send the browser to. */
    async authorizationUrl(
      provider: ProviderIdentity,
      asked: { redirectUri: string; state: string; nonce: string; codeVerifier: string; mustAsk: boolean },
    ): Promise<string> {
      const { authorization_endpoint: endpoint } = await configure(provider.issuer);
      const url = new URL(endpoint);
      const parts = {
        response_type: "code",
        client_id: provider.clientId,
        redirect_uri: asked.redirectUri,
        scope: "openid email profile",
        state: asked.state,
        nonce: asked.nonce,
        code_challenge: createHash("sha256").update(asked.codeVerifier).digest("base64url"),
        code_challenge_method: "S256",
        ...(asked.mustAsk ? { prompt: "login" } : {}),
      };
      for (const [name, value] of Object.entries(parts)) url.searchParams.set(name, value);
      return url.href;
    },

    /**
     * Turns the code that came back into what the provider vouches for.
     *
     * @throws {AppError} `auth.single_sign_on_refused`, `auth.provider_unreachable`
     */
    async redeem(
      provider: ProviderIdentity,
      given: { code: string; iss: string | undefined; redirectUri: string; nonce: string; codeVerifier: string },
    ): Promise<Vouched> {
      const known = await configure(provider.issuer);
      // RFC 9207: an answer of another provider than the one that was asked.
      if (given.iss === undefined ? known.authorization_response_iss_parameter_supported : given.iss !== provider.issuer)
        throw signInErrors.single_sign_on_refused({ because: "issuer" });
      const idToken = await exchange(provider, known, given);
      const expected = { issuer: provider.issuer, clientId: provider.clientId, nonce: given.nonce, now: new Date(clock.nowMs()) };
      try {
        return await verifyIdToken(idToken, await keysOf(known.jwks_uri, keptMs), expected).catch(async (error: unknown) => {
          if (!(error instanceof UnknownKeyError)) throw error;
          return verifyIdToken(idToken, await keysOf(known.jwks_uri, renewedMs), expected);
        });
      } catch (cause) {
        if (cause instanceof Error && "status" in cause) throw cause;
        throw signInErrors.single_sign_on_refused({ because: "id_token" }, { cause });
      }
    },
  };

  async function exchange(
    provider: ProviderIdentity,
    known: ProviderConfiguration,
    given: { code: string; redirectUri: string; codeVerifier: string },
  ): Promise<string> {
    const form = new URLSearchParams({
      grant_type: "authorization_code",
      code: given.code,
      redirect_uri: given.redirectUri,
      client_id: provider.clientId,
      code_verifier: given.codeVerifier,
    });
    const headers: Record<string, string> = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
    const { clientSecret } = provider;
    if (clientSecret !== undefined) {
      // RFC 6749, 2.3.1: each half in the form of a form, before it is joined.
      if (known.token_endpoint_auth_methods_supported.includes("client_secret_basic"))
        headers["authorization"] = `Basic ${Buffer.from(`${formText(provider.clientId)}:${formText(clientSecret)}`).toString("base64")}`;
      else form.set("client_secret", clientSecret);
    }
    const answer = await egress
      .request({ url: known.token_endpoint, method: "POST", headers, body: form.toString() })
      .catch((cause: unknown) => {
        throw signInErrors.provider_unreachable({}, { cause });
      });
    if (answer.status !== 200) throw signInErrors.single_sign_on_refused({ because: "code" });
    try {
      return tokenAnswer.parse(JSON.parse(answer.text)).id_token;
    } catch (cause) {
      throw signInErrors.single_sign_on_refused({ because: "answer" }, { cause });
    }
  }
}

export type IdentityProviders = ReturnType<typeof createIdentityProviders>;

function formText(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2);
}
