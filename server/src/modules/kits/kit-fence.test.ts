import { defineKit } from "@roost/contract/kit";
import { defineKitServer } from "@roost/contract/kit-host";
import type { KitServerFace } from "@roost/contract/kit-host";
import { defineRoute } from "@roost/contract/route";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { fenceFaults } from "./kit-fence.ts";
import { changedSettings } from "./kit-settings.ts";

const bell = defineKit({ id: "bell", title: "Bell", about: "Bells that ring.", deviceKinds: {} });
const ring = defineRoute({
  operation: "bellRing",
  method: "GET",
  path: "/api/v1/kits/bell/rings",
  access: "devices:read",
  summary: "Rings.",
});

function faceOf(more: Partial<Omit<KitServerFace, "kit" | "create">>): KitServerFace {
  return defineKitServer(bell, { routes: [ring], create: () => ({ mount: () => undefined }), ...more });
}

describe("the fence of a kit", () => {
  it("lets a kit through that keeps to its own name, old addresses outside of the platform's among them", () => {
    const old = defineRoute({ ...ring, operation: "bellOldRing", path: "/api/rings" });
    expect(fenceFaults(faceOf({ routes: [ring, old] }))).toEqual([]);
  });

  it.each([
    ["a route of the platform", { ...ring, path: "/api/v1/devices/steal" }],
    ["a route of another kit", { ...ring, path: "/api/v1/kits/garden/plants" }],
    ["a route outside of the API", { ...ring, path: "/health" }],
    ["another's operation", { ...ring, operation: "listDevices" }],
    ["a route that is open to everybody", { ...ring, access: "public" }],
    ["a route for devices", { ...ring, access: "device" }],
  ] as const)("names %s", (_what, route) => {
    expect(fenceFaults(faceOf({ routes: [defineRoute(route)] }))).toHaveLength(1);
  });

  it("names sealed columns, tables and permissions that are not its own", () => {
    const column = { table: "devices", column: "claim_secret_sealed", key: ["id"], purpose: () => "x" };
    expect(fenceFaults(faceOf({ sealedColumns: [column] }))).toHaveLength(1);
    expect(fenceFaults(faceOf({ personal: [{ table: "people", about: "Everybody." }] }))).toHaveLength(1);
    const greedy = defineKit({ ...bell, permissions: ["people:write"] });
    expect(fenceFaults({ ...faceOf({}), kit: greedy })).toHaveLength(1);
  });
});

describe("settings of a kit", () => {
  const schema = z.strictObject({ volume: z.number().min(0).max(11).default(5), tune: z.string().max(20).default("ding") });

  it("keep what is given, and go back to the default by null", () => {
    expect(changedSettings(schema, { volume: 3 }, { tune: "dong" })).toEqual({ volume: 3, tune: "dong" });
    expect(changedSettings(schema, { volume: 3, tune: "dong" }, { volume: null })).toEqual({ tune: "dong" });
  });

  it.each([{ volume: 12 }, { volume: "loud" }, { colour: "red" }])("refuse %j with its path", (given) => {
    expect(() => changedSettings(schema, { volume: 3 }, given)).toThrowError(
      expect.objectContaining({
        code: "kits.bad_settings",
        details: { faults: [expect.objectContaining({ path: Object.keys(given)[0] })] },
      }),
    );
  });
});
