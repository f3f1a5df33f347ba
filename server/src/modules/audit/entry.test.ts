import { describe, expect, it } from "vitest";

import { changesOf, toStored } from "./entry.ts";
import type { AuditEntry } from "./entry.ts";

const entry = (part: Partial<AuditEntry>): AuditEntry => ({
  by: { kind: "person", id: "p1", name: "anna@example.org" },
  action: "thing.changed",
  object: { kind: "thing", id: "t1" },
  ...part,
});
const stored = (part: Partial<AuditEntry>) => toStored("01a1fdfa-7966-7201-962f-c906627a48e9", 1_000, entry(part));

describe("an entry of the audit trail", () => {
  it("CO-58: keeps of two states the fields that differ, whatever is nested in them", () => {
    const before = { name: "A", limits: { max: 1, min: 0 }, tags: ["a"], gone: true };
    const after = { name: "A", limits: { max: 2, min: 0 }, tags: ["a"], came: null };
    expect(changesOf(before, after)).toEqual({
      before: { limits: { max: 1, min: 0 }, gone: true },
      after: { limits: { max: 2, min: 0 }, came: null },
    });
  });

  it("keeps all of a state that stands alone", () => {
    expect(changesOf(undefined, { name: "A" })).toEqual({ after: { name: "A" } });
    expect(changesOf({ name: "A" }, undefined)).toEqual({ before: { name: "A" } });
  });

  it.each([
    "password",
    "newPassword",
    "secret",
    "clientSecret",
    "token",
    "refresh_token",
    "hmac",
    "key",
    "apiKey",
    "private_key",
    "authorization",
    "cookie",
    "otp",
    "pin",
    "recoveryCodes",
    "backup_codes",
    "secret_hash",
    "url_sealed",
  ])("CO-58, S15: drops what stands under %s, at any depth", (name) => {
    const text = JSON.stringify(
      stored({ before: { [name]: "canary-1" }, after: { deep: [{ deeper: { [name]: "canary-2" } }], [name]: "canary-3" } }),
    );
    expect(text).not.toContain("canary");
    expect(text).toContain(name);
  });

  it("S15: drops secrets by their form, in names and changes", () => {
    const { after, objectName, userAgent } = stored({
      by: { kind: "person", id: "p1", name: "a", userAgent: "curl token=abcdef123456" },
      object: { kind: "webhook", id: "w", name: "https://anna:canary-1@example.org/x" },
      after: { note: "Bearer canary-2-abcdefgh", pem: "-----BEGIN PRIVATE KEY-----\ncanary-3\n-----END PRIVATE KEY-----" },
    });
    expect(`${after} ${objectName}`).not.toContain("canary");
    expect(userAgent).toBe("curl token=***");
  });

  it("keeps names that only look like secrets", () => {
    const after = { keyboard: "de", pinned: true, monkey: "see", permissions: ["tokens:write"] };
    expect(JSON.parse(stored({ after }).after ?? "")).toEqual(after);
  });

  it("cuts what is too long, and never in the middle of a character", () => {
    const { objectName, after, userAgent } = stored({
      by: { kind: "person", id: "p1", name: "a", userAgent: "😀".repeat(400) },
      object: { kind: "thing", id: "t1", name: "x".repeat(1_000) },
      after: { text: "y".repeat(20_000) },
    });
    expect(objectName).toHaveLength(200);
    expect(userAgent?.isWellFormed()).toBe(true);
    expect(JSON.parse(after ?? "")).toEqual({ "…": expect.stringContaining("too long") as string });
  });

  it("takes what no database takes", () => {
    const { after, objectId } = stored({
      object: { kind: "thing", id: "a\0b\ud800" },
      after: { a: "x\0y", b: "\udfff", c: "\\u0000", d: 10n },
    });
    expect(objectId).toBe("ab\ufffd");
    expect(JSON.parse(after ?? "")).toEqual({ a: "x\ufffdy", b: "\ufffd", c: "\\u0000", d: "10" });
  });
});
