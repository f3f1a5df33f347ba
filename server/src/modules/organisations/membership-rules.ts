import type { AnyRole } from "@roost/contract/people";
import type { Permission } from "@roost/contract/permissions";

import type { Parts, Scope } from "../../platform/tenancy.ts";
import { toMembership } from "../auth/auth.ts";

/** What a membership comes to: all that the rules look at. */
export interface Held {
  readonly role: AnyRole;
  /** In the end, less denials; without what the platform gives. */
  readonly permissions: ReadonlySet<Permission>;
  /** Absent: the whole organisation. */
  readonly scope: Scope | undefined;
  /** Absent: it does not end. */
  readonly expiresAt: Date | undefined;
}

export type Refusal = "more_than_yours" | "your_own";

/** What is said of a membership when it is given: its role, where it holds, what is taken out, and until when. */
export interface Terms {
  readonly role: AnyRole;
  readonly roleId: string | undefined;
  /** Both absent: the whole organisation. */
  readonly siteIds: readonly string[] | undefined;
  readonly groupIds: readonly string[] | undefined;
  readonly deniedPermissions: readonly Permission[];
  readonly deniedSiteIds: readonly string[];
  readonly deniedGroupIds: readonly string[];
  readonly expiresAt: Date | undefined;
}

/** What terms come to, by the same computation by which access is given. @param custom - What the organisation's own role holds, if it is one. */
export function heldOf(terms: Terms, custom: readonly Permission[] = []): Held {
  return toMembership({
    organisation_id: "",
    organisation_name: "",
    role: terms.role,
    role_name: null,
    role_permissions: [...custom],
    site_ids: terms.siteIds === undefined ? null : [...terms.siteIds],
    group_ids: terms.groupIds === undefined ? null : [...terms.groupIds],
    denied_permissions: [...terms.deniedPermissions],
    denied_site_ids: [...terms.deniedSiteIds],
    denied_group_ids: [...terms.deniedGroupIds],
    membership_expires_at: terms.expiresAt ?? null,
    platform_admin: false,
    is_closed: false,
  });
}

/** Terms without any limit. */
export function plainTerms(role: AnyRole, roleId?: string): Terms {
  return {
    role,
    roleId,
    siteIds: undefined,
    groupIds: undefined,
    deniedPermissions: [],
    deniedSiteIds: [],
    deniedGroupIds: [],
    expiresAt: undefined,
  };
}

/** An owner owns everything, for good. */
export function isLimited(terms: Terms): boolean {
  return (
    terms.siteIds !== undefined ||
    terms.groupIds !== undefined ||
    terms.expiresAt !== undefined ||
    terms.deniedPermissions.length + terms.deniedSiteIds.length + terms.deniedGroupIds.length > 0
  );
}

/** Says whether `more` holds all of `less`. */
export function holdsPermissions(more: ReadonlySet<Permission>, less: Iterable<Permission>): boolean {
  return [...less].every((permission) => more.has(permission));
}

/** Says whether every device in the scope `less` is in `more` too, whatever stands where. */
export function coversScope(more: Scope | undefined, less: Scope | undefined): boolean {
  if (more === undefined) return true;
  if (less === undefined) return false;
  const isNarrowed = more.allow.every((parts) => less.allow.some((narrower) => isPart(narrower, parts)));
  return isNarrowed && isPart(more.deny, less.deny);
}

function isPart(less: Parts, more: Parts): boolean {
  return less.siteIds.every((id) => more.siteIds.includes(id)) && less.groupIds.every((id) => more.groupIds.includes(id));
}

/** Nobody reaches what somebody holds who does not hold it: the permissions, the place, and ownership itself. */
function reaches(by: Held, target: Held): boolean {
  // A role that somebody put together may hold every permission of an owner and still makes none.
  if (target.role === "owner" && by.role !== "owner") return false;
  return holdsPermissions(by.permissions, target.permissions) && coversScope(by.scope, target.scope);
}

/** Says whether a membership gives nothing that another does not: for as long, too. */
function isWithin(less: Held, more: Held): boolean {
  const endsInTime = more.expiresAt === undefined || (less.expiresAt !== undefined && less.expiresAt <= more.expiresAt);
  return reaches(more, less) && endsInTime;
}

/** Whether somebody may give such a membership. */
export function refuseToGive(by: Held, given: Held): Refusal | undefined {
  return isWithin(given, by) ? undefined : "more_than_yours";
}

/**
 * Whether somebody may turn a membership into another.
 *
 * It must be in their reach before; what comes out of it is either less than it was or no more than they hold. Their own only gets less.
 */
export function refuseToChange(change: {
  readonly by: Held;
  readonly isOwn: boolean;
  readonly before: Held;
  readonly after: Held;
}): Refusal | undefined {
  const { by, isOwn, before, after } = change;
  if (isOwn) return isWithin(after, before) ? undefined : "your_own";
  if (!reaches(by, before)) return "more_than_yours";
  return isWithin(after, before) || isWithin(after, by) ? undefined : "more_than_yours";
}

/** Whether somebody may take a membership away; their own they may always give up. */
export function refuseToRemove(by: Held, isOwn: boolean, target: Held): Refusal | undefined {
  return isOwn || reaches(by, target) ? undefined : "more_than_yours";
}

/**
 * Whether somebody may make a role of these permissions, or turn one into another. A role holds wherever its holders stand, and for as
 * long, so its maker has to be there for the whole organisation and for good.
 */
export function refuseRole(by: Held, before: Iterable<Permission>, after: Iterable<Permission>): Refusal | undefined {
  const isWhole = by.scope === undefined && by.expiresAt === undefined;
  return isWhole && holdsPermissions(by.permissions, before) && holdsPermissions(by.permissions, after) ? undefined : "more_than_yours";
}

/** Whether an organisation would be left without an owner. `after` absent: the membership goes. */
export function leavesNoOwner(before: Held, after: Held | undefined, owners: number): boolean {
  return before.role === "owner" && after?.role !== "owner" && owners <= 1;
}
