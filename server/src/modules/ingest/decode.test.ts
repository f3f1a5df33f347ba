import { ingestLimits } from "@roost/contract/ingest";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decodeTelemetry, excerptOf } from "./decode.ts";

const nowMs = Date.UTC(2026, 10, 21, 8, 0, 0);
const latestUs = nowMs * 1_000 + ingestLimits.clockAheadSeconds * 1_000_000;
const decode = (payload: string | Uint8Array) => {
  const bytes = Buffer.from(payload as string);
  return decodeTelemetry(bytes, 0, bytes.length, latestUs);
};
const codes = (payload: string | Uint8Array) => decode(payload).faults.map((fault) => fault.name);
const values = (payload: string) =>
  decode(payload).samples.map((sample) => Object.fromEntries(sample.metrics.map((metric, index) => [metric, sample.values[index]])));

/** Texts that are no JSON, after the published torture collection. */
const noJson = [
  "",
  " ",
  "{",
  "}",
  "[",
  "]",
  "[1,]",
  "[,1]",
  "[1,,2]",
  '{"a":1,}',
  '{"a" 1}',
  '{"a":}',
  "{a:1}",
  "{'a':1}",
  '{"a":1 "b":2}',
  '{"a":1}}',
  '{"a":1}#',
  '{"a":1}{}',
  '{"a":NaN}',
  '{"a":Infinity}',
  '{"a":-Infinity}',
  '{"a":nan}',
  '{"a":+1}',
  '{"a":.5}',
  '{"a":1.}',
  '{"a":01}',
  '{"a":-01}',
  '{"a":0x1F}',
  '{"a":1e}',
  '{"a":1e+}',
  '{"a":1eE2}',
  '{"a":--1}',
  '{"a":-}',
  '{"a":1_000}',
  '{"a":1a}',
  '{"a":\u00a01}',
  '{"a":1\u2028}',
  '{"a":"\u0001"}',
  '{"a":"\t"}',
  '{"a":"\\x41"}',
  '{"a":"\\u00"}',
  '{"a":"\\"}',
  '{"a":"x',
  '{"a":tru}',
  '{"a":True}',
  '{"a":undefined}',
  "/* c */{}",
  '{"a":1}//',
  '\ufeff{"a":1}',
  "<a/>",
  "a=1",
  "\0",
  '{"a":1}\0',
  "[".repeat(100_000),
  '{"a":'.repeat(20_000),
  "nul",
  "[1",
  '["a"',
];

