import { organisationId as organisationIdShape } from "@roost/contract/ids";
import { signInErrors } from "@roost/contract/sign-in";
import type { SignInProvider } from "@roost/contract/single-sign-on";

import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import type { IdentityProviders } from "./identity-provider.ts";
import * as store from "./single-sign-on-store.ts";

export interface SignInProvidersDeps {
  readonly db: Db;
  readonly identityProviders: Pick<IdentityProviders, "configure">;
  readonly audit: Pick<Audit, "record">;
  readonly seal: Seal;
  readonly redirectUri: string | undefined;
}

/** Which organisation newcomers become members of, and as what. */
export interface Joins {
  readonly organisationId: string;
  readonly role: "viewer" | "operator";
}

/** What a provider's client secret is bound to where it is sealed. */
export function providerPurpose(providerId: string): string {
  return `sign-in provider:${providerId}`;
}

/** Who may vouch for people: kept by those who look after the installation. */
export function createSignInProviders({ db, identityProviders, audit, seal, redirectUri }: SignInProvidersDeps) {
  function toProvider({ sealedSecret, joins, ...provider }: store.StoredProvider): SignInProvider {
    return {
      ...provider,
      allowedDomains: [...provider.allowedDomains],
      hasSecret: sealedSecret !== undefined,
      ...(joins === undefined ? {} : { joins: { organisationId: organisationIdShape.parse(joins.organisationId), role: joins.role } }),
      ...(redirectUri === undefined ? {} : { redirectUri }),
    };
  }

  async function find(providerId: string): Promise<store.StoredProvider> {
    const provider = await store.findProvider(db, providerId);
    if (provider === undefined) throw signInErrors.provider_not_found();
    return provider;
  }

  const objectOf = (provider: { readonly id: string; readonly name: string }) => ({
    kind: "sign_in_provider",
    id: provider.id,
    name: provider.name,
  });

  return {
    list: async (): Promise<SignInProvider[]> => (await store.listProviders(db)).map(toProvider),

    /**
     * Adds a provider, after it answered what OpenID Connect asks for.
     *
     * @throws {AppError} `auth.provider_unreachable`, `auth.provider_exists`
     */
    async add(
      by: Actor,
      input: {
        name: string;
        issuer: string;
        clientId: string;
        clientSecret?: string | undefined;
        allowedDomains: readonly string[];
        joins?: Joins | undefined;
      },
    ): Promise<SignInProvider> {
      await identityProviders.configure(input.issuer);
      const { clientSecret, joins, ...rest } = input;
      const id = newId();
      const added = await db.transaction(async (tx) => {
        const sealedSecret = clientSecret === undefined ? undefined : seal.seal(Buffer.from(clientSecret), providerPurpose(id));
        const stored = await store.addProvider(tx, { ...rest, id, joins, sealedSecret });
        if (stored === undefined) throw signInErrors.provider_exists();
        const { name, issuer, clientId, allowedDomains } = stored;
        const after = { name, issuer, clientId, allowedDomains, joins };
        await audit.record(tx, { by, action: "sign_in_provider.added", object: objectOf(stored), after });
        return stored;
      });
      return toProvider(added);
    },

    /** @throws {AppError} `auth.provider_not_found` */
    async change(
      by: Actor,
      providerId: string,
      changes: {
        name?: string | undefined;
        clientSecret?: string | undefined;
        allowedDomains?: readonly string[] | undefined;
        joins?: Joins | null | undefined;
        isEnabled?: boolean | undefined;
      },
    ): Promise<SignInProvider> {
      const before = await find(providerId);
      const { clientSecret, joins, ...rest } = changes;
      const after: store.StoredProvider = {
        ...before,
        name: rest.name ?? before.name,
        allowedDomains: rest.allowedDomains ?? before.allowedDomains,
        isEnabled: rest.isEnabled ?? before.isEnabled,
        joins: joins === undefined ? before.joins : (joins ?? undefined),
        sealedSecret: clientSecret === undefined ? before.sealedSecret : seal.seal(Buffer.from(clientSecret), providerPurpose(providerId)),
      };
      await db.transaction(async (tx) => {
        await store.saveProvider(tx, after);
        // Whom nobody vouches for any more signs in another way; what is open ends with the next look, within 5 s.
        if (!after.isEnabled) await store.removeSessionsBy(tx, providerId);
        const shown = ({ name, allowedDomains, joins: into, isEnabled }: store.StoredProvider) => ({
          name,
          allowedDomains,
          joins: into,
          isEnabled,
        });
        const isSecretNew = clientSecret === undefined ? {} : { renewed: "client secret" };
        await audit.record(tx, {
          by,
          action: "sign_in_provider.changed",
          object: objectOf(after),
          before: shown(before),
          after: { ...shown(after), ...isSecretNew },
        });
      });
      return toProvider(after);
    },

    /** Takes a provider away, with the links of all accounts. @throws {AppError} `auth.provider_not_found` */
    async remove(by: Actor, providerId: string): Promise<void> {
      const provider = await find(providerId);
      await db.transaction(async (tx) => {
        await store.removeSessionsBy(tx, providerId);
        if (!(await store.removeProvider(tx, providerId))) throw signInErrors.provider_not_found();
        await audit.record(tx, { by, action: "sign_in_provider.removed", object: objectOf(provider) });
      });
    },
  };
}
