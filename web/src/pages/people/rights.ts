import type { DeviceGroupId, RoleId, SiteId } from "@roost/contract/ids";
import type { AnyRole, Member } from "@roost/contract/people";
import type { Permission } from "@roost/contract/permissions";

/** What a form asks about a membership: the role, where it holds, what is taken out, until when. */
export interface Rights {
  /** `viewer`, … or the id of a role that the organisation made. */
  readonly role: string;
  readonly where: "everywhere" | "parts";
  readonly siteIds: readonly SiteId[];
  readonly groupIds: readonly DeviceGroupId[];
  readonly deniedPermissions: readonly Permission[];
  readonly deniedSiteIds: readonly SiteId[];
  readonly deniedGroupIds: readonly DeviceGroupId[];
  /** As a field of the browser holds it: local `2026-11-21T18:00`; empty: without end. */
  readonly until: string;
}

export const noRights: Rights = {
  role: "viewer",
  where: "everywhere",
  siteIds: [],
  groupIds: [],
  deniedPermissions: [],
  deniedSiteIds: [],
  deniedGroupIds: [],
  until: "",
};

const builtIn: readonly string[] = ["viewer", "operator", "admin", "owner"];

export function rightsOf(member: Member): Rights {
  return {
    role: member.roleId ?? member.role,
    where: member.siteIds === undefined && member.groupIds === undefined ? "everywhere" : "parts",
    siteIds: member.siteIds ?? [],
    groupIds: member.groupIds ?? [],
    deniedPermissions: member.deniedPermissions,
    deniedSiteIds: member.deniedSiteIds,
    deniedGroupIds: member.deniedGroupIds,
    until: member.expiresAt === undefined ? "" : localMinute(member.expiresAt),
  };
}

/** The role as the API names it. */
export function roleFields({ role }: Rights): { role: AnyRole; roleId?: RoleId } {
  return builtIn.includes(role) ? { role: role as AnyRole } : { role: "custom", roleId: role as RoleId };
}

/** The denials as the API names them. */
export function denialFields({ deniedPermissions, deniedSiteIds, deniedGroupIds }: Rights) {
  return { deniedPermissions: [...deniedPermissions], deniedSiteIds: [...deniedSiteIds], deniedGroupIds: [...deniedGroupIds] };
}

/** When the membership ends, in the form the API takes; `undefined` without end. */
export function endOf({ until }: Rights): string | undefined {
  return until === "" ? undefined : new Date(until).toISOString();
}

/** An instant as a `datetime-local` field shows it. */
export function localMinute(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
