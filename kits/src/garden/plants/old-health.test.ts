import { describe, expect, it } from "vitest";

import { componentsOf } from "./old-health.ts";

const well = (name: string) => ({ name, ok: true });
const ill = (name: string, reason: string) => ({ name, ok: false, reason });

describe("the old components of health", () => {
  it("GA-31: are well when the database answers, devices are let in and their readings are stored", () => {
    const { database, mqtt } = componentsOf({ checks: [well("database"), well("mqtt"), well("canary")] });
    expect([database.ok, mqtt.ok]).toEqual([true, true]);
  });

  it("GA-31: name MQTT, with the reason, when its listener is gone and when readings are not stored", () => {
    expect(componentsOf({ checks: [well("database"), ill("mqtt", "nobody in"), well("canary")] })).toMatchObject({
      database: { ok: true },
      mqtt: { ok: false, message: "nobody in" },
    });
    expect(componentsOf({ checks: [well("database"), well("mqtt"), ill("canary", "overdue")] }).mqtt).toEqual({
      ok: false,
      message: "overdue",
    });
    expect(componentsOf({ checks: [ill("database", "away"), well("mqtt"), well("canary")] })).toMatchObject({
      database: { ok: false, message: "away" },
      mqtt: { ok: true },
    });
    expect(componentsOf({ checks: [] }).mqtt.ok).toBe(false);
  });
});
