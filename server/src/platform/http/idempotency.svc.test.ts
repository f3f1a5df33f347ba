import { randomBytes } from "node:crypto";

import { AppError } from "@roost/contract/errors";
import { sql } from "@roost/contract/sql";
import { FaultProxy } from "@roost/testbed/fault-proxy";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { Clock } from "../clock.ts";
import { createDb } from "../db.ts";
import type { Db } from "../db.ts";
import { newId } from "../id.ts";
import { createLog } from "../log.ts";
import { createSeal } from "../seal.ts";
import type { HttpLimits } from "./limits.ts";
import { createThings, startThings } from "./test-things.ts";
import type { Somebody, ThingServer } from "./test-things.ts";

const log = createLog({ level: "silent", pretty: false });
const seal = createSeal(randomBytes(32));
const home = newId();
const away = newId();

interface Told {
  readonly status: number;
  readonly text: string;
  readonly code: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly isRepeat: boolean;
  readonly retryAfter: string | null;
}

describe("DESIGN contract: idempotency by Idempotency-Key", () => {
  let database: TestDatabase;
  let db: Db;
  let otherDb: Db;
  let one: ThingServer;
  let other: ThingServer;
  let aheadMs = 0;
  // It stands, so that nothing is over because the machine is slow.
  const startMs = Date.now();
  const clock: Clock = { nowMs: () => startMs + aheadMs, monotonicMs: () => performance.now() };
  const people = new Map<string, Somebody>();
  /** Texts of the statements that ran in the first server. */
  let statements: string[] = [];

  function watched(real: Db): Db {
    return {
      ...real,
      query: (statement) => {
        statements.push(statement.text);
        return real.query(statement);
      },
      within: (within) => ({
        ...real.within(within),
        query: (statement) => {
          statements.push(statement.text);
          return real.within(within).query(statement);
        },
      }),
    };
  }
  const start = (on: Db, limits?: Partial<HttpLimits>) =>
    startThings({ db: on, seal, clock, people, ...(limits === undefined ? {} : { limits }) });

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    otherDb = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${home}, 'Home', 'home'), (${away}, 'Away', 'away')`);
    await createThings(db);
    one = await start(watched(db));
    other = await start(otherDb);
  });
  beforeEach(async () => {
    aheadMs = 0;
    people.clear();
    people.set("keeper", { kind: "person", id: newId(), organisationId: home, permissions: new Set(["devices:write"]) });
    people.set("program", { kind: "token", id: newId(), organisationId: home, permissions: new Set(["devices:write"]) });
    people.set("stranger", { kind: "token", id: newId(), organisationId: away, permissions: new Set(["devices:write"]) });
    await db.query(sql`delete from things`);
    await db.query(sql`delete from idempotency_keys`);
    statements = [];
  });
  afterAll(async () => {
    await one.close();
    await other.close();
    await db.close();
    await otherDb.close();
    await database.drop();
  });

  async function send(
    url: string,
    body: unknown,
    key: string | undefined,
    { as = "keeper", method = "POST", path = "/api/v1/things" } = {},
  ): Promise<Told> {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${as}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const error = text.startsWith('{"error"')
      ? (JSON.parse(text) as { error: { code: string; details: Told["details"] } }).error
      : undefined;
    return {
      status: answer.status,
      text,
      code: error?.code,
      details: error?.details ?? {},
      isRepeat: answer.headers.get("x-idempotent-request") === "true",
      retryAfter: answer.headers.get("retry-after"),
    };
  }
  const things = async () => (await db.query<{ name: string }>(sql`select t.name from things t order by t.name`)).map(({ name }) => name);
  const keys = async () => (await db.query<{ n: number }>(sql`select count(*)::int as n from idempotency_keys`))[0]?.n;
  const isSettled = async () => (await db.query(sql`select from idempotency_keys k where k.status is not null`)).length === 1;

  it("an answer that got lost on the wire is given again to the letter, and what was done is done once", async () => {
    const proxy = await FaultProxy.start({ port: one.port });
    const url = `http://127.0.0.1:${proxy.port}`;
    const body = { name: "gate", hold: true };
    const lost = send(url, body, "k-1").catch(() => "lost");
    await until("the request is inside", () => one.held() === 1);
    proxy.blackHole = true;
    one.letGo();
    await until("it is settled", isSettled);
    proxy.cut();
    expect(await lost).toBe("lost");
    proxy.blackHole = false;
    const again = await send(url, body, "k-1");
    expect(again).toMatchObject({ status: 201, isRepeat: true });
    // What is shown once stands in it: another run would have made another one.
    const third = await send(other.url, body, "k-1");
    expect(third).toEqual(again);
    expect(JSON.parse(again.text)).toMatchObject({ name: "gate", secret: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
    expect(await things()).toEqual(["gate"]);
    await proxy.close();
  });

  it("of twenty at the same time on two servers one does it, and the others are told that it is under way", async () => {
    const body = { name: "gate", hold: true };
    const told: Told[] = [];
    const all = Array.from({ length: 20 }, async (_, index) => {
      const answer = await send(index % 2 === 0 ? one.url : other.url, body, "k-20");
      told.push(answer);
      return answer;
    });
    await until("all but one are answered", () => told.length === 19 || one.held() + other.held() > 1);
    expect(one.held() + other.held()).toBe(1);
    expect(new Set(told.map(({ status, code, retryAfter }) => `${status} ${code} ${retryAfter}`))).toEqual(
      new Set(["409 http.request_under_way 1"]),
    );
    one.letGo();
    other.letGo();
    const answers = await Promise.all(all);
    expect(answers.filter(({ status, isRepeat }) => status === 201 && !isRepeat)).toHaveLength(1);
    const first = answers.find(({ status }) => status === 201);
    for (const url of [one.url, other.url]) expect(await send(url, body, "k-20")).toEqual({ ...first, isRepeat: true });
    expect(await things()).toEqual(["gate"]);
  });

  it("twenty at the same time without anybody waiting store one thing, whoever is first", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => send(index % 2 === 0 ? one.url : other.url, { name: "gate" }, "k-21")),
    );
    expect(answers.filter(({ status, isRepeat }) => status === 201 && !isRepeat)).toHaveLength(1);
    const kinds: readonly (string | number)[] = [201, "http.request_under_way"];
    expect(answers.map(({ status, code }) => code ?? status).filter((kind) => !kinds.includes(kind))).toEqual([]);
    expect(new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text)).size).toBe(1);
    expect(await things()).toEqual(["gate"]);
  });

  it("a server that is started anew knows what the one before answered", async () => {
    const before = await start(db);
    const first = await send(before.url, { name: "gate" }, "k-2");
    await before.close();
    const after = await start(db);
    expect(await send(after.url, { name: "gate" }, "k-2")).toEqual({ ...first, isRepeat: true });
    await after.close();
    expect([first.status, await things()]).toEqual([201, ["gate"]]);
  });

  it("an answer without a body is repeated as one, and does nothing again", async () => {
    const path = "/api/v1/things/gate";
    await send(one.url, { name: "gate" }, undefined);
    expect(await send(one.url, undefined, "k-3", { method: "DELETE", path })).toMatchObject({ status: 204, text: "", isRepeat: false });
    await send(one.url, { name: "gate" }, undefined);
    expect(await send(other.url, undefined, "k-3", { method: "DELETE", path })).toMatchObject({ status: 204, text: "", isRepeat: true });
    expect(await things()).toEqual(["gate"]);
  });

  it("the same key with another request is refused; another order of names and other spaces are the same request", async () => {
    const first = await send(one.url, { name: "gate", padding: 2 }, "k-4");
    expect(await send(one.url, '{ "padding" : 2,\n "name":"gate" }', "k-4")).toEqual({ ...first, isRepeat: true });
    const others: [unknown, Parameters<typeof send>[3]][] = [
      [{ name: "gate", padding: 3 }, {}],
      [{ name: "gate", padding: 2 }, { path: "/api/v1/things?x=1" }],
      [undefined, { method: "DELETE", path: "/api/v1/things/gate" }],
    ];
    for (const [body, asked] of others)
      expect(await send(other.url, body, "k-4", asked)).toMatchObject({ status: 422, code: "http.idempotency_key_reused" });
    expect(await things()).toEqual(["gate"]);
  });

  it("a key is its holder's own: another token and another organisation with the same one are told nothing of it", async () => {
    const told = [];
    for (const as of ["keeper", "program", "stranger"]) told.push(await send(one.url, { name: as }, "same-key", { as }));
    expect(told.map(({ status, isRepeat }) => [status, isRepeat])).toEqual([1, 2, 3].map(() => [201, false]));
    expect(await things()).toEqual(["keeper", "program", "stranger"]);
    const rows = await db.within({ organisationId: away }).query<{ id: string }>(sql`select k.caller_id as id from idempotency_keys k`);
    expect(rows).toEqual([{ id: people.get("stranger")?.id }]);
  });

  it("a key that is none is refused, and nothing is done; quoted and bare are the same key", async () => {
    for (const key of ["", "two words", "k".repeat(256), '"open', '"a"b"', "k-5, k-6", "caf\u00e9"])
      expect([key, (await send(one.url, { name: "gate" }, key)).code]).toEqual([key, "http.idempotency_key_invalid"]);
    expect([await things(), await keys()]).toEqual([[], 0]);
    expect((await send(one.url, { name: "gate" }, `"${"k".repeat(255)}"`)).status).toBe(201);
    expect(await send(one.url, { name: "gate" }, "k".repeat(255))).toMatchObject({ status: 201, isRepeat: true });
  });

  it("who lost the right is refused as ever, and whose rights are others now is not shown the old answer", async () => {
    const keeper = people.get("keeper");
    if (keeper === undefined) throw new Error("There is a keeper.");
    await send(one.url, { name: "gate" }, "k-7");
    keeper.permissions = new Set(["devices:read"]);
    expect(await send(one.url, { name: "gate" }, "k-7")).toMatchObject({ status: 403, code: "http.forbidden" });
    keeper.permissions = new Set(["devices:write", "devices:read"]);
    expect(await send(one.url, { name: "gate" }, "k-7")).toMatchObject({ status: 403, code: "http.rights_changed" });
    keeper.permissions = new Set(["devices:write"]);
    expect(await send(one.url, { name: "gate" }, "k-7")).toMatchObject({ status: 201, isRepeat: true });
    people.delete("keeper");
    expect(await send(one.url, { name: "gate" }, "k-7")).toMatchObject({ status: 401, code: "http.unauthenticated" });
    expect(await things()).toEqual(["gate"]);
  });

  it("who acts in a part of the organisation is not shown what may have been put elsewhere since", async () => {
    const siteIds = [newId(), newId()];
    const scope = { allow: [{ siteIds, groupIds: [] }], deny: { siteIds: [], groupIds: [] } };
    people.set("guard", { kind: "person", id: newId(), organisationId: home, permissions: new Set(["devices:write"]), scope });
    const moves = (organisationId: string) =>
      db.query(sql`
        insert into events (id, organisation_id, type, noun_id, data) values (${newId()}, ${organisationId}, 'device.changed', 'd', '{}')`);
    await moves(home);
    await send(one.url, { name: "gate" }, "k-8", { as: "guard" });
    await send(one.url, undefined, "k-9", { as: "guard", method: "DELETE", path: "/api/v1/things/none" });
    await moves(away);
    scope.allow = [{ siteIds: siteIds.toReversed(), groupIds: [] }];
    expect(await send(one.url, { name: "gate" }, "k-8", { as: "guard" })).toMatchObject({ status: 201, isRepeat: true });
    await moves(home);
    expect(await send(one.url, { name: "gate" }, "k-8", { as: "guard" })).toMatchObject({ status: 403, code: "http.rights_changed" });
    // "Done" tells nothing of a device.
    const removal = { as: "guard", method: "DELETE", path: "/api/v1/things/none" };
    expect(await send(one.url, undefined, "k-9", removal)).toMatchObject({ status: 204, isRepeat: true });
    expect(await things()).toEqual(["gate"]);
  });

  it("what was cut off in the middle is said to be unknown, and never done twice; comes its end after all, that is told", async () => {
    const body = { name: "gate", hold: true };
    const first = send(one.url, body, "k-10");
    await until("it is inside", () => one.held() === 1);
    expect(await send(other.url, body, "k-10")).toMatchObject({ status: 409, code: "http.request_under_way", retryAfter: "1" });
    aheadMs = 61_000;
    const unknown = await send(other.url, body, "k-10");
    expect(unknown).toMatchObject({ status: 409, code: "http.outcome_unknown", retryAfter: null });
    expect(Date.parse(String(unknown.details["begunAt"]))).toBeGreaterThan(0);
    expect(await things()).toEqual([]);
    one.letGo();
    const answer = await first;
    expect(await send(other.url, body, "k-10")).toEqual({ ...answer, isRepeat: true });
    expect([other.held(), await things()]).toEqual([0, ["gate"]]);
  });

  it("what failed before anything can have happened may be tried again with the same key", async () => {
    expect((await send(one.url, { name: 7 }, "k-11")).status).toBe(400);
    expect(await keys()).toBe(0);
    for (const [before, status] of [
      ["refused", 409],
      ["busy", 429],
      ["signedOut", 401],
      ["crash", 500],
      ["away", 503],
    ] as const) {
      expect(await send(one.url, { name: "gate", before }, "k-11")).toMatchObject({ status, isRepeat: false });
      expect([before, await keys()]).toEqual([before, 0]);
    }
    expect(await send(one.url, { name: "gate" }, "k-11")).toMatchObject({ status: 201, isRepeat: false });
    expect(await things()).toEqual(["gate"]);
  });

  it("a refusal after something was stored is repeated to the letter; a failure that says nothing leaves it unknown", async () => {
    const refused = await send(one.url, { name: "a", after: "refused" }, "k-12");
    expect(refused).toMatchObject({ status: 409, code: "things.refused", isRepeat: false });
    expect(await send(other.url, { name: "a", after: "refused" }, "k-12")).toEqual({ ...refused, isRepeat: true });
    for (const [after, status] of [
      ["crash", 500],
      ["away", 503],
    ] as const) {
      expect(await send(one.url, { name: after, after }, `k-${after}`)).toMatchObject({ status });
      expect(await send(other.url, { name: after, after }, `k-${after}`)).toMatchObject({ status: 409, code: "http.outcome_unknown" });
    }
    expect(await things()).toEqual(["a", "away", "crash"]);
  });

  it("R2: what a database that went away kept from happening is done once when it is back", async () => {
    const { host = "", port = 5432 } = database.connection;
    const proxy = await FaultProxy.start(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    const farDb = createDb({ connection: { ...database.connection, host: "127.0.0.1", port: proxy.port }, log });
    const far = await start(farDb);
    const body = { name: "gate", hold: true };
    const first = send(far.url, body, "k-13");
    await until("it is inside", () => far.held() === 1);
    proxy.down = true;
    proxy.cut();
    far.letGo();
    expect(await first).toMatchObject({ status: 503, code: "http.unavailable" });
    expect([await things(), await keys()]).toEqual([[], 1]);
    proxy.down = false;
    const second = send(far.url, body, "k-13");
    await until("it is inside again", () => far.held() === 1);
    far.letGo();
    expect(await second).toMatchObject({ status: 201, isRepeat: false });
    // Done, and the database went away before the answer was written down: this server still knows it.
    const third = send(far.url, { ...body, name: "door" }, "k-14");
    await until("it is inside", () => far.held() === 1);
    await db.query(sql`alter table idempotency_keys rename to elsewhere`);
    far.letGo();
    const answer = await third;
    await db.query(sql`alter table elsewhere rename to idempotency_keys`);
    expect(answer).toMatchObject({ status: 201, isRepeat: false });
    expect(await send(far.url, { ...body, name: "door" }, "k-14")).toEqual({ ...answer, isRepeat: true });
    expect(await things()).toEqual(["door", "gate"]);
    await far.close();
    await farDb.close();
    await proxy.close();
  });

  it("S15: neither the key nor the question nor the answer can be read in the table or in the log", async () => {
    const name = "a name that nobody has to know";
    const key = "key-of-nobody-else";
    const told = await send(one.url, { name }, key);
    const { secret } = JSON.parse(told.text) as { secret: string };
    const rows = await db.query<{ text: string; sealed: Buffer }>(
      sql`select k::text as text, k.answer_sealed as sealed from idempotency_keys k`,
    );
    const kept = rows.map(({ text }) => text).join("\n");
    for (const hidden of [key, name, secret])
      for (const form of [hidden, Buffer.from(hidden).toString("hex"), Buffer.from(hidden).toString("base64")])
        expect([form, kept.includes(form), one.lines.join("").includes(form)]).toEqual([form, false, false]);
    // Moved into another's row, it opens nothing.
    await send(one.url, { name }, key, { as: "program" });
    await db.query(sql`update idempotency_keys set answer_sealed = ${rows[0]?.sealed} where caller_kind = 'token'`);
    expect(await send(one.url, { name }, key, { as: "program" })).toMatchObject({ status: 500 });
  });

  it("an answer too large to be kept is said to be, with its status; nothing is done again", async () => {
    const first = await send(one.url, { name: "gate", padding: 33_000 }, "k-15");
    expect(first.status).toBe(201);
    expect(await send(one.url, { name: "gate", padding: 33_000 }, "k-15")).toMatchObject({
      status: 409,
      code: "http.answer_not_kept",
      details: { status: 201 },
    });
    expect(await things()).toEqual(["gate"]);
  });

  it("while the keys that seal are out of reach, it is done and done once; its answer is not kept", async () => {
    const sealless = {
      ...seal,
      seal: () => {
        throw new AppError("secrets.sealed", 503, "Away.");
      },
    };
    const server = await startThings({ db, seal: sealless, clock, people });
    expect(await send(server.url, { name: "gate" }, "k-22")).toMatchObject({ status: 201, isRepeat: false });
    expect(await send(one.url, { name: "gate" }, "k-22")).toMatchObject({ code: "http.answer_not_kept", details: { status: 201 } });
    expect(await things()).toEqual(["gate"]);
    await server.close();
  });

  it("a caller holds so many keys and no more; those they hold are answered still, and others hold their own", async () => {
    const small = await start(db, { idempotencyKeys: 3 });
    for (const key of ["a", "b", "c"]) expect((await send(small.url, { name: key }, key)).status).toBe(201);
    expect(await send(small.url, { name: "d" }, "d")).toMatchObject({ status: 429, code: "http.too_many_idempotency_keys" });
    expect(await send(small.url, { name: "b" }, "b")).toMatchObject({ status: 201, isRepeat: true });
    expect((await send(small.url, { name: "e" }, undefined)).status).toBe(201);
    expect((await send(small.url, { name: "f" }, "f", { as: "program" })).status).toBe(201);
    expect(await things()).toEqual(["a", "b", "c", "e", "f"]);
    await small.close();
  });

  it("after 24 hours a key is forgotten, and its row is erased", async () => {
    await send(one.url, { name: "gate" }, "k-16");
    await send(one.url, { name: "door" }, "k-17");
    aheadMs = 86_399_000;
    expect(await send(one.url, { name: "gate" }, "k-16")).toMatchObject({ status: 201, isRepeat: true });
    aheadMs = 86_460_000;
    expect(await send(one.url, { name: "another" }, "k-16")).toMatchObject({ status: 201, isRepeat: false });
    expect(await send(one.url, { name: "another" }, "k-16")).toMatchObject({ status: 201, isRepeat: true });
    const [job] = one.idempotency.jobs;
    await job?.run({ signal: new AbortController().signal, correlationId: "" });
    expect([await keys(), await things()]).toEqual([1, ["another", "door", "gate"]]);
  });

  it("looks, streams, uploads and what is open to anybody take no key, and do what they do each time", async () => {
    for (const [method, path] of [
      ["GET", "/api/v1/things"],
      ["POST", "/api/v1/open-things"],
      ["POST", "/api/v1/streamed-things"],
      ["POST", "/api/v1/uploaded-things"],
    ] as const) {
      const body = path.includes("uploaded") ? "bytes" : undefined;
      for (const _ of [1, 2]) expect([path, (await send(one.url, body, "k-18", { method, path })).isRepeat]).toEqual([path, false]);
    }
    expect([(await things()).length, await keys()]).toEqual([8, 0]);
  });

  it("costs no statement without the header, two with it and one for a repeat", async () => {
    const ofKeys = () => statements.filter((text) => text.includes("idempotency_keys")).length;
    await send(one.url, { name: "gate" }, undefined);
    expect([ofKeys(), statements.length]).toEqual([0, 1]);
    await send(one.url, { name: "gate" }, "k-19");
    expect(ofKeys()).toBe(2);
    await send(one.url, { name: "gate" }, "k-19");
    expect(ofKeys()).toBe(3);
  });
});
