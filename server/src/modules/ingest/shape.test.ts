import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decodeTelemetry } from "./decode.ts";
import { MessageShape } from "./shape.ts";

const latestUs = Date.UTC(2026, 10, 21, 8, 5, 0) * 1_000;

function learn(text: string): MessageShape | undefined {
  const bytes = Buffer.from(`#${text}9`);
  return MessageShape.learn(bytes, 1, bytes.length - 1);
}

/** Reads with neighbours on both sides, as in a socket's buffer. */
function read(shape: MessageShape, text: string, after = '9,"x":1}'): boolean {
  const payload = Buffer.from(text);
  const bytes = Buffer.concat([Buffer.from("{"), payload, Buffer.from(after)]);
  return shape.read(bytes, 1, 1 + payload.length, latestUs);
}

/** What the long way makes of it, in the shape's form; `undefined` unless it is one faultless sample of numbers. */
function decoded(text: string) {
  const bytes = Buffer.from(text);
  const { samples, faults } = decodeTelemetry(bytes, 0, bytes.length, latestUs);
  const [sample] = samples;
  if (sample === undefined || samples.length !== 1 || faults.length > 0) return undefined;
  return sample;
}

const numberText = fc.oneof(
  fc.double({ noNaN: true }).map(String),
  fc.integer().map(String),
  fc
    .tuple(fc.constantFrom("", "-"), fc.stringMatching(/^\d{1,18}$/), fc.constantFrom("", "."))
    .chain(([sign, whole, point]) =>
      (point === "" ? fc.constant("") : fc.stringMatching(/^\d{0,18}$/)).map((fraction) => sign + whole + point + fraction),
    ),
  fc.constantFrom(
    "0",
    "-0",
    "00",
    "01",
    "-01",
    "0.0",
    "-0.0",
    "1.",
    ".1",
    "-",
    "",
    "1e5",
    "1E5",
    "1e400",
    "9007199254740993",
    "999999999999999",
    "1000000000000000",
    "null",
    "true",
    '"7"',
    "1 ",
    " 1",
    "+1",
    "0x1",
    "1_0",
    "NaN",
    "1.2.3",
    "--1",
  ),
  fc.constantFrom("1763712859123", "1763712859", "1763712859123456", "1763712859.5", "12345", "4294967295"),
);
const name = fc.oneof(
  fc.constantFrom("timestamp", "seq", "quality", "a", "b", "__proto__", "A.b-c_9", "é", "x y", '\\"'),
  fc.stringMatching(/^[a-z]{1,4}$/),
);
const space = fc.constantFrom("", "", " ", "\t", "\n", "\u00a0");

const objectText = fc
  .tuple(fc.array(fc.tuple(name, numberText), { minLength: 0, maxLength: 6 }), space, space)
  .map(
    ([fields, before, between]) =>
      `${before}{${fields.map(([key, value]) => `"${key}"${between}:${between}${value}`).join(`,${between}`)}}${before}`,
  );

function expectAgreement(shape: MessageShape, text: string): void {
  if (!read(shape, text)) return;
  const sample = decoded(text);
  expect([text, sample]).not.toEqual([text, undefined]);
  expect(sample?.metrics).toEqual(shape.metrics);
  expect(sample?.values.map((value) => (Object.is(value, -0) ? "-0" : value))).toEqual(
    [...shape.values].map((value) => (Object.is(value, -0) ? "-0" : value)),
  );
  expect(sample?.quality).toBe(0);
  expect(sample?.texts).toEqual([]);
  expect(sample?.stamp).toEqual(shape.hasTimestamp ? { kind: "stamped", us: shape.measuredUs } : { kind: "absent" });
  expect(sample?.seq).toBe(shape.hasSeq ? shape.seq : undefined);
}

