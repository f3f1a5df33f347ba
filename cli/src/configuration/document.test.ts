import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseConfiguration } from "./document.ts";
import { Books, toApi, toFile } from "./references.ts";
import { withSecrets } from "./targets.ts";

const refused = (text: string) => {
  try {
    parseConfiguration("file.yaml", text);
  } catch (error) {
    return (error as { details: Record<string, unknown> }).details;
  }
  return undefined;
};

describe("configuration files", () => {
  it("are plain data, and tell the line of each thing", () => {
    const file = parseConfiguration("a.yaml", "version: 1\nrules:\n  - name: One\n    condition:\n      above: 30\n  - name: Two\n");
    expect(file.value).toEqual({ version: 1, rules: [{ name: "One", condition: { above: 30 } }, { name: "Two" }] });
    expect([
      file.lineOf(["rules", 0, "condition", "above"]),
      file.lineOf(["rules", 0, "condition", "below"]),
      file.lineOf(["rules", 1]),
      file.lineOf([]),
    ]).toEqual([5, 5, 6, 1]);
  });

  it("S13: are refused with tags, anchors, aliases, merge keys, two of a key, and more than one document, each with its line", () => {
    expect(refused("a: 1\nb: !!js/function 'function(){}'")).toMatchObject({ line: 2 });
    expect(refused("a: 1\nb: !include /etc/passwd")).toMatchObject({ line: 2 });
    expect(refused("a: 1\nb: !!binary aGk=")).toMatchObject({ line: 2 });
    expect(refused("a: &x [1]\nb: *x")).toMatchObject({ line: 1, because: expect.stringContaining("anchor") as string });
    expect(refused("a:\n  b: 1\n  b: 2")).toMatchObject({ line: 3 });
    expect(refused("a: 1\n---\nb: 2")).toBeDefined();
    expect(refused("? [a, b]\n: 1")).toBeDefined();
    expect(refused("- 1")).toMatchObject({ line: 1 });
    expect(refused(`a: ${"x".repeat(1_100_000)}`)).toMatchObject({ because: expect.stringContaining("1 MiB") as string });
    const bomb = [
      "a: &a [x, x]",
      ...Array.from({ length: 9 }, (_, at) => `${"bcdefghij"[at]}: &${"bcdefghij"[at]} [*${"abcdefghi"[at]}, *${"abcdefghi"[at]}]`),
    ];
    expect(refused(bomb.join("\n"))).toBeDefined();
    expect(parseConfiguration("f", "__proto__: {polluted: true}\na: 2026-01-01\nb: no\nc: 0o7").value).toMatchObject({
      a: "2026-01-01",
      b: "no",
      c: 7,
    });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("S13: end in a file that was read or in words of ours, whatever they hold", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.json({ maxDepth: 2 })), (text) => {
        try {
          parseConfiguration("f", text);
        } catch (error) {
          expect((error as { code?: string }).code).toBe("cli.misused");
        }
      }),
      { numRuns: 40 },
    );
  });

  it("name what the API knows by ids, both ways", () => {
    const books = new Books();
    for (const [book, name] of [
      ["site", "North"],
      ["person", "ann@example.org"],
      ["chain", "Nights"],
      ["rule", "Hot"],
    ] as const)
      books.put(book, name, `id of ${name}`);
    const file = {
      scope: { sites: ["North"], devices: ["coop-1"] },
      to: [{ chain: "Nights" }, { person: "ann@example.org" }],
      plan: { kind: "once", to: "2026-01-01T00:00:00Z" },
      condition: { kind: "composite", all: ["Hot"] },
    };
    const { body, unknown } = toApi(file, books);
    expect(unknown).toEqual([]);
    expect(body).toMatchObject({
      scope: { siteIds: ["id of North"], deviceIds: ["coop-1"] },
      to: [
        { kind: "chain", chainId: "id of Nights" },
        { kind: "person", personId: "id of ann@example.org" },
      ],
      condition: { all: ["id of Hot"] },
    });
    expect(toFile(body, books)).toEqual(file);
    expect(toApi({ sites: ["Sued"] }, books).unknown).toEqual([{ path: ["sites", 0], book: "site", name: "Sued" }]);
  });

  it("take secrets from the environment by names that are meant for it, and no others", () => {
    const env = { ROOST_TARGET_CHAT: "https://chat.example.org/x", ROOST_TOKEN: "roost_pat_secret" };
    expect(withSecrets({ url: "${ROOST_TARGET_CHAT}", name: "${ROOST_TARGET_CHAT}" }, env)).toEqual({
      url: "https://chat.example.org/x",
      name: "${ROOST_TARGET_CHAT}",
    });
    for (const url of ["${ROOST_TOKEN}", "https://evil.example.org/${ROOST_TARGET_CHAT}", "${ROOST_TARGET_NONE}"])
      expect(() => withSecrets({ url }, env)).toThrow(expect.objectContaining({ code: "cli.misused" }) as Error);
  });
});
