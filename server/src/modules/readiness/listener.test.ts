import { describe, expect, it } from "vitest";

import { afterProbe } from "./listener.ts";
import type { ListenerState } from "./listener.ts";

const at = new Date("2026-03-01T12:00:00Z");
const heard = (faults: readonly (string | undefined)[]) =>
  faults.reduce<ListenerState>((state, fault) => afterProbe(state, { fault, at }), { missed: 0 });

describe("what is known of a listener", () => {
  it("GA-31: is open with the first answer, at the start and after it was gone", () => {
    expect(heard([undefined])).toEqual({ isOpen: true, missed: 0, checkedAt: at });
    expect(heard(["ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED", undefined])).toMatchObject({ isOpen: true, missed: 0 });
  });

  it("GA-31: does not change by one answer that is missing, and is closed by two in a row, with the reason", () => {
    expect(heard([undefined, "ETIMEDOUT"])).toMatchObject({ isOpen: true });
    expect(heard([undefined, "ETIMEDOUT", undefined, "ETIMEDOUT"])).toMatchObject({ isOpen: true });
    expect(heard([undefined, "ETIMEDOUT", "ECONNREFUSED"])).toMatchObject({ isOpen: false, fault: "ECONNREFUSED" });
  });

  it("GA-31: is neither before there was an answer", () => {
    expect(heard([]).isOpen).toBeUndefined();
    expect(heard(["ECONNREFUSED"]).isOpen).toBeUndefined();
  });
});
