import { describe, expect, it } from "vitest";

import { numberOf, readTemplate, valueBy } from "./template.ts";

const read = (template: string | undefined, payload: string) => {
  const known = readTemplate(template);
  return known === undefined ? "cannot be read" : valueBy(known, payload);
};

describe("value templates", () => {
  it.each([
    [undefined, "21.5", "21.5"],
    ["", "21.5", "21.5"],
    ["{{ value }}", "21.5", "21.5"],
    ["{{value|float}}", " 21.5 ", 21.5],
    ["{{ value_json.temperature }}", '{"temperature":21.5}', 21.5],
    ["{{ value_json['soil moisture'] | is_defined }}", '{"soil moisture":41}', 41],
    ['{{ value_json["ENERGY"]["Power"] }}', '{"ENERGY":{"Power":12}}', 12],
    ["{{ value_json.a.b[1].c | float | round(2) }}", '{"a":{"b":[0,{"c":"1.005"}]}}', 1.01],
    ["{{- value_json.x | round -}}", '{"x":2.5}', 3],
    ["{{ value_json.x | int }}", '{"x":"-2.9"}', -2],
    ["{{ value_json.contact }}", '{"contact":false}', false],
    ["{{ value_json.x | default('a|b') }}", '{"x":1}', 1],
  ])("reads %s", (template, payload, value) => {
    expect(read(template, payload)).toBe(value);
  });

  it("GA: a value that is not there is missing, whatever the template would put in its place", () => {
    for (const template of [
      "{{ value_json.x | float(0) }}",
      "{{ value_json.x | default(0) }}",
      "{{ value_json.x }}",
      "{{ value_json.y.x | int(0) }}",
    ]) {
      for (const payload of ["{}", "null", "[]", "", "no json", '{"x":null}', '{"x":{}}', '{"y":5}'])
        expect(read(template, payload)).toBeUndefined();
    }
    expect(read("{{ value | float(0) }}", "unavailable")).toBeUndefined();
  });

  it.each([
    "{{ value_json.x * 100 }}",
    "{% if value == 'on' %}1{% else %}0{% endif %}",
    "{{ states('sensor.x') }}",
    "{{ value_json.__class__.__mro__() }}",
    "{{ value_json.x | regex_replace('a','b') }}",
    "{{ value }} {{ value }}",
    "{{ value_json[value] }}",
    "{{ value_json.a.b.c.d.e.f.g.h.i }}",
    "{{ value | round(99) }}",
    "{{ (value) }}",
    "42",
    `{{ value_json.${"x".repeat(600)} }}`,
  ])("does not run %s", (template) => {
    expect(readTemplate(template)).toBeUndefined();
  });

  it("reads what is in a message, and nothing that every object has", () => {
    for (const name of ["constructor", "__proto__", "toString", "length"]) {
      expect(read(`{{ value_json.${name} }}`, '{"x":1}')).toBeUndefined();
      expect(read(`{{ value_json.${name} }}`, "[1]")).toBeUndefined();
    }
  });

  it("a number is one only if all of the text is", () => {
    expect(["1", "-1.50", "+.5", "1e3", " 7 ", "7."].map(numberOf)).toEqual([1, -1.5, 0.5, 1_000, 7, 7]);
    expect(["", " ", "0x10", "1,5", "12 %", "NaN", "Infinity", "1e999", "--1", "1_000"].map(numberOf)).toEqual(Array.from({ length: 10 }));
  });
});
