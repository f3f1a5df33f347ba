import { expect, test } from "vitest";

import { configurationPayload, standingOf } from "./configuration-state.ts";

const wanted = { version: 3, heartbeatSeconds: 60, sampleSeconds: 30, settings: { led: { on: true, colour: "red" } } };
const asWanted = { version: 3, heartbeat_seconds: 60, sample_seconds: 30, settings: { led: { colour: "red", on: true } } };

test.each([
  ["never said anything", undefined, "waiting", []],
  ["says it has all that is wanted, keys in another order", asWanted, "same", []],
  ["says its version alone", { version: 3 }, "same", []],
  ["has an older version", { ...asWanted, version: 2, sample_seconds: 60 }, "waiting", ["sampleSeconds"]],
  ["has the version and does otherwise", { ...asWanted, heartbeat_seconds: 61 }, "differs", ["heartbeatSeconds"]],
  ["has other settings", { ...asWanted, settings: {} }, "differs", ["settings"]],
  ["has a version that was never made", { ...asWanted, version: 9 }, "differs", []],
] as const)("GA-42: of a device that %s it is said so", (_, reported, state, differs) => {
  expect(standingOf(wanted, reported)).toEqual({ state, differs });
});

test("GA-42: a device reads the names it knows from its claim", () => {
  expect(JSON.parse(configurationPayload(wanted))).toEqual(asWanted);
});
