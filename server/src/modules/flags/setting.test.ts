import { isAppError } from "@roost/contract/errors";
import type { OrganisationId } from "@roost/contract/ids";
import { describe, expect, it } from "vitest";

import { changeSetting, firstSetting } from "./setting.ts";

const number = { type: "number", min: 0, max: 300 } as const;
const before = firstSetting(number, 300, 0);
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
  return "none";
};

describe("a change to a flag's setting", () => {
  it("refuses what has not the flag's type or lies out of its bounds", () => {
    const text = "60" as unknown as number;
    expect(codeOf(() => changeSetting(number, before, { serve: { value: text } }))).toBe("flags.wrong_type");
    expect(codeOf(() => changeSetting(number, before, { serve: { value: Number.NaN } }))).toBe("flags.wrong_type");
    expect(codeOf(() => changeSetting(number, before, { serve: { value: 301 } }))).toBe("flags.out_of_bounds");
    expect(codeOf(() => changeSetting(number, before, { variants: { default: 300, off: 0, long: 900 } }))).toBe("flags.out_of_bounds");
    expect(codeOf(() => firstSetting({ type: "boolean" }, 1, false))).toBe("flags.wrong_type");
  });

  it("refuses variants that are not there, shares that are not whole, and rules about nobody", () => {
    expect(codeOf(() => changeSetting(number, before, { serve: { variant: "blue" } }))).toBe("flags.unknown_variant");
    expect(codeOf(() => changeSetting(number, before, { variants: { default: 1 } }))).toBe("flags.unknown_variant");
    const split = (...percents: number[]) => ({
      split: percents.map((percent, index) => ({ variant: index === 0 ? "default" : "off", percent })),
    });
    expect(codeOf(() => changeSetting(number, before, { serve: split(50, 40) }))).toBe("flags.shares_not_whole");
    expect(codeOf(() => changeSetting(number, before, { serve: split(50, 25, 25) }))).toBe("flags.shares_not_whole");
    expect(codeOf(() => changeSetting(number, before, { serve: split(33.3, 66.7) }))).toBe("none");
    expect(codeOf(() => changeSetting(number, before, { rules: [{ when: {}, serve: { value: 1 } }] }))).toBe("flags.empty_audience");
  });

  it("finds a value among the variants or adds it, and leaves alone what is not named", () => {
    const organisationIds = ["0198c0de-0000-7000-8000-000000000001" as OrganisationId];
    const one = changeSetting(number, before, { serve: { value: 120 }, rules: [{ when: { organisationIds }, serve: { value: 0 } }] });
    expect(one).toEqual({
      enabled: true,
      variants: { default: 300, off: 0, value: 120 },
      offVariant: "off",
      serve: { variant: "value" },
      rules: [{ when: { organisationIds }, serve: { variant: "off" } }],
    });
    expect(changeSetting(number, one, { enabled: false })).toEqual({ ...one, enabled: false });
    expect(changeSetting(number, one, { serve: { value: 60 } }).variants).toEqual({ default: 300, off: 0, value: 120, "value-2": 60 });
  });
});
