import { addApiToken } from "@roost/contract/auth";
import type { PersonId, RoleId } from "@roost/contract/ids";
import {
  addDeviceGroup,
  addSite,
  changeOrganisation,
  changeSite,
  getOrganisation,
  listDeviceGroups,
  listSites,
  removeDeviceGroup,
  removeSite,
} from "@roost/contract/organisations";
import {
  addInvitation,
  addRole,
  changePerson,
  changeRole,
  leaveOrganisation,
  listInvitations,
  listPeople,
  listRoles,
  removePerson,
  removeRole,
} from "@roost/contract/people";
import { sql } from "@roost/contract/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcome, startHouse } from "./test-organisations.ts";
import type { House, Visitor } from "./test-organisations.ts";

const forbidden = "http.forbidden";
const more = "people.more_than_yours";

describe("three people in an organisation", () => {
  let house: House;
  let owner: Visitor;
  let admin: Visitor;
  let viewer: Visitor;
  const person = (email: string) => house.idOf(email) as Promise<PersonId>;
  let helpers = 0;
  /** Somebody new, for one try each. */
  const helper = async (role: "viewer" | "operator" | "admin" | "owner") => {
    helpers += 1;
    await house.welcome(owner, `helper${helpers}@example.org`, { role });
    return person(`helper${helpers}@example.org`);
  };

  beforeAll(async () => {
    house = await startHouse();
    owner = house.owner;
    admin = await house.welcome(owner, "admin@example.org", { role: "admin" });
    viewer = await house.welcome(owner, "viewer@example.org", { role: "viewer" });
  });
  afterAll(() => house.close());

  it("CO-67: twenty actions by owner, admin and viewer, allowed and refused exactly as documented", async () => {
    const actions: Record<string, [(who: Visitor) => Promise<unknown>, owner: string, admin: string, viewer: string]> = {
      "see the organisation": [(who) => who.call(getOrganisation, {}), "done", "done", "done"],
      "rename the organisation": [(who) => who.call(changeOrganisation, { body: { name: "Home" } }), "done", forbidden, forbidden],
      "see people": [(who) => who.call(listPeople, {}), "done", "done", forbidden],
      "see roles": [(who) => who.call(listRoles, {}), "done", "done", forbidden],
      "see invitations": [(who) => who.call(listInvitations, {}), "done", "done", forbidden],
      "see sites": [(who) => who.call(listSites, {}), "done", "done", "done"],
      "see groups": [(who) => who.call(listDeviceGroups, {}), "done", "done", "done"],
      "add a site": [(who) => who.call(addSite, { body: { name: `site of ${who.email}` } }), "done", "done", forbidden],
      "add a group": [(who) => who.call(addDeviceGroup, { body: { name: `group of ${who.email}` } }), "done", "done", forbidden],
      "invite a viewer": [(who) => who.call(addInvitation, { body: { role: "viewer" } }), "done", "done", forbidden],
      "invite an admin": [(who) => who.call(addInvitation, { body: { role: "admin" } }), "done", "done", forbidden],
      "invite an owner": [(who) => who.call(addInvitation, { body: { role: "owner" } }), "done", more, forbidden],
      "make an operator an admin": [
        async (who) => who.call(changePerson, { params: { personId: await helper("operator") }, body: { role: "admin" } }),
        "done",
        "done",
        forbidden,
      ],
      "make a viewer an owner": [
        async (who) => who.call(changePerson, { params: { personId: await helper("viewer") }, body: { role: "owner" } }),
        "done",
        more,
        forbidden,
      ],
      "make an owner a viewer": [
        async (who) => who.call(changePerson, { params: { personId: await helper("owner") }, body: { role: "viewer" } }),
        "done",
        more,
        forbidden,
      ],
      "remove an operator": [
        async (who) => who.call(removePerson, { params: { personId: await helper("operator") } }),
        "done",
        "done",
        forbidden,
      ],
      "remove an owner": [async (who) => who.call(removePerson, { params: { personId: await helper("owner") } }), "done", more, forbidden],
      "make oneself an owner": [
        async (who) => who.call(changePerson, { params: { personId: await person(who.email) }, body: { role: "owner" } }),
        "done",
        "people.your_own",
        forbidden,
      ],
      "make a role that acknowledges": [
        (who) => who.call(addRole, { body: { name: `watch of ${who.email}`, permissions: ["alarms:read", "alarms:acknowledge"] } }),
        "done",
        "done",
        forbidden,
      ],
      "make a role that gives devices away": [
        (who) => who.call(addRole, { body: { name: `giver of ${who.email}`, permissions: ["devices:transfer"] } }),
        "done",
        more,
        forbidden,
      ],
      "make a role of the platform": [
        (who) => who.call(addRole, { body: { name: `platform of ${who.email}`, permissions: ["platform:organisations"] } }),
        more,
        more,
        forbidden,
      ],
      "make a token": [
        (who) => who.call(addApiToken, { body: { name: "program", permissions: ["devices:read"] } }),
        "done",
        "done",
        forbidden,
      ],
    };
    expect(Object.keys(actions).length).toBeGreaterThanOrEqual(20);
    for (const [action, [work, ...expected]] of Object.entries(actions)) {
      const happened = [await outcome(work(owner)), await outcome(work(admin)), await outcome(work(viewer))];
      expect([action, ...happened]).toEqual([action, ...expected]);
    }
  });

  it("N-F23: the change list shows who gave what to whom, and who reached for more", async () => {
    const trail = await house.trail(house.organisationId);
    expect(trail).toContain("invitation.accepted done admin@example.org admin@example.org");
    expect(trail.filter((line) => line.startsWith("person.changed done admin@example.org helper"))).toHaveLength(1);
    expect(trail.filter((line) => line.startsWith("person.changed refused admin@example.org"))).toHaveLength(3);
    expect(trail.filter((line) => line.startsWith("person.invited refused admin@example.org"))).toHaveLength(1);
    const [change] = await house.db.query<{ before: object; after: object }>(sql`
      select e.before, e.after from audit_entries e
      where e.action = 'person.changed' and e.actor_name = 'admin@example.org' and e.outcome = 'done'`);
    expect(change).toEqual({ before: { role: "operator" }, after: { role: "admin" } });
  });

  it("an API token, whatever it holds, lets nobody in or out", async () => {
    const token = await house.tokenOf(owner, ["people:read", "people:write", "roles:write", "organisation:write"]);
    const needed = "people.person_needed";
    expect(await outcome(token.call(addInvitation, { body: { role: "viewer" } }))).toBe(needed);
    const personId = await person("viewer@example.org");
    expect(await outcome(token.call(removePerson, { params: { personId } }))).toBe(needed);
    expect(await outcome(token.call(changePerson, { params: { personId }, body: { role: "admin" } }))).toBe(needed);
    expect(await outcome(token.call(addRole, { body: { name: "x", permissions: ["devices:read"] } }))).toBe(needed);
    expect(await outcome(token.call(leaveOrganisation, {}))).toBe(needed);
    expect((await token.call(listPeople, {})).items.some((member) => member.mayChange)).toBe(false);
  });

  it("names in hostile form are refused, and one name is there once, whatever its case", async () => {
    for (const name of ["", "  ", "a\u0000b", "bell\u0007", "x".repeat(121)]) {
      expect(await outcome(owner.call(addSite, { body: { name } }))).toBe("http.invalid");
    }
    const site = await owner.call(addSite, { body: { name: "Barn", timeZone: "Europe/Berlin" } });
    expect(await outcome(owner.call(addSite, { body: { name: "BARN" } }))).toBe("organisations.site_exists");
    const other = await owner.call(addSite, { body: { name: "Mill" } });
    const rename = owner.call(changeSite, { params: { siteId: other.id }, body: { name: "barn" } });
    expect(await outcome(rename)).toBe("organisations.site_exists");
    const changed = await owner.call(changeSite, { params: { siteId: site.id }, body: { timeZone: null } });
    expect([changed.name, changed.timeZone]).toEqual(["Barn", undefined]);
    const group = await owner.call(addDeviceGroup, { body: { name: "Pumps" } });
    await owner.call(removeDeviceGroup, { params: { groupId: group.id } });
    await owner.call(removeSite, { params: { siteId: other.id } });
    expect(await outcome(owner.call(removeSite, { params: { siteId: other.id } }))).toBe("organisations.site_not_found");
  });

  it("lists go on page by page, each once", async () => {
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await owner.call(listPeople, { query: { limit: 3, ...(cursor === undefined ? {} : { cursor }) } });
      names.push(...page.items.map(({ email }) => email));
      cursor = page.next;
    } while (cursor !== undefined);
    const all = await owner.call(listPeople, { query: { limit: 200 } });
    expect(names).toEqual(all.items.map(({ email }) => email));
    expect(new Set(names).size).toBe(names.length);
    const found = await owner.call(listPeople, { query: { q: "VIEWER@" } });
    expect(found.items.map(({ email }) => email)).toEqual(["viewer@example.org"]);
  });

  it("a role in use stays; a change of it takes effect for who holds it", async () => {
    const role = await owner.call(addRole, { body: { name: "Night watch", permissions: ["alarms:read", "people:read"] } });
    const roleId = role.id as RoleId;
    const watch = await house.welcome(owner, "watch@example.org", { role: "custom", roleId });
    expect(await outcome(watch.call(listPeople, {}))).toBe("done");
    expect(await outcome(owner.call(removeRole, { params: { roleId } }))).toBe("people.role_in_use");
    await owner.call(changeRole, { params: { roleId }, body: { permissions: ["alarms:read"] } });
    await expect.poll(() => outcome(watch.call(listPeople, {}))).toBe(forbidden);
    await owner.call(changePerson, { params: { personId: await person("watch@example.org") }, body: { role: "viewer" } });
    expect(await outcome(owner.call(removeRole, { params: { roleId } }))).toBe("done");
    expect(await outcome(owner.call(removeRole, { params: { roleId } }))).toBe("people.role_not_found");
  });
});

