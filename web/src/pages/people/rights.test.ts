import type { Member } from "@roost/contract/people";
import { describe, expect, it } from "vitest";

import { denialFields, endOf, noRights, rightsOf, roleFields } from "./rights.ts";

const member = {
  role: "operator",
  roleName: "operator",
  permissions: [],
  deniedPermissions: [],
  deniedSiteIds: [],
  deniedGroupIds: [],
} as unknown as Member;

describe("rights of a form", () => {
  it("name the four roles by their word and an own role by its id", () => {
    expect(roleFields({ ...noRights, role: "admin" })).toEqual({ role: "admin" });
    expect(roleFields({ ...noRights, role: "01a1fdd5-0a8a-7d7d-8f0b-8efe0267e34b" })).toEqual({
      role: "custom",
      roleId: "01a1fdd5-0a8a-7d7d-8f0b-8efe0267e34b",
    });
  });

  it("CO-68: take a member's sites, denials and end over as they are, and no sites is not the same as all", () => {
    expect(rightsOf(member)).toMatchObject({ role: "operator", where: "everywhere", until: "" });
    const scoped = { ...member, siteIds: [], deniedPermissions: ["alarms:acknowledge"] } as unknown as Member;
    expect(rightsOf(scoped)).toMatchObject({ where: "parts", siteIds: [] });
    expect(denialFields(rightsOf(scoped)).deniedPermissions).toEqual(["alarms:acknowledge"]);
  });

  it("keep an end to the minute, there and back", () => {
    const expiresAt = new Date("2026-11-21T18:05:00Z");
    expect(endOf(rightsOf({ ...member, expiresAt }))).toBe(expiresAt.toISOString());
    expect(endOf(noRights)).toBeUndefined();
  });
});
