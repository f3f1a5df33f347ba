import type { FlagServe, FlagSetting } from "@roost/contract/flags";
import type { DeviceGroupId, DeviceId, OrganisationId } from "@roost/contract/ids";
import { describe, expect, it } from "vitest";

import { compileFlag } from "./evaluation.ts";
import type { FlagContext } from "./evaluation.ts";

const ours = "0198c0de-0000-7000-8000-000000000001" as OrganisationId;
const group = "0198c0de-0000-7000-8000-000000000002" as DeviceGroupId;
const on: FlagServe = { variant: "on" };
const setting: FlagSetting = { enabled: true, variants: { on: true, off: false }, offVariant: "off", serve: { variant: "off" }, rules: [] };
const ask = (change: Partial<FlagSetting>, context: FlagContext, override?: boolean) =>
  compileFlag({ key: "door", type: "boolean", setting: { ...setting, ...change } }, override).evaluate(context);
const shareOf = (percent: number): FlagServe => ({
  split: [
    { variant: "on", percent },
    { variant: "off", percent: 100 - percent },
  ],
});

describe("the evaluation of a flag", () => {
  it("T-F08: says the value and why: for all, for those a rule is about, for the rest", () => {
    expect(ask({}, {})).toEqual({ value: false, variant: "off", reason: "STATIC" });
    const rules = [
      { when: { deviceIds: ["coop-1" as DeviceId] }, serve: on },
      { when: { organisationIds: [ours], kinds: ["door"] }, serve: on },
      { when: { groupIds: [group] }, serve: on },
      { when: { environments: ["staging"] }, serve: on },
    ];
    expect(ask({ rules }, { deviceId: "coop-1" })).toEqual({ value: true, variant: "on", reason: "TARGETING_MATCH", rule: 1 });
    expect(ask({ rules }, { organisationId: ours, kind: "door" })).toMatchObject({ value: true, rule: 2 });
    expect(ask({ rules }, { organisationId: ours, kind: "camera" })).toEqual({ value: false, variant: "off", reason: "DEFAULT" });
    expect(ask({ rules }, { groupIds: ["another", group] })).toMatchObject({ value: true, rule: 3 });
    expect(ask({ rules }, { environment: "staging" })).toMatchObject({ value: true, rule: 4 });
  });

  it("takes a rule about nobody for nobody", () => {
    expect(ask({ rules: [{ when: {}, serve: on }] }, { deviceId: "coop-1" })).toMatchObject({ value: false, reason: "DEFAULT" });
  });

  it("gives the off value to everybody once killed, whatever the rules say", () => {
    const rules = [{ when: { deviceIds: ["coop-1" as DeviceId] }, serve: on }];
    expect(ask({ enabled: false, serve: on, rules }, { deviceId: "coop-1" })).toEqual({ value: false, variant: "off", reason: "DISABLED" });
  });

  it("lets the environment win, even over the kill switch, and says so", () => {
    expect(ask({ enabled: false }, {}, true)).toEqual({ value: true, reason: "STATIC", setBy: "environment" });
  });

  it("draws shares that stay: whoever is in 10 % is in 20 % too", () => {
    const ids = Array.from({ length: 2_000 }, (_, index) => `device-${index}`);
    const inShare = (percent: number) =>
      new Set(
        ids.filter((deviceId) => {
          const outcome = ask({ serve: shareOf(percent) }, { deviceId });
          return typeof outcome !== "string" && outcome.reason === "SPLIT" && outcome.value === true;
        }),
      );
    const [ten, twenty] = [inShare(10), inShare(20)];
    expect([...ten].filter((id) => !twenty.has(id))).toEqual([]);
    expect(ten.size).toBeGreaterThan(140);
    expect(ten.size).toBeLessThan(260);
    expect(inShare(0).size).toBe(0);
    expect(inShare(100).size).toBe(ids.length);
  });

  it("cannot draw a share for nobody", () => {
    expect(ask({ serve: shareOf(50) }, {})).toBe("TARGETING_KEY_MISSING");
  });
});
