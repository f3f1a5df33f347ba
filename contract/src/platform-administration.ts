import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { organisationId, personId, supportGrantId } from "./ids.ts";
import { givenName, organisationErrors } from "./organisations.ts";
import { listOf, page } from "./paging.ts";
import { invitationLink, peopleErrors } from "./people.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const platformErrors = defineErrors("platform", {
  has_owner: [409, "The organisation has an owner, who invites people. A platform administrator cannot."],
  person_not_found: [404, "Nobody has an account with this e-mail address. They need one first, by an invitation."],
  last_administrator: [409, "This is the last platform administrator. Make another one first."],
  administrator_not_found: [404, "There is no such platform administrator."],
  grant_not_found: [404, "There is no such request for access."],
  grant_settled: [409, "This request was answered already."],
  already_asked: [409, "You asked this organisation already. Wait for its answer, or take the request back."],
});

/** What a platform administrator knows of a tenant, and no more. */
export const platformOrganisation = z.object({
  id: organisationId,
  name: z.string(),
  createdAt: instant,
  /** False until its first owner accepted the invitation. */
  hasOwner: z.boolean(),
  /** Set while it is closed: when it goes for good. */
  removedAt: instant.optional(),
});
export type PlatformOrganisation = z.output<typeof platformOrganisation>;

export const listOrganisations = defineRoute({
  operation: "listOrganisations",
  method: "GET",
  path: "/api/v1/platform/organisations",
  access: "platform:organisations",
  summary: "Lists the organisations of this installation by name; nothing of what they hold.",
  query: page,
  reply: listOf(platformOrganisation),
});

export const addOrganisation = defineRoute({
  operation: "addOrganisation",
  method: "POST",
  path: "/api/v1/platform/organisations",
  access: "platform:organisations",
  summary: "Makes an organisation and an invitation for its first owner, shown once.",
  body: z.strictObject({ name: givenName, email: z.email().max(254).optional() }),
  reply: z.object({ organisation: platformOrganisation, link: invitationLink }),
  status: 201,
  errors: [peopleErrors.person_needed],
});

export const renewOwnerInvitation = defineRoute({
  operation: "renewOwnerInvitation",
  method: "POST",
  path: "/api/v1/platform/organisations/:organisationId/owner-invitation",
  access: "platform:organisations",
  summary: "Makes a new invitation for the first owner of an organisation that has none; the earlier one ends.",
  params: z.object({ organisationId }),
  body: z.strictObject({ email: z.email().max(254).optional() }),
  reply: z.object({ link: invitationLink }),
  status: 201,
  errors: [organisationErrors.not_found, platformErrors.has_owner, peopleErrors.person_needed],
});

// Platform administrators

export const platformAdministrator = z.object({ personId, name: z.string(), email: z.string(), isSelf: z.boolean() });
export type PlatformAdministrator = z.output<typeof platformAdministrator>;

export const listPlatformAdministrators = defineRoute({
  operation: "listPlatformAdministrators",
  method: "GET",
  path: "/api/v1/platform/administrators",
  access: "platform:organisations",
  summary: "Lists who looks after the installation.",
  reply: z.object({ items: z.array(platformAdministrator) }),
});

export const addPlatformAdministrator = defineRoute({
  operation: "addPlatformAdministrator",
  method: "POST",
  path: "/api/v1/platform/administrators",
  access: "platform:organisations",
  summary: "Makes somebody with an account a platform administrator.",
  body: z.strictObject({ email: z.email().max(254) }),
  reply: platformAdministrator,
  status: 201,
  errors: [platformErrors.person_not_found, peopleErrors.person_needed],
});

export const removePlatformAdministrator = defineRoute({
  operation: "removePlatformAdministrator",
  method: "DELETE",
  path: "/api/v1/platform/administrators/:personId",
  access: "platform:organisations",
  summary: "Somebody is no platform administrator any more; what tenants let them see ends with it.",
  params: z.object({ personId }),
  errors: [platformErrors.administrator_not_found, platformErrors.last_administrator, peopleErrors.person_needed],
});

