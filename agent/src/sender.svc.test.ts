import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "@roost/testbed/waiting";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { acknowledged } from "./acknowledgement.ts";
import type { Acknowledgement } from "./acknowledgement.ts";
import { linkErrors } from "./link.ts";
import type { Link } from "./link.ts";
import { createLog } from "./log.ts";
import { createOutbox } from "./outbox.ts";
import type { Outbox } from "./outbox.ts";
import { createSender, encodeRecord } from "./sender.ts";
import { openSpool } from "./spool.ts";
import type { Spool } from "./spool.ts";

const log = createLog({ level: "silent", pretty: false });
const topics = { telemetry: "t", event: "e" };
let folder: string;
let spool: Spool;
let outbox: Outbox;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-sender-"));
  spool = openSpool({ file: join(folder, "spool.db"), limits: { maxBytes: 1e9, maxRecords: 1e9 }, nowMs: 0 });
  outbox = createOutbox({ spool, log });
});
afterEach(() => {
  spool.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A door that answers as told. */
function linkThat(answer: (topic: string, payload: string, recordIds: readonly number[]) => Promise<Acknowledgement>) {
  const sent: { topic: string; payload: string }[] = [];
  let close = (_reason: string) => {};
  const closed = new Promise<string>((resolve) => {
    close = resolve;
  });
  const link: Link = {
    closed,
    deliver(topic, payload, recordIds) {
      sent.push({ topic, payload });
      return answer(topic, payload, recordIds);
    },
    tell: () => undefined,
    retain: async () => undefined,
    listen: async () => undefined,
    close: async () => close("closed"),
  };
  return { link, sent, close: () => close("cut") };
}

describe("the sender", () => {
  it("puts the stamp in front of what was measured", () => {
    expect(encodeRecord({ id: 1, kind: "sample", measuredAtMs: 5, body: '{"a":1}' })).toBe('{"timestamp":5,"a":1}');
    expect(encodeRecord({ id: 1, kind: "sample", measuredAtMs: 5, body: "{}" })).toBe('{"timestamp":5}');
  });

  it("sends events first, then samples in one batch, oldest first, and deletes on acknowledgement alone", async () => {
    for (let n = 0; n < 3; n++) outbox.keep("sample", n, `{"n":${n}}`);
    outbox.keep("event", 9, '{"type":"x"}');
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const { link, sent, close } = linkThat(async (topic, _payload, ids) => {
      if (topic === "t") await held;
      return acknowledged(ids);
    });
    const running = createSender({ outbox, link, topics, log }).run();
    await until("the batch is on its way", () => sent.length === 2);
    expect(sent).toEqual([
      { topic: "e", payload: '{"timestamp":9,"type":"x"}' },
      { topic: "t", payload: '[{"timestamp":0,"n":0},{"timestamp":1,"n":1},{"timestamp":2,"n":2}]' },
    ]);
    expect(spool.stats().records).toBe(3);
    letGo();
    await until("it is gone", () => spool.stats().records === 0);
    close();
    await running;
  });

  it("keeps everything when the link is lost before the acknowledgement, and sends it again over the next", async () => {
    outbox.keep("sample", 1, "{}");
    const first = linkThat(async () => {
      throw linkErrors.lost();
    });
    await createSender({ outbox, link: first.link, topics, log }).run();
    expect(spool.stats().records).toBe(1);
    const second = linkThat(async (_topic, _payload, ids) => acknowledged(ids));
    const running = createSender({ outbox, link: second.link, topics, log }).run();
    await until("it is gone", () => spool.stats().records === 0);
    second.close();
    await running;
    expect(second.sent).toEqual(first.sent);
  });

  it("finds the one record the server refuses for good, removes and counts it, and delivers the others", async () => {
    for (let n = 0; n < 4; n++) outbox.keep("sample", n, `{"n":${n}}`);
    const { link, close } = linkThat(async (_topic, payload, ids) => {
      if (payload.includes('"n":2')) throw linkErrors.message_refused({ reasonCode: 0x99 });
      return acknowledged(ids);
    });
    const running = createSender({ outbox, link, topics, log }).run();
    await until("all are settled", () => spool.stats().records === 0);
    expect(spool.stats().refused).toBe(1);
    close();
    await running;
  });

  it("sends what is new at once, ahead of the backlog, and no more of it than the way takes", async () => {
    const { link, sent, close } = linkThat(() => new Promise(() => {}));
    const sender = createSender({ outbox, link, topics, log });
    for (let n = 0; n < 40; n++) {
      const record = outbox.keep("sample", n, `{"n":${n}}`);
      if (record !== undefined) sender.fresh(record);
    }
    expect(sent).toHaveLength(16);
    expect(sent[0]?.payload).toBe('{"timestamp":0,"n":0}');
    expect(outbox.next(100, 1e6)).toHaveLength(24);
    close();
  });
});
