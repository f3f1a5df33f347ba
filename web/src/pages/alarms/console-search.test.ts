import { expect, it } from "vitest";

import { consoleSearch, filterOf, readView, toggleSeverity, writeView } from "./console-search.ts";

it("reads an address, leaves out what it cannot read, and asks for it", () => {
  const search = consoleSearch.parse({ severity: "critical,nonsense,info", state: "never", muted: "true", site: "x", q: "fan" });
  expect(filterOf(search)).toEqual({ state: "open", severity: ["info", "critical"], muted: "true", q: "fan" });
  expect(filterOf({})).toEqual({ state: "open" });
});

it("adds and takes away severities; all of them are the same as none", () => {
  const one = toggleSeverity({}, "critical");
  expect(one.severity).toBe("critical");
  expect(toggleSeverity(one, "critical").severity).toBeUndefined();
  expect(toggleSeverity({ severity: "critical,major,minor,warning" }, "info").severity).toBeUndefined();
});

it("keeps a view as text and reads the same back, whatever the order", () => {
  const search = { q: "50% & more", severity: "critical", state: "all" } as const;
  expect(readView(writeView(search))).toEqual(search);
  expect(writeView({ state: "all", severity: "critical", q: "50% & more" })).toBe(writeView(search));
  expect(readView("state=unheard&q=")).toEqual({});
});
