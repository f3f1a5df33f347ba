import { severities } from "@roost/contract/alarms";
import type { Severity } from "@roost/contract/alarms";
import type { NotificationTargetId, PersonId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { Fact, FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { startPlanning } from "./test-planner.ts";
import type { Planning } from "./test-planner.ts";

const noon = "2026-06-01T12:00:00Z";
const devices = Array.from({ length: 8 }, (_, index) => `d-${index}`);

/** An alarm whose facts a test tells. */
interface Told {
  readonly id: string;
  readonly device: string;
  readonly type: string;
  readonly incidentId: string | undefined;
  severity: Severity;
  state: "raised" | "acknowledged" | "cleared";
  isMuted: boolean;
}

/** Chance that is the same each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}

describe("facts that are planned many at once, over a real database", () => {
  let house: Planning;
  beforeAll(async () => {
    house = await startPlanning();
  });
  beforeEach(async () => {
    await house.clear(noon);
    for (const device of devices) await house.addDevice(device);
  });
  afterAll(async () => house.close());

  const handler = (): FactHandler => {
    const found: FactHandler | undefined = house.it.handlers.find(({ name }) => name === "notifications.alarms");
    if (found === undefined) throw new TypeError("Nobody takes facts.");
    return found;
  };
  const oneByOne = async (facts: readonly Fact[]) => {
    for (const fact of facts) await handler().handle(fact);
  };
  const atOnce = async (facts: readonly Fact[]) => handler().handleMany?.(facts);

  async function addAlarm({ device = devices[0] ?? "", type = "rule:1:above", incidentId = undefined as string | undefined } = {}) {
    const told: Told = { id: newId(), device, type, incidentId, severity: "warning", state: "raised", isMuted: false };
    // Over, for there may be many of the same thing: the planner goes by what facts say.
    const at = new Date(noon);
    await house.db.query(sql`
      insert into alarms (id, organisation_id, device_id, source, type, kind, severity, worst_severity, state, holds, raised_at, last_at, turned_at,
        cleared_at)
      values (${told.id}, ${house.organisationId}, ${device}, ${device}, ${type}, 'above', 'warning', 'warning', 'cleared', false, ${at}, ${at}, ${at},
        ${at})`);
    return told;
  }
  const factOf = ({ id, device, type, severity, state, incidentId, isMuted }: Told, what: string, given: object = {}): Fact => ({
    id: newId(),
    organisationId: house.organisationId,
    type: `alarm.${what}`,
    nounId: id,
    at: new Date(house.nowMs()),
    data: {
      id,
      source: device,
      deviceId: device,
      deviceName: device,
      type,
      kind: "above",
      severity,
      state,
      metric: "temperature",
      value: 35,
      threshold: 30,
      raisedAt: new Date(house.nowMs()).toISOString(),
      ...(incidentId === undefined ? {} : { incidentId }),
      ...(isMuted ? { mutedBy: "parent" } : {}),
      ...given,
    },
  });

  /** What happens to alarms next, as it may. */
  function next(alarm: Told, roll: (sides: number) => number): Fact {
    if (alarm.state === "cleared" || roll(10) === 0) {
      alarm.state = "cleared";
      return factOf(alarm, "cleared");
    }
    const turns: readonly (() => Fact)[] = [
      () => factOf(alarm, "raised"),
      () => {
        alarm.severity = severities[Math.min(severities.length - 1, severities.indexOf(alarm.severity) + 1)] ?? "critical";
        return factOf(alarm, "worse");
      },
      () => factOf(alarm, "flapping"),
      () => {
        alarm.isMuted = true;
        return factOf(alarm, "muted");
      },
      () => {
        alarm.isMuted = false;
        return factOf(alarm, "unmuted");
      },
      () => {
        alarm.state = "acknowledged";
        return factOf(alarm, "acknowledged");
      },
      () => {
        alarm.state = "raised";
        return factOf(alarm, "unacknowledged");
      },
      () => {
        alarm.state = "cleared";
        return factOf(alarm, "cleared");
      },
    ];
    return (turns[roll(turns.length)] ?? (() => factOf(alarm, "raised")))();
  }

  /** All the planner left behind; messages by their place, for their ids are by chance. */
  async function left() {
    const all = <Row extends object>(statement: ReturnType<typeof sql>) => house.db.query<Row>(statement);
    return {
      alarms: await all(
        sql`select p.*, p.fact - 'nothing' as fact from planned_alarms p where p.organisation_id = ${house.organisationId} order by p.alarm_id`,
      ),
      tellings: await all(sql`
        select t.alarm_id, n.name, t.told_with, t.state, t.why, t.due_at, t.severity, t.last_at, t.in_summary, t.is_unheard, t.remind_ms,
          (select count(*) from deliveries e where e.target_id = d.target_id and e.position <= d.position) as message
        from tellings t join notification_targets n on n.id = t.target_id left join deliveries d on d.id = t.message_id order by t.alarm_id, n.id`),
      escalations: await all(sql`select e.* from escalations e order by e.alarm_id, e.chain_id`),
      deliveries: await all<{ target_name: string; what: string }>(
        sql`select d.target_name, d.alarm_id, d.what, d.body from deliveries d order by d.target_name, d.position`,
      ),
      inboxes: await all(sql`
        select e.person_id, e.what, e.title, e.text, e.count, e.alarm_id, e.at from inbox_entries e order by e.at, e.person_id, e.what, e.alarm_id, e.text`),
    };
  }

  /** A chain, routes, somebody's own channel with quiet hours, and channels of the organisation. */
  async function addPeople(): Promise<void> {
    const ana = (await house.addPerson("ana")) as PersonId;
    const [first, second] = [await house.addHook("first"), await house.addHook("second", undefined, "major")];
    await house.addHook("ana", ana);
    await house.it.preferences.change(
      { organisationId: house.organisationId, by: { kind: "person", id: ana, name: "" } },
      { hears: "all", minSeverity: "info", quietHours: { from: "11:00", to: "13:00" }, timeZone: "UTC" },
    );
    const chain = await house.it.routing.addChain(house.whose, {
      name: "Chain",
      steps: [
        { afterMinutes: 0, to: [{ kind: "person", personId: ana }] },
        { afterMinutes: 1, to: [{ kind: "target", targetId: second as NotificationTargetId }] },
      ],
    });
    await house.it.routing.addRoute(house.whose, {
      name: "All",
      enabled: true,
      match: {},
      to: [
        { kind: "target", targetId: first as NotificationTargetId },
        { kind: "chain", chainId: chain.id },
      ],
      remindMinutes: 2,
      stop: false,
    });
  }

  it("R13: are planned exactly as if each had come alone, whatever they are", async () => {
    await addPeople();
    const roll = dice(4_711);
    const alarms: Told[] = [];
    for (let index = 0; index < 20; index += 1) {
      const device = devices[roll(devices.length)] ?? "";
      alarms.push(await addAlarm({ device, type: `rule:${roll(3)}:above`, incidentId: roll(3) === 0 ? newId() : undefined }));
    }
    const raised = alarms.map((alarm) => factOf(alarm, "raised"));
    const rounds = [raised, ...Array.from({ length: 3 }, () => Array.from({ length: 30 }, () => next(alarms[roll(20)] as Told, roll)))];
    const results = [];
    for (const take of [oneByOne, atOnce]) {
      await house.stop();
      await house.db.query(sql`truncate planned_alarms, deliveries, inbox_entries cascade`);
      house.at(noon);
      await house.start();
      for (const facts of rounds) {
        await take(facts);
        await house.pass(45);
      }
      await house.heard();
      results.push(await left());
    }
    const [alone, together] = results;
    expect(together).toEqual(alone);
    const kinds = new Set(together?.deliveries.map(({ what }) => what));
    expect([...kinds]).toEqual(expect.arrayContaining(["alarm.raised", "alarm.flapping", "alarm.cleared", "digest"]));
    expect(together?.escalations).not.toEqual([]);
  });

  it("R13: tell nobody twice when they come again, all or some of them, and among new ones", async () => {
    await house.addHook("hook");
    const facts: Fact[] = [];
    for (const device of devices) facts.push(factOf(await addAlarm({ device }), "raised"));
    await atOnce(facts.slice(0, 5));
    await atOnce(facts);
    const before = await left();
    expect(before.deliveries).toHaveLength(8);
    await atOnce([...facts, ...facts]);
    await oneByOne(facts);
    expect(await left()).toEqual(before);
  });

  it("R13: do not wait for one among them that cannot be planned, nor lose another with it", async () => {
    await house.addHook("hook");
    const [one, bad, other] = [await addAlarm({ device: "d-0" }), await addAlarm({ device: "d-1" }), await addAlarm({ device: "d-2" })];
    const facts = [factOf(one, "raised"), factOf(bad, "raised", { raisedAt: "yesterday" }), factOf(other, "raised")];
    const known = async () =>
      (await house.db.query<{ device_id: string }>(sql`select p.device_id from planned_alarms p order by 1`)).map((p) => p.device_id);
    // It is tried again twice, in case it was not its own fault; then the others go on without it.
    for (let time = 0; time < 2; time += 1) {
      await expect(atOnce(facts)).rejects.toThrow("null value");
      expect(await known()).toEqual(["d-0", "d-2"]);
    }
    await atOnce(facts);
    expect((await left()).deliveries).toHaveLength(2);
    await atOnce([factOf(bad, "worse", { severity: "major" })]);
    expect(await known()).toEqual(["d-0", "d-1", "d-2"]);
  });

  it("R13: of one organisation do not wait for those of another that cannot be planned", async () => {
    await house.addHook("hook");
    const [bad, good] = [await addAlarm({ device: "d-0" }), await addAlarm({ device: "d-1" })];
    const foreign = { ...factOf(bad, "raised", { raisedAt: "yesterday" }), organisationId: newId() };
    await expect(atOnce([foreign, factOf(good, "raised")])).rejects.toThrow("null value");
    expect((await left()).deliveries).toHaveLength(1);
  });
});
