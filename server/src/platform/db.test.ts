import { describe, expect, it } from "vitest";

import { isDatabaseAway } from "./db.ts";

const failure = (code: string) => Object.assign(new Error("as the driver tells it"), { code });

describe("what a failed statement means", () => {
  it.each(["57P01", "57P03", "08006", "53300", "53100", "58030", "57014", "25006", "40001", "40P01", "ECONNREFUSED", "http.unavailable"])(
    "R8: %s is a database that is away or in need for now: what was to be written is kept",
    (code) => {
      expect(isDatabaseAway(failure(code))).toBe(true);
    },
  );

  it.each(["23505", "22P02", "42501", "42601", "55000", "58P01", "XX001"])("%s is a fault that trying again does not mend", (code) => {
    expect(isDatabaseAway(failure(code))).toBe(false);
  });
});