/** JSON texts that are odd and yet right; none of them may be called malformed. */
const oddJson = [
  "[]",
  "{}",
  "0",
  "-0",
  '""',
  "null",
  "true",
  " [ ] ",
  '{"":0}',
  '{"a":-0}',
  '{"a":1E400}',
  '{"a":-1e-400}',
  '{"a":1E+2}',
  '{"a":0e1}',
  '{"a":1e-7}',
  '{"a":123456789012345678901234567890}',
  '{"a":"\\u0000"}',
  '{"a":"\\uD800"}',
  '{"a":"\\uDBFF\\uDFFE"}',
  '{"a":"\u2028"}',
  '{"a":"\u007f"}',
  '{"\\u0000":1}',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"a":[[[[]]]]}',
  `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
  `${"[".repeat(50_000)}${"]".repeat(50_000)}`,
  '{"a":"\u{1F414}"}',
  '\t\r\n {"a"\n:\t1 }\r\n',
];

describe("decoding telemetry", () => {
  it("S8: refuses what is no JSON as malformed, whole", () => {
    for (const text of noJson) expect([text.slice(0, 20), codes(text)]).toEqual([text.slice(0, 20), ["malformed"]]);
  });

  it("S8: reads odd JSON without calling it malformed, and without a crash", () => {
    for (const text of oddJson) expect(codes(text)).not.toContain("malformed");
  });

  it("S8: refuses invalid UTF-8 and never alters it", () => {
    const text = (...bytes: number[]) => Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]])
      expect(codes(text(...bytes))).toEqual(["malformed"]);
  });

  it("S8: leaves Object.prototype alone and takes no metric from it", () => {
    const decoded = decode('{"__proto__":{"polluted":1},"constructor":1,"toString":2,"a":3}');
    expect(decoded.samples[0]?.metrics).toEqual(["constructor", "toString", "a"]);
    expect(decoded.faults.map((fault) => fault.name)).toEqual(["bad_metric_name"]);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("reads any sample of finite doubles and booleans back exactly", () => {
    const sample = fc.dictionary(
      fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,20}$/),
      fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.integer()),
      {
        minKeys: 1,
        maxKeys: 20,
      },
    );
    fc.assert(
      fc.property(sample, (fields) => {
        for (const reserved of ["timestamp", "seq", "quality"]) delete fields[reserved];
        fc.pre(Object.keys(fields).length > 0);
        const expected = Object.fromEntries(
          Object.entries(JSON.parse(JSON.stringify(fields)) as object).map(([name, value]) => [name, Number(value)]),
        );
        expect(values(JSON.stringify(fields))).toEqual([expected]);
      }),
    );
  });

  it("never throws and keeps every promise of its form, whatever the bytes are", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify([value, { a: value }]))),
    );
    fc.assert(
      fc.property(bytes, (payload) => {
        const decoded = decode(payload);
        if (decoded.refused) expect([decoded.samples.length, decoded.faults.length]).toEqual([0, 1]);
        else expect(decoded.samples.length).toBeGreaterThan(0);
        for (const sample of decoded.samples) {
          expect(sample.metrics.length).toBe(sample.values.length);
          expect(new Set(sample.metrics).size).toBe(sample.metrics.length);
          expect(sample.values.every((value) => Number.isFinite(value))).toBe(true);
          for (const [, text] of sample.texts) expect(text.isWellFormed() && !/\p{Cc}/u.test(text)).toBe(true);
        }
        for (const { excerpt } of decoded.faults) {
          expect(excerpt.length).toBeLessThanOrEqual(200);
          expect(excerpt).not.toMatch(/[\p{Cc}\p{Cs}]/u);
        }
      }),
    );
  });

  it("takes the last of equal names, as JSON.parse does", () => {
    expect(values('{"a":1,"b":2,"a":3}')).toEqual([{ a: 3, b: 2 }]);
    expect(values('{"a":1,"a":null}')).toEqual([{}]);
  });

  it("refuses infinite values and words for no number, and keeps the others", () => {
    const decoded = decode('{"a":1e400,"b":-1e400,"c":"NaN","d":"-Infinity","e":"inf","f":7}');
    expect(decoded.faults.map((fault) => fault.name)).toEqual(["bad_value", "bad_value", "bad_value", "bad_value", "bad_value"]);
    expect(decoded.samples[0]?.metrics).toEqual(["f"]);
  });

  it("refuses whole numbers that would be altered, and only those", () => {
    expect(codes('{"a":9007199254740993}')).toEqual(["inexact_value"]);
    expect(codes('{"a":-9007199254740993,"b":1}')).toEqual(["inexact_value"]);
    expect(codes('[{"a":1},{"a":12345678901234567891}]')).toEqual(["inexact_value"]);
    expect(codes(`{"a":9007199254740993,"deep":${"[".repeat(60_000)}${"]".repeat(60_000)}}`)).toEqual(["inexact_value", "bad_value"]);
    for (const exact of ["9007199254740992", "9007199254740994", "1e22", "1e300", "18446744073709551616", "9007199254740993.0e0"]) {
      expect([exact, codes(`{"a":${exact}}`)]).toEqual([exact, []]);
    }
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (whole) => {
        expect(codes(`{"a":${whole}}`)).toEqual(
          BigInt(Number(whole)) === whole || String(Number(whole)) === String(whole) ? [] : ["inexact_value"],
        );
      }),
    );
  });

  it("makes booleans 1 and 0 of their own kind, texts attributes, null nothing", () => {
    expect(decode('{"open":true,"shut":false,"model":"ESP32-C3","gone":null,"t":1}').samples).toEqual([
      {
        stamp: { kind: "absent" },
        seq: undefined,
        quality: 0,
        metrics: ["open", "shut", "t"],
        values: [1, 0, 1],
        kinds: ["boolean", "boolean", "number"],
        texts: [["model", "ESP32-C3"]],
      },
    ]);
  });

  it("refuses texts that cannot be shown or kept", () => {
    for (const text of ["a\\u0000b", "a\\nb", "\\ud83d", "\\u009f", "x".repeat(257)])
      expect(codes(`{"a":"${text}"}`)).toEqual(["bad_attribute"]);
    expect(codes(`{"a":"${"x".repeat(256)}","b":"\u{1F414}"}`)).toEqual([]);
  });

  it("bounds bytes, samples and metrics", () => {
    expect(codes(`{"a":"${"x".repeat(ingestLimits.payloadBytes)}"}`)).toEqual(["too_large"]);
    expect(codes(JSON.stringify(Array.from({ length: 1_001 }, () => ({ a: 1 }))))).toEqual(["too_many_samples"]);
    expect(codes(JSON.stringify(Array.from({ length: 1_000 }, () => ({ a: 1 }))))).toEqual([]);
    expect(codes(JSON.stringify(Object.fromEntries(Array.from({ length: 132 }, (_, index) => [`m${index}`, 1]))))).toEqual([
      "too_many_metrics",
    ]);
  });

  it("reads seq from 0 on and refuses others without losing the values", () => {
    expect(decode('{"a":1,"seq":0}').samples[0]?.seq).toBe(0);
    expect(decode('{"a":1,"seq":9007199254740991}').samples[0]?.seq).toBe(9_007_199_254_740_991);
    for (const seq of ["-1", "1.5", '"7"', "9007199254740993", "[]", "true"]) {
      const decoded = decode(`{"a":1,"seq":${seq}}`);
      expect([seq, decoded.faults.map((fault) => fault.name), decoded.samples[0]?.values]).toEqual([seq, ["bad_seq"], [1]]);
    }
  });

  it("makes excerpts printable, cuts them, and breaks no pair", () => {
    expect(excerptOf("a\u0000b\u202ec\ud800")).toBe("a\uFFFDb\uFFFDc\uFFFD");
    expect(excerptOf(`${"x".repeat(199)}\u{1F414}`)).toBe(`${"x".repeat(199)}\uFFFD`);
    expect(excerptOf(Buffer.from([0xff, 0x41])).endsWith("A")).toBe(true);
  });
});
