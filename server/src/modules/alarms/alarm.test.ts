import { expect, it } from "vitest";

import { acknowledge } from "./alarm.ts";

it("acknowledges a raised alarm, twice, and never a cleared one", () => {
  expect(acknowledge("raised")).toBe("acknowledged");
  expect(acknowledge("acknowledged")).toBe("acknowledged");
  expect(() => acknowledge("cleared")).toThrow(expect.objectContaining({ code: "alarms.already_cleared", status: 409 }));
});
