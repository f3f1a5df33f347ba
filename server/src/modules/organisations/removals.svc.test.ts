import { getSession } from "@roost/contract/auth";
import type { OrganisationId } from "@roost/contract/ids";
import { keepOrganisation, removeOrganisation } from "@roost/contract/organisation-removal";
import { addSite, changeOrganisation, getOrganisation, listSites } from "@roost/contract/organisations";
import { acceptInvitation, addInvitation, listPeople, readInvitation } from "@roost/contract/people";
import { addOrganisation, askForAccess, listOrganisations } from "@roost/contract/platform-administration";
import { sql } from "@roost/contract/sql";
import { startMailbox } from "@roost/testbed/mailbox";
import type { Mailbox } from "@roost/testbed/mailbox";
import { until } from "@roost/testbed/waiting";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { outcome, startHouse, tokenIn } from "./test-organisations.ts";
import type { House, Visitor } from "./test-organisations.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;

describe("an organisation that is to be removed", () => {
  let house: House;
  let mailbox: Mailbox;
  let aheadMs = 0;
  let keeper: Visitor;
  let owner: Visitor;
  let admin: Visitor;
  let tenant: OrganisationId;

  const clock = { nowMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() + aheadMs };
  /** What a credential gives is remembered for two seconds. */
  const later = () => (aheadMs += 3_000);
  const remove = (who: Visitor, confirm = "Valley ISP") => who.call(removeOrganisation, { body: { confirm } });
  const facts = async () => {
    const rows = await house.db.query<{ type: string }>(
      sql`select e.type from events e where e.organisation_id = ${tenant} and e.type like 'organisation.%' order by e.id`,
    );
    return rows.map(({ type }) => type);
  };

  // One house with the same people for all; each test has a tenant of its own.
  beforeAll(async () => {
    mailbox = await startMailbox();
    house = await startHouse({
      clock,
      env: {
        ROOST_SMTP_URL: `smtp://127.0.0.1:${mailbox.port}?tls=off`,
        ROOST_MAIL_FROM: "roost@example.org",
        ROOST_EGRESS_ALLOW: "127.0.0.1",
      },
    });
    keeper = house.owner;
    owner = await house.welcome(keeper, "olga@example.org", { role: "viewer" });
    admin = await house.welcome(keeper, "adam@example.org", { role: "viewer" });
  });
  afterAll(async () => {
    await house.close();
    await mailbox.close();
  });
  beforeEach(async () => {
    const made = await keeper.call(addOrganisation, { body: { name: "Valley ISP", email: "olga@example.org" } });
    tenant = made.organisation.id;
    await owner.call(acceptInvitation, { body: { token: tokenIn(made.link.path) } });
    await house.switchTo(owner, tenant);
    await join(admin, "admin");
    later();
  });
  afterEach(async () => {
    await house.db.query(sql`update setup set organisation_id = ${house.organisationId}`);
    await house.db.query(sql`delete from organisation_removals`);
    await house.db.query(sql`delete from organisations where name = 'Valley ISP'`);
    later();
  });

  async function join(who: Visitor, role: "admin" | "owner"): Promise<void> {
    const { link } = await owner.call(addInvitation, { body: { role, email: who.email } });
    await who.call(acceptInvitation, { body: { token: tokenIn(link?.path) } });
    await house.switchTo(who, tenant);
  }

  it("is closed at once for everybody in it, who see by whom, until when, and little else", async () => {
    const token = await house.tokenOf(owner, ["devices:read"]);
    expect(await outcome(token.call(listSites, {}))).toBe("done");
    const { link } = await owner.call(addInvitation, { body: { role: "viewer", email: "new@example.org" } });

    const closed = await remove(owner, " valley isp ");
    const endsAt = new Date((closed.removal?.requestedAt.getTime() ?? 0) + 14 * dayMs);
    expect(closed).toMatchObject({ name: "Valley ISP", removal: { state: "closed", requestedBy: "olga@example.org", endsAt } });
    later();

    expect((await admin.call(getOrganisation, {})).removal).toMatchObject({ requestedBy: "olga@example.org", endsAt });
    expect(await admin.call(getSession, {})).toMatchObject({ organisation: { id: tenant, isClosed: true }, role: "admin" });
    expect((await admin.call(getSession, {})).permissions.toSorted()).toEqual([
      "audit:read",
      "devices:read",
      "organisation:read",
      "personal:export",
      "telemetry:export",
    ]);
    expect(await outcome(admin.call(addSite, { body: { name: "Mast" } }))).toBe("http.forbidden");
    expect(await outcome(admin.call(listPeople, {}))).toBe("http.forbidden");
    expect(await outcome(owner.call(changeOrganisation, { body: { name: "Hill ISP" } }))).toBe("organisations.closed");
    expect(await outcome(remove(owner))).toBe("organisations.closed");
    expect(await outcome(token.call(listSites, {}))).toBe("http.unauthenticated");
    expect(await outcome(keeper.call(readInvitation, { body: { token: tokenIn(link?.path) } }))).toBe("people.invitation_ended");

    expect((await keeper.call(listOrganisations, {})).items.map(({ name, removedAt }) => [name, removedAt])).toEqual([
      ["Home", undefined],
      ["Valley ISP", endsAt],
    ]);
    const asked = { organisationId: tenant, reason: "You asked us to have a look.", minutes: 30 };
    expect(await outcome(keeper.call(askForAccess, { body: asked }))).toBe("organisations.closed");
    expect(await outcome(keeper.call(addSite, { body: { name: "Elsewhere" } }))).toBe("done");
    expect(await facts()).toEqual(["organisation.closed"]);
    expect((await house.trail(null)).filter((line) => line.startsWith("organisation.closed"))).toEqual([
      "organisation.closed done olga@example.org Valley ISP",
    ]);
  });

  it("tells its owners once, by mail, by whom, until when, and how to keep it", async () => {
    await join(keeper, "owner");
    const mails = () => mailbox.caught.filter(({ text }) => text.includes("be removed"));
    const before = mails().length;
    await remove(owner);
    await until("both owners have mail", () => mails().length >= before + 2);
    const told = mails().slice(before);
    expect(told.flatMap(({ to }) => to).toSorted()).toEqual(["olga@example.org", "owner@example.org"]);
    for (const { text } of told) expect(text).toMatch(/olga@example\.org asked that "Valley ISP" be removed[^]*roost organisation keep/);
  });

  it("opens again with everything in it when an owner keeps it", async () => {
    const token = await house.tokenOf(owner, ["devices:read"]);
    await owner.call(addSite, { body: { name: "Mast" } });
    expect(await outcome(owner.call(keepOrganisation, {}))).toBe("organisations.not_closed");
    await remove(owner);
    later();
    expect(await outcome(admin.call(keepOrganisation, {}))).toBe("http.forbidden");
    expect((await owner.call(keepOrganisation, {})).removal).toBeUndefined();
    later();
    expect((await admin.call(listSites, {})).items.map(({ name }) => name)).toEqual(["Mast"]);
    expect(await outcome(token.call(listSites, {}))).toBe("done");
    expect((await admin.call(getSession, {})).organisation.isClosed).toBe(false);
    expect(await facts()).toEqual(["organisation.closed", "organisation.kept"]);
    expect((await house.trail(tenant)).filter((line) => line.startsWith("organisation."))).toEqual([
      "organisation.closed done olga@example.org Valley ISP",
      "organisation.kept done olga@example.org Valley ISP",
    ]);
  });

  it("cannot be kept once its removal has begun", async () => {
    await remove(owner);
    later();
    await house.db.query(sql`update organisation_removals set begun_at = now()`);
    expect(await outcome(owner.call(keepOrganisation, {}))).toBe("organisations.removal_begun");
    expect((await owner.call(getOrganisation, {})).removal?.state).toBe("removing");
  });

  it("is asked for by an owner alone, who repeats its name and signed in within the last hour", async () => {
    expect(await outcome(remove(owner, "Valley"))).toBe("organisations.removal_mismatch");
    expect(await outcome(remove(admin))).toBe("http.forbidden");
    const token = await house.tokenOf(owner, ["organisation:write"]);
    expect(await outcome(remove(token))).toBe("people.person_needed");
    aheadMs += hourMs + 60_000;
    expect(await outcome(remove(owner))).toBe("auth.sign_in_again");
    aheadMs -= hourMs + 60_000;
    expect((await owner.call(getOrganisation, {})).removal).toBeUndefined();
    expect(await facts()).toEqual([]);
  });

  it("is not the last one at work, whoever asks for the last two at once", async () => {
    await house.switchTo(keeper, house.organisationId);
    later();
    const asked = await Promise.all([outcome(remove(owner)), outcome(remove(keeper, "Home"))]);
    expect(asked.toSorted()).toEqual(["done", "organisations.last_organisation"]);
    expect((await keeper.call(listOrganisations, {})).items.filter(({ removedAt }) => removedAt === undefined)).toHaveLength(1);
  });

  it("hands what is the installation's own to another one, where it was the first", async () => {
    await house.switchTo(keeper, house.organisationId);
    later();
    await remove(keeper, "Home");
    const [setup] = await house.db.query<{ organisation_id: string }>(sql`select s.organisation_id from setup s`);
    expect(setup?.organisation_id).toBe(tenant);
    const [fact] = await house.db.query<{ data: unknown }>(sql`
      select e.data from events e where e.type = 'organisation.closed' and e.organisation_id = ${house.organisationId}
      order by e.id desc limit 1`);
    expect(fact?.data).toMatchObject({ home: tenant });
  });
});
