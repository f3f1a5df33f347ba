import { readFileSync } from "node:fs";

import { permissionWords } from "@roost/contract/permission-words";
import { permissions, platformPermissions, rolePermissions, roles } from "@roost/contract/permissions";
import { describe, expect, it } from "vitest";

const guide = readFileSync(new URL("../../../../docs/guide/roles-and-scopes.md", import.meta.url), "utf8");

describe("the matrix of roles", () => {
  it("CO-67: stands in the guide as it is in force, in plain words", () => {
    const rows = permissions
      .filter((permission) => !platformPermissions.includes(permission))
      .map((permission) => {
        const held = roles.map((role) => (rolePermissions[role].includes(permission) ? "yes" : ""));
        return `| \`${permission}\` | ${permissionWords[permission]} | ${held.join(" | ")} |`;
      });
    expect(guide.split("\n").filter((line) => line.startsWith("| `"))).toEqual(rows);
  });

  it("has a word for every permission, and each higher role holds all of the lower ones", () => {
    expect(Object.keys(permissionWords).sort()).toEqual([...permissions].sort());
    for (const [index, role] of roles.entries()) {
      const lower = roles[index - 1];
      if (lower !== undefined) expect(rolePermissions[role]).toEqual(expect.arrayContaining([...rolePermissions[lower]]));
    }
  });
});
