import { describe, expect, it } from "vitest";

import { changeValues } from "./json-words.ts";

describe("words in JSON", () => {
  const without = (word: string) => (text: string) => text.replaceAll(word, "nobody");

  it("are changed among the values, however deep, and never among keys or in the shape", () => {
    expect(changeValues('{"by":"Ada","Ada":[{"note":"Ada, and \\"Ada\\""},1,null]}', without("Ada"))).toBe(
      '{"by":"nobody","Ada":[{"note":"nobody, and \\"nobody\\""},1,null]}',
    );
    for (const hostile of ['":"', "},{", ": true,", '","note":"', "null"])
      expect(JSON.parse(changeValues('{"a":true,"note":"x","b":[{"c":null},{"d":1}]}', without(hostile)))).toEqual({
        a: true,
        note: "x",
        b: [{ c: null }, { d: 1 }],
      });
  });

  it("leave the document to the letter where no value changes", () => {
    expect(changeValues('{ "n": 1.0, "b": "x" }', without("y"))).toBe('{ "n": 1.0, "b": "x" }');
  });
});
