import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { deviceGroupId, organisationId, siteId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant, timeZone } from "./time.ts";

/** A name that people give: no control characters, no halves of characters. */
export const givenName = z
  .string()
  .trim()
  .min(1)
  .max(120)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "A name has no control characters.");

/** That an organisation is closed, and goes when its time is over. */
export const organisationRemoval = z.object({
  /** `closed`: it can be kept. `removing`: that has begun, and nothing brings it back. */
  state: z.enum(["closed", "removing"]),
  requestedAt: instant,
  /** E-mail of the owner who asked for it. */
  requestedBy: personal("email", z.string()),
  /** When it goes for good. */
  endsAt: instant,
});
export type OrganisationRemoval = z.output<typeof organisationRemoval>;

export const organisation = z.object({
  id: organisationId,
  name: z.string(),
  createdAt: instant,
  /** Set while it is closed, to be removed. */
  removal: organisationRemoval.optional(),
  /** For how many days an organisation that is to be removed can still be kept. */
  removalDays: z.number().nonnegative(),
});
export type Organisation = z.output<typeof organisation>;

export const organisationErrors = defineErrors("organisations", {
  not_found: [404, "There is no such organisation."],
  site_not_found: [404, "There is no such site."],
  site_exists: [409, "There is a site with this name already."],
  group_not_found: [404, "There is no such device group."],
  group_exists: [409, "There is a device group with this name already."],
  owner_needed: [403, "This takes an owner of the organisation."],
  removal_mismatch: [409, "The confirmation does not repeat the name of the organisation. Nothing was removed."],
  last_organisation: [409, "This is the last organisation of the installation. Make another one first."],
  closed: [409, "The organisation is closed, to be removed. An owner can keep it."],
  not_closed: [409, "The organisation is not to be removed."],
  removal_begun: [409, "The removal has begun; nothing brings the organisation back."],
  whole_organisation_needed: [403, "You act in a part of the organisation only. This takes somebody who acts in all of it."],
});

export const getOrganisation = defineRoute({
  operation: "getOrganisation",
  method: "GET",
  path: "/api/v1/organisation",
  access: "organisation:read",
  summary: "Shows the organisation the caller acts in.",
  reply: organisation,
});

export const changeOrganisation = defineRoute({
  operation: "changeOrganisation",
  method: "PATCH",
  path: "/api/v1/organisation",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Renames the organisation.",
  body: z.strictObject({ name: givenName }),
  reply: organisation,
});

// Sites

export const site = z.object({
  id: siteId,
  name: z.string(),
  timeZone: timeZone.optional(),
  createdAt: instant,
  /** Devices there. */
  devices: z.number().int().nonnegative(),
});
export type Site = z.output<typeof site>;

const oneSite = z.object({ siteId });

export const listSites = defineRoute({
  operation: "listSites",
  method: "GET",
  path: "/api/v1/sites",
  access: "devices:read",
  summary: "Lists sites by name; who acts in a part of the organisation sees those of their part.",
  query: page,
  reply: listOf(site),
});

export const addSite = defineRoute({
  operation: "addSite",
  method: "POST",
  path: "/api/v1/sites",
  access: "sites:write",
  summary: "Adds a site.",
  body: z.strictObject({ name: givenName, timeZone: timeZone.optional() }),
  reply: site,
  status: 201,
  errors: [organisationErrors.site_exists, organisationErrors.whole_organisation_needed],
});

export const changeSite = defineRoute({
  operation: "changeSite",
  method: "PATCH",
  path: "/api/v1/sites/:siteId",
  access: "sites:write",
  summary: "Changes a site's name or time zone; absent fields stay as they are, null takes the zone away.",
  params: oneSite,
  body: z.strictObject({ name: givenName.optional(), timeZone: timeZone.nullable().optional() }),
  reply: site,
  errors: [organisationErrors.site_not_found, organisationErrors.site_exists],
});

export const removeSite = defineRoute({
  operation: "removeSite",
  method: "DELETE",
  path: "/api/v1/sites/:siteId",
  access: "sites:write",
  summary: "Removes a site; its devices stay, at no site. Who could see this site alone sees nothing any more.",
  params: oneSite,
  errors: [organisationErrors.site_not_found, organisationErrors.whole_organisation_needed],
});

// Device groups

export const deviceGroup = z.object({
  id: deviceGroupId,
  name: z.string(),
  createdAt: instant,
  /** Devices in it. */
  devices: z.number().int().nonnegative(),
});
export type DeviceGroup = z.output<typeof deviceGroup>;

const oneGroup = z.object({ groupId: deviceGroupId });

export const listDeviceGroups = defineRoute({
  operation: "listDeviceGroups",
  method: "GET",
  path: "/api/v1/device-groups",
  access: "devices:read",
  summary: "Lists device groups by name; who acts in a part of the organisation sees those of their part.",
  query: page,
  reply: listOf(deviceGroup),
});

export const addDeviceGroup = defineRoute({
  operation: "addDeviceGroup",
  method: "POST",
  path: "/api/v1/device-groups",
  access: "sites:write",
  summary: "Adds a device group. Devices are put into it by changing the device.",
  body: z.strictObject({ name: givenName }),
  reply: deviceGroup,
  status: 201,
  errors: [organisationErrors.group_exists, organisationErrors.whole_organisation_needed],
});

export const changeDeviceGroup = defineRoute({
  operation: "changeDeviceGroup",
  method: "PATCH",
  path: "/api/v1/device-groups/:groupId",
  access: "sites:write",
  summary: "Renames a device group.",
  params: oneGroup,
  body: z.strictObject({ name: givenName }),
  reply: deviceGroup,
  errors: [organisationErrors.group_not_found, organisationErrors.group_exists],
});

export const removeDeviceGroup = defineRoute({
  operation: "removeDeviceGroup",
  method: "DELETE",
  path: "/api/v1/device-groups/:groupId",
  access: "sites:write",
  summary: "Removes a device group; its devices stay. Who could see this group alone sees nothing any more.",
  params: oneGroup,
  errors: [organisationErrors.group_not_found, organisationErrors.whole_organisation_needed],
});
