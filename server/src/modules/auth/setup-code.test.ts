import { describe, expect, it } from "vitest";

import { checkChosenCode, hashSetupCode, makeSetupCode } from "./setup-code.ts";

describe("a set-up code", () => {
  it("S3: has 100 bits of randomness in letters that nobody misreads", () => {
    const codes = Array.from({ length: 500 }, makeSetupCode);
    expect(new Set(codes).size).toBe(500);
    for (const code of codes) expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(new Set(codes.join("").replaceAll("-", "")).size).toBe(32);
  });

  it("is read as it was meant, and only so", () => {
    const hash = hashSetupCode("7K2M-0A1B-CDEF-GHJK-MNPQ");
    expect(hashSetupCode(" 7k2m oaib cdef ghjk mnpq ")).toEqual(hash);
    expect(hashSetupCode("7K2M-0A1B-CDEF-GHJK-MNPR")).not.toEqual(hash);
  });

  it("S3: is refused where an operator chose a short one, a placeholder or a repetition", () => {
    for (const code of [
      "",
      "Ab3-x9Qz",
      "Ab3x-9Qz7-Lk2m",
      "change-me-please-now",
      "my-secret-code-99",
      "0000000000000000",
      "zyzyzyzyzyzyzyzy",
      "1234567890123456",
    ]) {
      expect(() => checkChosenCode(code), code).toThrowError(expect.objectContaining({ code: "config.invalid" }) as Error);
    }
    expect(() => checkChosenCode("heron-gravel-7-lantern-mop")).not.toThrow();
    expect(() => checkChosenCode(makeSetupCode())).not.toThrow();
  });

  it("does not repeat a refused code in the error", () => {
    expect(() => checkChosenCode("hunter2hunter")).toThrowError(
      expect.objectContaining({ details: { faults: [expect.not.stringContaining("hunter2")] } }) as Error,
    );
  });
});
