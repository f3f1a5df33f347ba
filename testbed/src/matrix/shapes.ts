import fc from "fast-check";

import type { JsonSchema } from "./reference.ts";

/** Texts that break what takes text for something else. */
const hostile = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\udfff\ud800",
  "\uFEFF",
  "\u202E",
  "ﷺ",
  "İstanbul",
  "ǆ",
  "'; drop table devices; --",
  '" or 1=1 --',
  "%00",
  "%",
  "../../etc/passwd",
  "..\\..\\",
  "{{7*7}}",
  "${7*7}",
  "<script>alert(1)</script>",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "undefined",
  "NaN",
  "-0",
  "1e309",
  "0x10",
  "true",
  "[]",
  "\\",
  "\r\nSet-Cookie: a=b",
  "😀".repeat(40),
  "a".repeat(5_000),
  "2024-02-30T00:00:00Z",
  "9999-12-31T23:59:59Z",
  "-000001-01-01T00:00:00Z",
  "0001-01-01T00:00:00Z",
  "+275760-09-13T00:00:00.000Z",
  "2024-01-01T00:00:00+99:99",
  "00000000-0000-0000-0000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
];
const numbers = [
  0,
  -0,
  1,
  -1,
  0.1,
  1e-300,
  5e-324,
  1e15,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  1.7976931348623157e308,
  -1.7976931348623157e308,
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: "binary", maxLength: 40 }));

/** Anything JSON can say. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { a: { b: {} } }),
  fc.constantFrom(...numbers),
  hostileText,
  fc.jsonValue({ maxDepth: 3 }),
);

/** Values that a schema allows, the edges of what it allows more often than not. */
export function allowed(schema: JsonSchema): fc.Arbitrary<unknown> {
  if ("const" in schema) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  for (const key of ["anyOf", "oneOf"]) {
    if (Array.isArray(schema[key])) return fc.oneof(...(schema[key] as JsonSchema[]).map(allowed));
  }
  if (Array.isArray(schema["allOf"])) return allowed(Object.assign({}, ...(schema["allOf"] as JsonSchema[])) as JsonSchema);
  if (Array.isArray(schema["type"])) return fc.oneof(...(schema["type"] as string[]).map((type) => allowed({ ...schema, type })));
  switch (schema["type"]) {
    case "string":
      return text(schema);
    case "integer":
    case "number":
      return number(schema);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return list(schema);
    case "object":
      return object(schema);
    default:
      return anything;
  }
}

const bound = (schema: JsonSchema, name: string): number | undefined => (typeof schema[name] === "number" ? schema[name] : undefined);

