import type { Actor, Parts, Scope, Whose } from "@roost/contract/tenancy";

export type { Actor, Parts, Scope, Whose, Within } from "@roost/contract/tenancy";

/** The platform acting by itself, in records. */
const platformActor: Actor = { kind: "system", id: "roost", name: "Roost" };

/** Who is behind a piece of work. */
export function actorOf({ by }: Whose): Actor {
  return by ?? platformActor;
}

/** Where a device stands. */
export interface Placed {
  readonly siteId?: string | undefined;
  readonly groupIds: ReadonlySet<string>;
}

/** Says whether a device is in scope; the rows of the database know the same by `roost_in_scope()`. */
export function isInScope(scope: Scope | undefined, device: Placed): boolean {
  if (scope === undefined) return true;
  return scope.allow.every((parts) => isIn(parts, device)) && !isIn(scope.deny, device);
}

/**
 * Says whether a site or group belongs to a scope by itself: a device that has no other place is in scope there. In it, people with a scope may
 * put devices.
 */
export function isOwnPart(scope: Scope | undefined, kind: keyof Parts, id: string): boolean {
  return scope === undefined || (scope.allow.every((parts) => parts[kind].includes(id)) && !scope.deny[kind].includes(id));
}

function isIn(parts: Parts, { siteId, groupIds }: Placed): boolean {
  return (siteId !== undefined && parts.siteIds.includes(siteId)) || parts.groupIds.some((id) => groupIds.has(id));
}
