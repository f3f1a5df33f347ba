import { permissions, rolePermissions, roles } from "@roost/contract/permissions";
import type { Permission, Role } from "@roost/contract/permissions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isInScope, isOwnPart } from "../../platform/tenancy.ts";
import type { Parts, Placed, Scope } from "../../platform/tenancy.ts";
import {
  coversScope,
  leavesNoOwner,
  heldOf,
  plainTerms,
  refuseRole,
  refuseToChange,
  refuseToGive,
  refuseToRemove,
} from "./membership-rules.ts";
import type { Held } from "./membership-rules.ts";

const sites = ["north", "south", "east"];
const groups = ["pumps", "doors", "lamps"];
const parts: fc.Arbitrary<Parts> = fc.record({ siteIds: fc.subarray(sites), groupIds: fc.subarray(groups) });
const scope: fc.Arbitrary<Scope | undefined> = fc.option(fc.record({ allow: fc.array(parts, { maxLength: 2 }), deny: parts }), {
  nil: undefined,
});
const placed: fc.Arbitrary<Placed> = fc.record({
  siteId: fc.option(fc.constantFrom(...sites), { nil: undefined }),
  groupIds: fc.subarray(groups).map((ids) => new Set(ids)),
});
const expiresAt = fc.option(
  fc.integer({ min: 1, max: 5 }).map((day) => new Date(Date.UTC(2030, 0, day))),
  { nil: undefined },
);

const held: fc.Arbitrary<Held> = fc
  .record({
    role: fc.constantFrom<Role | "custom">(...roles, "custom"),
    custom: fc.subarray([...permissions]),
    denied: fc.subarray([...permissions], { maxLength: 4 }),
    scope,
    expiresAt,
  })
  .map(({ role, custom, denied, scope: where, expiresAt: until }) =>
    // The database holds the same: an owner has no limits.
    role === "owner"
      ? { role, permissions: permissionsOf(role, [], []), scope: undefined, expiresAt: undefined }
      : { role, permissions: permissionsOf(role, custom, denied), scope: where, expiresAt: until },
  );

function permissionsOf(role: Role | "custom", custom: readonly Permission[], denied: readonly Permission[]) {
  return heldOf({ ...plainTerms(role), deniedPermissions: denied }, custom).permissions;
}

const of = (role: Role, more: Partial<Held> = {}): Held => ({
  role,
  permissions: permissionsOf(role, [], []),
  scope: undefined,
  expiresAt: undefined,
  ...more,
});

/** Each right at each place at each time that a membership gives. */
function rightsOf(one: Held, where: readonly Placed[]): Set<string> {
  const rights = new Set<string>();
  for (const permission of one.permissions) {
    for (const [index, place] of where.entries()) {
      if (!isInScope(one.scope, place)) continue;
      for (let day = 1; day <= 6; day += 1) {
        if (one.expiresAt === undefined || Date.UTC(2030, 0, day) < one.expiresAt.getTime()) rights.add(`${permission} ${index} ${day}`);
      }
    }
  }
  return rights;
}

const isSubset = (less: Set<string>, more: Set<string>) => [...less].every((right) => more.has(right));
const someWhere = fc.array(placed, { minLength: 1, maxLength: 12 });

