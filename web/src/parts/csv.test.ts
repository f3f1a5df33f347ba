import { expect, it } from "vitest";

import { csvName, toCsv } from "./csv.ts";

it("S15: neutralises cells that a spreadsheet would run, and quotes what has commas, quotes or line ends", () => {
  const csv = toCsv(
    ["name", "value"],
    [
      ["=HYPERLINK(1)", -3],
      ["+1", 2],
      ["@x", undefined],
      ["-a", 1],
      ["\tb", 1],
      ['say "hi", you', new Date("2026-01-02T03:04:05Z")],
    ],
  );
  expect(csv).toBe(
    [`name,value`, `'=HYPERLINK(1),-3`, `'+1,2`, `'@x,`, `'-a,1`, `'\tb,1`, `"say ""hi"", you",2026-01-02T03:04:05.000Z`, ""].join("\r\n"),
  );
});

it("names a file by what it holds and when, whatever the parts contain", () => {
  expect(csvName(["Alarms", "../etc/passwd"], new Date("2026-03-29T04:05:06Z"))).toBe("roost-alarms--etc-passwd-2026-03-29T0405.csv");
});
