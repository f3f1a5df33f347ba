import { z } from "zod";

import { authErrors, session } from "./auth.ts";
import { defineErrors } from "./errors.ts";
import { deviceGroupId, invitationId, organisationId, personId, roleId, siteId } from "./ids.ts";
import { givenName } from "./organisations.ts";
import { listOf, page } from "./paging.ts";
import { permission, roles } from "./permissions.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { signInErrors } from "./sign-in.ts";
import { instant } from "./time.ts";

/** One of the four that every organisation has, or `custom`: one that it made for itself. */
export const anyRole = z.enum([...roles, "custom"]);
export type AnyRole = z.infer<typeof anyRole>;

export const peopleErrors = defineErrors("people", {
  not_found: [404, "There is no such person here."],
  more_than_yours: [
    403,
    "Nobody gives, changes or takes away more than they hold themselves. Ask somebody who holds it, such as an owner.",
  ],
  your_own: [403, "Nobody widens their own rights. Ask another administrator or an owner."],
  last_owner: [409, "This is the last owner. Make somebody else an owner first."],
  owner_is_whole: [422, "An owner owns everything, for good: no sites, groups, denials or end. Choose another role for less."],
  person_needed: [403, "Sign in as a person for this; an API token cannot let people in or out."],
  role_not_found: [404, "There is no such role."],
  role_exists: [409, "There is a role with this name already."],
  role_in_use: [409, "The role is held by somebody, or offered in an invitation. Give them another one first."],
  unknown_part: [422, "One of the sites or device groups does not exist here."],
  support_only: [409, "This is a platform administrator who was let in for a time. End their access instead."],
  invitation_not_found: [404, "There is no such open invitation."],
  invitation_ended: [410, "The invitation has ended, was used already, or was cut off. Ask for a new one."],
  invitation_for_another: [403, "The invitation is for another e-mail address. Sign in with the account it was sent to."],
  already_member: [409, "This person belongs to the organisation already."],
  account_exists: [409, "There is an account with this e-mail address. Sign in with it and open the invitation again."],
  too_many_invitations: [409, "Too many invitations are open. Take some back, or wait until they are accepted or end."],
  mail_unavailable: [
    409,
    "This Roost sends no invitations by mail. Make a link instead. (To switch it on: ROOST_SMTP_URL, ROOST_MAIL_FROM and ROOST_PUBLIC_URL.)",
  ],
});

// Roles

export const organisationRole = z.object({
  /** Absent for the four that every organisation has. */
  id: roleId.optional(),
  role: anyRole,
  name: z.string(),
  permissions: z.array(permission),
  /** Members who hold it. */
  people: z.number().int().nonnegative(),
});
export type OrganisationRole = z.output<typeof organisationRole>;

const rolePermissions = z.array(permission).min(1).max(100);
const oneRole = z.object({ roleId });

export const listRoles = defineRoute({
  operation: "listRoles",
  method: "GET",
  path: "/api/v1/roles",
  access: "people:read",
  summary: "Lists the four roles that every organisation has, lowest first, and then its own by name, with what they may.",
  reply: z.object({ items: z.array(organisationRole) }),
});

export const addRole = defineRoute({
  operation: "addRole",
  method: "POST",
  path: "/api/v1/roles",
  access: "roles:write",
  summary: "Makes a role out of permissions that the caller holds.",
  body: z.strictObject({ name: givenName, permissions: rolePermissions }),
  reply: organisationRole,
  status: 201,
  errors: [peopleErrors.role_exists, peopleErrors.more_than_yours, peopleErrors.person_needed],
});

export const changeRole = defineRoute({
  operation: "changeRole",
  method: "PATCH",
  path: "/api/v1/roles/:roleId",
  access: "roles:write",
  summary: "Changes a role of the organisation; takes effect for all who hold it within 5 s.",
  params: oneRole,
  body: z.strictObject({ name: givenName.optional(), permissions: rolePermissions.optional() }),
  reply: organisationRole,
  errors: [peopleErrors.role_not_found, peopleErrors.role_exists, peopleErrors.more_than_yours, peopleErrors.person_needed],
});

export const removeRole = defineRoute({
  operation: "removeRole",
  method: "DELETE",
  path: "/api/v1/roles/:roleId",
  access: "roles:write",
  summary: "Removes a role that nobody holds.",
  params: oneRole,
  errors: [peopleErrors.role_not_found, peopleErrors.role_in_use, peopleErrors.more_than_yours, peopleErrors.person_needed],
});

// People

