/** The platform acting by itself, in records. */
const platformActor: Actor = { kind: "system", id: "roost", name: "Roost" };

/** Who is behind a piece of work. */
export function actorOf({ by }: Whose): Actor {
  return by ?? platformActor;
}

/** Sites and device groups; a device is in one of these if it stands at one of the sites or belongs to one of the groups. */
export interface Parts {
  readonly siteIds: readonly string[];
  readonly groupIds: readonly string[];
}

/** What of an organisation's devices may be seen and touched: those in every one of `allow`, and none that is in `deny`. */
export interface Scope {
  readonly allow: readonly Parts[];
  readonly deny: Parts;
}

/** Whose rows a piece of work is about: one organisation's, and of its devices those in scope. A caller is one of these. */
export interface Within {
  readonly organisationId: string;
  /** Absent: the whole organisation. */
  readonly scope?: Scope | undefined;
}

/** The same, with who does the work. Absent `by`: the platform itself. */
export interface Whose extends Within {
  readonly by?: Actor | undefined;
}

/** Who did something, for records. */
export interface Actor {
  readonly kind: "person" | "token" | "device" | "system";
  /** The person's, token's or device's id; for `system` the part that acted. */
  readonly id: string;
  /** E-mail of the person, name of the token. */
  readonly name: string;
  readonly remoteAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly correlationId?: string | undefined;
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
