import { metricName } from "@roost/contract/ids";
import { units } from "@roost/contract/units";
import { describe, expect, it } from "vitest";

import { kits } from "./kits.ts";

describe("every kit", () => {
  it("has an id and device kinds of its own", () => {
    const ids = kits.map((kit) => kit.id);
    const kinds = kits.flatMap((kit) => Object.keys(kit.deviceKinds));
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(kinds.length).toBeGreaterThan(0);
  });

  it("explains each metric, with a legal name, a known unit and limits the right way round", () => {
    for (const kit of kits) {
      for (const kind of Object.values(kit.deviceKinds)) {
        for (const [name, metric] of Object.entries(kind.metrics)) {
          expect(metricName.safeParse(name).success, name).toBe(true);
          expect(units).toContain(metric.unit);
          expect(metric.about.length, name).toBeGreaterThan(10);
          if (metric.min !== undefined && metric.max !== undefined) expect(metric.min, name).toBeLessThan(metric.max);
        }
      }
    }
  });
});
