import { OpenFeature, ProviderEvents } from "@openfeature/server-sdk";
import { httpErrors } from "@roost/contract/errors";
import { flagErrors } from "@roost/contract/flags";
import type { FlagValue } from "@roost/contract/flags";
import type { OrganisationId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { until } from "@roost/testbed/waiting";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import type { Clock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { createAudit } from "../audit/audit.ts";
import { createFlags } from "./flags.ts";
import type { Flags } from "./flags.ts";

const log = createLog({ level: "silent", pretty: false });
const keeper: Actor = { kind: "person", id: "p1", name: "keeper@example.org" };
const ours = newId() as OrganisationId;

describe("flags", () => {
  let database: TestDatabase;
  let db: Db;
  let flags: Flags;
  const open: Flags[] = [];
  const server = async (overrides: Readonly<Record<string, FlagValue>> = {}, on: Db = db, clock: Clock = systemClock): Promise<Flags> => {
    const one = createFlags({
      db: on,
      clock,
      log,
      audit: createAudit({ db, clock: systemClock, log, key: Buffer.alloc(32, 7) }),
      overrides: new Map(Object.entries(overrides)),
      environment: "production",
    });
    open.push(one);
    await one.start();
    return one;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
  });
  beforeEach(async () => {
    await db.query(sql`truncate flags, rollout_plans cascade`);
    flags = await server();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("S6: lists keys of one's own flags for those alone who look after the installation; others ask by name", async () => {
    await flags.add({ key: "beta-for-acme", type: "boolean", about: "", value: true }, keeper);
    const listed = (listsAll: boolean) => flags.evaluate({ organisationId: ours }, { listsAll }).map(({ key }) => key);
    expect(listed(true)).toContain("beta-for-acme");
    expect(listed(true)).toContain("enable_idempotency");
    expect(listed(false)).toContain("enable_idempotency");
    expect(listed(false)).not.toContain("beta-for-acme");
    expect(flags.evaluate({ organisationId: ours }, { keys: ["beta-for-acme"], listsAll: false })).toMatchObject([{ value: true }]);
  });

  it("T-F08: brings the five flags of the earlier system, typed, and says truthfully what each does", async () => {
    const items = await flags.list("no");
    expect(items.map(({ key, type, effect }) => [key, type, effect.active])).toEqual([
      ["claim.repeat_seconds", "number", true],
      ["disable_idempotency_on_redis_failure", "boolean", false],
      ["enable_auto_register", "boolean", false],
      ["enable_idempotency", "boolean", true],
      ["fail_open_on_redis_error", "boolean", false],
      ["normalize_ids_in_hmac", "boolean", false],
    ]);
    expect(flags.boolean("enable_idempotency", false)).toBe(true);
    expect(flags.boolean("enable_auto_register", true)).toBe(false);
  });

  it("T-F08: takes effect on another server without a restart; history and audit say who, when and what", async () => {
    const other = await server();
    await flags.change("enable_idempotency", { serve: { value: false }, why: "too many repeats" }, keeper);
    expect(flags.boolean("enable_idempotency", true)).toBe(false);
    await until("the other server knows", () => !other.boolean("enable_idempotency", true));
    const { history, version } = await flags.get("enable_idempotency");
    expect(version).toBe(2);
    expect(history[0]).toMatchObject({ version: 2, by: keeper.name, what: "changed", why: "too many repeats" });
    expect([history[0]?.before?.serve, history[0]?.after.serve]).toEqual([{ variant: "on" }, { variant: "off" }]);
    const trail = await db.query<{ action: string; actor_name: string; object_id: string }>(
      sql`select a.action, a.actor_name, a.object_id from audit_entries a order by a.id`,
    );
    expect(trail).toContainEqual({ action: "flag.changed", actor_name: keeper.name, object_id: "enable_idempotency" });
  });

  it("gives every server a sign of a change, and a server that hears none follows by looking", async () => {
    const listener = await db.connect("test");
    const heard: string[] = [];
    listener.on("notification", ({ channel }) => heard.push(channel));
    await listener.query("listen roost_flags");
    const deaf = { ...db, connect: () => Promise.reject(new Error("No connection is free.")) };
    const other = await server({}, deaf);
    await flags.change("enable_idempotency", { serve: { value: false } }, keeper);
    await until("the deaf one knows", () => !other.boolean("enable_idempotency", true));
    await until("a sign was heard", () => heard.includes("roost_flags"));
    await listener.end();
  });

  it("goes on with the last copy while the database is away, and says so by OpenFeature until it is back", async () => {
    let away = false;
    let aheadMs = 0;
    const frozen: Db = { ...db, query: (statement) => (away ? Promise.reject(httpErrors.unavailable()) : db.query(statement)) };
    const clock = { nowMs: systemClock.nowMs, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const other = await server({}, frozen, clock);
    const domain = newId();
    await OpenFeature.setProviderAndWait(domain, other.provider);
    const client = OpenFeature.getClient(domain);
    const heard: string[] = [];
    client.addHandler(ProviderEvents.Stale, () => void heard.push("stale"));
    away = true;
    aheadMs = 60_000;
    await until("the provider is stale", () => heard.includes("stale"));
    expect(other.boolean("enable_idempotency", false)).toBe(true);
    client.addHandler(ProviderEvents.Ready, () => void heard.push("ready"));
    heard.length = 0;
    away = false;
    await until("the provider is ready again", () => heard.includes("ready"));
  });

  it("puts back an earlier state by one call, and refuses a change that somebody has overtaken", async () => {
    await flags.change("claim.repeat_seconds", { serve: { value: 60 }, version: 1 }, keeper);
    await expect(flags.change("claim.repeat_seconds", { serve: { value: 30 }, version: 1 }, keeper)).rejects.toMatchObject({
      code: flagErrors.changed_meanwhile.code,
    });
    await flags.revert("claim.repeat_seconds", 1, "back", keeper);
    expect(flags.number("claim.repeat_seconds", 0)).toBe(300);
    await expect(flags.revert("claim.repeat_seconds", 99, undefined, keeper)).rejects.toMatchObject({ code: "flags.version_not_found" });
  });

  it("kills with one call and twice is not an error; what was killed comes back as it was", async () => {
    const serve = {
      split: [
        { variant: "on", percent: 100 },
        { variant: "off", percent: 0 },
      ],
    };
    await flags.change("enable_idempotency", { serve }, keeper);
    await flags.kill("enable_idempotency", "smoke", keeper);
    const again = await flags.kill("enable_idempotency", undefined, keeper);
    expect(again.version).toBe(3);
    const context = { organisationId: ours };
    expect(flags.answer("enable_idempotency", true, context)).toMatchObject({ value: false, reason: "DISABLED" });
    await flags.change("enable_idempotency", { enabled: true }, keeper);
    expect(flags.answer("enable_idempotency", false, context)).toMatchObject({ value: true, reason: "SPLIT" });
    expect((await flags.get("enable_idempotency")).history.map(({ what }) => what)).toEqual(["switched_on", "killed", "changed", "added"]);
  });

  it("T-W23: lets the environment win over every change, and refuses one of a wrong type at the start", async () => {
    const overridden = await server({ enable_idempotency: false });
    await overridden.change("enable_idempotency", { serve: { value: true } }, keeper);
    expect(overridden.answer("enable_idempotency", true, {})).toEqual({
      key: "enable_idempotency",
      type: "boolean",
      value: false,
      reason: "STATIC",
      setBy: "environment",
    });
    expect((await overridden.get("enable_idempotency")).override).toEqual({
      value: false,
      by: "environment",
      variable: "ENABLE_IDEMPOTENCY",
    });
    await expect(server({ "claim.repeat_seconds": 900 })).rejects.toMatchObject({ code: "flags.out_of_bounds" });
  });

  it("adds flags of one's own, of all three types, and takes them away", async () => {
    await flags.add({ key: "door.colour", type: "string", about: "Colour of the door.", value: "red", variants: { blue: "blue" } }, keeper);
    await flags.change("door.colour", { rules: [{ when: { organisationIds: [ours] }, serve: { variant: "blue" } }] }, keeper);
    expect(flags.string("door.colour", "none", { organisationId: ours })).toBe("blue");
    expect(flags.string("door.colour", "none", { organisationId: newId() })).toBe("red");
    expect(await flags.preview("door.colour", { organisationId: ours })).toMatchObject({
      value: "blue",
      reason: "TARGETING_MATCH",
      rule: 1,
    });
    await expect(flags.add({ key: "door.colour", type: "string", about: "Again.", value: "x" }, keeper)).rejects.toMatchObject({
      code: "flags.already_exists",
    });
    expect(await flags.remove("door.colour", keeper)).toEqual({ archived: false });
    expect(flags.answer("door.colour", "none", {})).toMatchObject({ value: "none", reason: "ERROR", errorCode: "FLAG_NOT_FOUND" });
    await expect(flags.remove("enable_idempotency", keeper)).rejects.toMatchObject({ code: "flags.shipped" });
  });

  it("speaks OpenFeature: values, variants, reasons, error codes, and an event when a flag changes", async () => {
    const domain = newId();
    await OpenFeature.setProviderAndWait(domain, flags.provider);
    const client = OpenFeature.getClient(domain);
    const heard: string[] = [];
    client.addHandler(ProviderEvents.ConfigurationChanged, (details) => void heard.push(...(details?.flagsChanged ?? [])));
    await flags.change("enable_auto_register", { rules: [{ when: { kinds: ["toy"] }, serve: { value: true } }] }, keeper);
    expect(await client.getBooleanDetails("enable_auto_register", false, { kind: "toy" })).toMatchObject({
      value: true,
      variant: "on",
      reason: "TARGETING_MATCH",
    });
    expect(await client.getBooleanDetails("enable_auto_register", true, {})).toMatchObject({ value: false, reason: "DEFAULT" });
    expect(await client.getNumberValue("claim.repeat_seconds", 0)).toBe(300);
    expect(await client.getStringDetails("claim.repeat_seconds", "x")).toMatchObject({
      value: "x",
      reason: "ERROR",
      errorCode: "TYPE_MISMATCH",
    });
    expect(await client.getBooleanDetails("nobody.knows", true)).toMatchObject({
      value: true,
      reason: "ERROR",
      errorCode: "FLAG_NOT_FOUND",
    });
    expect(await client.getObjectDetails("claim.repeat_seconds", {})).toMatchObject({ errorCode: "TYPE_MISMATCH" });
    expect(heard).toContain("enable_auto_register");
  });

  it("tells who was asked for, so that flags nobody needs can be found", async () => {
    await flags.add({ key: "idle", type: "boolean", about: "Nobody asks.", value: true }, keeper);
    flags.boolean("idle", false);
    await flags.close();
    const [row] = await db.query<{ asked: boolean }>(sql`select f.last_asked_at is not null as asked from flags f where f.key = 'idle'`);
    expect(row?.asked).toBe(true);
    await db.query(sql`update flags set last_asked_at = now() - interval '40 d' where key = 'idle'`);
    expect((await flags.get("idle")).stale).toBe("not_asked_for_long");
  });
});
