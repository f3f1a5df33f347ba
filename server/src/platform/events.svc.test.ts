import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "./db.ts";
import type { Db } from "./db.ts";
import { createDispatch, emit, emitAll } from "./events.ts";
import type { Fact } from "./events.ts";
import { newId } from "./id.ts";
import { createLog } from "./log.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();
const fact = (nounId: string) => ({ organisationId, type: "thing.happened", nounId });

describe("facts", () => {
  let database: TestDatabase;
  let db: Db;
  let handled: string[];
  const handlerOf = (handle: (one: Fact) => void = () => undefined) => ({
    name: "test",
    types: ["thing.happened"],
    async handle(one: Fact) {
      handle(one);
      handled.push(one.nounId);
    },
  });
  const dispatchOf = (handler = handlerOf(), observe: (one: Fact) => void = () => undefined) =>
    createDispatch({ db, handlers: [handler], observe, log });

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
  });
  beforeEach(async () => {
    await db.query(sql`truncate events, event_cursors`);
    handled = [];
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("are handed on in the order they were written, also those of one statement", async () => {
    const dispatch = await dispatchOf();
    await dispatch.settle();
    const names = Array.from({ length: 450 }, (_, index) => `n${index}`);
    await db.transaction(async (tx) => emitAll(tx, names.map(fact)));
    await db.transaction(async (tx) => emit(tx, fact("last")));
    await dispatch.settle();
    expect(handled).toEqual([...names, "last"]);
    await dispatch.close();
  });

  it("come many at once to a handler that takes many, in their order, and all of them again when it fails", async () => {
    const parts: number[] = [];
    let fails = true;
    const handler = {
      ...handlerOf(),
      async handleMany(many: readonly Fact[]) {
        parts.push(many.length);
        if (fails && parts.length === 2) {
          fails = false;
          throw new Error("The database was away.");
        }
        handled.push(...many.map(({ nounId }) => nounId));
      },
    };
    const dispatch = await dispatchOf(handler);
    await dispatch.settle();
    const names = Array.from({ length: 1_200 }, (_, index) => `n${index}`);
    await db.transaction(async (tx) => emitAll(tx, [...names.map(fact), { ...fact("another"), type: "thing.else" }]));
    await dispatch.settle();
    expect(handled).toEqual(names);
    expect(parts).toEqual([1_000, 200, 200]);
    await dispatch.close();
  });

  it("do not wait for a long transaction of another database on the same server", async () => {
    const neighbour = await createTestDatabase({ migrated: false });
    const other = createDb({ connection: neighbour.connection, log });
    const writer = await other.connect("roost-test-neighbour");
    await writer.query("create table t (n integer)");
    await writer.query("begin");
    await writer.query("insert into t values (1)");
    const dispatch = await dispatchOf();
    await db.transaction(async (tx) => emit(tx, fact("ours")));
    await expect.poll(() => handled).toEqual(["ours"]);
    await dispatch.close();
    await writer.query("commit");
    await writer.end();
    await other.close();
    await neighbour.drop();
  });

  it("are not skipped when a slower transaction commits after a later one", async () => {
    const dispatch = await dispatchOf();
    await dispatch.settle();
    const slow = await db.connect("roost-test-slow");
    await slow.query("begin");
    await slow.query("insert into events (id, organisation_id, type, noun_id, data) values ($1, $2, 'thing.happened', 'slow', '{}')", [
      newId(),
      organisationId,
    ]);
    await db.transaction(async (tx) => emit(tx, fact("quick")));
    const settling = dispatch.settle();
    const early = await Promise.race([
      settling.then(() => "settled"),
      new Promise((resolve) => setTimeout(() => resolve("held back"), 200)),
    ]);
    expect([early, handled]).toEqual(["held back", []]);
    await slow.query("commit");
    await slow.end();
    await settling;
    expect(handled).toEqual(["slow", "quick"]);
    await dispatch.close();
  });

  it("are handed on again after a failure and after a restart, none before the one that failed", async () => {
    let failures = 0;
    const dispatch = await dispatchOf(
      handlerOf(({ nounId }) => {
        if (nounId === "b" && (failures += 1) < 2) throw new Error("not now");
      }),
    );
    await dispatch.settle();
    await db.transaction(async (tx) => emitAll(tx, ["a", "b", "c"].map(fact)));
    await dispatch.settle();
    expect(failures).toBe(2);
    expect(handled.filter((name) => name !== "a")).toEqual(["b", "c"]);
    await dispatch.close();
    await db.transaction(async (tx) => emitAll(tx, ["d", "e"].map(fact)));
    handled = [];
    const again = await dispatchOf();
    await again.settle();
    expect(handled).toEqual(["d", "e"]);
    await again.close();
  });

  it("are passed by whoever wants none of them, which is noted once for many and holds up nobody who clears them away", async () => {
    const other = { ...handlerOf(), name: "other", types: ["thing.else"] };
    const dispatch = await createDispatch({ db, handlers: [handlerOf(), other], observe: () => undefined, log });
    await dispatch.settle();
    await db.transaction(async (tx) => emitAll(tx, ["a", "b"].map(fact)));
    await dispatch.settle();
    const behind = await db.query(sql`
      select c.handler from event_cursors c where exists (select from events e where (e.xact_id, e.id) > (c.xact_id, c.event_id))`);
    expect([handled, behind]).toEqual([["a", "b"], []]);
    await db.transaction(async (tx) => emit(tx, { ...fact("c"), type: "thing.else" }));
    await dispatch.settle();
    await dispatch.close();
    const again = await createDispatch({ db, handlers: [handlerOf(), other], observe: () => undefined, log });
    await again.settle();
    expect(handled).toEqual(["a", "b", "c"]);
    await again.close();
  });

  it("are observed by those who are there, and begin for a new handler with what comes after it", async () => {
    await db.transaction(async (tx) => emit(tx, fact("before")));
    const observed: string[] = [];
    const dispatch = await dispatchOf(handlerOf(), ({ nounId }) => void observed.push(nounId));
    await dispatch.settle();
    await db.transaction(async (tx) => emit(tx, fact("after")));
    await dispatch.settle();
    expect([handled, observed]).toEqual([["after"], ["after"]]);
    await dispatch.close();
  });
});
