import { startCatcher } from "@roost/testbed/catchers";
import { describe, expect, it } from "vitest";

import { createEventParser, follow } from "./event-stream.ts";
import type { StreamEvent } from "./event-stream.ts";

const text = "id: 1\nevent: samples\ndata: [1]\n\n: still here\n\ndata: a\r\ndata: b\r\n\r\nid: 3\ndata:c\n\ndata: half";

describe("an event stream", () => {
  it("is read the same however its bytes are cut", () => {
    const expected = [
      { event: "samples", data: "[1]", id: "1" },
      { event: "message", data: "a\nb", id: "1" },
      { event: "message", data: "c", id: "3" },
    ];
    for (let cut = 1; cut < text.length; cut += 1) {
      const parse = createEventParser();
      const parts = Array.from({ length: Math.ceil(text.length / cut) }, (_, index) => text.slice(index * cut, (index + 1) * cut));
      expect(parts.flatMap((part) => [...parse(part)])).toEqual(expected);
    }
  });

  it("goes on after a cut behind the last event it got, and ends with the signal", async () => {
    const catcher = await startCatcher();
    const stream = { status: 200, headers: { "content-type": "text/event-stream" } };
    catcher.plan({ ...stream, body: "id: 7\ndata: one\n\n" }, { status: 503, body: "{}" }, { ...stream, body: "id: 8\ndata: two\n\n" });
    const end = new AbortController();
    const seen: StreamEvent[] = [];
    let cuts = 0;
    for await (const event of follow({ url: catcher.url, token: "t", fetch, signal: end.signal, onCut: () => (cuts += 1) })) {
      seen.push(event);
      if (seen.length === 2) end.abort();
    }
    expect(seen.map(({ data }) => data)).toEqual(["one", "two"]);
    expect(cuts).toBe(2);
    expect(catcher.caught.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "7", "7"]);
    expect(catcher.caught[0]?.headers.authorization).toBe("Bearer t");
    await catcher.close();
  });

  it("ends with the platform's code when it is refused", async () => {
    const catcher = await startCatcher();
    catcher.plan({ status: 404, body: JSON.stringify({ error: { code: "devices.not_found", message: "There is no such device." } }) });
    const events = follow({ url: catcher.url, token: "t", fetch, signal: new AbortController().signal, onCut: () => undefined });
    await expect(events.next()).rejects.toMatchObject({ code: "devices.not_found", status: 404 });
    await catcher.close();
  });
});
