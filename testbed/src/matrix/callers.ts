import { platformPermissions, rolePermissions } from "@roost/contract/permissions";
import type { Permission } from "@roost/contract/permissions";

import type { MembershipTerms } from "./organisations.ts";

/** Where a thing is: at one of the two sites of organisation A, in B, or with the platform itself. */
export type Place = "aNorth" | "aSouth" | "b" | "home";

/** Somebody who asks, and what they may. */
export interface CallerTerms {
  readonly name: string;
  readonly kind: "nobody" | "device" | "person" | "token";
  /** Absent where the credential is none, or none any more. */
  readonly permissions?: readonly Permission[];
  /** Whose things are theirs to see. */
  readonly sees: readonly Place[];
  readonly organisation?: "a" | "b" | "home";
  readonly membership?: Omit<MembershipTerms, "siteIds" | "deniedSiteIds" | "roleId"> & { readonly only?: "north"; readonly not?: "south" };
  /** What became of the credential before it is used. */
  readonly ended?: "token expired" | "token revoked" | "session ended" | "membership expired";
  readonly isPlatformAdministrator?: true;
}

const wholeA: readonly Place[] = ["aNorth", "aSouth"];
const minus = (all: readonly Permission[], denied: Permission) => all.filter((permission) => permission !== denied);
/** Something of an operator and something of an admin, and less than either. */
export const customPermissions: readonly Permission[] = ["devices:read", "alarms:read", "alarms:configure"];
export const limitedPermissions: readonly Permission[] = ["devices:read", "alarms:read", "tokens:write"];

/** Everybody the matrix asks as. */
export const callers: readonly CallerTerms[] = [
  { name: "nobody", kind: "nobody", sees: [] },
  { name: "device of A", kind: "device", organisation: "a", sees: ["aNorth"] },
  ...(["viewer", "operator", "admin", "owner"] as const).map((role): CallerTerms => ({
    name: `${role} A`,
    kind: "person",
    organisation: "a",
    membership: { role },
    permissions: rolePermissions[role],
    sees: wholeA,
  })),
  {
    name: "custom role A",
    kind: "person",
    organisation: "a",
    membership: { role: "custom" },
    permissions: customPermissions,
    sees: wholeA,
  },
  {
    name: "viewer A of one site",
    kind: "person",
    organisation: "a",
    membership: { role: "viewer", only: "north" },
    permissions: rolePermissions.viewer,
    sees: ["aNorth"],
  },
  {
    name: "admin A of one site",
    kind: "person",
    organisation: "a",
    membership: { role: "admin", only: "north" },
    permissions: rolePermissions.admin,
    sees: ["aNorth"],
  },
  {
    name: "viewer A with a site denied",
    kind: "person",
    organisation: "a",
    membership: { role: "viewer", not: "south" },
    permissions: rolePermissions.viewer,
    sees: ["aNorth"],
  },
  {
    name: "admin A with a permission denied",
    kind: "person",
    organisation: "a",
    membership: { role: "admin", deniedPermissions: ["devices:write"] },
    permissions: minus(rolePermissions.admin, "devices:write"),
    sees: wholeA,
  },
  ...(["admin", "owner"] as const).map((role): CallerTerms => ({
    name: `${role} B`,
    kind: "person",
    organisation: "b",
    membership: { role },
    permissions: rolePermissions[role],
    sees: ["b"],
  })),
  {
    name: "platform administrator",
    kind: "person",
    organisation: "home",
    permissions: [...rolePermissions.owner, ...platformPermissions],
    isPlatformAdministrator: true,
    sees: ["home"],
  },
  { name: "token A", kind: "token", organisation: "a", permissions: rolePermissions.owner, sees: wholeA },
  { name: "limited token A", kind: "token", organisation: "a", permissions: limitedPermissions, sees: wholeA },
  { name: "expired token A", kind: "token", organisation: "a", ended: "token expired", sees: [] },
  { name: "revoked token A", kind: "token", organisation: "a", ended: "token revoked", sees: [] },
  { name: "ended session A", kind: "person", organisation: "a", membership: { role: "owner" }, ended: "session ended", sees: [] },
  {
    name: "expired membership A",
    kind: "person",
    organisation: "a",
    membership: { role: "viewer", expired: true },
    ended: "membership expired",
    sees: [],
  },
];
