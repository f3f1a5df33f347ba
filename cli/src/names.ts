import { listDeviceGroups, listSites, organisationErrors } from "@roost/contract/organisations";
import type { DeviceGroup, Site } from "@roost/contract/organisations";
import { listPeople, listRoles, peopleErrors } from "@roost/contract/people";
import type { Member, OrganisationRole } from "@roost/contract/people";

import type { Bench } from "./command.ts";
import { eachPage } from "./pages.ts";

/** Finds things by the name people call them, whatever its case, or by their id. */
function pick<Item extends { readonly name: string }>(items: readonly Item[], text: string, idOf: (item: Item) => string | undefined) {
  return items.find((item) => idOf(item) === text) ?? items.find((item) => item.name.toLowerCase() === text.toLowerCase());
}

/** @throws {AppError} `organisations.site_not_found` */
export async function findSite(bench: Bench, text: string): Promise<Site> {
  const found = pick(await eachPage(undefined, (page) => bench.call(listSites, { query: page })), text, ({ id }) => id);
  if (found === undefined) throw organisationErrors.site_not_found({ site: text });
  return found;
}

/** @throws {AppError} `organisations.group_not_found` */
export async function findGroup(bench: Bench, text: string): Promise<DeviceGroup> {
  const found = pick(await eachPage(undefined, (page) => bench.call(listDeviceGroups, { query: page })), text, ({ id }) => id);
  if (found === undefined) throw organisationErrors.group_not_found({ group: text });
  return found;
}

/** One of the four or of the organisation's own. @throws {AppError} `people.role_not_found` */
export async function findRole(bench: Bench, text: string): Promise<OrganisationRole> {
  const found = pick((await bench.call(listRoles, {})).items, text, ({ id }) => id);
  if (found === undefined) throw peopleErrors.role_not_found({ role: text });
  return found;
}

/** By e-mail or id. @throws {AppError} `people.not_found` */
export async function findPerson(bench: Bench, text: string): Promise<Member> {
  const isEmail = text.includes("@");
  const items = await eachPage(undefined, (page) => bench.call(listPeople, { query: isEmail ? { ...page, q: text } : page }));
  const found = items.find(({ email, personId }) => email === text.toLowerCase() || personId === text);
  if (found === undefined) throw peopleErrors.not_found({ person: text });
  return found;
}
