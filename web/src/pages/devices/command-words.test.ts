import { expect, test } from "vitest";
import { z } from "zod";

import { fieldsOf, readFields, readJsonObject } from "./command-words.ts";

const schema = z.toJSONSchema(
  z.strictObject({
    speed: z.int().min(0).max(3),
    mode: z.enum(["auto", "off"]).default("auto"),
    loud: z.boolean().default(false),
    note: z.string().max(9).optional().describe("For the log."),
    steps: z.array(z.number()).optional(),
  }),
  { io: "input" },
);

test("a command's form has a field for each parameter, of its kind, with its bounds in words", () => {
  expect(fieldsOf(schema)).toEqual([
    { name: "speed", kind: "number", about: "from 0 to 3.", required: true, choices: [], initial: "" },
    { name: "mode", kind: "choice", about: undefined, required: false, choices: ["auto", "off"], initial: "auto" },
    { name: "loud", kind: "switch", about: undefined, required: false, choices: [], initial: "false" },
    { name: "note", kind: "text", about: "For the log.", required: false, choices: [], initial: "" },
    { name: "steps", kind: "json", about: undefined, required: false, choices: [], initial: "" },
  ]);
});

test("what was typed becomes parameters; an empty field is left out, never a zero", () => {
  const fields = fieldsOf(schema);
  expect(readFields(fields, { speed: " 2 ", loud: "true", steps: "[1,2]" })).toEqual({
    params: { speed: 2, mode: "auto", loud: true, steps: [1, 2] },
    faults: {},
  });
  expect(readFields(fields, { speed: "", steps: "[1" }).faults).toEqual({ speed: "This is needed.", steps: "Write it as JSON." });
  expect(readFields(fields, { speed: "fast" }).faults).toEqual({ speed: "Write a number." });
});

test("parameters of a free command are an object, and nothing else", () => {
  expect([readJsonObject(""), readJsonObject('{"a":1}'), readJsonObject("[1]"), readJsonObject("7"), readJsonObject("{")]).toEqual([
    {},
    { a: 1 },
    undefined,
    undefined,
    undefined,
  ]);
});
