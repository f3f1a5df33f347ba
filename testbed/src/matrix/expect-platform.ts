import { randomUUID } from "node:crypto";

import { addFlag, removeFlag } from "@roost/contract/flags";
import { grantSupport } from "@roost/contract/platform-administration";
import { addRolloutPlan, pauseRolloutPlan, startRolloutPlan } from "@roost/contract/rollout-plans";

import { personNeeded, wholeOrganisation } from "./expectation.ts";
import type { Expectations, Refusal } from "./expectation.ts";
import { markers } from "./stage.ts";
import type { Ids, World } from "./stage.ts";
import { addSupportGrant } from "./standing.ts";

const noGrant: Refusal = [404, "platform.grant_not_found"];
const noErasure: Refusal = [404, "personal_data.erasure_not_found"];
const noArchive: Refusal = [404, "audit.archive_not_found"];
const aMoment = () => ({ from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" });

async function freshOrganisation(world: World): Promise<Ids> {
  return { organisationId: await world.arrange.organisation(`Potoroo ${world.next()}`) };
}

async function freshAccount(world: World): Promise<Ids> {
  const personEmail = `account-${world.next()}@example.org`;
  return { personEmail, personId: await world.arrange.person(personEmail, "An account") };
}

async function freshGrant(world: World, place: "aNorth" | "aSouth" | "b" | "home"): Promise<Ids> {
  return { supportGrantId: await addSupportGrant(world, world.places[place]["organisationId"] ?? "") };
}

async function freshFlag(world: World): Promise<Ids> {
  const key = `flag-${world.next()}`;
  await world.owner("home")(addFlag, { body: { key, type: "boolean", about: "A flag of the matrix.", value: false } });
  return { key };
}

const aPlan = (key: string) => ({
  name: "A plan",
  steps: [{ name: "One", changes: [{ flag: key, enabled: true }], waitSeconds: 3_600, gates: [] }],
});

async function freshPlan(world: World, turns: "draft" | "running" | "paused"): Promise<Ids> {
  const call = world.owner("home");
  const { key = "" } = await freshFlag(world);
  const { id } = await call(addRolloutPlan, { body: aPlan(key) });
  if (turns !== "draft") await call(startRolloutPlan, { params: { planId: id }, body: {} });
  if (turns === "paused") await call(pauseRolloutPlan, { params: { planId: id }, body: {} });
  return { key, planId: id };
}

async function freshProvider(world: World): Promise<Ids> {
  const providerId = randomUUID();
  await world.sql.query("insert into sign_in_providers (id, name, issuer, client_id) values ($1, 'A provider', $2, 'roost')", [
    providerId,
    `https://${providerId}.example`,
  ]);
  return { providerId };
}

const names = (world: World) => [
  ...Object.values(markers),
  ...(["aNorth", "aSouth", "b", "home"] as const).map((place) => world.places[place]["organisationId"] ?? ""),
];

/** The installation and who looks after it; flags; the audit trail; what the law asks for. */
export const platformExpectations: Expectations = {
  listOrganisations: { object: "none", mayShow: (_caller, world) => names(world) },
  addOrganisation: {
    object: "none",
    fresh: async (world) => ({ name: `Potoroo ${world.next()}` }),
    body: (ids) => ({ name: ids["name"] ?? "Potoroo" }),
  },
  renewOwnerInvitation: { object: "none", fresh: freshOrganisation, body: () => ({}) },
  listPlatformAdministrators: { object: "none" },
  addPlatformAdministrator: { object: "none", fresh: freshAccount, body: (ids) => ({ email: ids["personEmail"] }) },
  removePlatformAdministrator: {
    object: "none",
    fresh: async (world) => {
      const ids = await freshAccount(world);
      await world.sql.query("update people set platform_admin = true where id = $1", [ids["personId"]]);
      return ids;
    },
  },
  askForAccess: {
    object: "none",
    fresh: freshOrganisation,
    body: (ids) => ({ organisationId: ids["organisationId"], reason: "to look after a fault" }),
  },
  listOwnSupportGrants: { object: "none" },
  giveUpSupportGrant: {
    object: "none",
    fresh: async (world, _place, caller) => {
      const { organisationId = "" } = await freshOrganisation(world);
      const supportGrantId = await addSupportGrant(world, organisationId);
      await world.sql.query("update support_grants set person_id = $2 where id = $1", [supportGrantId, caller.personId]);
      return { supportGrantId };
    },
  },
  listSupportGrants: { object: "none", shows: (ids) => [ids["supportGrantId"] ?? ""] },
  grantSupport: { object: "organisation", absent: noGrant, fresh: freshGrant, body: () => ({}), except: [personNeeded] },
  refuseSupport: { object: "organisation", absent: noGrant, fresh: freshGrant, except: [personNeeded] },
  endSupport: {
    object: "organisation",
    absent: noGrant,
    fresh: async (world, place) => {
      const ids = await freshGrant(world, place);
      await world.owner(place)(grantSupport, { params: { supportGrantId: ids["supportGrantId"] ?? "" }, body: {} });
      return ids;
    },
    except: [personNeeded],
  },

  listSecrets: { object: "none" },
  getSecretStore: { object: "none" },
  getResealing: { object: "none" },
  rotateSecret: { object: "none", body: () => ({ name: "session-key" }) },
  listSignInProviders: { object: "none" },
  addSignInProvider: {
    object: "none",
    body: () => ({ name: "A provider", issuer: "https://provider.invalid", clientId: "roost" }),
    always: [502, "auth.provider_unreachable"],
  },
  changeSignInProvider: { object: "none", fresh: freshProvider, body: () => ({ name: "Another name" }) },
  removeSignInProvider: { object: "none", fresh: freshProvider },

  listFlags: { object: "none" },
  getFlag: { object: "none" },
  addFlag: {
    object: "none",
    fresh: async (world) => ({ key: `flag-${world.next()}` }),
    body: (ids) => ({ key: ids["key"], type: "boolean", about: "A flag.", value: true }),
  },
  changeFlag: { object: "none", fresh: freshFlag, body: () => ({ enabled: true }) },
  killFlag: { object: "none", fresh: freshFlag, body: () => ({ why: "a try" }) },
  revertFlag: { object: "none", fresh: freshFlag, body: () => ({ version: 1 }) },
  removeFlag: { object: "none", fresh: freshFlag },
  bringBackFlag: {
    object: "none",
    fresh: async (world) => {
      const { key = "" } = await freshPlan(world, "draft");
      await world.owner("home")(removeFlag, { params: { key } });
      return { key };
    },
  },
  previewFlag: { object: "none", body: () => ({}) },
  evaluateFlags: { object: "device", absent: [404, "devices.not_found"], body: (ids) => ({ deviceId: ids["deviceId"] }) },
  listRolloutPlans: { object: "none" },
  getRolloutPlan: { object: "none", fresh: (world) => freshPlan(world, "draft") },
  addRolloutPlan: { object: "none", fresh: freshFlag, body: (ids) => aPlan(ids["key"] ?? "") },
  removeRolloutPlan: { object: "none", fresh: (world) => freshPlan(world, "draft") },
  startRolloutPlan: { object: "none", fresh: (world) => freshPlan(world, "draft"), body: () => ({}) },
  pauseRolloutPlan: { object: "none", fresh: (world) => freshPlan(world, "running"), body: () => ({}) },
  resumeRolloutPlan: { object: "none", fresh: (world) => freshPlan(world, "paused"), body: () => ({}) },
  advanceRolloutPlan: { object: "none", fresh: (world) => freshPlan(world, "running"), body: () => ({ step: 0 }) },
  rollBackRolloutPlan: { object: "none", fresh: (world) => freshPlan(world, "running"), body: () => ({}) },

  listAuditEntries: { except: [wholeOrganisation], object: "none", shows: (ids) => [ids["organisationId"] === "" ? "" : "items"] },
  getAuditEntry: { except: [wholeOrganisation], object: "organisation", absent: [404, "audit.not_found"] },
  exportAuditCsv: { except: [wholeOrganisation], object: "none", query: aMoment },
  exportAuditLines: { except: [wholeOrganisation], object: "none", query: aMoment },
  listAuditCheckpoints: { except: [wholeOrganisation], object: "none" },
  verifyAudit: { except: [wholeOrganisation], object: "none", inTurn: true, body: () => ({}) },
  getAuditRetention: { except: [wholeOrganisation], object: "none" },
  changeAuditRetention: { except: [wholeOrganisation], object: "none", body: () => ({ days: 365, archiveDays: 365 }) },
  getRetention: { object: "none", shows: () => ["samples"] },
  previewRetention: { except: [wholeOrganisation], object: "none", body: () => ({ rejectsDays: 100 }) },
  changeRetention: { except: [wholeOrganisation], object: "none", body: () => ({ rejectsDays: 100 }) },
  listAuditArchives: { except: [wholeOrganisation], object: "none", shows: (ids) => [ids["archiveId"] ?? ""] },
  getAuditArchive: { except: [wholeOrganisation], object: "organisation", absent: noArchive },
  listPlatformAuditEntries: { object: "none" },
  exportPlatformAuditLines: { object: "none", query: aMoment },
  verifyPlatformAudit: { object: "none", inTurn: true, body: () => ({}) },

  exportMyself: { object: "none", inTurn: true, except: [{ ...personNeeded, answer: [403, "personal_data.person_needed"] }] },
  exportPerson: { except: [wholeOrganisation], object: "device", inTurn: true, absent: [404, "personal_data.person_not_found"] },
  exportDevice: { object: "device", inTurn: true, absent: [404, "devices.not_found"] },
  erasePerson: {
    object: "organisation",
    absent: [404, "personal_data.person_not_found"],
    fresh: async (world, place) => {
      const ids = await freshAccount(world);
      await world.arrange.membership(world.places[place]["organisationId"] ?? "", ids["personId"] ?? "", { role: "viewer" });
      return ids;
    },
    body: (ids) => ({ confirm: ids["personEmail"] }),
    except: [personNeeded],
  },
  eraseDevice: {
    object: "device",
    absent: [404, "devices.not_found"],
    fresh: (world, place) => world.freshDevice(place),
    body: (ids) => ({ confirm: ids["deviceId"] }),
  },
  listErasures: { except: [wholeOrganisation], object: "none", shows: (ids) => [ids["erasureId"] ?? ""] },
  getErasure: { except: [wholeOrganisation], object: "organisation", absent: noErasure },
};
