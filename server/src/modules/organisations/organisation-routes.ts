import { keepOrganisation, removeOrganisation } from "@roost/contract/organisation-removal";
import * as organisation from "@roost/contract/organisations";
import * as people from "@roost/contract/people";
import * as platform from "@roost/contract/platform-administration";

import type { Mount, RequestFacts } from "../../platform/http/mount.ts";
import type { SignInRequest } from "../auth/auth.ts";
import type { Organisations } from "./organisations.ts";

/** Ties the contract's routes of organisations, people and platform administration to the face. */
export function mountOrganisations(mount: Mount, organisations: Organisations): void {
  const { places } = organisations;
  mount(organisation.getOrganisation, async ({ caller }) => organisations.get(caller));
  mount(organisation.changeOrganisation, async ({ caller, body }) => organisations.rename(caller, body.name));
  mount(removeOrganisation, async ({ caller, body, request }) => organisations.requestRemoval(caller, body.confirm, credentials(request)));
  mount(keepOrganisation, async ({ caller }) => organisations.keep(caller));
  mount(organisation.listSites, async ({ caller, query }) => places.listSites(caller, query));
  mount(organisation.addSite, async ({ caller, body }) => places.addSite(caller, body));
  mount(organisation.changeSite, async ({ caller, params, body }) => places.changeSite(caller, params.siteId, body));
  mount(organisation.removeSite, async ({ caller, params }) => places.removeSite(caller, params.siteId));
  mount(organisation.listDeviceGroups, async ({ caller, query }) => places.listGroups(caller, query));
  mount(organisation.addDeviceGroup, async ({ caller, body }) => places.addGroup(caller, body.name));
  mount(organisation.changeDeviceGroup, async ({ caller, params, body }) => places.renameGroup(caller, params.groupId, body.name));
  mount(organisation.removeDeviceGroup, async ({ caller, params }) => places.removeGroup(caller, params.groupId));
  mountPeople(mount, organisations);
  mountPlatform(mount, organisations);
}

function mountPeople(mount: Mount, { people: members, roles, invitations }: Organisations): void {
  mount(people.listRoles, async ({ caller }) => ({ items: await roles.list(caller) }));
  mount(people.addRole, async ({ caller, body }) => roles.add(caller, body));
  mount(people.changeRole, async ({ caller, params, body }) => roles.change(caller, params.roleId, body));
  mount(people.removeRole, async ({ caller, params }) => roles.remove(caller, params.roleId));

  mount(people.listPeople, async ({ caller, query }) => members.list(caller, query));
  mount(people.getPerson, async ({ caller, params }) => members.get(caller, params.personId));
  mount(people.changePerson, async ({ caller, params, body }) => members.change(caller, params.personId, body));
  mount(people.removePerson, async ({ caller, params }) => members.remove(caller, params.personId));
  mount(people.leaveOrganisation, async ({ caller }) => members.leave(caller));

  mount(people.listInvitations, async ({ caller }) => ({ items: await invitations.list(caller) }));
  mount(people.addInvitation, async ({ caller, body, request }) => {
    request.setHeader("cache-control", "no-store");
    const { email, by, membershipExpiresAt, roleId, siteIds, groupIds, ...given } = body;
    return invitations.add(caller, { email, by, terms: { ...given, roleId, siteIds, groupIds, expiresAt: membershipExpiresAt } });
  });
  mount(people.withdrawInvitation, async ({ caller, params }) => invitations.withdraw(caller, params.invitationId));
  mount(people.readInvitation, async ({ body }) => invitations.read(body.token));
  mount(people.acceptInvitation, async ({ caller, body }) => invitations.accept(caller, body.token));
  mount(people.joinByInvitation, async ({ body, request }) => {
    const { remoteAddress, correlationId } = request;
    const userAgent = typeof request.headers["user-agent"] === "string" ? request.headers["user-agent"].slice(0, 256) : undefined;
    return invitations.join(body, credentials(request), { remoteAddress, correlationId, userAgent });
  });
}

function mountPlatform(mount: Mount, { administration, support }: Organisations): void {
  mount(platform.listOrganisations, async ({ query }) => administration.listOrganisations(query));
  mount(platform.addOrganisation, async ({ caller, body, request }) => {
    request.setHeader("cache-control", "no-store");
    return administration.addOrganisation(caller, body);
  });
  mount(platform.renewOwnerInvitation, async ({ caller, params, body, request }) => {
    request.setHeader("cache-control", "no-store");
    return { link: await administration.renewOwnerInvitation(caller, params.organisationId, body.email) };
  });
  mount(platform.listPlatformAdministrators, async ({ caller }) => ({ items: await administration.listAdministrators(caller) }));
  mount(platform.addPlatformAdministrator, async ({ caller, body }) => administration.addAdministrator(caller, body.email));
  mount(platform.removePlatformAdministrator, async ({ caller, params }) => administration.removeAdministrator(caller, params.personId));

  mount(platform.askForAccess, async ({ caller, body }) => support.ask(caller, body));
  mount(platform.listOwnSupportGrants, async ({ caller }) => ({ items: await support.listOwn(caller) }));
  mount(platform.giveUpSupportGrant, async ({ caller, params }) => support.giveUp(caller, params.supportGrantId));
  mount(platform.listSupportGrants, async ({ caller }) => ({ items: await support.list(caller) }));
  mount(platform.grantSupport, async ({ caller, params, body }) => support.grant(caller, params.supportGrantId, body));
  mount(platform.refuseSupport, async ({ caller, params }) => support.refuse(caller, params.supportGrantId));
  mount(platform.endSupport, async ({ caller, params }) => support.end(caller, params.supportGrantId));
}

function credentials(request: RequestFacts): SignInRequest {
  const { headers, remoteAddress, isSecure } = request;
  return { headers, remoteAddress, isSecure, addHeader: (name, value) => request.setHeader(name, value) };
}