const parts = {
  /** Devices they see: at these sites or in these groups. Both absent: the whole organisation. */
  siteIds: z.array(siteId).max(200).optional(),
  groupIds: z.array(deviceGroupId).max(200).optional(),
};
const denials = {
  /** Taken out of what the role gives, whatever it says. */
  deniedPermissions: z.array(permission),
  deniedSiteIds: z.array(siteId),
  deniedGroupIds: z.array(deviceGroupId),
};

export const member = z.object({
  personId,
  name: z.string(),
  email: z.string(),
  role: anyRole,
  roleId: roleId.optional(),
  roleName: z.string(),
  /** What they may in the end: the role less what is denied. */
  permissions: z.array(permission),
  ...parts,
  ...denials,
  /** It ends by itself then. */
  expiresAt: instant.optional(),
  hasEnded: z.boolean(),
  /** A platform administrator who was let in for a time. */
  isSupport: z.boolean(),
  since: instant,
  /** The caller themself. */
  isSelf: z.boolean(),
  /** The caller may change or remove them. */
  mayChange: z.boolean(),
});
export type Member = z.output<typeof member>;

const onePerson = z.object({ personId });

export const listPeople = defineRoute({
  operation: "listPeople",
  method: "GET",
  path: "/api/v1/people",
  access: "people:read",
  summary: "Lists members by name; who acts in a part of the organisation sees those of their part.",
  query: page.extend({ q: z.string().max(120).optional() }),
  reply: listOf(member),
});

export const getPerson = defineRoute({
  operation: "getPerson",
  method: "GET",
  path: "/api/v1/people/:personId",
  access: "people:read",
  summary: "Shows one member and what they may.",
  params: onePerson,
  reply: member,
  errors: [peopleErrors.not_found],
});

const givenDenials = {
  deniedPermissions: z.array(permission).max(100),
  deniedSiteIds: z.array(siteId).max(200),
  deniedGroupIds: z.array(deviceGroupId).max(200),
};
const isRoleNamed = (given: { role?: AnyRole | undefined; roleId?: string | undefined }) =>
  (given.role === "custom") === (given.roleId !== undefined);
const roleNamed = { message: "role custom and roleId go together.", path: ["roleId"] };

export const changePerson = defineRoute({
  operation: "changePerson",
  method: "PATCH",
  path: "/api/v1/people/:personId",
  access: "people:write",
  summary: "Changes what a member may, where, and until when; takes effect within 5 s. Absent fields stay; null lifts a limit.",
  params: onePerson,
  body: z
    .strictObject({
      role: anyRole.optional(),
      /** With role `custom`, and with no other. */
      roleId: roleId.optional(),
      siteIds: z.array(siteId).max(200).nullable().optional(),
      groupIds: z.array(deviceGroupId).max(200).nullable().optional(),
      deniedPermissions: givenDenials.deniedPermissions.optional(),
      deniedSiteIds: givenDenials.deniedSiteIds.optional(),
      deniedGroupIds: givenDenials.deniedGroupIds.optional(),
      expiresAt: instant.nullable().optional(),
    })
    .refine(isRoleNamed, roleNamed),
  reply: member,
  errors: [
    peopleErrors.not_found,
    peopleErrors.role_not_found,
    peopleErrors.unknown_part,
    peopleErrors.more_than_yours,
    peopleErrors.your_own,
    peopleErrors.last_owner,
    peopleErrors.owner_is_whole,
    peopleErrors.person_needed,
    peopleErrors.support_only,
  ],
});

export const removePerson = defineRoute({
  operation: "removePerson",
  method: "DELETE",
  path: "/api/v1/people/:personId",
  access: "people:write",
  summary: "Takes somebody out of the organisation, with the API tokens they made here; what they have open ends within 5 s.",
  params: onePerson,
  errors: [
    peopleErrors.not_found,
    peopleErrors.more_than_yours,
    peopleErrors.last_owner,
    peopleErrors.support_only,
    peopleErrors.person_needed,
  ],
});

export const leaveOrganisation = defineRoute({
  operation: "leaveOrganisation",
  method: "POST",
  path: "/api/v1/organisation/leave",
  access: "signedIn",
  summary: "The caller leaves the organisation they act in.",
  errors: [peopleErrors.last_owner, peopleErrors.support_only, peopleErrors.person_needed],
});

// Invitations

