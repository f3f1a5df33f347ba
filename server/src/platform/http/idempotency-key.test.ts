import { describe, expect, it } from "vitest";

import { digestOfRequest, digestOfRights, readIdempotencyKey } from "./idempotency-key.ts";

describe("the Idempotency-Key of a request", () => {
  it("is read bare or as a string of HTTP's structured fields", () => {
    for (const [header, key] of [
      ["k", "k"],
      [" k ", "k"],
      ['"8e03978e-40d5-43e8-bc93-6894a57f9324"', "8e03978e-40d5-43e8-bc93-6894a57f9324"],
      [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
      [String.raw`a"b\c`, String.raw`a"b\c`],
      ["~".repeat(255), "~".repeat(255)],
    ] as const)
      expect(readIdempotencyKey(header)).toBe(key);
  });

  it("is 1 to 255 visible ASCII characters, and one", () => {
    const faulty = [
      "",
      '""',
      '"',
      "a b",
      '"a b"',
      "a\tb",
      "a\u007f",
      "k".repeat(256),
      `"${"k".repeat(256)}"`,
      '"a";x=1',
      String.raw`"a\b"`,
    ];
    for (const header of [...faulty, ["a", "a"]])
      expect(() => readIdempotencyKey(header)).toThrow(expect.objectContaining({ code: "http.idempotency_key_invalid" }));
  });

  it("goes with one request: method, address, condition and meaning of its body", () => {
    const asked = { method: "POST", url: "/a?b=1", ifMatch: undefined, body: { b: [1, { d: "x", c: null }], a: true } };
    const same = digestOfRequest("k", asked);
    expect(digestOfRequest("k", { ...asked, body: JSON.parse('{"a":true,"b":[1.0,{"c":null,"d":"x"}]}') as unknown })).toEqual(same);
    const others = [
      { method: "PUT" },
      { url: "/a?b=2" },
      { ifMatch: '"1"' },
      { body: { b: [{ d: "x", c: null }, 1], a: true } },
      { body: { b: [1, { d: "x" }], a: true } },
      { body: { b: [1, { d: "x", c: null }], a: "true" } },
      { body: Buffer.alloc(0) },
    ];
    const digests = others.map((other) => digestOfRequest("k", { ...asked, ...other }).toString("hex"));
    expect(new Set([same.toString("hex"), ...digests]).size).toBe(others.length + 1);
    expect(digestOfRequest("l", asked)).not.toEqual(same);
  });

  it("goes with what its holder may do and see, in whatever order that is named", () => {
    const scope = {
      allow: [
        { siteIds: ["b", "a"], groupIds: [] },
        { siteIds: ["c"], groupIds: ["g"] },
      ],
      deny: { siteIds: [], groupIds: ["x", "h"] },
    };
    const held = { permissions: new Set(["devices:write", "alarms:read"]), scope };
    const same = digestOfRights(held);
    const turned = {
      permissions: new Set(["alarms:read", "devices:write"]),
      scope: {
        allow: [
          { siteIds: ["c"], groupIds: ["g"] },
          { siteIds: ["a", "b"], groupIds: [] },
        ],
        deny: { siteIds: [], groupIds: ["h", "x"] },
      },
    };
    expect(digestOfRights(turned)).toEqual(same);
    const others = [
      { ...held, permissions: new Set(["devices:write"]) },
      { ...held, scope: undefined },
      { ...held, scope: { ...scope, deny: { siteIds: ["x"], groupIds: ["h"] } } },
      { ...held, scope: { ...scope, allow: scope.allow.slice(0, 1) } },
    ];
    expect(new Set([same, ...others.map(digestOfRights)].map((digest) => digest.toString("hex"))).size).toBe(5);
  });
});
