import type { DeviceGroupId, SiteId } from "@roost/contract/ids";
import { describe, expect, it } from "vitest";

import { reachWords } from "./where.tsx";

const places = { sites: [{ id: "s-1" as SiteId, name: "Brook" }], groups: [{ id: "g-1" as DeviceGroupId, name: "Coops" }] };

describe("where something holds, in words", () => {
  it("CO-68: names sites and groups, and what the reader does not see without its name", () => {
    expect(reachWords({ siteIds: ["s-1"], groupIds: ["g-1"] }, places)).toBe("only Brook, Coops");
    expect(reachWords({ siteIds: ["s-2"] }, places)).toBe("only a part you do not see");
  });

  it("CO-68: tells nowhere from everywhere", () => {
    expect(reachWords({}, places)).toBeUndefined();
    expect(reachWords({ siteIds: [], groupIds: [] }, places)).toBe("no device");
  });
});