export const invitation = z.object({
  id: invitationId,
  /** Absent: for whoever holds the link. */
  email: z.string().optional(),
  /** By mail the link is in the mail alone. */
  by: z.enum(["link", "mail"]),
  role: anyRole,
  roleId: roleId.optional(),
  roleName: z.string(),
  ...parts,
  ...denials,
  /** When the membership will end by itself. */
  membershipExpiresAt: instant.optional(),
  invitedBy: personal("name", z.string()).optional(),
  createdAt: instant,
  expiresAt: instant,
});
export type Invitation = z.output<typeof invitation>;

/** Where an invitation is accepted. The token stands in the fragment, which no server and no log sees. */
export const invitationLink = personal(
  "secret",
  z.object({
    /** `/join#<token>` */
    path: z.string(),
    /** Whole, where the public address is configured. */
    url: z.string().optional(),
  }),
);
export type InvitationLink = z.output<typeof invitationLink>;

export const listInvitations = defineRoute({
  operation: "listInvitations",
  method: "GET",
  path: "/api/v1/invitations",
  access: "people:read",
  summary: "Lists open invitations, newest first; never their links.",
  reply: z.object({ items: z.array(invitation) }),
});

export const addInvitation = defineRoute({
  operation: "addInvitation",
  method: "POST",
  path: "/api/v1/invitations",
  access: "people:write",
  summary: "Invites somebody for seven days: answers a link, shown once, or sends it by mail.",
  body: z
    .strictObject({
      email: z.email().max(254).optional(),
      by: z.enum(["link", "mail"]).default("link"),
      role: anyRole,
      /** With role `custom`, and with no other. */
      roleId: roleId.optional(),
      ...parts,
      deniedPermissions: givenDenials.deniedPermissions.default([]),
      deniedSiteIds: givenDenials.deniedSiteIds.default([]),
      deniedGroupIds: givenDenials.deniedGroupIds.default([]),
      membershipExpiresAt: instant.optional(),
    })
    .refine(isRoleNamed, roleNamed)
    .refine(({ by, email }) => by === "link" || email !== undefined, { message: "A mail needs an address.", path: ["email"] }),
  reply: z.object({ invitation, link: invitationLink.optional() }),
  status: 201,
  errors: [
    peopleErrors.role_not_found,
    peopleErrors.unknown_part,
    peopleErrors.more_than_yours,
    peopleErrors.owner_is_whole,
    peopleErrors.person_needed,
    peopleErrors.already_member,
    peopleErrors.mail_unavailable,
    peopleErrors.too_many_invitations,
  ],
});

export const withdrawInvitation = defineRoute({
  operation: "withdrawInvitation",
  method: "DELETE",
  path: "/api/v1/invitations/:invitationId",
  access: "people:write",
  summary: "Takes an open invitation back.",
  params: z.object({ invitationId }),
  errors: [peopleErrors.invitation_not_found, peopleErrors.more_than_yours, peopleErrors.person_needed],
});

const token = z.string().min(1).max(128);

export const readInvitation = defineRoute({
  operation: "readInvitation",
  method: "POST",
  path: "/api/v1/invitations/read",
  access: "public",
  summary: "Says what an invitation is for, to whoever holds its token.",
  body: z.strictObject({ token }),
  reply: z.object({
    organisationName: z.string(),
    roleName: z.string(),
    /** Whom it is for; absent: whoever holds the link. */
    email: z.string().optional(),
    invitedBy: personal("name", z.string()).optional(),
    expiresAt: instant,
  }),
  errors: [peopleErrors.invitation_ended],
});

export const acceptInvitation = defineRoute({
  operation: "acceptInvitation",
  method: "POST",
  path: "/api/v1/invitations/accept",
  access: "signedIn",
  summary:
    "Accepts an invitation as the person who is signed in. The session goes on in the organisation it acts in; switch to the new one.",
  body: z.strictObject({ token }),
  reply: z.object({ organisation: z.object({ id: organisationId, name: z.string() }) }),
  errors: [peopleErrors.invitation_ended, peopleErrors.invitation_for_another, peopleErrors.already_member, peopleErrors.person_needed],
});

export const joinByInvitation = defineRoute({
  operation: "joinByInvitation",
  method: "POST",
  path: "/api/v1/invitations/join",
  access: "public",
  summary: "Makes an account with an invitation, and signs in. Who has one and belongs nowhere any more gives its password.",
  body: z.strictObject({
    token,
    /** Only where the invitation names none. */
    email: z.email().max(254).optional(),
    name: givenName,
    password: z.string().min(1).max(256),
  }),
  reply: session,
  status: 201,
  errors: [
    peopleErrors.invitation_ended,
    peopleErrors.invitation_for_another,
    peopleErrors.account_exists,
    authErrors.weak_password,
    signInErrors.wrong_password,
  ],
});