describe("the rules of memberships", () => {
  it("CO-67: nobody gives more than they hold, at no place and for no day", () => {
    fc.assert(
      fc.property(held, held, someWhere, (by, given, where) => {
        if (refuseToGive(by, given) === undefined) expect(isSubset(rightsOf(given, where), rightsOf(by, where))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("CO-67: whatever is changed, nobody comes to hold what neither they nor its giver held", () => {
    fc.assert(
      fc.property(held, held, held, someWhere, (by, before, after, where) => {
        if (refuseToChange({ by, isOwn: false, before, after }) !== undefined) return;
        const allowed = new Set([...rightsOf(before, where), ...rightsOf(by, where)]);
        expect(isSubset(rightsOf(after, where), allowed)).toBe(true);
        if (after.role === "owner" && before.role !== "owner") expect(by.role).toBe("owner");
        if (before.role === "owner") expect(by.role).toBe("owner");
      }),
      { numRuns: 2_000 },
    );
  });

  it("CO-67: nobody widens their own, and nobody is kept from giving it up", () => {
    fc.assert(
      fc.property(held, held, someWhere, (own, after, where) => {
        if (refuseToChange({ by: own, isOwn: true, before: own, after }) === undefined) {
          expect(isSubset(rightsOf(after, where), rightsOf(own, where))).toBe(true);
        }
        expect(refuseToRemove(own, true, own)).toBeUndefined();
        expect(refuseToChange({ by: own, isOwn: true, before: own, after: own })).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  it("CO-68: a scope that covers another holds every device of it, wherever devices stand", () => {
    let covered = 0;
    fc.assert(
      fc.property(scope, scope, placed, (more, less, device) => {
        if (!coversScope(more, less)) return;
        covered += 1;
        if (isInScope(less, device)) expect(isInScope(more, device)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(covered).toBeGreaterThan(500);
    fc.assert(fc.property(scope, (one) => coversScope(one, one)));
    fc.assert(fc.property(scope, scope, scope, (a, b, c) => !(coversScope(a, b) && coversScope(b, c)) || coversScope(a, c)));
  });

  it("CO-68: what a scope names as its own keeps a device in it", () => {
    fc.assert(
      fc.property(scope, fc.constantFrom(...sites), (one, siteId) => {
        const stands = { siteId, groupIds: new Set<string>() };
        expect(isOwnPart(one, "siteIds", siteId)).toBe(isInScope(one, stands));
      }),
    );
  });

  it("CO-67: three roles and what each may make of the others, as documented", () => {
    const verdict = (by: Role) => roles.map((given) => (refuseToGive(of(by), of(given)) === undefined ? "may" : "may not"));
    expect(verdict("owner")).toEqual(["may", "may", "may", "may"]);
    expect(verdict("admin")).toEqual(["may", "may", "may", "may not"]);
    expect(verdict("operator")).toEqual(["may", "may", "may not", "may not"]);
    expect(refuseToRemove(of("admin"), false, of("owner"))).toBe("more_than_yours");
    expect(refuseToChange({ by: of("admin"), isOwn: false, before: of("owner"), after: of("viewer") })).toBe("more_than_yours");
    expect(refuseToChange({ by: of("admin"), isOwn: true, before: of("admin"), after: of("owner") })).toBe("your_own");
    // Every permission an owner has, put into a role, makes no owner.
    const almost: Held = { ...of("owner"), role: "custom" };
    expect(refuseToGive(almost, of("owner"))).toBe("more_than_yours");
    expect(refuseToRemove(almost, false, of("owner"))).toBe("more_than_yours");
  });

  it("denials stand above: who was denied something cannot give it", () => {
    const denied = of("admin", { permissions: permissionsOf("admin", [], ["alarms:configure"]) });
    expect(refuseToGive(denied, of("admin"))).toBe("more_than_yours");
    expect(refuseToGive(denied, of("operator"))).toBeUndefined();
    const blind: Scope = { allow: [], deny: { siteIds: ["north"], groupIds: [] } };
    expect(refuseToGive(of("admin", { scope: blind }), of("viewer"))).toBe("more_than_yours");
    expect(refuseToGive(of("admin", { scope: blind }), of("viewer", { scope: blind }))).toBeUndefined();
  });

  it("a stand-in gives nothing that outlasts them, and may still take it away", () => {
    const until = new Date(Date.UTC(2030, 0, 3));
    const standIn = of("admin", { expiresAt: until });
    expect(refuseToGive(standIn, of("viewer"))).toBe("more_than_yours");
    expect(refuseToGive(standIn, of("viewer", { expiresAt: until }))).toBeUndefined();
    expect(refuseToChange({ by: standIn, isOwn: false, before: of("operator"), after: of("viewer") })).toBeUndefined();
    expect(refuseToChange({ by: standIn, isOwn: false, before: of("viewer"), after: of("operator") })).toBe("more_than_yours");
    expect(refuseToRemove(standIn, false, of("viewer"))).toBeUndefined();
  });

  it("a role is made by those who hold it for the whole organisation, and holds nothing of the platform's", () => {
    expect(refuseRole(of("admin"), [], ["devices:read"])).toBeUndefined();
    expect(refuseRole(of("admin"), [], ["devices:transfer"])).toBe("more_than_yours");
    expect(refuseRole(of("admin"), ["devices:transfer"], ["devices:read"])).toBe("more_than_yours");
    expect(refuseRole(of("owner"), [], ["platform:organisations"])).toBe("more_than_yours");
    const scoped = of("admin", { scope: { allow: [{ siteIds: ["north"], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } });
    expect(refuseRole(scoped, [], ["devices:read"])).toBe("more_than_yours");
    const all: Permission[] = [...permissions];
    expect([...permissionsOf("custom", all, [])].filter((permission) => permission.startsWith("platform:"))).toEqual([]);
    expect(rolePermissions.owner.filter((permission) => permission.startsWith("platform:"))).toEqual([]);
  });

  it("CO-67: the last owner cannot go, nor become less", () => {
    expect(leavesNoOwner(of("owner"), undefined, 1)).toBe(true);
    expect(leavesNoOwner(of("owner"), of("admin"), 1)).toBe(true);
    expect(leavesNoOwner(of("owner"), of("owner"), 1)).toBe(false);
    expect(leavesNoOwner(of("owner"), undefined, 2)).toBe(false);
    expect(leavesNoOwner(of("admin"), undefined, 1)).toBe(false);
  });
});
