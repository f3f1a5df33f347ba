import { randomBytes } from "node:crypto";

import { isAppError } from "@roost/contract/errors";
import { signInErrors } from "@roost/contract/sign-in";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { CredentialRequest } from "../../platform/http/access.ts";
import type { Log } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { findPerson } from "./auth-store.ts";
import { cookieLineFor, cookieNameFor, hashSecret, readCookie } from "./credentials.ts";
import type { Vouched } from "./id-token.ts";
import type { IdentityProviders, ProviderIdentity } from "./identity-provider.ts";
import { addMembership, findMembership, isOpen, listMemberships } from "./membership-store.ts";
import { findPasswordHash } from "./password-store.ts";
import type { OwnSession } from "./passwords.ts";
import { findProviderOf, noteProvider } from "./session-store.ts";
import { actorOf } from "./sign-in-journal.ts";
import type { SignInJournal } from "./sign-in-journal.ts";
import { freshSeconds } from "./sign-in-library.ts";
import type { SignInLibrary } from "./sign-in-library.ts";
import { providerPurpose } from "./sign-in-providers.ts";
import { libraryHeaders } from "./sign-in.ts";
import type { Proven } from "./sign-in.ts";
import * as store from "./single-sign-on-store.ts";

export interface SingleSignOnDeps {
  readonly db: Db;
  readonly library: SignInLibrary;
  readonly identityProviders: IdentityProviders;
  readonly journal: SignInJournal;
  readonly seal: Seal;
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a provider sends the browser back with. */
export interface SentBack {
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
  readonly iss?: string | undefined;
}

const stateCookie = "roost_sso";
const cookieAttributes = "Path=/; HttpOnly; SameSite=Lax; Max-Age=600";
const secretForm = /^[A-Za-z0-9_-]{43}$/;
const callbackPath = "/api/v1/auth/single-sign-on/callback";

/** Where providers send browsers back to; built from the configured address alone. */
export function callbackOf(publicUrl: string | undefined): string | undefined {
  return publicUrl === undefined ? undefined : new URL(callbackPath, publicUrl).href;
}

/**
 * Single sign-on: OpenID Connect by code with PKCE, state and nonce.
 *
 * An account that was here before is found by the provider's own name for the person. By e-mail it is found only where both sides have
 * verified the address, no second factor would be passed by, and the provider speaks for every organisation they belong to: else whoever
 * registers an address first would own what comes later, and who looks after the installation could be anybody.
 */
export function createSingleSignOn({ db, library, identityProviders, journal, seal, publicUrl, clock, log }: SingleSignOnDeps) {
  const redirectUri = callbackOf(publicUrl);

  async function findEnabled(providerId: string): Promise<store.StoredProvider> {
    const provider = await store.findProvider(db, providerId);
    if (provider?.isEnabled !== true) throw signInErrors.provider_not_found();
    return provider;
  }

  function identityOf({ id, issuer, clientId, sealedSecret }: store.StoredProvider): ProviderIdentity {
    const clientSecret = sealedSecret === undefined ? undefined : seal.open(sealedSecret, providerPurpose(id)).toString("utf8");
    return { issuer, clientId, clientSecret };
  }

  function browserOf({ headers, isSecure }: CredentialRequest): string | undefined {
    const value = typeof headers["cookie"] === "string" ? readCookie(headers["cookie"], cookieNameFor(stateCookie, isSecure)) : undefined;
    return value !== undefined && secretForm.test(value) ? value : undefined;
  }

  async function begin(providerId: string, returnTo: string, personId: string | undefined, request: CredentialRequest): Promise<string> {
    if (redirectUri === undefined) throw signInErrors.single_sign_on_unavailable();
    const provider = await findEnabled(providerId);
    const [state, nonce, codeVerifier] = [secret(), secret(), secret()];
    const url = await identityProviders.authorizationUrl(identityOf(provider), {
      redirectUri,
      state,
      nonce,
      codeVerifier,
      // Somebody else may be signed in at the provider in this browser.
      mustAsk: personId !== undefined,
    });
    // Two tabs of one browser go on side by side.
    const browser = browserOf(request) ?? secret();
    const [stateHash, browserHash] = [hashSecret(state), hashSecret(browser)];
    await store.addBegun(db, { providerId, nonce, codeVerifier, returnTo, personId, stateHash, browserHash });
    request.addHeader("set-cookie", cookieLineFor(`${stateCookie}=${browser}; ${cookieAttributes}`, request.isSecure));
    return url;
  }

  /** Whose account it is; newcomers are let in where their mail domain is. */
  async function personFor(provider: store.StoredProvider, vouched: Vouched, request: CredentialRequest): Promise<string> {
    const linked = await store.findLinked(db, provider.id, vouched.subject);
    if (linked !== undefined) return linked;
    const { email } = vouched;
    const isOurDomain = email !== undefined && provider.allowedDomains.includes(email.split("@")[1] ?? "");
    if (email === undefined || (provider.allowedDomains.length > 0 && !isOurDomain)) throw signInErrors.single_sign_on_no_access();
    const known = await store.findPersonToLink(db, email);
    if (known !== undefined) {
      const memberships = await listMemberships(db, known.id);
      // Who belongs nowhere is nobody's to vouch for: a link would wait for whoever lets them in next.
      if (memberships.length === 0) throw signInErrors.single_sign_on_no_access();
      const isSpokenFor = memberships.every((one) => provider.speaksFor.includes(one.organisationId));
      if (!known.isVerified || known.hasSecondFactor || !isSpokenFor) throw signInErrors.single_sign_on_not_linked();
      await link(provider, vouched.subject, { id: known.id, email }, actorOf({ id: known.id, email }, request));
      return known.id;
    }
    const { joins } = provider;
    if (joins === undefined || !isOurDomain || !(await isOpen(db, joins.organisationId))) throw signInErrors.single_sign_on_no_access();
    return db.transaction(async (tx) => {
      const personId = await store.addNewcomer(tx, { email, name: vouched.name ?? email.split("@")[0] ?? email });
      if (personId === undefined || !(await store.addLink(tx, provider.id, vouched.subject, personId)))
        throw signInErrors.single_sign_on_refused();
      await addMembership(tx, joins.organisationId, personId, joins.role);
      const by = actorOf({ id: personId, email }, request);
      const after = { provider: provider.name, role: joins.role };
      await journal.record(tx, { by, personId, organisationId: joins.organisationId, action: "person.joined", after });
      return personId;
    });
  }

  async function link(provider: store.StoredProvider, subject: string, person: OwnSession["person"], by: Actor): Promise<void> {
    await db.transaction(async (tx) => {
      if (!(await store.addLink(tx, provider.id, subject, person.id))) throw signInErrors.single_sign_on_taken();
      await journal.record(tx, { by, personId: person.id, action: "single_sign_on.linked", after: { provider: provider.name } });
    });
  }

  async function finish(back: SentBack, request: CredentialRequest): Promise<{ returnTo: string; proven?: Proven }> {
    const browser = browserOf(request);
    const begun =
      back.state === undefined || browser === undefined
        ? undefined
        : await store.takeBegun(db, hashSecret(back.state), hashSecret(browser));
    // Not begun here, by another browser, too long ago, or come back already.
    if (begun === undefined || redirectUri === undefined) throw signInErrors.single_sign_on_refused({ because: "state" });
    if (back.code === undefined) throw signInErrors.single_sign_on_refused({ because: "provider" });
    const provider = await findEnabled(begun.providerId);
    const { nonce, codeVerifier, returnTo } = begun;
    const vouched = await identityProviders.redeem(identityOf(provider), {
      code: back.code,
      iss: back.iss,
      redirectUri,
      nonce,
      codeVerifier,
    });
    if (begun.personId !== undefined) {
      const person = await findPerson(db, begun.personId);
      if (person === undefined) throw signInErrors.single_sign_on_refused();
      await link(provider, vouched.subject, person, actorOf(person, request));
      return { returnTo };
    }
    const personId = await personFor(provider, vouched, request);
    if ((await findMembership(db, personId)) === undefined) throw signInErrors.single_sign_on_no_access();
    const opened = await library.api.openSession({ body: { personId }, headers: libraryHeaders(request), returnHeaders: true });
    const { token } = opened.response;
    await noteProvider(db, token, provider.id);
    return { returnTo, proven: { personId, token, cookies: opened.headers.getSetCookie(), by: `single sign-on: ${provider.name}` } };
  }

  return {
    /** For the sign-in page: those that can be used. */
    async list(): Promise<{ id: string; name: string }[]> {
      if (redirectUri === undefined) return [];
      return (await store.listProviders(db)).filter((one) => one.isEnabled).map(({ id, name }) => ({ id, name }));
    },

    /** When a person's account was linked, by provider. */
    links: (personId: string): Promise<Map<string, Date>> => store.listLinks(db, personId),

    /** @throws {AppError} `auth.single_sign_on_unavailable`, `auth.provider_not_found`, `auth.provider_unreachable` */
    begin: (providerId: string, returnTo: string, request: CredentialRequest): Promise<string> =>
      begin(providerId, returnTo, undefined, request),

    /** @throws {AppError} as `begin`, and `auth.sign_in_again`: a browser that was left open links nothing. */
    async beginLink(
      session: OwnSession & { readonly createdAt: Date },
      providerId: string,
      returnTo: string,
      request: CredentialRequest,
    ): Promise<string> {
      if (clock.nowMs() - session.createdAt.getTime() > freshSeconds * 1_000) throw signInErrors.sign_in_again();
      return begin(providerId, returnTo, session.person.id, request);
    },

    /**
     * Ends what was begun, for a browser that navigates: it is always sent on.
     *
     * @param welcome - Gives the browser its session.
     * @returns A path of ours, with the code of the error where it was refused.
     */
    async finish(back: SentBack, request: CredentialRequest, welcome: (proven: Proven) => Promise<unknown>): Promise<string> {
      try {
        const { returnTo, proven } = await finish(back, request);
        if (proven !== undefined) await welcome(proven);
        return returnTo;
      } catch (error) {
        if (!isAppError(error)) throw error;
        log.info({ code: error.code, because: error.details["because"], err: error.cause }, "a single sign-on was refused");
        return `/sign-in?error=${encodeURIComponent(error.code)}`;
      }
    },

    /** @throws {AppError} `auth.provider_not_found` where nothing was linked; `auth.no_password` where it is the only way in. */
    async unlink(session: OwnSession, by: Actor, providerId: string): Promise<void> {
      const { id: personId } = session.person;
      if ((await findPasswordHash(db, personId)) === undefined) throw signInErrors.no_password();
      await db.transaction(async (tx) => {
        if (!(await store.removeLink(tx, providerId, personId))) throw signInErrors.provider_not_found();
        await journal.record(tx, { by, personId, action: "single_sign_on.unlinked", after: { providerId } });
      });
    },

    /** Where the provider's own session is ended; `undefined` where none vouched, or it has no such address. */
    async endUrl(sessionId: string): Promise<string | undefined> {
      const providerId = await findProviderOf(db, sessionId);
      const provider = providerId === undefined ? undefined : await store.findProvider(db, providerId);
      if (provider === undefined || publicUrl === undefined) return undefined;
      const known = await identityProviders.configure(provider.issuer).catch(() => undefined);
      if (known?.end_session_endpoint === undefined) return undefined;
      const url = new URL(known.end_session_endpoint);
      url.searchParams.set("client_id", provider.clientId);
      url.searchParams.set("post_logout_redirect_uri", new URL("/sign-in", publicUrl).href);
      return url.href;
    },
  };
}

function secret(): string {
  return randomBytes(32).toString("base64url");
}
