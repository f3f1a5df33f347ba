import { z } from "zod";

/** Every permission there is, `nouns:verb`; those of the kits, `<kit>:verb`, stand last. Those of the platform belong to no role: see {@link platformPermissions}. */
export const permissions = [
  "devices:read",
  "devices:write",
  "devices:credentials",
  "devices:transfer",
  "commands:send",
  "telemetry:read",
  "telemetry:export",
  "rejects:read",
  "alarms:read",
  "alarms:acknowledge",
  "alarms:report",
  "alarms:configure",
  "tickets:read",
  "tickets:write",
  "services:read",
  "services:write",
  "notifications:read",
  "notifications:configure",
  "tokens:write",
  "people:read",
  "people:write",
  "roles:write",
  "sites:write",
  "audit:read",
  "retention:write",
  "personal:export",
  "personal:erase",
  "organisation:read",
  "organisation:write",
  "system:read",
  "platform:organisations",
  "platform:secrets",
  "platform:flags",
  "platform:audit",
  "garden:read",
  "garden:write",
  "garden:configure",
] as const;
export const permission = z.enum(permissions);
export type Permission = z.infer<typeof permission>;

/** Who may call a route: anyone, anyone signed in, a device with its own token, or people and tokens that hold a permission. */
export type Access = "public" | "signedIn" | "device" | Permission;

/** The roles that every organisation has, lowest first; organisations make more of their own. */
export const roles = ["viewer", "operator", "admin", "owner"] as const;
export const role = z.enum(roles);
export type Role = z.infer<typeof role>;

const viewer: readonly Permission[] = [
  "devices:read",
  "telemetry:read",
  "rejects:read",
  "alarms:read",
  "tickets:read",
  "services:read",
  "notifications:read",
  "organisation:read",
  "garden:read",
];
const operator: readonly Permission[] = [
  ...viewer,
  "commands:send",
  "telemetry:export",
  "alarms:acknowledge",
  "tickets:write",
  "garden:write",
];
const admin: readonly Permission[] = [
  ...operator,
  "devices:write",
  "devices:credentials",
  "alarms:report",
  "alarms:configure",
  "services:write",
  "notifications:configure",
  "tokens:write",
  "people:read",
  "people:write",
  "roles:write",
  "sites:write",
  "audit:read",
  "retention:write",
  "personal:export",
  "system:read",
  "garden:configure",
];

/** What each role holds. A higher role holds all of the lower ones. */
export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  viewer,
  operator,
  admin,
  owner: [...admin, "devices:transfer", "personal:erase", "organisation:write"],
};

/** What members of an organisation that is closed may still, of what they might before: see it, and take away what is theirs. */
export const closedPermissions: ReadonlySet<Permission> = new Set([
  "devices:read",
  "telemetry:export",
  "audit:read",
  "personal:export",
  "organisation:read",
  "organisation:write",
]);

/** What a platform administrator holds beside their role: the installation's own things, and no tenant's. */
export const platformPermissions: readonly Permission[] = [
  "platform:organisations",
  "platform:secrets",
  "platform:flags",
  "platform:audit",
];
