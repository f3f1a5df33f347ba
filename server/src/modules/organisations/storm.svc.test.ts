import { AppError } from "@roost/contract/errors";
import type { PersonId } from "@roost/contract/ids";
import { addRole, changePerson, changeRole, leaveOrganisation, removePerson } from "@roost/contract/people";
import { permissions, roles } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startHouse } from "./test-organisations.ts";
import type { House, Visitor } from "./test-organisations.ts";

interface Step {
  readonly who: number;
  readonly whom: number;
  readonly what: "role" | "deny" | "end" | "remove" | "leave" | "own role";
  readonly role: "viewer" | "operator" | "admin" | "owner";
  readonly denied: (typeof permissions)[number][];
}

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(4),
  whom: fc.nat(4),
  what: fc.constantFrom("role", "role", "role", "deny", "end", "remove", "leave", "own role"),
  role: fc.constantFrom(...roles),
  denied: fc.subarray([...permissions], { maxLength: 3 }),
});

describe("people who change each other's rights all at once", () => {
  let house: House;
  let people: readonly Visitor[];
  let ids: readonly PersonId[];

  beforeAll(async () => {
    house = await startHouse();
    const others = ["owner", "owner", "admin", "admin"] as const;
    const made: Visitor[] = [];
    for (const [index, role] of others.entries()) made.push(await house.welcome(house.owner, `p${index}@example.org`, { role }));
    people = [house.owner, ...made];
    ids = await Promise.all(people.map(({ email }) => house.idOf(email) as Promise<PersonId>));
  });
  afterAll(() => house.close());

  function run({ who, whom, what, role, denied }: Step): Promise<unknown> {
    const [by, personId] = [people[who] as Visitor, ids[whom] as PersonId];
    const params = { personId };
    switch (what) {
      case "role":
        return by.call(changePerson, { params, body: { role } });
      case "deny":
        return by.call(changePerson, { params, body: { deniedPermissions: denied } });
      case "end":
        return by.call(changePerson, { params, body: { expiresAt: new Date(Date.now() + 60_000).toISOString() } });
      case "remove":
        return by.call(removePerson, { params });
      case "leave":
        return by.call(leaveOrganisation, {});
      default:
        return by.call(addRole, { body: { name: `role ${Math.random()}`, permissions: ["devices:read"] } }).then(({ id }) =>
          id === undefined
            ? undefined
            : by.call(changeRole, {
                params: { roleId: id },
                body: { permissions: [...denied, role === "owner" ? "devices:transfer" : "devices:read"] },
              }),
        );
    }
  }

  const refusals = /^people\.|^http\.(?:forbidden|unauthenticated)$/;

  it("CO-67: leave an owner whatever they do and in whatever order, and each change is on record", async () => {
    const done: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
        const answers = await Promise.allSettled(steps.map(run));
        for (const [index, answer] of answers.entries()) {
          const what = steps[index]?.what ?? "";
          if (answer.status === "fulfilled") done[what] = (done[what] ?? 0) + 1;
          else if (answer.reason instanceof AppError) expect(answer.reason.code).toMatch(refusals);
          else throw answer.reason;
        }
        const owners = await house.db.query<{ limited: boolean }>(sql`
          select m.site_ids is not null or m.expires_at is not null or m.denied_permissions <> '{}' as limited
          from memberships m where m.organisation_id = ${house.organisationId} and m.role = 'owner'`);
        expect(owners.length).toBeGreaterThan(0);
        expect(owners.some(({ limited }) => limited)).toBe(false);
        // No role holds what only an owner could put into it, unless an owner did; none holds anything of the platform's.
        expect(
          await house.db.query(sql`select from roles r where exists (select from unnest(r.permissions) p where p like 'platform:%')`),
        ).toEqual([]);
        // Whoever is left lets the others in again.
        await house.db.query(sql`
          insert into memberships (id, organisation_id, person_id, role)
          select gen_random_uuid(), ${house.organisationId}, p.id, 'admin' from people p on conflict (organisation_id, person_id) do nothing`);
      }),
      { numRuns: 25 },
    );
    // How many of them win is by chance; none would be no storm.
    expect(done["role"] ?? 0).toBeGreaterThan(0);
    const [recorded] = await house.db.query<{ n: number }>(sql`
      select count(*)::int as n from audit_entries e where e.outcome = 'done' and e.action in ('person.changed', 'person.removed', 'person.left')`);
    const changes = ["role", "deny", "end", "remove", "leave"].reduce((sum, what) => sum + (done[what] ?? 0), 0);
    expect(recorded?.n).toBe(changes);
  });
});