// How a platform administrator gets to see a tenant: they ask, an owner lets them in for a time.

/** `asked`: waits for an owner. `granted`: they are in until `expiresAt`. */
export const supportGrantState = z.enum(["asked", "granted", "refused", "ended"]);
export const supportRole = z.enum(["viewer", "operator", "admin"]);

export const supportGrant = z.object({
  id: supportGrantId,
  organisation: z.object({ id: organisationId, name: z.string() }),
  /** Who asks. */
  person: z.object({ id: personId, name: z.string(), email: z.string() }),
  reason: z.string(),
  minutes: z.number().int(),
  role: supportRole,
  state: supportGrantState,
  askedAt: instant,
  settledAt: instant.optional(),
  /** E-mail of the owner who answered. */
  settledBy: personal("email", z.string()).optional(),
  expiresAt: instant.optional(),
});
export type SupportGrant = z.output<typeof supportGrant>;

const oneGrant = z.object({ supportGrantId });
const minutes = z.number().int().min(5).max(1_440);

export const askForAccess = defineRoute({
  operation: "askForAccess",
  method: "POST",
  path: "/api/v1/platform/support-grants",
  access: "platform:organisations",
  summary: "Asks the owners of an organisation to be let in for a time, with a reason they read.",
  body: z.strictObject({
    organisationId,
    reason: z
      .string()
      .trim()
      .min(10)
      .max(500)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, "A reason has no control characters."),
    minutes: minutes.default(60),
    role: supportRole.default("viewer"),
  }),
  reply: supportGrant,
  status: 201,
  errors: [
    organisationErrors.not_found,
    organisationErrors.closed,
    peopleErrors.already_member,
    platformErrors.already_asked,
    peopleErrors.person_needed,
  ],
});

export const listOwnSupportGrants = defineRoute({
  operation: "listOwnSupportGrants",
  method: "GET",
  path: "/api/v1/platform/support-grants",
  access: "platform:organisations",
  summary: "Lists what the caller asked tenants for, newest first.",
  reply: z.object({ items: z.array(supportGrant) }),
});

export const giveUpSupportGrant = defineRoute({
  operation: "giveUpSupportGrant",
  method: "DELETE",
  path: "/api/v1/platform/support-grants/:supportGrantId",
  access: "platform:organisations",
  summary: "The caller takes their request back, or leaves the organisation they were let into.",
  params: oneGrant,
  errors: [platformErrors.grant_not_found, platformErrors.grant_settled],
});

export const listSupportGrants = defineRoute({
  operation: "listSupportGrants",
  method: "GET",
  path: "/api/v1/support-grants",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Lists which platform administrators asked to be let in, and what became of it, newest first.",
  reply: z.object({ items: z.array(supportGrant) }),
});

export const grantSupport = defineRoute({
  operation: "grantSupport",
  method: "POST",
  path: "/api/v1/support-grants/:supportGrantId/grant",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Lets a platform administrator in, for the time and role they asked for or less. It ends by itself.",
  params: oneGrant,
  body: z.strictObject({ minutes: minutes.optional(), role: supportRole.optional() }),
  reply: supportGrant,
  errors: [
    platformErrors.grant_not_found,
    platformErrors.grant_settled,
    peopleErrors.more_than_yours,
    peopleErrors.already_member,
    peopleErrors.person_needed,
  ],
});

export const refuseSupport = defineRoute({
  operation: "refuseSupport",
  method: "POST",
  path: "/api/v1/support-grants/:supportGrantId/refuse",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Does not let a platform administrator in.",
  params: oneGrant,
  reply: supportGrant,
  errors: [platformErrors.grant_not_found, platformErrors.grant_settled, peopleErrors.person_needed],
});

export const endSupport = defineRoute({
  operation: "endSupport",
  method: "POST",
  path: "/api/v1/support-grants/:supportGrantId/end",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Ends a platform administrator's access early; what they have open ends within 5 s.",
  params: oneGrant,
  reply: supportGrant,
  errors: [platformErrors.grant_not_found, platformErrors.grant_settled, peopleErrors.person_needed],
});