function text(schema: JsonSchema): fc.Arbitrary<string> {
  const [min = 0, max = 200] = [bound(schema, "minLength"), bound(schema, "maxLength")];
  const fits = (value: string) => value.length >= min && value.length <= max;
  switch (schema["format"]) {
    case "uuid":
      return fc.uuid();
    case "email":
      return fc.stringMatching(/^[a-z]{1,12}@[a-z]{1,12}\.example$/);
    case "uri":
      return fc.constantFrom(
        "https://example.org/hook",
        "http://127.0.0.1:1/x",
        "https://[::1]/",
        "http://localhost",
        "https://user:pw@example.org/",
      );
    case "date-time":
      return fc.date({ min: new Date("1970-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }).map((date) => date.toISOString());
    default:
      break;
  }
  const pattern = typeof schema["pattern"] === "string" ? new RegExp(schema["pattern"], "u") : undefined;
  const edges = [min, max].map((length) => "x".repeat(Math.min(length, 2_000)));
  const plain = fc.oneof(
    fc.string({ minLength: min, maxLength: Math.min(max, min + 60) }),
    fc.string({ unit: "grapheme", minLength: min, maxLength: Math.min(max, min + 20) }),
    fc.constantFrom(...edges),
    hostileText,
  );
  if (pattern === undefined) return plain.filter(fits);
  // Classes of Unicode are beyond the generator of matching texts; what it can say is tried, the rest is sieved.
  const matching = /\\p\{/.test(pattern.source)
    ? plain
    : fc.oneof({ weight: 4, arbitrary: fc.stringMatching(pattern) }, { weight: 1, arbitrary: plain });
  const word = ["device-1", "temperature", "a", "Name", "x1", "/alarms", "example.org", "0123456789abcdef0123456789abcdef"].filter(
    (one) => pattern.test(one) && fits(one),
  );
  const sieved = matching.filter((value) => pattern.test(value) && fits(value));
  return word.length === 0 ? sieved : fc.oneof({ weight: 1, arbitrary: fc.constantFrom(...word) }, { weight: 2, arbitrary: sieved });
}

function number(schema: JsonSchema): fc.Arbitrary<number> {
  const isWhole = schema["type"] === "integer";
  const min = Math.max(bound(schema, "minimum") ?? -1e9, (bound(schema, "exclusiveMinimum") ?? -1e12) + (isWhole ? 1 : 1e-9));
  const max = Math.min(bound(schema, "maximum") ?? 1e9, bound(schema, "exclusiveMaximum") ?? 1e12);
  const edges = fc.constantFrom(min, max);
  if (isWhole)
    return fc.oneof(edges, fc.integer({ min: Math.max(Math.ceil(min), -(2 ** 31)), max: Math.min(Math.floor(max), 2 ** 31 - 1) }));
  return fc.oneof(edges, fc.double({ min, max, noNaN: true }));
}

function list(schema: JsonSchema): fc.Arbitrary<unknown[]> {
  const [min, max] = [bound(schema, "minItems") ?? 0, bound(schema, "maxItems") ?? 5];
  return fc.array(allowed((schema["items"] ?? {}) as JsonSchema), { minLength: min, maxLength: Math.min(max, min + 4) });
}

function object(schema: JsonSchema): fc.Arbitrary<Record<string, unknown>> {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  const required = (schema["required"] ?? []) as string[];
  const known = fc.record(Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, allowed(one)])), {
    requiredKeys: Object.keys(properties).filter((name) => required.includes(name)),
  }) as fc.Arbitrary<Record<string, unknown>>;
  const more = schema["additionalProperties"];
  if (more === undefined || more === false || Object.keys(properties).length > 0) return known;
  const names = allowed({ type: "string", maxLength: 20, ...((schema["propertyNames"] ?? {}) as JsonSchema) }) as fc.Arbitrary<string>;
  return fc.dictionary(names, allowed(more === true ? {} : (more as JsonSchema)), { maxKeys: 4 });
}

/** One wrong turn in an otherwise good value. */
type Slip = "other type" | "unknown property" | "left out" | "hostile" | "polluted" | "deep";
const slips: readonly Slip[] = ["other type", "unknown property", "left out", "hostile", "polluted", "deep"];

/** A body as text: as the schema allows it, or with one thing in it that may be wrong. */
export function bodies(schema: JsonSchema): fc.Arbitrary<string> {
  const good = allowed(schema);
  const slipped = fc.tuple(good, fc.constantFrom(...slips), fc.nat(), anything, hostileText).map(([value, slip, at, other, words]) => {
    if (typeof value !== "object" || value === null) return asText(other);
    const names = Object.keys(value);
    const name = names[at % Math.max(names.length, 1)];
    const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
    if (slip === "polluted") return asText(copy).replace(/^\{/, `{"__proto__":{"isAdmin":true}${names.length === 0 ? "" : ","}`);
    if (slip === "deep") return asText({ ...copy, [name ?? "a"]: "@" }).replace('"@"', `${"[".repeat(100)}${"]".repeat(100)}`);
    if (slip === "unknown property" || name === undefined) copy[words.slice(0, 50)] = other;
    else if (slip === "left out") delete copy[name];
    else copy[name] = slip === "hostile" ? words : other;
    return asText(copy);
  });
  const garbage = fc.constantFrom(
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "{}{}",
    '{"a":1,"a":2}',
    "[1,",
    "\u0000",
    '{"a":1e999}',
    "{'a':1}",
    "NaN",
  );
  return fc.oneof({ weight: 5, arbitrary: good.map(asText) }, { weight: 5, arbitrary: slipped }, { weight: 1, arbitrary: garbage });
}

function asText(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

/** A part of an address: as its schema allows it, or anything else. */
export function parts(schema: JsonSchema): fc.Arbitrary<string> {
  const good = allowed(schema).map((value) => (typeof value === "string" ? value : asText(value)));
  return fc.oneof(
    { weight: 3, arbitrary: good },
    { weight: 1, arbitrary: hostileText },
    { weight: 1, arbitrary: anything.map((value) => asText(value)) },
  );
}
