import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isInScope } from "../../platform/tenancy.ts";
import type { Placed, Scope } from "../../platform/tenancy.ts";
import { mayPlace } from "./placement.ts";

const sites = ["north", "south"];
const groups = ["pumps", "doors"];
const parts = fc.record({ siteIds: fc.subarray(sites), groupIds: fc.subarray(groups) });
const scope: fc.Arbitrary<Scope> = fc.record({ allow: fc.array(parts, { maxLength: 2 }), deny: parts });
const placed: fc.Arbitrary<Placed> = fc.record({
  siteId: fc.option(fc.constantFrom(...sites), { nil: undefined }),
  groupIds: fc.subarray(groups).map((ids) => new Set(ids)),
});
const organisationId = "o";

describe("where somebody may put a device", () => {
  it("CO-68: never out of their own sight, and never into or out of what is not theirs", () => {
    let allowed = 0;
    fc.assert(
      fc.property(scope, fc.option(placed, { nil: undefined }), placed, (own, before, after) => {
        if (!mayPlace({ organisationId, scope: own }, before, after)) return;
        allowed += 1;
        expect(isInScope(own, after)).toBe(true);
        // A place that is not theirs is as it was: somebody who sees by such places alone sees no more than before.
        for (const site of sites.filter((id) => !isInScope(own, { siteId: id, groupIds: new Set() }))) {
          expect(after.siteId === site).toBe(before?.siteId === site);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(allowed).toBeGreaterThan(100);
  });

  it("anywhere, for who sees the whole organisation", () => {
    fc.assert(fc.property(placed, placed, (before, after) => mayPlace({ organisationId }, before, after)));
  });
});