describe("the last owner", () => {
  let house: House;
  beforeAll(async () => {
    house = await startHouse();
  });
  afterAll(() => house.close());

  it("CO-67: cannot go, nor become less, nor get an end", async () => {
    const { owner } = house;
    const params = { personId: (await house.idOf(owner.email)) as PersonId };
    expect(await outcome(owner.call(removePerson, { params }))).toBe("people.last_owner");
    expect(await outcome(owner.call(leaveOrganisation, {}))).toBe("people.last_owner");
    expect(await outcome(owner.call(changePerson, { params, body: { role: "admin" } }))).toBe("people.last_owner");
    const limited = { deniedPermissions: ["devices:read"] } as const;
    const end = { expiresAt: "2090-01-01T00:00:00Z" };
    expect(await outcome(owner.call(changePerson, { params, body: { deniedPermissions: [...limited.deniedPermissions] } }))).toBe(
      "people.owner_is_whole",
    );
    expect(await outcome(owner.call(changePerson, { params, body: end }))).toBe("people.owner_is_whole");
    expect(await outcome(owner.call(addInvitation, { body: { role: "owner", membershipExpiresAt: end.expiresAt } }))).toBe(
      "people.owner_is_whole",
    );
  });

  it("CO-67: of two owners who take each other out at once, or go at once, one stays", async () => {
    const second = await house.welcome(house.owner, "second@example.org", { role: "owner" });
    const owners = async () =>
      house.db.query<{ person_id: string }>(
        sql`select m.person_id from memberships m where m.role = 'owner' and m.organisation_id = ${house.organisationId}`,
      );
    const both = [house.owner, second] as const;
    const [one, two] = [(await house.idOf(both[0].email)) as PersonId, (await house.idOf(both[1].email)) as PersonId];
    const rounds: [string, () => Promise<unknown>[]][] = [
      [
        "each removes the other",
        () => [both[0].call(removePerson, { params: { personId: two } }), both[1].call(removePerson, { params: { personId: one } })],
      ],
      ["both leave", () => [both[0].call(leaveOrganisation, {}), both[1].call(leaveOrganisation, {})]],
      [
        "each makes the other a viewer",
        () => [
          both[0].call(changePerson, { params: { personId: two }, body: { role: "viewer" } }),
          both[1].call(changePerson, { params: { personId: one }, body: { role: "viewer" } }),
        ],
      ],
    ];
    for (const [name, work] of rounds) {
      const outcomes = await Promise.all(work().map(outcome));
      expect([name, outcomes.filter((one) => one === "done").length, (await owners()).length]).toEqual([name, 1, 1]);
      // Both are owners again for the next round.
      await house.db.query(sql`delete from memberships`);
      await house.db.query(sql`
        insert into memberships (id, organisation_id, person_id, role)
        select gen_random_uuid(), ${house.organisationId}, p.id, 'owner' from people p`);
      // What was known of their rights is 2 s old at most.
      await expect.poll(async () => outcome(both[0].call(listPeople, {}))).toBe("done");
      await expect.poll(async () => outcome(both[1].call(listPeople, {}))).toBe("done");
    }
  });
});
