import { httpErrors } from "@roost/contract/errors";
import { organisationId as organisationIdShape } from "@roost/contract/ids";
import { signInErrors } from "@roost/contract/sign-in";
import type { SignInProvider } from "@roost/contract/single-sign-on";

import type { Db } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import { newId } from "../../platform/id.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Audit } from "../audit/audit.ts";
import type { IdentityProviders } from "./identity-provider.ts";
import { listMemberships } from "./membership-store.ts";
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

  /**
   * Where a caller lets people in themselves, as a whole and for good. To look after the installation is no way into other organisations.
   *
   * @throws {AppError} `http.forbidden` where newcomers would join another organisation.
   */
  async function speaksFor(caller: PersonCaller, joins: Joins | undefined): Promise<string[]> {
    const memberships = caller.kind === "person" ? await listMemberships(db, caller.id) : [];
    const ids = memberships
      .filter((one) => one.scope === undefined && one.expiresAt === undefined && one.permissions.has("people:write"))
      .map((one) => one.organisationId);
    if (joins !== undefined && !ids.includes(joins.organisationId))
      throw httpErrors.forbidden({ needs: "people:write in the organisation" });
    return ids;
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
     * @throws {AppError} `auth.provider_unreachable`, `auth.provider_exists`, `http.forbidden`
     */
    async add(
      caller: PersonCaller,
      input: {
        name: string;
        issuer: string;
        clientId: string;
        clientSecret?: string | undefined;
        allowedDomains: readonly string[];
        joins?: Joins | undefined;
      },
    ): Promise<SignInProvider> {
      const { by } = caller;
      const organisationIds = await speaksFor(caller, input.joins);
      await identityProviders.configure(input.issuer);
      const { clientSecret, joins, ...rest } = input;
      const id = newId();
      const added = await db.transaction(async (tx) => {
        const sealedSecret = clientSecret === undefined ? undefined : seal.seal(Buffer.from(clientSecret), providerPurpose(id));
        const stored = await store.addProvider(tx, { ...rest, id, joins, sealedSecret, speaksFor: organisationIds });
        if (stored === undefined) throw signInErrors.provider_exists();
        const { name, issuer, clientId, allowedDomains } = stored;
        const after = { name, issuer, clientId, allowedDomains, joins };
        await audit.record(tx, { by, action: "sign_in_provider.added", object: objectOf(stored), after });
        return stored;
      });
      return toProvider(added);
    },

    /** @throws {AppError} `auth.provider_not_found`, `http.forbidden` */
    async change(
      caller: PersonCaller,
      providerId: string,
      changes: {
        name?: string | undefined;
        clientSecret?: string | undefined;
        allowedDomains?: readonly string[] | undefined;
        joins?: Joins | null | undefined;
        isEnabled?: boolean | undefined;
      },
    ): Promise<SignInProvider> {
      const { by } = caller;
      const before = await find(providerId);
      const { clientSecret, joins, ...rest } = changes;
      const into = joins === undefined ? before.joins : (joins ?? undefined);
      const isWord = clientSecret !== undefined || joins !== undefined || rest.allowedDomains !== undefined;
      // Taking away that anybody joins is everybody's right.
      const organisationIds = isWord ? await speaksFor(caller, into) : before.speaksFor;
      const after: store.StoredProvider = {
        ...before,
        speaksFor: organisationIds,
        name: rest.name ?? before.name,
        allowedDomains: rest.allowedDomains ?? before.allowedDomains,
        isEnabled: rest.isEnabled ?? before.isEnabled,
        joins: into,
        sealedSecret: clientSecret === undefined ? before.sealedSecret : seal.seal(Buffer.from(clientSecret), providerPurpose(providerId)),
      };
      await db.transaction(async (tx) => {
        await store.saveProvider(tx, after);
        // Whom nobody vouches for any more signs in another way; what is open ends with the next look, within 5 s.
        if (!after.isEnabled) await store.removeSessionsBy(tx, providerId);
        const shown = ({ name, allowedDomains, joins: joined, isEnabled }: store.StoredProvider) => ({
          name,
          allowedDomains,
          joins: joined,
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
    async remove({ by }: PersonCaller, providerId: string): Promise<void> {
      const provider = await find(providerId);
      await db.transaction(async (tx) => {
        await store.removeSessionsBy(tx, providerId);
        if (!(await store.removeProvider(tx, providerId))) throw signInErrors.provider_not_found();
        await audit.record(tx, { by, action: "sign_in_provider.removed", object: objectOf(provider) });
      });
    },
  };
}
