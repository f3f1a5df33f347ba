import { describe, expect, it } from "vitest";
import { z } from "zod";

import { contractFields, personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { routes } from "./routes.ts";

const fields = contractFields(routes);
const nameOf = ({ operation, part, path }: (typeof fields)[number]) => `${operation} ${part} ${path}`;

function shapeOf(body: z.ZodType) {
  return contractFields([
    defineRoute({ operation: "probe", method: "POST", path: "/probe", access: "public", summary: "A probe.", body }),
  ]).map(({ path, kind, isFree }) => [path, kind, isFree]);
}

describe("the classification of personal data", () => {
  it("T-F09, S15: names what every free text of every route is", () => {
    const open = fields.filter((field) => field.isFree && field.kind === undefined).map(nameOf);
    expect(open, "Wrap each of these with personal(kind, shape); see contract/src/personal.ts.").toEqual([]);
    // The walk went over something.
    expect(fields.filter((field) => field.kind !== undefined).length).toBeGreaterThan(60);
    expect(new Set(fields.map((field) => field.operation)).size).toBe(
      routes.filter((route) => (route.params ?? route.query ?? route.body ?? route.reply) !== undefined).length,
    );
  });

  it("T-F09: takes what is called an e-mail, a password or a secret for what it is", () => {
    const expected: readonly (readonly [RegExp, string])[] = [
      [/^e?mail$/i, "email"],
      [/^password$|secret$|^token$|^access_token$/i, "secret"],
    ];
    for (const [pattern, kind] of expected) {
      const named = fields.filter((field) => pattern.test(field.key) && field.isFree);
      expect(named.filter((field) => field.kind !== kind).map(nameOf)).toEqual([]);
      expect(named.length).toBeGreaterThan(0);
    }
  });

  it("finds a field wherever it stands, and its classification through whatever wraps it", () => {
    const note = personal("text", z.string().max(5));
    expect(
      shapeOf(
        z.strictObject({
          note: note.optional(),
          many: z.array(note.nullable().default("x")),
          by: z.record(z.string(), personal("email", z.email()).trim()),
          either: z.union([z.uuid(), z.string()]),
          whole: personal("secret", z.object({ inner: z.string() })),
          anything: z.unknown(),
          closed: z.enum(["a", "b"]),
          branded: personal("id", z.string()).brand("Id").optional(),
          read: z.preprocess((value) => value, personal("name", z.string())),
          pair: z.tuple([z.string(), z.number()]),
        }),
      ),
    ).toEqual([
      ["note", "text", true],
      ["many.*", "text", true],
      ["by.*", "email", true],
      ["either", undefined, false],
      ["either", undefined, true],
      ["whole.inner", "secret", true],
      ["anything", undefined, true],
      ["closed", undefined, false],
      ["branded", "id", true],
      ["read", "name", true],
      ["pair.0", undefined, true],
      ["pair.1", undefined, false],
    ]);
  });
});
