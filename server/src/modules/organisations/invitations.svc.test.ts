import { getSession } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import type { DeviceGroupId, InvitationId, PersonId, SiteId } from "@roost/contract/ids";
import { addSite, listSites, removeSite } from "@roost/contract/organisations";
import {
  acceptInvitation,
  addInvitation,
  changePerson,
  joinByInvitation,
  listInvitations,
  listPeople,
  listRoles,
  readInvitation,
  removePerson,
  withdrawInvitation,
} from "@roost/contract/people";
import { addOrganisation } from "@roost/contract/platform-administration";
import { sql } from "@roost/contract/sql";
import { startMailbox } from "@roost/testbed/mailbox";
import type { Mailbox } from "@roost/testbed/mailbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcome, password, startHouse, tokenIn } from "./test-organisations.ts";
import type { House, Visitor } from "./test-organisations.ts";

const ended = "people.invitation_ended";

describe("invitations", () => {
  let house: House;
  let owner: Visitor;
  let mailbox: Mailbox;
  const anybody = () => createClient({ baseUrl: house.url, fetch });
  const join = (token: string, email?: string) =>
    anybody()(joinByInvitation, { body: { token, name: "New", password, ...(email === undefined ? {} : { email }) } });
  const offer = async (terms: object = { role: "viewer" }) => {
    const { link } = await owner.call(addInvitation, { body: { role: "viewer", ...terms } });
    return tokenIn(link?.path);
  };
  const count = async (email: string) =>
    (await house.db.query(sql`select from memberships m join people p on p.id = m.person_id where p.email = ${email}`)).length;

  beforeAll(async () => {
    mailbox = await startMailbox();
    house = await startHouse({
      env: {
        ROOST_PUBLIC_URL: "https://roost.example.org",
        ROOST_SMTP_URL: `smtp://127.0.0.1:${mailbox.port}?tls=off`,
        ROOST_MAIL_FROM: "roost@example.org",
        ROOST_EGRESS_ALLOW: "127.0.0.1",
      },
    });
    owner = house.owner;
  });
  afterAll(async () => {
    await house.close();
    await mailbox.close();
  });

  it("a link is shown once, built from the configured address, and its secret is nowhere in the database", async () => {
    const made = await owner.call(addInvitation, { body: { role: "operator", email: "Ines@Example.org" } });
    const token = tokenIn(made.link?.path);
    expect(made.link?.url).toBe(`https://roost.example.org/join#${token}`);
    expect(JSON.stringify(await owner.call(listInvitations, {}))).not.toContain(token);
    const [row] = await house.db.query<{ text: string }>(
      sql`select to_jsonb(i)::text as text from invitations i where i.email = 'ines@example.org'`,
    );
    expect(row?.text).toContain("secret_hash");
    expect(row?.text).not.toContain(token);
    expect(await anybody()(readInvitation, { body: { token } })).toMatchObject({
      organisationName: "Home",
      roleName: "operator",
      email: "ines@example.org",
      invitedBy: "owner@example.org",
    });
    await join(token);
    const ines = await house.visit("ines@example.org");
    expect(await ines.call(getSession, {})).toMatchObject({ role: "operator", organisation: { name: "Home" } });
    const [person] = await house.db.query(sql`select p.email_verified as verified from people p where p.email = 'ines@example.org'`);
    // The inviter saw the link: it proves nothing about the mailbox.
    expect(person).toEqual({ verified: false });
  });

  it("works once: unknown, used, withdrawn and expired ones look alike", async () => {
    const used = await offer();
    await join(used, "used@example.org");
    const expired = await offer();
    await house.db.query(sql`update invitations set expires_at = now() where accepted_at is null and withdrawn_at is null`);
    const withdrawn = await offer();
    const [open] = (await owner.call(listInvitations, {})).items;
    await owner.call(withdrawInvitation, { params: { invitationId: open?.id as InvitationId } });
    expect(await outcome(owner.call(withdrawInvitation, { params: { invitationId: open?.id as InvitationId } }))).toBe(
      "people.invitation_not_found",
    );
    for (const token of [used, expired, withdrawn, `roost_inv_${"A".repeat(43)}`, "x", `${used}x`]) {
      expect(await outcome(anybody()(readInvitation, { body: { token } }))).toBe(ended);
      expect(await outcome(join(token, "late@example.org"))).toBe(ended);
      expect(await outcome(owner.call(acceptInvitation, { body: { token } }))).toBe(ended);
    }
    expect(await count("late@example.org")).toBe(0);
  });

  it("taken up by two at once, or twice at once by one, makes one membership", async () => {
    const token = await offer();
    const [one, two] = ["race-one@example.org", "race-two@example.org"];
    const outcomes = await Promise.all([outcome(join(token, one)), outcome(join(token, two))]);
    expect(outcomes.sort()).toEqual(["done", ended]);
    expect((await count(one)) + (await count(two))).toBe(1);
    // Whoever came too late has no account either.
    expect(await house.db.query(sql`select from people p where p.email like 'race-%'`)).toHaveLength(1);
    const second = await owner.call(addOrganisation, { body: { name: "Second" } });
    const guest = await house.welcome(owner, "guest@example.org", { role: "viewer" });
    const ownerToken = tokenIn(second.link.path);
    const accepted = await Promise.all([1, 2].map(() => outcome(guest.call(acceptInvitation, { body: { token: ownerToken } }))));
    expect(accepted.filter((one) => one === "done")).toHaveLength(1);
    expect(await count("guest@example.org")).toBe(2);
  });

  it("is for the address it names alone, and for nobody who belongs there already", async () => {
    const token = await offer({ email: "named@example.org" });
    expect(await outcome(join(token, "other@example.org"))).toBe("people.invitation_for_another");
    const stranger = await house.welcome(owner, "stranger@example.org", { role: "viewer" });
    expect(await outcome(stranger.call(acceptInvitation, { body: { token } }))).toBe("people.invitation_for_another");
    expect(await outcome(owner.call(addInvitation, { body: { role: "viewer", email: "STRANGER@example.org" } }))).toBe(
      "people.already_member",
    );
    const open = await offer();
    expect(await outcome(stranger.call(acceptInvitation, { body: { token: open } }))).toBe("people.already_member");
    expect(await outcome(join(open, "stranger@example.org"))).toBe("people.account_exists");
    expect(
      await outcome(anybody()(joinByInvitation, { body: { token: open, name: "N", email: "weak@example.org", password: "password1234" } })),
    ).toBe("auth.weak_password");
    // None of these tries has used it up.
    expect(await outcome(join(open, "welcome@example.org"))).toBe("done");
    expect(await outcome(join(token))).toBe("done");
  });

  it("an offer is worth what its maker holds on the day it is taken up", async () => {
    const admin = await house.welcome(owner, "admin@example.org", { role: "admin" });
    const offerOf = async (role: "admin" | "operator") => {
      const { link } = await admin.call(addInvitation, { body: { role } });
      return tokenIn(link?.path);
    };
    const [asAdmin, asOperator] = [await offerOf("admin"), await offerOf("operator")];
    const personId = (await house.idOf(admin.email)) as PersonId;
    await owner.call(changePerson, { params: { personId }, body: { deniedPermissions: ["alarms:configure"] } });
    expect(await outcome(join(asAdmin, "by-admin@example.org"))).toBe(ended);
    expect(await outcome(join(asOperator, "by-admin@example.org"))).toBe("done");
    const last = await offerOf("operator");
    await owner.call(removePerson, { params: { personId } });
    expect(await outcome(join(last, "by-nobody@example.org"))).toBe(ended);
  });

  it("who was taken out comes back with the password of their account, and with no other", async () => {
    const before = await house.welcome(owner, "back@example.org", { role: "admin" });
    const program = await house.tokenOf(before, ["people:read"]);
    expect(await outcome(program.call(listPeople, {}))).toBe("done");
    await owner.call(removePerson, { params: { personId: await house.idOf("back@example.org") } });
    expect(await outcome(house.visit("back@example.org"))).toBe("auth.wrong_credentials");
    const token = await offer({ role: "admin", email: "back@example.org" });
    const wrong = anybody()(joinByInvitation, { body: { token, name: "x", password: "another walk at noon" } });
    expect(await outcome(wrong)).toBe("auth.wrong_password");
    expect(await outcome(join(token))).toBe("done");
    const back = await house.visit("back@example.org");
    expect(await outcome(back.call(listPeople, {}))).toBe("done");
    // A token that somebody made in their first time here is not revived by their second.
    await expect.poll(() => outcome(program.call(listPeople, {}))).toBe("http.unauthenticated");
  });

  it("are open five hundred at a time", async () => {
    const [row] = await house.db.query<{ id: string }>(sql`select p.id from people p where p.email = 'owner@example.org'`);
    await house.db.query(sql`
      insert into invitations (id, organisation_id, role, secret_hash, invited_by, expires_at)
      select gen_random_uuid(), ${house.organisationId}, 'viewer', sha256(n::text::bytea), ${row?.id}, now() + interval '1 hour'
      from generate_series(1, 500) n`);
    expect(await outcome(owner.call(addInvitation, { body: { role: "viewer" } }))).toBe("people.too_many_invitations");
    await house.db.query(sql`update invitations set expires_at = now() where accepted_at is null`);
    expect(await outcome(owner.call(addInvitation, { body: { role: "viewer" } }))).toBe("done");
  });

  it("is forgotten with the address in it a month after it ended", async () => {
    await offer({ email: "forget@example.org" });
    const left = () => house.db.query(sql`select from invitations i where i.email = 'forget@example.org'`);
    await house.db.query(sql`update invitations set expires_at = now() - interval '29 days' where email = 'forget@example.org'`);
    await house.organisations.endOverdue();
    expect(await left()).toHaveLength(1);
    await house.db.query(sql`update invitations set expires_at = now() - interval '31 days' where email = 'forget@example.org'`);
    await house.organisations.endOverdue();
    expect(await left()).toEqual([]);
  });

  it("by mail the link is in the mail alone, and proves the mailbox", async () => {
    const before = mailbox.caught.length;
    const made = await owner.call(addInvitation, { body: { role: "viewer", email: "mia@example.org", by: "mail" } });
    expect(made.link).toBeUndefined();
    const mail = mailbox.caught[before];
    expect(mail?.to).toEqual(["mia@example.org"]);
    const token = /https:\/\/roost\.example\.org\/join#(\S+)/.exec(mail?.text ?? "")?.[1] ?? "";
    await join(token);
    expect(await house.db.query(sql`select p.email_verified as verified from people p where p.email = 'mia@example.org'`)).toEqual([
      { verified: true },
    ]);
    mailbox.refuse("550 no");
    const failed = await outcome(owner.call(addInvitation, { body: { role: "viewer", email: "nomail@example.org", by: "mail" } }));
    mailbox.refuse(undefined);
    expect(failed).toMatch(/^mail\./);
    // Nobody has that link, so there is no such invitation.
    expect((await owner.call(listInvitations, {})).items.filter(({ email }) => email === "nomail@example.org")).toEqual([]);
  });
});

