import { sql } from "@roost/contract/sql";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { startPlanning } from "./test-planner.ts";
import type { Planning } from "./test-planner.ts";

const noon = "2026-06-01T12:00:00Z";

describe("who is told, over a real database", () => {
  let house: Planning;
  beforeAll(async () => {
    house = await startPlanning();
  });
  beforeEach(async () => house.clear(noon));
  afterAll(async () => house.close());

  const raise = (device: string, given: Partial<Parameters<Planning["signal"]>[1][number]> = {}) =>
    house.signal("raise", [{ device, ...given }]);
  const clear = (device: string, given: Partial<Parameters<Planning["signal"]>[1][number]> = {}) =>
    house.signal("clear", [{ device, ...given }]);

  it("CO-61: tells 100 breaches in a minute by one message and one summary of 99 more, with a restart in the middle", async () => {
    await house.addHook("hook");
    await house.addDevice("coop");
    for (let tens = 0; tens < 10; tens += 1) {
      await house.signal(
        "raise",
        Array.from({ length: 10 }, (_, index) => ({ device: "coop", type: `rule:${tens * 10 + index}:above` })),
      );
      if (tens === 5) await house.start();
      await house.pass(5);
    }
    expect((await house.heard()).map(({ type }) => type)).toEqual(["alarm.raised"]);
    await house.start();
    await house.pass(60);
    const heard = await house.heard();
    expect(heard.map(({ type, count }) => `${type} ${count}`)).toEqual(["alarm.raised 1", "digest 99"]);
    expect(heard[1]?.title).toBe("99 more alarms");
    expect(heard[1]?.text).toContain("99 warning");
    await house.pass(300, 60);
    expect(await house.heard()).toHaveLength(2);
  });

  it("GA-13: tells again after the cool-down what is still breached, low and high apart, and a restart does not reset the clock", async () => {
    await house.addHook("hook");
    await house.addDevice("plant");
    await house.db.query(sql`insert into notification_settings values (${house.organisationId}, 0, 60, 0, 300, false)`);
    await raise("plant", { type: "rule:1:above" });
    await raise("plant", { type: "rule:1:below", kind: "below" });
    await house.pass(1_800);
    await house.start();
    await clear("plant", { type: "rule:1:below", kind: "below", value: 20 });
    await house.pass(1_799);
    expect(await house.told()).toEqual(["hook alarm.raised", "hook alarm.raised", "hook alarm.cleared"]);
    await house.pass(2);
    expect((await house.told()).slice(3)).toEqual(["hook alarm.reminder"]);
    await house.acknowledge("plant");
    await house.pass(7_200);
    expect(await house.told()).toHaveLength(4);
    await clear("plant", { type: "rule:1:above", value: 20 });
    expect((await house.told()).slice(4)).toEqual(["hook alarm.cleared"]);
  });

  it("GA-13: does not take a failed delivery for a word that was heard", async () => {
    await house.addHook("hook");
    await house.addDevice("plant");
    house.catcher.otherwise({ status: 400 });
    await raise("plant");
    await house.heard();
    house.catcher.otherwise({ status: 204 });
    await house.pass(301);
    const heard = await house.told();
    expect(heard.filter((one) => one === "hook alarm.raised").length).toBeGreaterThanOrEqual(2);
    await clear("plant");
    await house.pass(61);
    expect((await house.told()).at(-1)).toBe("hook alarm.cleared");
  });

  it("N-F08: pages the second person at the configured minute and the third after the next, with a restart in the middle, until somebody acknowledges", async () => {
    const people = await Promise.all(["ana", "ben", "cem"].map((name) => house.addPerson(name)));
    for (const [index, name] of ["ana", "ben", "cem"].entries()) await house.addHook(name, people[index]);
    await house.addDevice("olt");
    for (const personId of people) {
      await house.db.query(sql`
        insert into notification_preferences (organisation_id, person_id, hears, min_severity, time_zone)
        values (${house.organisationId}, ${personId}, 'routed', 'info', 'UTC')`);
    }
    const { routing } = house.it;
    const chain = await routing.addChain(house.whose, {
      name: "Night",
      steps: people.map((personId, index) => ({ afterMinutes: index * 5, to: [{ kind: "person", personId }] })),
    });
    await routing.addRoute(house.whose, { name: "All", enabled: true, match: {}, to: [{ kind: "chain", chainId: chain.id }], stop: false });
    await raise("olt", { severity: "critical" });
    expect(await house.told()).toEqual(["ana alarm.raised"]);
    await house.pass(299);
    expect(await house.told()).toHaveLength(1);
    await house.start();
    await house.pass(1);
    expect((await house.told()).slice(1)).toEqual(["ben alarm.escalated"]);
    await house.start();
    await house.pass(599, 60);
    expect(await house.told()).toHaveLength(2);
    await house.pass(1);
    expect((await house.told()).slice(2)).toEqual(["cem alarm.escalated"]);
    await house.pass(7_200, 600);
    await clear("olt");
    await house.pass(120);
    expect((await house.told()).slice(3).toSorted()).toEqual(["ana alarm.cleared", "ben alarm.cleared", "cem alarm.cleared"]);

    await raise("olt", { severity: "critical" });
    await house.acknowledge("olt");
    await house.pass(3_600, 300);
    expect((await house.told()).slice(6)).toEqual(["ana alarm.raised"]);
  });

  it("CO-60: holds a warning until the end of the person's own quiet hours, and lets a critical one pass at once", async () => {
    house.at("2026-06-01T21:00:00Z");
    const [ana, ben] = [await house.addPerson("ana"), await house.addPerson("ben")];
    await house.addHook("ana", ana);
    await house.addHook("ben", ben);
    await house.addDevice("coop");
    const quiet = { hears: "all", minSeverity: "info", quietHours: { from: "22:00", to: "07:00" } } as const;
    const as = (id: string, timeZone: string) =>
      house.it.preferences.change({ organisationId: house.organisationId, by: { kind: "person", id, name: "" } }, { ...quiet, timeZone });
    await as(ana, "Europe/Berlin");
    await as(ben, "America/New_York");
    await raise("coop", { type: "rule:1:above" });
    await raise("coop", { type: "rule:2:above", severity: "major" });
    await clear("coop", { type: "rule:1:above" });
    await raise("coop", { type: "rule:3:above", severity: "critical", metric: null });
    // In New York it is five in the afternoon.
    expect((await house.told()).filter((one) => one.startsWith("ana"))).toEqual(["ana alarm.raised"]);
    expect((await house.heard()).find(({ to }) => to === "ana")?.text).toContain("coop");
    expect((await house.told()).filter((one) => one === "ben alarm.raised").length).toBeGreaterThanOrEqual(1);
    await house.start();
    await house.pass(8 * 3_600 - 1, 3_600);
    expect((await house.told()).filter((one) => one.startsWith("ana"))).toHaveLength(1);
    await house.pass(1);
    const digests = (await house.heard()).filter(({ to, type }) => to === "ana" && type === "digest");
    expect(digests.map(({ count }) => count)).toEqual([2]);
    expect(digests[0]?.text).toContain("(over)");
    await house.start();
    await house.pass(3_000);
    expect((await house.heard()).filter(({ to }) => to === "ana")).toHaveLength(2);
  });

  it("CO-61: sends the daily digest once at its local time, with counts, least and greatest values, over a restart", async () => {
    house.at("2026-03-28T06:00:00Z");
    const ana = await house.addPerson("ana");
    await house.addHook("ana", ana);
    await house.addDevice("coop");
    const whose = { organisationId: house.organisationId, by: { kind: "person", id: ana, name: "" } } as const;
    await house.it.preferences.change(whose, {
      hears: "routed",
      minSeverity: "warning",
      timeZone: "Europe/Berlin",
      dailyDigestAt: "08:00",
    });
    for (const [index, value] of [31, 38, 34].entries())
      await raise("coop", { type: `rule:${index}:above`, value, severity: index === 1 ? "critical" : "warning" });
    await raise("coop", { type: "rule:9:above", value: 99, severity: "info" });
    await clear("coop", { type: "rule:0:above" });
    await house.pass(3_600 - 1);
    expect(await house.told()).toEqual([]);
    await house.start();
    await house.pass(1);
    await house.start();
    const [digest] = await house.heard();
    expect(digest?.title).toBe("Daily digest: 3 alarms");
    expect(digest?.text).toContain("3 alarms, 2 still open");
    expect(digest?.text).toContain("coop: temperature: 3 alarms, min 31, max 38");
    // The night of the change to summer time has an hour less.
    await house.pass(23 * 3_600 - 1, 3_600);
    expect(await house.heard()).toHaveLength(1);
    await house.pass(1);
    expect((await house.heard()).map(({ title }) => title)).toEqual(["Daily digest: 3 alarms", "Daily digest: 0 alarms"]);
  });

  it("CO-49: tells what happened during an outage by one message that says how often and how late", async () => {
    await house.addHook("hook");
    await house.addDevice("coop");
    for (const hours of [5, 4, 3]) {
      const at = new Date(house.nowMs() - hours * 3_600_000);
      await raise("coop", { at });
      await clear("coop", { at: new Date(at.getTime() + 60_000) });
    }
    await house.pass(11);
    const heard = await house.heard();
    expect(heard.map(({ type, count }) => `${type} ${count}`)).toEqual(["alarm.late 3"]);
    expect(heard[0]?.text).toMatch(/^3 occurrences, the first 5 h 0 min ago; told late/);
    await house.pass(600, 60);
    expect(await house.heard()).toHaveLength(1);
  });

  it("R13: tells 400 children behind one that failed by exactly one message, whichever is noticed first", async () => {
    await house.addHook("hook");
    await house.addDevice("olt");
    for (let index = 0; index < 400; index += 1) await house.addDevice(`ont-${index}`, { parentId: "olt" });
    const offline = (device: string) => ({ device, type: "offline", kind: "offline" as const, severity: "major" as const, metric: null });
    const children = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => offline(`ont-${from + index}`));
    await house.signal("raise", children(0, 100));
    await house.pass(3);
    await house.signal("raise", [offline("olt")]);
    await house.signal("raise", children(100, 400));
    await house.pass(120, 10);
    const heard = await house.heard();
    expect(heard.map(({ to, type, text }) => `${to} ${type} ${text}`)).toEqual(["hook device.offline olt is offline."]);
  });

  it("GA-07: tells 50 nodes lost with their router by one notice, a node lost alone by one with its plant, and both returns with how long they were away", async () => {
    await house.addHook("hook");
    await house.addDevice("router");
    for (let index = 0; index < 50; index += 1) await house.addDevice(`node-${index}`, { parentId: "router" });
    await house.addDevice("sill");
    await house.db.query(sql`update devices set kind = 'garden-node', purpose = 'Basil' where id <> 'router'`);
    const silent = (device: string) => ({ device, type: "offline", kind: "offline" as const, metric: null });
    const nodes = Array.from({ length: 50 }, (_, index) => silent(`node-${index}`));
    await house.signal("raise", nodes.slice(0, 30));
    await house.pass(5);
    await house.signal("raise", [silent("router"), ...nodes.slice(30)]);
    await house.pass(600, 30);
    const texts = async () => (await house.heard()).map(({ type, text }) => `${type} ${text}`);
    expect(await texts()).toEqual(["device.offline router is offline."]);
    await house.signal("clear", [silent("router"), ...nodes]);
    await house.signal("raise", [silent("sill")]);
    await house.pass(120, 30);
    await house.signal("clear", [silent("sill")]);
    await house.pass(120, 30);
    expect((await texts()).slice(1).toSorted()).toEqual([
      "device.offline sill (Basil) is offline.",
      "device.online router is back online after 10 min.",
      "device.online sill (Basil) is back online after 2 min.",
    ]);
  });

  it("R13: sums up a storm of alarms of many devices, and nobody hears more than a few messages", async () => {
    await house.addHook("hook");
    for (let index = 0; index < 200; index += 1) await house.addDevice(`d-${index}`);
    await house.signal(
      "raise",
      Array.from({ length: 200 }, (_, index) => ({ device: `d-${index}` })),
    );
    await house.pass(180, 20);
    const heard = await house.heard();
    expect(heard.length).toBeLessThanOrEqual(12);
    expect(heard.reduce((sum, { count }) => sum + count, 0)).toBe(200);
  });
});
