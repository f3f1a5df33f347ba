import { getSession } from "@roost/contract/auth";
import type { OrganisationId, PersonId, SupportGrantId } from "@roost/contract/ids";
import { addSite, getOrganisation, listSites } from "@roost/contract/organisations";
import { acceptInvitation, addInvitation, listPeople, removePerson } from "@roost/contract/people";
import {
  addOrganisation,
  addPlatformAdministrator,
  askForAccess,
  endSupport,
  giveUpSupportGrant,
  grantSupport,
  listOrganisations,
  listSupportGrants,
  refuseSupport,
  removePlatformAdministrator,
  renewOwnerInvitation,
} from "@roost/contract/platform-administration";
import { sql } from "@roost/contract/sql";
import { startMailbox } from "@roost/testbed/mailbox";
import type { Mailbox } from "@roost/testbed/mailbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcome, startHouse, tokenIn } from "./test-organisations.ts";
import type { House, Visitor } from "./test-organisations.ts";

const reason = "Readings stopped on Tuesday; you asked us to look.";

describe("a platform administrator", () => {
  let house: House;
  let keeper: Visitor;
  let tenant: Visitor;
  let organisationId: OrganisationId;

  let mailbox: Mailbox;

  beforeAll(async () => {
    mailbox = await startMailbox();
    house = await startHouse({
      env: {
        ROOST_SMTP_URL: `smtp://127.0.0.1:${mailbox.port}?tls=off`,
        ROOST_MAIL_FROM: "roost@example.org",
        ROOST_EGRESS_ALLOW: "127.0.0.1",
      },
    });
    keeper = house.owner;
    const made = await keeper.call(addOrganisation, { body: { name: "Tenant", email: "tenant@example.org" } });
    organisationId = made.organisation.id;
    tenant = await house.welcome(keeper, "tenant@example.org", { role: "viewer" });
    await tenant.call(acceptInvitation, { body: { token: tokenIn(made.link.path) } });
    await house.switchTo(tenant, organisationId);
    await tenant.call(addSite, { body: { name: "Secret valley" } });
  });
  afterAll(async () => {
    await house.close();
    await mailbox.close();
  });

  const trail = async () => (await house.trail(organisationId)).filter((line) => line.startsWith("support."));

  it("N-F24: makes organisations and sees their names, and nothing of what they hold", async () => {
    const { items } = await keeper.call(listOrganisations, {});
    expect(items.map(({ name, hasOwner }) => [name, hasOwner])).toEqual([
      ["Home", true],
      ["Tenant", true],
    ]);
    expect((await keeper.call(getOrganisation, {})).name).toBe("Home");
    expect((await keeper.call(listSites, {})).items).toEqual([]);
    expect(await outcome(house.switchTo(keeper, organisationId))).toBe("auth.organisation_not_found");
    // An invitation as owner would be a back door into a tenant that has one.
    expect(await outcome(keeper.call(renewOwnerInvitation, { params: { organisationId }, body: {} }))).toBe("platform.has_owner");
    expect(await outcome(tenant.call(listOrganisations, {}))).toBe("http.forbidden");
  });

  it("gets in when an owner lets them in, as no more than they asked, and everything is on the tenant's record", async () => {
    const ask = (more: object = {}) => keeper.call(askForAccess, { body: { organisationId, reason, minutes: 30, ...more } });
    expect(await outcome(ask({ minutes: 4 }))).toBe("http.invalid");
    expect(await outcome(ask({ role: "owner" }))).toBe("http.invalid");
    const refused = await ask();
    expect(await outcome(ask())).toBe("platform.already_asked");
    const params = { supportGrantId: refused.id };
    await expect.poll(() => mailbox.caught.length).toBe(1);
    expect([mailbox.caught[0]?.to, mailbox.caught[0]?.text]).toEqual([["tenant@example.org"], expect.stringContaining(reason)]);
    // Their own word lets nobody in.
    expect(await outcome(keeper.call(grantSupport, { params, body: {} }))).toBe("platform.grant_not_found");
    await tenant.call(refuseSupport, { params });
    expect(await outcome(tenant.call(grantSupport, { params, body: {} }))).toBe("platform.grant_settled");
    expect(await outcome(house.switchTo(keeper, organisationId))).toBe("auth.organisation_not_found");

    const asked = await ask();
    const granted = await tenant.call(grantSupport, { params: { supportGrantId: asked.id }, body: { role: "admin", minutes: 1_440 } });
    expect([granted.state, granted.role, granted.minutes]).toEqual(["granted", "viewer", 30]);
    const guest = await house.visit("owner@example.org");
    await house.switchTo(guest, organisationId);
    expect((await guest.call(listSites, {})).items.map(({ name }) => name)).toEqual(["Secret valley"]);
    expect(await outcome(guest.call(addSite, { body: { name: "Mine" } }))).toBe("http.forbidden");
    expect((await guest.call(getSession, {})).role).toBe("viewer");
    const [shown] = (await tenant.call(listPeople, { query: { q: "owner@" } })).items;
    expect([shown?.isSupport, shown?.role]).toEqual([true, "viewer"]);
    const remove = tenant.call(removePerson, { params: { personId: shown?.personId as PersonId } });
    expect(await outcome(remove)).toBe("people.support_only");

    await tenant.call(endSupport, { params: { supportGrantId: asked.id } });
    // They are signed in still, and at once back in their own organisation.
    expect((await guest.call(getSession, {})).organisation.name).toBe("Home");
    expect((await guest.call(getOrganisation, {})).name).toBe("Home");
    expect(await trail()).toEqual([
      "support.asked done owner@example.org owner@example.org",
      "support.refused done tenant@example.org owner@example.org",
      "support.asked done owner@example.org owner@example.org",
      "support.granted done tenant@example.org owner@example.org",
      "support.ended done tenant@example.org owner@example.org",
    ]);
    expect((await tenant.call(listSupportGrants, {})).items.map(({ state, settledBy }) => [state, settledBy])).toEqual([
      ["ended", "tenant@example.org"],
      ["refused", "tenant@example.org"],
    ]);
  });

  it("N-F23: a grant's life ends by itself, also what it was used for, and that is on record", async () => {
    const asked = await keeper.call(askForAccess, { body: { organisationId, reason, minutes: 5 } });
    await tenant.call(grantSupport, { params: { supportGrantId: asked.id }, body: {} });
    const guest = await house.visit("owner@example.org");
    await house.switchTo(guest, organisationId);
    expect((await guest.call(getSession, {})).organisation.name).toBe("Tenant");
    // Five minutes later.
    await house.db.query(sql`update memberships set expires_at = now() where support_grant_id = ${asked.id}`);
    await house.db.query(sql`update support_grants set expires_at = now() where id = ${asked.id}`);
    await expect.poll(async () => (await guest.call(getSession, {})).organisation.name).toBe("Home");
    await house.organisations.endOverdue();
    await house.organisations.endOverdue();
    expect((await trail()).at(-1)).toBe("support.ended done Roost owner@example.org");
    expect((await trail()).filter((line) => line.includes("ended done Roost"))).toHaveLength(1);
    expect(await house.db.query(sql`select from memberships m where m.support_grant_id is not null`)).toEqual([]);
  });

  it("leaves nothing behind that would let them or others in again: no tokens, no invitations", async () => {
    await house.welcome(keeper, "helper@example.org", { role: "viewer" });
    const params = { personId: (await house.idOf("helper@example.org")) as PersonId };
    const left = async () => {
      const [row] = await house.db.query<{ tokens: number; invitations: number }>(sql`
        select (select count(*)::int from api_tokens t where t.person_id = ${params.personId}) as tokens,
          (select count(*)::int from invitations i where i.invited_by = ${params.personId} and i.withdrawn_at is null) as invitations`);
      return row;
    };
    const endings = [
      (supportGrantId: SupportGrantId) => tenant.call(endSupport, { params: { supportGrantId } }),
      () => keeper.call(removePlatformAdministrator, { params }),
    ];
    for (const end of endings) {
      await keeper.call(addPlatformAdministrator, { body: { email: "helper@example.org" } });
      const helper = await house.visit("helper@example.org");
      const asked = await helper.call(askForAccess, { body: { organisationId, reason, role: "admin" } });
      await tenant.call(grantSupport, { params: { supportGrantId: asked.id }, body: {} });
      await house.switchTo(helper, organisationId);
      await house.tokenOf(helper, ["devices:read"]);
      const membershipExpiresAt = new Date(Date.now() + 60_000).toISOString();
      await helper.call(addInvitation, { body: { role: "viewer", membershipExpiresAt } });
      expect(await left()).toEqual({ tokens: 1, invitations: 1 });
      await end(asked.id);
      expect(await left()).toEqual({ tokens: 0, invitations: 0 });
    }
  });

  it("takes a request back, and leaves early", async () => {
    const asked = await keeper.call(askForAccess, { body: { organisationId, reason } });
    expect(await outcome(tenant.call(giveUpSupportGrant, { params: { supportGrantId: asked.id } }))).toBe("http.forbidden");
    await keeper.call(giveUpSupportGrant, { params: { supportGrantId: asked.id } });
    expect(await outcome(keeper.call(giveUpSupportGrant, { params: { supportGrantId: asked.id } }))).toBe("platform.grant_settled");
    expect(await outcome(tenant.call(grantSupport, { params: { supportGrantId: asked.id }, body: {} }))).toBe("platform.grant_settled");
  });

  it("the last one cannot go, and one who goes loses what tenants let them see", async () => {
    const own = { personId: (await house.idOf("owner@example.org")) as PersonId };
    expect(await outcome(keeper.call(removePlatformAdministrator, { params: own }))).toBe("platform.last_administrator");
    expect(await outcome(keeper.call(addPlatformAdministrator, { body: { email: "nobody@example.org" } }))).toBe(
      "platform.person_not_found",
    );
    await house.welcome(keeper, "second@example.org", { role: "viewer" });
    await keeper.call(addPlatformAdministrator, { body: { email: "second@example.org" } });
    const second = await house.visit("second@example.org");
    const asked = await second.call(askForAccess, { body: { organisationId, reason } });
    await tenant.call(grantSupport, { params: { supportGrantId: asked.id }, body: {} });
    const secondId = { personId: (await house.idOf("second@example.org")) as PersonId };
    const outcomes = await Promise.all([
      outcome(keeper.call(removePlatformAdministrator, { params: secondId })),
      outcome(second.call(removePlatformAdministrator, { params: own })),
    ]);
    expect(outcomes.filter((one) => one === "done")).toHaveLength(1);
    expect(await house.db.query(sql`select from people p where p.platform_admin`)).toHaveLength(1);
    if (outcomes[0] === "done") {
      expect(await house.db.query(sql`select from memberships m where m.support_grant_id is not null`)).toEqual([]);
      expect((await trail()).at(-1)).toBe("support.ended done owner@example.org second@example.org");
    }
    const ofSecond = (line: string) => line.startsWith("platform_administrator.") && line.includes("second@");
    expect((await house.trail(null)).filter(ofSecond)).toHaveLength(2);
  });

  it("an API token of a platform administrator makes no organisations and no administrators", async () => {
    const [row] = await house.db.query<{ email: string }>(sql`select p.email from people p where p.platform_admin`);
    const admin = await house.visit(row?.email ?? "");
    const may = (await admin.call(getSession, {})).permissions.includes("tokens:write");
    if (!may) return;
    const token = await house.tokenOf(admin, ["platform:organisations"]);
    expect(await outcome(token.call(addOrganisation, { body: { name: "x" } }))).toBe("people.person_needed");
    expect(await outcome(token.call(addInvitation, { body: { role: "viewer" } }))).toBe("http.forbidden");
  });
});