describe("who acts in a part of an organisation", () => {
  let house: House;
  let north: SiteId;
  let south: SiteId;
  let northAdmin: Visitor;
  beforeAll(async () => {
    house = await startHouse();
    north = (await house.owner.call(addSite, { body: { name: "North" } })).id;
    south = (await house.owner.call(addSite, { body: { name: "South" } })).id;
    northAdmin = await house.welcome(house.owner, "north@example.org", { role: "admin", siteIds: [north] });
    await house.welcome(house.owner, "south@example.org", { role: "viewer", siteIds: [south] });
    await house.welcome(house.owner, "everywhere@example.org", { role: "viewer" });
    await house.welcome(house.owner, "helper@example.org", { role: "viewer", siteIds: [north] });
  });
  afterAll(() => house.close());

  it("CO-68: sees and touches the people and places of that part, and no others", async () => {
    const seen = (await northAdmin.call(listPeople, {})).items.map(({ email }) => email);
    expect(seen.sort()).toEqual(["helper@example.org", "north@example.org"]);
    expect((await northAdmin.call(listSites, {})).items.map(({ name }) => name)).toEqual(["North"]);
    const personId = (await house.idOf("south@example.org")) as PersonId;
    const unknown = "00000000-0000-7000-8000-000000000000" as PersonId;
    for (const id of [personId, unknown, (await house.idOf("owner@example.org")) as PersonId]) {
      expect(await outcome(northAdmin.call(removePerson, { params: { personId: id } }))).toBe("people.not_found");
      expect(await outcome(northAdmin.call(changePerson, { params: { personId: id }, body: { role: "viewer" } }))).toBe("people.not_found");
    }
    expect(await outcome(northAdmin.call(addSite, { body: { name: "West" } }))).toBe("organisations.whole_organisation_needed");
    expect(await outcome(northAdmin.call(removeSite, { params: { siteId: south } }))).toBe("organisations.whole_organisation_needed");
  });

  it("CO-68: learns of roles how many people of that part hold them", async () => {
    const counts = (items: readonly { name: string; people: number }[]) =>
      Object.fromEntries(items.map(({ name, people }) => [name, people]));
    expect(counts((await northAdmin.call(listRoles, {})).items)).toEqual({ viewer: 1, operator: 0, admin: 1, owner: 0 });
    expect(counts((await house.owner.call(listRoles, {})).items)).toEqual({ viewer: 3, operator: 0, admin: 1, owner: 1 });
  });

  it("CO-68: gives nothing outside of it", async () => {
    const give = (terms: object) => outcome(northAdmin.call(addInvitation, { body: { role: "viewer", ...terms } }));
    expect(await give({})).toBe("people.more_than_yours");
    expect(await give({ siteIds: [south] })).toBe("people.more_than_yours");
    expect(await give({ siteIds: [north, south] })).toBe("people.more_than_yours");
    expect(await give({ siteIds: [north] })).toBe("done");
    const stranger = "00000000-0000-7000-8000-000000000000";
    expect(await give({ siteIds: [stranger as SiteId] })).toBe("people.unknown_part");
    expect(await give({ siteIds: [north], groupIds: [stranger as DeviceGroupId] })).toBe("people.unknown_part");
    const params = { personId: (await house.idOf("helper@example.org")) as PersonId };
    expect(await outcome(northAdmin.call(changePerson, { params, body: { siteIds: null } }))).toBe("people.more_than_yours");
    expect(await outcome(northAdmin.call(changePerson, { params, body: { role: "operator" } }))).toBe("done");
    const own = { personId: (await house.idOf("north@example.org")) as PersonId };
    expect(await outcome(northAdmin.call(changePerson, { params: own, body: { siteIds: null } }))).toBe("people.your_own");
  });

  it("CO-68: a site that goes leaves those who saw it alone with nothing, not with everything", async () => {
    await house.owner.call(removeSite, { params: { siteId: south } });
    const members = (await house.owner.call(listPeople, { query: { q: "south@" } })).items;
    expect(members.map(({ siteIds }) => siteIds)).toEqual([[]]);
  });
});
