import { addDevice } from "@roost/contract/devices";
import { addDeviceGroup, addSite } from "@roost/contract/organisations";
import { addInvitation, addRole } from "@roost/contract/people";
import { offerDevice } from "@roost/contract/transfers";

import type { Place } from "./callers.ts";
import { noToken, peopleOnly, personNeeded, wholeOnly, wholeOrganisation } from "./expectation.ts";
import type { Expectations, Refusal } from "./expectation.ts";
import { markers, organisationOf, password } from "./stage.ts";
import type { Caller, Ids, World } from "./stage.ts";

const noSite: Refusal = [404, "organisations.site_not_found"];
const noGroup: Refusal = [404, "organisations.group_not_found"];
const noPerson: Refusal = [404, "people.not_found"];
const noRole: Refusal = [404, "people.role_not_found"];
const noInvitation: Refusal = [404, "people.invitation_not_found"];
const noTransfer: Refusal = [404, "transfers.not_found"];
const whole = wholeOnly([403, "organisations.whole_organisation_needed"]);
const notMore = wholeOnly([403, "people.more_than_yours"], true);

const notTheirs = {
  ...noToken([403, "auth.not_theirs_to_reset"]),
  when: ({ kind }: Caller, place: Place) => kind === "token" && organisationOf[place] === "a",
};

const elsewhere: Readonly<Record<Place, Place>> = { aNorth: "b", aSouth: "b", b: "aNorth", home: "b" };
const nameIn = (world: World, place: Place, what: string) => `${markers[organisationOf[place]]} ${what} ${world.next()}`;
const allOf = (place: Place) => (world: World) => [
  markers[organisationOf[place]],
  markers.aSouth,
  world.places[place]["organisationId"] ?? "",
];
const everything = (world: World) => (["aNorth", "aSouth", "b", "home"] as const).flatMap((place) => allOf(place)(world));

async function freshPerson(world: World, place: Place): Promise<Ids> {
  const personEmail = `somebody-${world.next()}@${markers[organisationOf[place]]}.example`;
  const personId = await world.arrange.person(personEmail, nameIn(world, place, "somebody"));
  const { organisationId = "", siteId = "" } = world.places[place];
  await world.arrange.membership(organisationId, personId, { role: "viewer", ...(place.startsWith("a") ? { siteIds: [siteId] } : {}) });
  return { personId, personEmail };
}

async function freshInvitation(world: World, place: Place): Promise<Ids> {
  const { siteId = "" } = world.places[place];
  const { invitation, link } = await world.owner(place)(addInvitation, {
    body: { role: "viewer", ...(place.startsWith("a") ? { siteIds: [siteId] } : {}) },
  });
  return { invitationId: invitation.id, token: link?.path.split("#")[1] ?? "" };
}

async function freshRole(world: World, place: Place): Promise<Ids> {
  const made = await world.owner(place)(addRole, { body: { name: nameIn(world, place, "role"), permissions: ["devices:read"] } });
  return { roleId: made.id ?? "" };
}

async function freshOffer(world: World, place: Place): Promise<Ids> {
  const { deviceId = "" } = await world.freshDevice(place);
  const { transfer, code = "" } = await world.owner(place)(offerDevice, { params: { deviceId }, body: {} });
  return { transferId: transfer.id, code };
}

/** From an organisation of its own: the two of a transfer know each other's names afterwards, and these are not to. */
async function offerOfNewcomer(world: World): Promise<Ids> {
  const number = world.next();
  const email = `giver-${number}@example.org`;
  const organisationId = await world.arrange.organisation(`Potoroo ${number}`);
  await world.arrange.membership(organisationId, await world.arrange.person(email, "A giver"), { role: "owner" });
  const call = world.callOf(await world.signIn(email));
  const deviceId = `given-${number}`;
  await call(addDevice, { body: { id: deviceId, name: "A device" } });
  const { code = "" } = await call(offerDevice, { params: { deviceId }, body: {} });
  return { code };
}

