import type { ApiToken } from "@roost/contract/auth";
import { httpErrors } from "@roost/contract/errors";
import { apiTokenId, deviceGroupId, siteId } from "@roost/contract/ids";
import type { Permission } from "@roost/contract/permissions";

import type { Db } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import { hashSecret, makeTokenSecret } from "./credentials.ts";
import { addToken } from "./token-store.ts";
import type { StoredToken } from "./token-store.ts";

export interface NewToken {
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly siteIds?: readonly string[] | undefined;
  readonly groupIds?: readonly string[] | undefined;
  readonly expiresInDays: number;
}

/** Makes a token for a person; see the face. */
export async function addApiToken(
  { db, log }: { db: Db; log: Log },
  caller: PersonCaller,
  input: NewToken,
): Promise<{ token: ApiToken; secret: string }> {
  // A token that made tokens would outlive its own revocation.
  if (caller.kind !== "person") throw httpErrors.forbidden();
  const missing = input.permissions.filter((permission) => !caller.permissions.has(permission));
  if (missing.length > 0) throw httpErrors.forbidden({ permissions: missing });
  const secret = makeTokenSecret();
  const stored = await addToken(db, {
    organisationId: caller.organisationId,
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
  log.info({ tokenId: stored.id, personId: caller.id }, "an API token was made");
  return { token: toApiToken(stored), secret };
}

export function toApiToken(stored: StoredToken): ApiToken {
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
