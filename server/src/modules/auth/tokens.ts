import { authErrors } from "@roost/contract/auth";
import type { ApiToken } from "@roost/contract/auth";
import { httpErrors } from "@roost/contract/errors";
import { apiTokenId, deviceGroupId, siteId } from "@roost/contract/ids";
import type { Permission } from "@roost/contract/permissions";

import type { Db } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Audit } from "../audit/audit.ts";
import { hashSecret, makeTokenSecret } from "./credentials.ts";
import * as store from "./token-store.ts";
import type { StoredToken } from "./token-store.ts";

export interface NewToken {
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly siteIds?: readonly string[] | undefined;
  readonly groupIds?: readonly string[] | undefined;
  readonly expiresInDays: number;
}

export interface TokensDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly log: Log;
  /** Ends what a token has open in this process. */
  readonly onEnded: (tokenId: string) => void;
}

/** API tokens: for integrations, streams and MQTT. */
export function createTokens({ db, audit, log, onEnded }: TokensDeps) {
  /** Whose tokens a caller meets: who acts in a part of the organisation, with whatever credential, meets those of its person alone. */
  async function sightOf(caller: PersonCaller): Promise<store.Sight> {
    const { organisationId } = caller;
    if (caller.scope === undefined) return { organisationId };
    return { organisationId, personId: caller.kind === "person" ? caller.id : await store.findMaker(db.within(caller), caller.id) };
  }

  return {
    /** Newest first; never secrets. */
    list: async (caller: PersonCaller): Promise<ApiToken[]> =>
      (await store.listTokens(db.within(caller), await sightOf(caller))).map(toApiToken),

    /**
     * Makes a token; its secret is answered here and never again.
     *
     * @throws {AppError} `http.forbidden` for permissions its maker does not hold, or when its maker is a token itself.
     */
    async add(caller: PersonCaller, input: NewToken): Promise<{ token: ApiToken; secret: string }> {
      // A token that made tokens would outlive its own revocation.
      if (caller.kind !== "person") throw httpErrors.forbidden();
      const missing = input.permissions.filter((permission) => !caller.permissions.has(permission));
      if (missing.length > 0) throw httpErrors.forbidden({ permissions: missing });
      const { organisationId, by } = caller;
      const secret = makeTokenSecret();
      const stored = await db.within(caller).transaction(async (tx) => {
        // Rights are known for two seconds: a token of somebody who was taken out meanwhile would wait for their return.
        if (!(await store.lockMembership(tx, organisationId, caller.id))) throw httpErrors.forbidden();
        const added = await store.addToken(tx, {
          organisationId,
          personId: caller.id,
          name: input.name,
          permissions: [...new Set(input.permissions)],
          parts:
            input.siteIds === undefined && input.groupIds === undefined
              ? undefined
              : { siteIds: input.siteIds ?? [], groupIds: input.groupIds ?? [] },
          secretHash: hashSecret(secret),
          expiresInDays: input.expiresInDays,
        });
        const { permissions, parts, expiresAt } = added;
        await audit.record(tx, {
          organisationId,
          by,
          action: "api_token.added",
          object: { kind: "api_token", id: added.id, name: added.name },
          after: { permissions, ...parts, expiresAt },
        });
        return added;
      });
      log.info({ tokenId: stored.id, personId: caller.id }, "an API token was made");
      return { token: toApiToken(stored), secret };
    },

    /** @throws {AppError} `auth.token_not_found` */
    async remove(caller: PersonCaller, tokenId: string): Promise<void> {
      const { organisationId, by } = caller;
      const sight = await sightOf(caller);
      await db.within(caller).transaction(async (tx) => {
        const name = await store.removeToken(tx, sight, tokenId);
        if (name === undefined) throw authErrors.token_not_found();
        await audit.record(tx, { organisationId, by, action: "api_token.removed", object: { kind: "api_token", id: tokenId, name } });
      });
      onEnded(tokenId);
      log.info({ tokenId }, "an API token was taken away");
    },
  };
}

function toApiToken(stored: StoredToken): ApiToken {
  return {
    id: apiTokenId.parse(stored.id),
    name: stored.name,
    permissions: [...stored.permissions],
    siteIds: stored.parts?.siteIds.map((id) => siteId.parse(id)),
    groupIds: stored.parts?.groupIds.map((id) => deviceGroupId.parse(id)),
    createdAt: stored.createdAt,
    expiresAt: stored.expiresAt,
    lastUsedAt: stored.lastUsedAt,
  };
}