/** Organisations, places, roles, people, invitations, and devices that go from one to another. */
export const organisationExpectations: Expectations = {
  getOrganisation: { object: "none", shows: (ids) => [ids["organisationId"] ?? ""] },
  changeOrganisation: { object: "none", body: (ids) => ({ name: ids["word"]?.split("-")[0] }), ...peopleOnly },
  // What they do in the end closes a place of the matrix; that the right people come so far is told by how it is refused.
  removeOrganisation: {
    object: "none",
    body: () => ({ confirm: "Another name" }),
    always: [409, "organisations.removal_mismatch"],
    except: [personNeeded],
  },
  keepOrganisation: { object: "none", always: [409, "organisations.not_closed"], except: [personNeeded] },
  listSites: { object: "none", shows: (ids) => [ids["siteId"] ?? ""] },
  addSite: {
    object: "none",
    fresh: async (world, place) => ({ name: nameIn(world, place, "site") }),
    body: (ids) => ({ name: ids["name"] ?? "A site" }),
    except: [whole],
  },
  changeSite: { object: "device", absent: noSite, body: () => ({ timeZone: "Europe/Berlin" }) },
  removeSite: {
    object: "device",
    absent: noSite,
    fresh: async (world, place) => ({ siteId: (await world.owner(place)(addSite, { body: { name: nameIn(world, place, "site") } })).id }),
    except: [whole],
  },
  listDeviceGroups: { object: "none", shows: (ids) => [ids["groupId"] ?? ""] },
  addDeviceGroup: {
    object: "none",
    fresh: async (world, place) => ({ name: nameIn(world, place, "group") }),
    body: (ids) => ({ name: ids["name"] ?? "A group" }),
    except: [whole],
  },
  changeDeviceGroup: { object: "device", absent: noGroup, body: (ids) => ({ name: `${ids["word"]} group` }) },
  removeDeviceGroup: {
    object: "device",
    absent: noGroup,
    fresh: async (world, place) => ({
      groupId: (await world.owner(place)(addDeviceGroup, { body: { name: nameIn(world, place, "group") } })).id,
    }),
    except: [whole],
  },

  listRoles: { object: "none", shows: (ids) => [ids["roleId"] ?? ""] },
  addRole: {
    object: "none",
    fresh: async (world, place) => ({ name: nameIn(world, place, "role") }),
    body: (ids) => ({ name: ids["name"] ?? "A role", permissions: ["devices:read"] }),
    except: [personNeeded, notMore],
  },
  changeRole: {
    object: "organisation",
    absent: noRole,
    fresh: freshRole,
    body: (ids) => ({ name: `A role ${ids["roleId"]}` }),
    except: [personNeeded, notMore],
  },
  removeRole: { object: "organisation", absent: noRole, fresh: freshRole, except: [personNeeded, notMore] },

  listPeople: {
    object: "none",
    query: () => ({ limit: "200" }),
    shows: (ids) => [ids["personId"] ?? ""],
    filters: [(ids) => ({ q: ids["personEmail"] ?? "" })],
  },
  getPerson: { object: "device", absent: noPerson, shows: (ids) => [ids["personEmail"] ?? ""] },
  changePerson: { object: "device", absent: noPerson, body: () => ({ deniedPermissions: [] }), except: [personNeeded] },
  removePerson: { object: "device", absent: noPerson, fresh: freshPerson, except: [personNeeded] },
  leaveOrganisation: { object: "none", standIn: true, except: [personNeeded] },
  makePasswordResetLink: {
    object: "device",
    absent: [404, "auth.person_not_found"],
    fresh: freshPerson,
    except: [wholeOrganisation, notTheirs],
  },
  removeSecondFactorOf: {
    object: "device",
    absent: [404, "auth.person_not_found"],
    fresh: freshPerson,
    except: [wholeOrganisation, notTheirs],
  },

  listInvitations: { object: "none", shows: (ids) => [ids["invitationId"] ?? ""] },
  addInvitation: {
    object: "device",
    absent: [422, "people.unknown_part"],
    body: (ids) => ({ role: "viewer", siteIds: [ids["siteId"]] }),
    except: [
      personNeeded,
      {
        when: ({ name }, place) => name === "admin A of one site" && place === "aSouth",
        answer: [403, "people.more_than_yours"],
        why: "nobody gives more than they hold",
      },
    ],
  },
  withdrawInvitation: { object: "device", absent: noInvitation, fresh: freshInvitation, except: [personNeeded] },
  readInvitation: {
    object: "none",
    fresh: freshInvitation,
    body: (ids) => ({ token: ids["token"] }),
    mayShow: (_caller, world) => everything(world),
  },
  acceptInvitation: {
    object: "none",
    standIn: true,
    fresh: (world, place) => freshInvitation(world, elsewhere[place]),
    body: (ids) => ({ token: ids["token"] }),
    except: [personNeeded],
    mayShow: (_caller, world) => everything(world),
  },
  joinByInvitation: {
    object: "none",
    fresh: async (world, place) => ({ ...(await freshInvitation(world, place)), email: `joined-${world.next()}@example.org` }),
    body: (ids) => ({ token: ids["token"], email: ids["email"], name: "Somebody new", password }),
    mayShow: (_caller, world) => everything(world),
  },

  listTransfers: { object: "none", shows: (ids) => [ids["transferId"] ?? ""] },
  offerDevice: {
    object: "device",
    absent: [404, "devices.not_found"],
    fresh: (world, place) => world.freshDevice(place),
    body: () => ({}),
    except: [personNeeded],
  },
  withdrawTransfer: { object: "organisation", absent: noTransfer, fresh: freshOffer },
  acceptTransfer: {
    object: "none",
    fresh: (world) => offerOfNewcomer(world),
    body: (ids) => ({ code: ids["code"] }),
    except: [personNeeded],
  },
};
