import type { PlanStep } from "@roost/contract/rollout-plans";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { until } from "@roost/testbed/waiting";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { createAudit } from "../audit/audit.ts";
import { createFlags } from "./flags.ts";
import type { Flags } from "./flags.ts";
import { createRolloutPlans } from "./rollout-plans.ts";
import type { RolloutPlans } from "./rollout-plans.ts";

const log = createLog({ level: "silent", pretty: false });
const keeper: Actor = { kind: "person", id: "p1", name: "keeper@example.org" };
const key = "enable_idempotency";
const step = (name: string, parts: Partial<PlanStep> = {}): PlanStep => ({
  name,
  waitSeconds: 0,
  changes: [],
  gates: [],
  asks: false,
  ...parts,
});
const setTo = (value: boolean) => [{ flag: key, serve: { value } }];

describe("rollout plans", () => {
  let database: TestDatabase;
  let db: Db;
  let flags: Flags;
  let plans: RolloutPlans;
  let red: { name: string; reason: string }[];
  const open: { close(): Promise<void> }[] = [];
  const watcher = (): RolloutPlans => {
    const audit = createAudit({ db, clock: systemClock, log, key: Buffer.alloc(32, 7) });
    const reads = {
      redChecks: async () => red,
      alarmsRaised: async () => 0,
      metric: async (name: string) => (name === "requests_total" ? [{ labels: {}, value: 1 }] : undefined),
    };
    const one = createRolloutPlans({ db, clock: systemClock, log, audit, flags, reads });
    open.push(one);
    return one;
  };
  const add = async (...steps: PlanStep[]) => (await plans.add({ name: "Go", about: "", rollBackOnFailure: false, steps }, keeper)).id;
  const state = async (id: string) => (await plans.get(id)).state;

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
  });
  beforeEach(async () => {
    await db.query(sql`truncate flags, rollout_plans cascade`);
    const audit = createAudit({ db, clock: systemClock, log, key: Buffer.alloc(32, 7) });
    flags = createFlags({ db, clock: systemClock, log, audit, overrides: new Map(), environment: "production" });
    await flags.start();
    red = [];
    plans = watcher();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
    await flags.close();
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("T-F08: goes through its steps, asks a person, and is put back by one action to what was before", async () => {
    const id = await add(step("Conservative", { changes: setTo(false) }), step("On", { changes: setTo(true), asks: true }), step("Over"));
    expect(flags.boolean(key, false)).toBe(true);
    await plans.begin(id, undefined, keeper);
    expect(flags.boolean(key, true)).toBe(false);
    await plans.look();
    expect(flags.boolean(key, false)).toBe(true);
    await plans.look();
    expect(await plans.get(id)).toMatchObject({ state: "waiting", step: 1 });
    await expect(plans.advance(id, 0, undefined, keeper)).rejects.toMatchObject({ code: "rollout_plans.not_now" });
    await plans.advance(id, 1, "quiet since yesterday", keeper);
    await plans.look();
    const done = await plans.get(id);
    expect(done).toMatchObject({ state: "done", step: 2 });
    expect(done.history.map(({ what, by }) => [what, by === keeper.name])).toEqual([
      ["added", true],
      ["started", true],
      ["step_began", true],
      ["step_began", false],
      ["waits_for_a_person", false],
      ["advanced", true],
      ["step_began", true],
      ["done", false],
    ]);
    await flags.change(key, { serve: { value: false } }, keeper);
    await plans.rollBack(id, "second thoughts", keeper);
    expect((await flags.get(key)).setting).toMatchObject({ serve: { variant: "on" } });
    const [trail] = await db.query<{ n: number }>(
      sql`select count(*)::int as n from audit_entries a where a.object_id = ${id} and a.action like 'rollout_plan.%'`,
    );
    expect(trail?.n).toBe(9);
  });

  it("T-F08: pauses at a failed gate; a resumed step begins its wait anew", async () => {
    const id = await add(step("Soak", { waitSeconds: 3_600, gates: [{ kind: "readiness", forSeconds: 0 }] }));
    await plans.begin(id, undefined, keeper);
    await plans.look();
    red = [{ name: "canary", reason: "It is overdue." }];
    await plans.look();
    expect(await plans.get(id)).toMatchObject({
      state: "paused",
      why: "Readiness: canary is red: It is overdue.",
      gates: [{ state: "failed" }],
    });
    red = [];
    expect(await plans.resume(id, undefined, keeper)).toMatchObject({ state: "running", watchedSeconds: 0 });
  });

  it("T-F08: rolls back by itself at a failed gate, where the plan says so", async () => {
    const steps = [step("Off", { changes: setTo(false), waitSeconds: 60, gates: [{ kind: "readiness", forSeconds: 0 }] })];
    const { id } = await plans.add({ name: "Careful", about: "", rollBackOnFailure: true, steps }, keeper);
    await plans.begin(id, undefined, keeper);
    red = [{ name: "database", reason: "It does not answer." }];
    await plans.look();
    expect(await state(id)).toBe("rolled_back");
    expect(flags.boolean(key, false)).toBe(true);
  });

  it("makes no step twice when many servers look at once", async () => {
    const steps = Array.from({ length: 8 }, (_, index) => step(`Step ${index}`, { changes: setTo(index % 2 === 0) }));
    const id = await add(...steps);
    await plans.begin(id, undefined, keeper);
    const servers = [plans, watcher(), watcher(), watcher()];
    await until("the plan is done", async () => {
      await Promise.all(servers.map((one) => one.look()));
      return (await state(id)) === "done";
    });
    const { history } = await plans.get(id);
    expect(history.filter(({ what }) => what === "step_began").map((entry) => entry.step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const { history: changes } = await flags.get(key);
    // The first step finds the flag as it wants it; each later one turns it over.
    expect(changes.filter(({ what }) => what === "plan_step")).toHaveLength(7);
  });

  it("R9: counts no more than the time it watched, when the server was down or the clock was put forward", async () => {
    const id = await add(step("Soak", { waitSeconds: 3_600 }));
    await plans.begin(id, undefined, keeper);
    await db.query(sql`update rollout_plans set watched_at = now() - interval '1 d' where id = ${id}`);
    await plans.look();
    const after = await plans.get(id);
    expect(after.state).toBe("running");
    expect(after.watchedSeconds).toBeLessThanOrEqual(5);
    await db.query(sql`update rollout_plans set watched_at = now() + interval '1 d' where id = ${id}`);
    await plans.look();
    expect((await plans.get(id)).watchedSeconds).toBe(after.watchedSeconds);
  });

  it("lets one of two plans have a flag that both want at the same moment", async () => {
    const ids = await Promise.all(["One", "Two"].map((name) => add(step(name, { changes: setTo(false), waitSeconds: 600 }))));
    const other = watcher();
    const [one, two] = await Promise.allSettled(ids.map((id, index) => (index === 0 ? plans : other).begin(id, undefined, keeper)));
    const refused = [one, two].filter((each) => each?.status === "rejected");
    expect(refused).toMatchObject([{ reason: { code: "rollout_plans.flag_in_use" } }]);
  });

  it("keeps others' hands off its flags, but for the kill switch, which pauses it and is not undone by it", async () => {
    const id = await add(
      step("Off", { changes: setTo(false), waitSeconds: 600 }),
      step("On", { changes: [{ flag: key, enabled: true, serve: { value: true } }] }),
    );
    const second = await add(step("Other", { changes: setTo(true) }));
    await plans.begin(id, undefined, keeper);
    await expect(flags.change(key, { serve: { value: true } }, keeper)).rejects.toMatchObject({ code: "flags.in_running_plan" });
    await expect(plans.begin(second, undefined, keeper)).rejects.toMatchObject({ code: "rollout_plans.flag_in_use" });
    await expect(plans.remove(id, keeper)).rejects.toMatchObject({ code: "rollout_plans.under_way" });
    await flags.kill(key, "smoke", keeper);
    expect(await plans.get(id)).toMatchObject({ state: "paused", why: `${key} was killed: smoke` });
    await plans.resume(id, undefined, keeper);
    await plans.advance(id, 0, undefined, keeper);
    expect(flags.answer(key, true, {})).toMatchObject({ value: false, reason: "DISABLED" });
    await plans.rollBack(id, undefined, keeper);
    expect((await flags.get(key)).setting).toMatchObject({ enabled: false, serve: { variant: "on" } });
  });

  it("refuses plans that cannot be carried out", async () => {
    const refused = async (code: string, ...steps: PlanStep[]) => expect(add(...steps)).rejects.toMatchObject({ code });
    await refused("flags.not_found", step("x", { changes: [{ flag: "nobody.knows", enabled: false }] }));
    await refused("flags.wrong_type", step("x", { changes: [{ flag: key, serve: { value: 7 } }] }));
    const gate = { kind: "metric", metric: "requests_total", reading: "rate", windowSeconds: 60, forSeconds: 0 } as const;
    await refused("rollout_plans.gate_without_limit", step("x", { gates: [gate] }));
    await refused("rollout_plans.unknown_metric", step("x", { gates: [{ ...gate, metric: "nobody_knows", above: 1 }] }));
    await expect(plans.get("0198c0de-0000-7000-8000-000000000001")).rejects.toMatchObject({ code: "rollout_plans.not_found" });
  });

  it("archives a flag that a plan names, instead of removing it", async () => {
    await flags.add({ key: "mine", type: "boolean", about: "Mine.", value: false }, keeper);
    const id = await add(step("On", { changes: [{ flag: "mine", serve: { value: true } }] }));
    expect(await flags.remove("mine", keeper)).toEqual({ archived: true });
    await expect(plans.begin(id, undefined, keeper)).rejects.toMatchObject({ code: "flags.archived" });
    expect(await state(id)).toBe("draft");
    expect((await flags.bringBack("mine", keeper)).archivedAt).toBeUndefined();
    expect(flags.boolean("mine", true)).toBe(false);
  });
});
