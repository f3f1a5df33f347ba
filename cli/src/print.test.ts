import { describe, expect, it } from "vitest";

import { ago, asFields, asJson, asTable, csvLine, formatList, formatOne, printable } from "./print.ts";

const rows = [
  { id: "coop-1", value: 21.5, note: undefined },
  { id: "a-much-longer-id", value: -3, note: "x" },
];

describe("print", () => {
  it("aligns columns, numbers to the right, and shows nothing where nothing is", () => {
    expect(asTable(rows, ["id", "value", "note"])).toBe(
      ["ID                VALUE  NOTE", "coop-1             21.5", "a-much-longer-id     -3  x"].join("\n"),
    );
    expect(asTable([{ lastSeen: "never" }], ["lastSeen"])).toBe("LAST SEEN\nnever");
  });

  it("S15: shows control characters of device text as escapes, in tables, fields and JSON", () => {
    const hostile = "a\u001B[2Jb\u0007c\r\nd\u2028e\u202Ef\u009Bg";
    const safe = "a\\u001b[2Jb\\u0007c\\u000d\\u000ad\\u2028e\\u202ef\\u009bg";
    expect(printable(hostile)).toBe(safe);
    expect(asTable([{ name: hostile }], ["name"])).toBe(`NAME\n${safe}`);
    expect(asFields({ name: hostile })).toBe(`name  ${safe}`);
    const json = asJson({ name: hostile });
    expect(json).not.toMatch(/[^\P{Cc}\n]|[\u2028\u202E]/u);
    expect(JSON.parse(json)).toEqual({ name: hostile });
  });

  it("S15: neutralises what a spreadsheet takes for a formula, and leaves numbers as they are", () => {
    expect(csvLine(["=1+1", "+x", "-x", "@x", "\tx", -5, 1.5, true, undefined, 'say "hi", you'])).toBe(
      `'=1+1,'+x,'-x,'@x,'\tx,-5,1.5,true,,"say ""hi"", you"`,
    );
  });

  it("prints lists and single things in every format", () => {
    const whole = { items: rows };
    expect(formatList("csv", rows, ["id", "value"], whole, "none")).toBe("id,value\ncoop-1,21.5\na-much-longer-id,-3");
    expect(JSON.parse(formatList("json", rows, ["id"], whole, "none"))).toEqual({ items: JSON.parse(JSON.stringify(rows)) as unknown });
    expect(formatList("table", [], ["id"], { items: [] }, "No devices.")).toBe("No devices.");
    expect(formatList("csv", [], ["id"], { items: [] }, "No devices.")).toBe("id");
    expect(formatOne("csv", { id: "coop-1", at: new Date(0) }, {})).toBe("id,at\ncoop-1,1970-01-01T00:00:00.000Z");
    expect(formatOne("table", { id: "coop-1", name: undefined, state: "online" }, {})).toBe("id     coop-1\nstate  online");
  });

  it("says how long ago in the largest unit that says enough", () => {
    const spans = [-5, 0, 119, 120, 7_199, 7_200, 172_799, 172_800].map((seconds) => ago(new Date(1e12 - seconds * 1000), 1e12));
    expect(spans).toEqual(["0 s", "0 s", "119 s", "2 min", "120 min", "2 h", "48 h", "2 d"]);
  });
});
