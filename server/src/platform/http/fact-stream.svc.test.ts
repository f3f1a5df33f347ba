import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../clock.ts";
import { createDb } from "../db.ts";
import type { Db } from "../db.ts";
import { createDispatch, emit } from "../events.ts";
import type { Dispatch } from "../events.ts";
import { newId } from "../id.ts";
import { createLog } from "../log.ts";
import { createFactHub, mountFactStream } from "./fact-stream.ts";
import type { FactHub } from "./fact-stream.ts";
import { createHttp } from "./http.ts";
import type { Http } from "./http.ts";
import { createMetrics } from "./metrics.ts";

interface Heard {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: { readonly id?: string; readonly type?: string; readonly noun?: string; readonly nounId?: string };
}

/** A reader of server-sent events over a real socket. */
async function listen(url: string, authorization: string, lastEventId?: string) {
  const stop = new AbortController();
  const answer = await fetch(`${url}/api/v1/facts/stream`, {
    headers: { authorization, ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }) },
    signal: stop.signal,
  });
  const heard: Heard[] = [];
  const ended = (async () => {
    let text = "";
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const parts = (text + chunk).split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(part)?.[1];
        const event = field("event");
        if (event !== undefined) heard.push({ id: field("id"), event, data: JSON.parse(field("data") ?? "{}") as Heard["data"] });
      }
    }
  })().catch(() => undefined);
  return { status: answer.status, heard, ended, stop: () => stop.abort(), nouns: () => heard.map((one) => one.data.nounId) };
}

describe("the stream of facts", () => {
  let database: TestDatabase;
  let db: Db;
  let dispatch: Dispatch;
  let hub: FactHub;
  let http: Http;
  let url = "";
  const [ours, theirs] = [newId(), newId()];
  const log = createLog({ level: "silent", pretty: false });
  const happen = (organisationId: string, nounId: string, type = "device.online") =>
    db.transaction(async (tx) => emit(tx, { organisationId, type, nounId }));

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    hub = createFactHub({ tellsOf: () => true });
    dispatch = await createDispatch({ db, handlers: [], observe: (fact) => hub.observe(fact), log });
    http = createHttp({
      config: loadConfig({ ROOST_HTTP_PORT: "0" }),
      clock: systemClock,
      log,
      metrics: createMetrics({ processMetrics: false }),
      authenticate: {
        person: async ({ headers }) =>
          headers["authorization"] === undefined
            ? undefined
            : {
                kind: "person",
                id: headers["authorization"] as string,
                name: "p",
                organisationId: headers["authorization"] === "ours" ? ours : theirs,
                permissions: new Set(),
                signal: new AbortController().signal,
                hold: () => () => undefined,
              },
        device: async () => undefined,
      },
      webRoot: "/nonexistent",
    });
    mountFactStream(http.mount, { db, hub, tellsOf: () => true });
    const { port } = await http.listen();
    url = `http://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    await http.close();
    await dispatch.close();
    await db.close();
    await database.drop();
  });

  it("tells each organisation its own facts, as ids and nothing more, in order", async () => {
    const [one, other] = [await listen(url, "ours"), await listen(url, "theirs")];
    for (const nounId of ["a", "b", "c"]) await happen(ours, nounId);
    await happen(theirs, "x", "alarm.raised");
    await expect.poll(() => one.nouns()).toEqual(["a", "b", "c"]);
    await expect.poll(() => other.nouns()).toEqual(["x"]);
    expect(Object.keys(other.heard[0]?.data ?? {})).toEqual(["id", "type", "noun", "nounId"]);
    expect(other.heard[0]).toMatchObject({ event: "fact", id: other.heard[0]?.data.id, data: { type: "alarm.raised", noun: "alarm" } });
    one.stop();
    other.stop();
    await expect.poll(() => hub.streams).toBe(0);
  });

  it("resumes after a cut with what came meanwhile, none twice and none missed, while facts go on", async () => {
    const first = await listen(url, "ours");
    await happen(ours, "1");
    await expect.poll(() => first.nouns().at(-1)).toBe("1");
    const last = first.heard.at(-1)?.id;
    first.stop();
    await first.ended;
    for (let index = 2; index <= 30; index += 1) await happen(ours, String(index));
    await happen(theirs, "not ours");
    const going = (async () => {
      for (let index = 31; index <= 60; index += 1) await happen(ours, String(index));
    })();
    const second = await listen(url, "ours", last);
    await going;
    await expect.poll(() => second.heard.length).toBe(59);
    expect(second.nouns()).toEqual(Array.from({ length: 59 }, (_, index) => String(index + 2)));
    second.stop();
  });

  it("asks to begin anew where the last id is unknown, foreign, nonsense or too long ago", async () => {
    const mine = await listen(url, "theirs");
    await happen(theirs, "z");
    await expect.poll(() => mine.nouns().at(-1)).toBe("z");
    const foreign = mine.heard.at(-1)?.id ?? "";
    mine.stop();
    for (const last of [newId(), foreign, "'; drop table events; --", "../../etc/passwd"]) {
      const stream = await listen(url, "ours", last);
      await expect.poll(() => stream.heard.map((one) => one.event)).toEqual(["reset"]);
      stream.stop();
    }
    await expect.poll(() => hub.streams).toBe(0);
  });

  it("ends the stream of a client that is too slow instead of keeping everything for it, and bounds streams per caller", () => {
    const subscription = hub.open({ id: "slow", organisationId: ours });
    for (let index = 0; index < 501; index += 1) {
      hub.observe({ id: newId(), organisationId: ours, type: "device.online", nounId: "d", data: {}, at: new Date() });
    }
    return subscription.take(0, new AbortController().signal).then((taken) => {
      expect(taken).toBe("overflow");
      subscription.close();
      const open = Array.from({ length: 20 }, () => hub.open({ id: "many", organisationId: ours }));
      expect(() => hub.open({ id: "many", organisationId: ours })).toThrowError(
        expect.objectContaining({ code: "http.too_many_requests" }) as Error,
      );
      hub.open({ id: "another", organisationId: ours }).close();
      for (const one of open) one.close();
      expect(hub.streams).toBe(0);
    });
  });
});
