import { createClient } from "@roost/contract/client";
import * as contract from "@roost/contract/on-call";
import { removePerson } from "@roost/contract/people";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcome, startHouse } from "../organisations/test-organisations.ts";
import type { House, Visitor } from "../organisations/test-organisations.ts";
import { mountOnCall } from "./on-call-routes.ts";
import { createOnCall } from "./on-call.ts";
import type { OnCall } from "./on-call.ts";

describe("on-call schedules", () => {
  let house: House;
  let onCall: OnCall;
  let owner: Visitor;
  let ana: string;
  let ben: string;
  let operator: Visitor;
  let viewer: Visitor;
  let nowMs = Date.parse("2026-03-28T12:00:00Z");
  const clock = { nowMs: () => nowMs, monotonicMs: () => performance.now() };
  const weekly = () => ({
    timeZone: "Europe/Berlin",
    handOverTime: "08:00",
    shift: "weekly" as const,
    handOverDay: 1,
    startsOn: "2026-03-23",
    people: [ana, ben],
  });
  const addWeekly = (name: string) => owner.call(contract.addOnCallSchedule, { body: { name, ...weekly() } });
  const nowOn = async (id: string) => (await owner.call(contract.listOnCallSchedules, {})).items.find((one) => one.id === id)?.now?.name;
  const get = async (path: string) => {
    const answer = await fetch(house.url + path);
    return { status: answer.status, type: answer.headers.get("content-type") ?? "", text: await answer.text() };
  };

  beforeAll(async () => {
    house = await startHouse({
      also: (mount, { db, audit }) => {
        onCall = createOnCall({ db, audit, clock });
        mountOnCall(mount, onCall);
      },
    });
    owner = house.owner;
    operator = await house.welcome(owner, "ana@example.org", { role: "operator" });
    viewer = await house.welcome(owner, "ben@example.org", { role: "viewer" });
    ana = await house.idOf("ana@example.org");
    ben = await house.idOf("ben@example.org");
  });
  afterAll(async () => house.close());

  it("N-F10: hands over at the minute, by local time over the change to summer time", async () => {
    const { id } = await addWeekly("Barns");
    expect(await nowOn(id)).toBe("ana");
    nowMs = Date.parse("2026-03-30T05:59:59Z");
    expect(await nowOn(id)).toBe("ana");
    nowMs = Date.parse("2026-03-30T06:00:00Z");
    expect(await nowOn(id)).toBe("ben");
    expect(await onCall.whoIsOnCall(house.db, house.organisationId, id, new Date(nowMs - 1))).toBe(ana);
    expect(await onCall.whoIsOnCall(house.db, house.organisationId, id, new Date(nowMs))).toBe(ben);
  });

  it("N-F10: puts somebody else on call for tonight, and the rotation holds again afterwards; swaps are the operators' own", async () => {
    nowMs = Date.parse("2026-04-01T12:00:00Z");
    const { id } = await addWeekly("Tonight");
    expect(await nowOn(id)).toBe("ben");
    const params = { scheduleId: id };
    const tonight = {
      personId: ana,
      from: "2026-04-01T18:00:00Z",
      to: "2026-04-02T06:00:00Z",
      reason: "Ben's concert",
    };
    expect(await outcome(viewer.call(contract.addOnCallOverride, { params, body: tonight }))).toBe("http.forbidden");
    const override = await operator.call(contract.addOnCallOverride, { params, body: tonight });
    expect(await nowOn(id)).toBe("ben");
    nowMs = Date.parse(tonight.from);
    expect(await nowOn(id)).toBe("ana");
    nowMs = Date.parse(tonight.to);
    expect(await nowOn(id)).toBe("ben");

    const overlapping = { ...tonight, from: "2026-04-02T05:00:00Z", to: "2026-04-02T09:00:00Z" };
    expect(await outcome(operator.call(contract.addOnCallOverride, { params, body: overlapping }))).toBe("on_call.override_overlaps");
    const touching = { ...tonight, from: tonight.to, to: "2026-04-02T09:00:00Z" };
    await operator.call(contract.addOnCallOverride, { params, body: touching });
    expect(await outcome(operator.call(contract.addOnCallOverride, { params, body: { ...touching, to: touching.from } }))).toBe(
      "on_call.override_backwards",
    );
    await operator.call(contract.removeOnCallOverride, { params: { overrideId: override.id } });
    expect(await outcome(operator.call(contract.removeOnCallOverride, { params: { overrideId: override.id } }))).toBe(
      "on_call.override_not_found",
    );
  });

  it("refuses what cannot be, by name, and the old schedule stays in force", async () => {
    nowMs = Date.parse("2026-04-01T12:00:00Z");
    const { id } = await addWeekly("Kept");
    const change = (body: object) =>
      outcome(owner.call(contract.changeOnCallSchedule, { params: { scheduleId: id }, body: { name: "Kept", ...weekly(), ...body } }));
    expect(await change({ people: [] })).toBe("on_call.empty_rotation");
    expect(await change({ timeZone: "Europe/Nowhere" })).toBe("on_call.unknown_zone");
    expect(await change({ people: [ana, ana] })).toBe("on_call.twice_in_rotation");
    expect(await change({ people: ["019a0000-0000-7000-8000-000000000000"] })).toBe("on_call.unknown_person");
    expect(await change({ shift: "custom" })).toBe("on_call.shift_without_length");
    expect(await change({ name: "barns" })).toBe("on_call.name_taken");
    expect(await change({ handOverTime: "24:00" })).toBe("http.invalid");
    expect(await change({ startsOn: "2026-02-30" })).toBe("http.invalid");
    expect(await change({ shift: "custom", shiftHours: 721 })).toBe("http.invalid");
    const kept = (await owner.call(contract.listOnCallSchedules, {})).items.find((one) => one.id === id);
    expect(kept).toMatchObject({ name: "Kept", ...weekly(), people: [{ personId: ana }, { personId: ben }] });
    expect(await outcome(viewer.call(contract.addOnCallSchedule, { body: { name: "Mine", ...weekly() } }))).toBe("http.forbidden");
  });

  it("N-F10: exports the same turns as calendar, RSS and Atom by a secret address that can be taken back", async () => {
    nowMs = Date.parse("2026-04-01T12:00:00Z");
    const schedule = await addWeekly("Feed");
    await operator.call(contract.addOnCallOverride, {
      params: { scheduleId: schedule.id },
      body: { personId: ana, from: "2026-04-03T18:00:00Z", to: "2026-04-04T06:00:00Z", reason: "swap, with; signs" },
    });
    const { id, calendar, rss, atom } = await owner.call(contract.addOnCallFeed, { body: { name: "Wall", scheduleId: schedule.id } });
    const events = readEvents((await get(calendar)).text);
    const range = { from: "2026-03-23T07:00:00Z", to: "2026-05-04T06:00:00Z", scheduleId: schedule.id };
    const { items } = await owner.call(contract.listOnCallTurns, { query: range });
    const known = items.map((turn) => `${stamp(turn.from)} ${stamp(turn.to)} Feed: ${turn.name}`);
    expect(known.length).toBeGreaterThan(6);
    expect(events.filter((event) => known.includes(event))).toEqual(known);
    expect(await get(calendar)).toMatchObject({ status: 200, type: expect.stringContaining("text/calendar") as string });
    expect((await get(rss)).text).toContain("<![CDATA[Feed: ben]]>");
    expect((await get(atom)).text).toContain("Feed: ben");
    expect((await get(calendar.replace("calendar", "calender"))).status).toBe(404);
    expect((await get(calendar.replace(/feeds\/.{5}/, "feeds/00000"))).status).toBe(404);
    await owner.call(contract.removeOnCallFeed, { params: { feedId: id } });
    expect((await get(calendar)).status).toBe(404);
    expect((await get(rss)).status).toBe(404);
  });

  it("lets the next in turn stand in for somebody who left the organisation", async () => {
    nowMs = Date.parse("2026-03-25T12:00:00Z");
    await house.welcome(owner, "cem@example.org", { role: "operator" });
    const cem = await house.idOf("cem@example.org");
    const { id } = await owner.call(contract.addOnCallSchedule, { body: { name: "Leaving", ...weekly(), people: [cem, ben] } });
    expect(await nowOn(id)).toBe("cem");
    await owner.call(removePerson, { params: { personId: cem } });
    expect(await nowOn(id)).toBe("ben");
    const [schedule] = (await owner.call(contract.listOnCallSchedules, {})).items.filter((one) => one.id === id);
    expect(schedule?.people.map(({ hasLeft }) => hasLeft)).toEqual([true, false]);
  });

  it("shows strangers nothing and puts every change on record", async () => {
    const stranger = createClient({ baseUrl: house.url, fetch });
    expect(await outcome(stranger(contract.listOnCallSchedules, {}))).toBe("http.unauthenticated");
    const trail = await house.trail(house.organisationId);
    expect(trail).toContain("on_call_schedule.added done owner@example.org Barns");
    expect(trail).toContain("on_call_override.added done ana@example.org Tonight");
    expect(trail).toContain("on_call_feed.removed done owner@example.org Wall");
  });
});

const stamp = (at: Date) => at.toISOString().replaceAll(/[-:]|\.000/g, "");

function readEvents(text: string): string[] {
  const lines = text.replaceAll(/\r\n[ \t]/g, "").split("\r\n");
  const events: string[] = [];
  let event: Record<string, string> = {};
  for (const line of lines) {
    const [key = "", ...rest] = line.split(":");
    if (line === "BEGIN:VEVENT") event = {};
    else if (line === "END:VEVENT") events.push(`${event["DTSTART"]} ${event["DTEND"]} ${event["SUMMARY"]}`);
    else event[key] = rest.join(":");
  }
  return events;
}
