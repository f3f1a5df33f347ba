import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createLive } from "./live.ts";

/** Stands in for the browser's event source: a test opens, feeds and breaks it. */
class Source extends EventTarget {
  readonly CLOSED = 2;
  readyState = 0;
  readonly url: string;
  constructor(url: string) {
    super();
    this.url = url;
  }
  close() {
    this.readyState = 2;
  }
  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  send(event: string, data: unknown) {
    this.dispatchEvent(new MessageEvent(event, { data: typeof data === "string" ? data : JSON.stringify(data) }));
  }
  /** The network is gone, and the browser tries again by itself; or the server refused, and it does not. */
  fail(refused: boolean) {
    this.readyState = refused ? 2 : 0;
    this.dispatchEvent(new Event("error"));
  }
}

function setUp() {
  const sources: Source[] = [];
  const page = Object.assign(new EventTarget(), { hidden: false });
  const heard = { facts: [] as string[], resumed: 0, refused: 0 };
  const live = createLive({
    open: (url) => {
      const source = new Source(url);
      sources.push(source);
      return source as never;
    },
    page: page as never,
    onFact: (noun, id) => heard.facts.push(`${noun} ${id}`),
    onResume: () => (heard.resumed += 1),
    onRefused: () => (heard.refused += 1),
  });
  const show = (shown: boolean) => {
    page.hidden = !shown;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  return { live, sources, heard, show, last: () => sources.at(-1) ?? expect.fail("no source was opened") };
}

describe("the live streams", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("tell facts, and pass over what is none", () => {
    const { live, heard, last } = setUp();
    live.start();
    last().open();
    last().send("fact", { id: "1", type: "alarm.raised", noun: "alarm", nounId: "a1" });
    last().send("fact", "<html>a proxy</html>");
    last().send("fact", { noun: 5 });
    expect(heard.facts).toEqual(["alarm a1"]);
    expect(live.state()).toBe("live");
    expect(heard.resumed).toBe(0);
  });

  it("say when they are cut, and catch up when they are back", () => {
    const { live, heard, last } = setUp();
    live.start();
    last().open();
    last().fail(false);
    expect(live.state()).toBe("reconnecting");
    last().open();
    expect(live.state()).toBe("live");
    expect(heard.resumed).toBe(1);
  });

  it("try again with growing pauses where the server refuses, and ask who is signed in", () => {
    const { live, sources, heard, last } = setUp();
    live.start();
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      last().fail(true);
      const opened = sources.length;
      vi.advanceTimersByTime(pauseMs - 1);
      expect(sources).toHaveLength(opened);
      vi.advanceTimersByTime(1);
      expect(sources).toHaveLength(opened + 1);
    }
    expect(heard.refused).toBe(7);
  });

  it("end while the tab is hidden, and come back with it", () => {
    const { live, sources, heard, show, last } = setUp();
    live.start();
    last().open();
    const leave = live.samples("coop-1", () => undefined);
    show(false);
    expect(live.state()).toBe("paused");
    expect(sources.map((source) => source.readyState)).toEqual([2, 2]);
    show(true);
    expect(sources.map(({ url }) => url)).toEqual([
      "/api/v1/facts/stream",
      "/api/v1/devices/coop-1/telemetry/stream",
      "/api/v1/facts/stream",
      "/api/v1/devices/coop-1/telemetry/stream",
    ]);
    for (const source of sources.slice(2)) source.open();
    expect(heard.resumed).toBe(1);
    leave();
    expect(last().readyState).toBe(2);
  });

  it("hand on the samples of a device until one leaves", () => {
    const { live, last } = setUp();
    const values: number[] = [];
    const leave = live.samples("a/b", (samples) => values.push(...samples.map(({ value }) => value)));
    expect(last().url).toBe("/api/v1/devices/a%2Fb/telemetry/stream");
    last().send("samples", [{ metric: "t", at: 1, value: 2.5, quality: "ok" }]);
    last().send("samples", [{ metric: "t", at: 1, value: "x", quality: "ok" }]);
    expect(values).toEqual([2.5]);
    leave();
    expect(last().readyState).toBe(2);
  });
});