describe("message shapes", () => {
  it("read a message of the same form with other numbers", () => {
    const shape = learn('{"temperature":21.5,"humidity":48,"timestamp":1763712859123}');
    expect(shape?.metrics).toEqual(["temperature", "humidity"]);
    expect(shape !== undefined && read(shape, '{"temperature":-3.25,"humidity":0,"timestamp":1763712860001}')).toBe(true);
    expect([...(shape?.values ?? [])]).toEqual([-3.25, 0]);
    expect(shape?.measuredUs).toBe(1_763_712_860_001_000);
  });

  it("leave everything that is not of their form to the long way", () => {
    const shape = learn('{"a":1,"timestamp":1763712859123}');
    for (const text of [
      '{"b":1,"timestamp":1763712859123}',
      '{"a":1,"timestamp":1763712859123 }',
      '{"a":1,"timestamp":12345}',
      '{"a":1e5,"timestamp":1763712859123}',
      '{"a":01,"timestamp":1763712859123}',
      '{"a":1.,"timestamp":1763712859123}',
      '{"a":null,"timestamp":1763712859123}',
      '{"a":1,"timestamp":1763712859123',
      '{"a":1,"timestamp":1763712859123}}',
      '{"a":1}',
      "",
      '{"a":12345678901234567,"timestamp":1763712859123}',
    ]) {
      expect([text, shape !== undefined && read(shape, text)]).toEqual([text, false]);
    }
  });

  it("do not read beyond the end of a message, even where the next one would fit", () => {
    const shape = learn('{"a":1}');
    expect(shape !== undefined && read(shape, '{"a":1', "}")).toBe(false);
    expect(shape !== undefined && read(shape, '{"a":12', "3}")).toBe(false);
  });

  it("learn nothing from what is not one flat object of numbers with plain names, each once", () => {
    for (const text of [
      '{"a":1,"a":2}',
      '{"a":"1"}',
      '{"a":true}',
      '{"a":[1]}',
      '[{"a":1}]',
      "{}",
      '{"\\u0061":1}',
      '{"quality":1,"a":1}',
      '{"timestamp":1763712859123}',
      '{"é":1}',
      '{"a":1}x',
      "",
    ]) {
      expect([text, learn(text)]).toEqual([text, undefined]);
    }
  });

  it("agree with the long way on every message they read: accept nothing more, read nothing else", () => {
    fc.assert(
      fc.property(objectText, objectText, (lesson, text) => {
        // Learnt as ingest learns: only from what the long way read without a fault.
        if (decoded(lesson) === undefined) return;
        const shape = learn(lesson);
        if (shape === undefined) return;
        expectAgreement(shape, lesson);
        expectAgreement(shape, text);
      }),
      { numRuns: 20_000 },
    );
  });

  it("agree with the long way on messages of their own form with any number in any place", () => {
    const names = fc.uniqueArray(fc.constantFrom("timestamp", "seq", "a", "b", "c"), { minLength: 1, maxLength: 5 });
    let readAtAll = 0;
    fc.assert(
      fc.property(
        names,
        space.filter((text) => text !== "\u00a0"),
        fc.array(numberText, { minLength: 5, maxLength: 5 }),
        (keys, between, numbers) => {
          const write = (value: (index: number) => string) =>
            `{${keys.map((key, index) => `"${key}":${between}${value(index)}`).join(",")}}`;
          const shape = learn(write((index) => (keys[index] === "timestamp" ? "1763712859123" : "1")));
          if (shape === undefined) return;
          const text = write((index) => numbers[index] as string);
          if (read(shape, text)) readAtAll += 1;
          expectAgreement(shape, text);
        },
      ),
      { numRuns: 20_000 },
    );
    expect(readAtAll).toBeGreaterThan(500);
  });

  it("read every decimal that a whole number below 2^53 makes to the same double as JSON.parse", () => {
    const shape = learn('{"a":1}');
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.integer({ min: 0, max: 999_999_999_999_999 }),
        fc.integer({ min: 0, max: 14 }),
        (negative, digits, scale) => {
          const padded = String(digits).padStart(scale + 1, "0");
          const text = `{"a":${negative ? "-" : ""}${scale === 0 ? padded : `${padded.slice(0, -scale)}.${padded.slice(-scale)}`}}`;
          const fits = shape !== undefined && read(shape, text);
          expect([text, fits || padded.length > 16]).toEqual([text, true]);
          if (fits) expect(Object.is(shape.values[0], (JSON.parse(text) as { a: number }).a)).toBe(true);
        },
      ),
      { numRuns: 20_000 },
    );
  });
});
