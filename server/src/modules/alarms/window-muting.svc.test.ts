import { randomBytes } from "node:crypto";

import type { DeviceId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import type { WindowScope } from "@roost/contract/windows";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { createAlarms } from "./alarms.ts";
import type { Signal } from "./alarms.ts";
import { createWindowMuting } from "./window-muting.ts";
import { createWindows } from "./windows.ts";

const log = createLog({ level: "silent", pretty: false });
const start = Date.parse("2026-03-02T10:00:00Z");
const minute = 60_000;
const hour = 60 * minute;

describe("alarms in maintenance windows", () => {
  let database: TestDatabase;
  let db: Db;
  let nowMs = start;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const organisationId = newId();
  const whole = { organisationId };
  const ids = ["pump-1", "pump-2"] as const;
  let seen: string[];
  let server: Awaited<ReturnType<typeof startServer>>;

  async function startServer() {
    const audit = createAudit({ db, clock, log, key: randomBytes(32) });
    const findDevice = (id: string) =>
      ids.some((one) => one === id) ? { organisationId, groupIds: new Set<string>(), hidden: false } : undefined;
    const windows = createWindows({ db, audit, findDevice, clock, log });
    await windows.start();
    const alarms = createAlarms({ db, audit, clock, log, coverOf: windows.coverOf });
    const devices = { learn: async () => undefined, descendantsOf: () => [] };
    const muting = createWindowMuting({ db, windows, alarms, devices, log });
    return {
      windows,
      alarms,
      muting,
      close: async () => {
        await Promise.all([windows.close(), muting.close(), alarms.close()]);
      },
    };
  }
  /** Handles the facts that are there and not handled yet, each of them twice: after a crash they come again. */
  async function settle(): Promise<void> {
    await server.windows.look();
    const facts = await db.query<Fact & { noun_id: string; organisation_id: string }>(sql`
      select e.id, e.organisation_id, e.type, e.noun_id, e.data, e.at from events e where e.id <> all(${seen}::uuid[]) order by e.xact_id, e.id`);
    const [handler] = server.muting.handlers;
    for (const { id, type, data, at, noun_id: nounId } of facts) {
      seen.push(id);
      if (handler?.types.includes(type) !== true) continue;
      for (let n = 0; n < 2; n += 1) await handler.handle({ id, organisationId, type, nounId, data, at });
    }
  }
  async function goTo(ms: number): Promise<void> {
    nowMs = ms;
    await settle();
  }
  async function restart(): Promise<void> {
    await server.close();
    server = await startServer();
  }
  const say = (what: "raise" | "clear", deviceId: string, kind: Signal["kind"] = "above"): Promise<void> =>
    db.transaction((tx) =>
      server.alarms.take(tx, [
        {
          id: newId(),
          what,
          organisationId,
          source: deviceId,
          type: kind,
          deviceId,
          kind,
          severity: "warning",
          at: new Date(nowMs),
          // What somebody clears is cleared at once, be it flapping.
          ...(what === "clear" ? { by: "a test" } : {}),
        },
      ]),
    );
  /** What people are told of, in order: raised outside of windows, unmuted, cleared after they were told. */
  async function told(): Promise<string[]> {
    const rows = await db.query<{ type: string; device: string; muted: string | null }>(sql`
      select e.type, e.data ->> 'deviceId' as device, e.data ->> 'mutedBy' as muted from events e
      where e.type in ('alarm.raised', 'alarm.unmuted', 'alarm.cleared') order by e.xact_id, e.id`);
    return rows.filter(({ muted }) => muted === null).map(({ type, device }) => `${type.slice("alarm.".length)} ${device}`);
  }
  const silence = (scope: WindowScope, seconds: number) => server.windows.addSilence(whole, { scope, seconds, zone: "UTC" });
  const unrecorded = (seconds: number) =>
    server.windows.add(whole, {
      title: "Swap",
      plan: { kind: "once", from: new Date(nowMs), to: new Date(nowMs + seconds * 1_000), zone: "UTC" },
      scope: { everything: true },
      record: false,
      notify: false,
    });
  const open = async () =>
    (await server.alarms.list(whole, { state: "open", limit: 50 })).items
      .map(({ deviceId, mutedBy }) => `${deviceId} ${mutedBy ?? "told"}`)
      .sort();
  const pump = (n: 1 | 2): WindowScope => ({ deviceIds: [`pump-${n}` as DeviceId] });

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'a', 'a')`);
    for (const id of ids)
      await db.query(sql`insert into devices (id, organisation_id, name, kind) values (${id}, ${organisationId}, ${id}, 'generic')`);
  });
  beforeEach(async () => {
    nowMs = start;
    seen = [];
    await db.query(sql`truncate maintenance_windows, events, alarms, incidents cascade`);
    server = await startServer();
  });
  afterEach(() => server.close());
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("N-F04: shows what is raised inside as muted, and tells at the end what still holds, over a restart in the middle", async () => {
    await silence(pump(1), 3_600);
    await say("raise", "pump-1");
    await say("raise", "pump-2");
    expect([await open(), await told()]).toEqual([["pump-1 window", "pump-2 told"], ["raised pump-2"]]);
    await restart();
    await goTo(start + hour - 1);
    expect(await told()).toEqual(["raised pump-2"]);
    await restart();
    await goTo(start + hour);
    expect([await open(), await told()]).toEqual([
      ["pump-1 told", "pump-2 told"],
      ["raised pump-2", "unmuted pump-1"],
    ]);
    await goTo(start + 2 * hour);
    await server.muting.sweep();
    expect((await told()).length).toBe(2);
  });

  it("N-F04: says nothing at the end of what came and went inside", async () => {
    await silence(pump(1), 3_600);
    await say("raise", "pump-1");
    await say("clear", "pump-1");
    await goTo(start + hour);
    expect([await open(), await told()]).toEqual([[], []]);
    expect((await server.alarms.list(whole, { state: "cleared", limit: 5 })).items).toHaveLength(1);
  });

  it("keeps back what shall not be on record until the end, and raises it then if it still holds", async () => {
    await unrecorded(3_600);
    await say("raise", "pump-1");
    await say("raise", "pump-2");
    await say("clear", "pump-2");
    expect([await open(), await told()]).toEqual([[], []]);
    await restart();
    await goTo(start + hour);
    expect([await open(), await told()]).toEqual([["pump-1 told"], ["raised pump-1"]]);
    expect((await server.alarms.list(whole, { state: "all", limit: 5 })).items).toHaveLength(1);
  });

  it("lets go of what two windows cover only when none does any more, and at once when one is cancelled", async () => {
    const long = await silence(pump(1), 7_200);
    await silence({ kinds: ["above"] }, 3_600);
    await say("raise", "pump-1");
    await goTo(start + hour);
    expect(await open()).toEqual(["pump-1 window"]);
    await server.windows.endSilence(whole, long.id);
    await settle();
    expect([await open(), await told()]).toEqual([["pump-1 told"], ["unmuted pump-1"]]);
  });

  it("mutes what is open already when a window begins, and tells it again at the end", async () => {
    await say("raise", "pump-1");
    await silence(pump(1), 3_600);
    await settle();
    expect(await open()).toEqual(["pump-1 window"]);
    const { id } = (await server.alarms.list(whole, { state: "open", limit: 1 })).items[0] ?? { id: undefined };
    await server.windows.change(whole, (await server.windows.list(whole, { show: "current", limit: 1 })).items[0]?.id ?? "", {
      scope: pump(2),
    });
    await settle();
    expect([await open(), await told()]).toEqual([["pump-1 told"], ["raised pump-1", "unmuted pump-1"]]);
    expect((await server.alarms.get(whole, id as never)).history.map(({ what }) => what)).toEqual(["raised", "muted", "unmuted"]);
  });

  it("finds what was muted at the very moment its window ended", async () => {
    const made = await silence(pump(1), 3_600);
    await goTo(start + hour);
    // As by a server whose clock is behind.
    nowMs = start + hour - 1;
    await server.windows.refresh(made.id);
    await say("raise", "pump-1");
    expect(await open()).toEqual(["pump-1 window"]);
    nowMs = start + hour + 1;
    await server.muting.sweep();
    expect([await open(), await told()]).toEqual([["pump-1 told"], ["unmuted pump-1"]]);
  });

  it("N-F04: tells beginning and end where that is wanted, muted by no window, once each", async () => {
    const plan = { kind: "once" as const, from: new Date(nowMs), to: new Date(nowMs + hour), zone: "UTC" };
    await server.windows.add(whole, { title: "Swap", plan, scope: { everything: true }, record: true, notify: true });
    await settle();
    const titles = async () =>
      (await server.alarms.list(whole, { state: "all", limit: 5 })).items.map(({ title, state, mutedBy }) => [title, state, mutedBy]);
    expect(await titles()).toEqual([["In maintenance: Swap", "raised", undefined]]);
    await goTo(start + hour);
    expect(await titles()).toEqual([["In maintenance: Swap", "cleared", undefined]]);
    expect((await told()).length).toBe(2);
  });

  it("N-F03: mutes what comes to be reached through something silent, and lets it go when that is taken back", async () => {
    await say("raise", "pump-1", "offline");
    await say("raise", "pump-2", "offline");
    const reachThrough = async (parentId: string | null) => {
      await db.query(sql`update devices set parent_id = ${parentId} where id = 'pump-2'`);
      await db.query(sql`
        insert into events (id, organisation_id, type, noun_id, data) values (${newId()}, ${organisationId}, 'device.changed', 'pump-2', '{"what":"way"}')`);
      await settle();
    };
    await reachThrough("pump-1");
    expect(await open()).toEqual(["pump-1 told", "pump-2 parent"]);
    await reachThrough(null);
    expect(await open()).toEqual(["pump-1 told", "pump-2 told"]);
  });

  it("loses no alarm and tells none that is muted, in any order of raises, clears, windows, cancellations and restarts", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("raise" as const), n: fc.constantFrom(1 as const, 2 as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const), n: fc.constantFrom(1 as const, 2 as const) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant("silence" as const),
          n: fc.constantFrom(1 as const, 2 as const),
          minutes: fc.integer({ min: 1, max: 5 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("unrecorded" as const), minutes: fc.integer({ min: 1, max: 5 }) }) },
      { weight: 5, arbitrary: fc.record({ do: fc.constant("wait" as const), minutes: fc.integer({ min: 1, max: 6 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 16 }), async (steps) => {
        nowMs = start;
        seen = [];
        await db.query(sql`truncate maintenance_windows, events, alarms, incidents cascade`);
        await restart();
        const holds = new Set<string>();
        const covers: { id: string; about: readonly string[]; untilMs: number }[] = [];
        for (const one of steps) {
          if (one.do === "raise" || one.do === "clear") {
            await say(one.do, `pump-${one.n}`);
            if (one.do === "raise") holds.add(`pump-${one.n}`);
            else holds.delete(`pump-${one.n}`);
          } else if (one.do === "silence") {
            const { id } = await silence(pump(one.n), one.minutes * 60);
            covers.push({ id, about: [`pump-${one.n}`], untilMs: nowMs + one.minutes * minute });
          } else if (one.do === "unrecorded") {
            const { id } = await unrecorded(one.minutes * 60);
            covers.push({ id, about: ids, untilMs: nowMs + one.minutes * minute });
          } else if (one.do === "wait") nowMs += one.minutes * minute;
          else if (one.do === "cancel") {
            const cover = covers.find(({ untilMs }) => untilMs > nowMs);
            if (cover === undefined) continue;
            await server.windows.cancel(whole, cover.id);
            cover.untilMs = nowMs;
          } else await restart();
          await settle();
          const isCovered = (id: string) => covers.some(({ about, untilMs }) => about.includes(id) && untilMs > nowMs);
          const rows = await db.query<{ device_id: string; muted_by: string | null }>(
            sql`select a.device_id, a.muted_by from alarms a where a.state <> 'cleared' order by a.device_id`,
          );
          // Everything that holds is there, muted while a window covers it and at no other time.
          expect(rows.map((row) => [row.device_id, row.muted_by])).toEqual(
            [...holds].sort().map((id) => [id, isCovered(id) ? "window" : null]),
          );
        }
        // Of each alarm people heard exactly as often as it came out of silence: what is open and not muted now was told last, and no other.
        const last = new Map<string, string>();
        const rows = await db.query<{ type: string; device: string; muted: string | null }>(sql`
          select e.type, e.data ->> 'deviceId' as device, e.data ->> 'mutedBy' as muted from events e
          where e.type in ('alarm.raised', 'alarm.unmuted', 'alarm.cleared', 'alarm.muted') order by e.xact_id, e.id`);
        for (const { type, device, muted } of rows) {
          const isTold = muted === null && (type === "alarm.raised" || type === "alarm.unmuted");
          if (isTold) expect(last.get(device)).not.toBe("told");
          last.set(device, isTold ? "told" : "not");
        }
        for (const id of holds) {
          const isCovered = covers.some(({ about, untilMs }) => about.includes(id) && untilMs > nowMs);
          expect(last.get(id) === "told").toBe(!isCovered);
        }
      }),
      { numRuns: 10 },
    );
  });
});
