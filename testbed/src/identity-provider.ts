import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { JsonWebKey } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { Provider } from "oidc-provider";

/** What the provider says of a person. */
export interface ProviderAccount {
  readonly email?: string;
  readonly email_verified?: boolean | string;
  readonly name?: string;
}

/** A real OpenID Connect provider on loopback, where whoever comes is signed in as the person the test names. */
export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What it signs with: with it a test makes tokens that only a provider gone bad could make. */
  readonly privateJwk: JsonWebKey & { readonly kid: string };
  readonly publicPem: string;
  /** Paths it was asked for, in their order. */
  readonly asked: readonly string[];
  signInAs(accountId: string, account: ProviderAccount): void;
  /** Alters the ID token of the answers to come. */
  tamper(alter: ((idToken: string) => string | Promise<string>) | undefined): void;
  close(): Promise<void>;
}

/** Starts a provider with one client. */
export async function startIdentityProvider({ redirectUri }: { redirectUri: string }): Promise<IdentityProvider> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privateJwk = { ...privateKey.export({ format: "jwk" }), kid: "test-key", use: "sig", alg: "RS256" };
  const clientId = "roost";
  const clientSecret = randomBytes(24).toString("base64url");
  const accounts = new Map<string, ProviderAccount>();
  const asked: string[] = [];
  let current = "nobody";
  let alter: ((idToken: string) => string | Promise<string>) | undefined;

  let front: RequestListener = (_request, response) => response.end();
  const server = createServer((request, response) => front(request, response));
  await listen(server);
  const issuer = `http://127.0.0.1:${portOf(server)}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [new URL("/sign-in", redirectUri).href],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    jwks: { keys: [privateJwk] },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, ...accounts.get(id) }) }),
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    // As most providers do: what is asked for stands in the ID token.
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    pkce: { required: () => true },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
  });
  const real = provider.callback();

  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === "login") {
      await provider.interactionFinished(request, response, { login: { accountId: current } });
      return;
    }
    const grant = new provider.Grant({ accountId: session?.accountId ?? current, clientId: String(params["client_id"]) });
    grant.addOIDCScope("openid email profile");
    await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  }

  // Behind the front the same provider answers in its own words.
  const inner = createServer((request, response) => void real(request, response));
  await listen(inner);
  async function passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => ["authorization", "content-type", "accept"].includes(name)),
    ) as Record<string, string>;
    const answer = await fetch(`http://127.0.0.1:${portOf(inner)}${request.url}`, { method: "POST", headers, body: Buffer.concat(parts) });
    const body = (await answer.json()) as { id_token?: string };
    if (alter !== undefined && body.id_token !== undefined) body.id_token = await alter(body.id_token);
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  }

  front = (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "/";
    asked.push(path);
    const work = path.startsWith("/interaction/") ? interact(request, response) : path === "/token" ? passOn(request, response) : undefined;
    if (work === undefined) void real(request, response);
    else work.catch(() => response.destroy());
  };

  return {
    issuer,
    clientId,
    clientSecret,
    privateJwk,
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    asked,
    signInAs(accountId, account) {
      current = accountId;
      accounts.set(accountId, account);
    },
    tamper(change) {
      alter = change;
    },
    async close() {
      for (const one of [server, inner]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
    },
  };
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
