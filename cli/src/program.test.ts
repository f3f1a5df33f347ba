import { Readable, Writable } from "node:stream";

import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { runProgram } from "./program.ts";

let catcher: Catcher;
beforeAll(async () => {
  catcher = await startCatcher();
});
afterEach(() => catcher.forget());
afterAll(async () => catcher.close());

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const into = (lines: string[]) =>
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
  const code = await runProgram(args, {
    env: { HOME: "/nonexistent", ROOST_URL: catcher.url, ROOST_TOKEN: "roost_test_token", ...env },
    stdin: Readable.from([]) as unknown as NodeJS.ReadStream,
    stdout: into(out),
    stderr: into(err),
    fetch,
    nowMs: () => Date.UTC(2025, 5, 1, 12),
    signal: new AbortController().signal,
  });
  return { code, out: out.join(""), err: err.join("") };
}

function json(body: unknown, status = 200) {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

const alarm = {
  id: "0190b6a0-0000-7000-8000-000000000001",
  source: "coop-1",
  type: "rule:0190b6a0-0000-7000-8000-0000000000aa:above",
  deviceId: "coop-1",
  deviceName: "Coop",
  kind: "above",
  severity: "critical",
  worstSeverity: "critical",
  state: "raised",
  holds: true,
  lastAt: "2025-06-01T11:30:00.000Z",
  occurrences: 1,
  flapping: false,
  metric: "temperature",
  unit: "°C",
  threshold: 30,
  value: 35.5,
  raisedAt: "2025-06-01T11:30:00.000Z",
};

describe("roost", () => {
  it("ends with 0 for help, 2 when misused, 78 when misconfigured", async () => {
    expect((await run(["--help"])).code).toBe(0);
    expect((await run(["device", "add", "--help"])).code).toBe(0);
    const misused = [
      ["bogus"],
      ["device"],
      ["device", "list", "--bogus"],
      ["alarm", "list", "-o", "xml"],
      ["device", "show", "a b"],
      ["telemetry", "query", "coop-1", "temperature", "--from", "yesterday"],
      ["alarm", "ack", "1"],
      ["simulate", "--devices", "0"],
      ["device", "remove", "coop-1"],
    ];
    for (const args of misused) {
      const { code, out, err } = await run(args);
      expect([args, code, out]).toEqual([args, 2, ""]);
      expect(err).not.toBe("");
    }
    expect(await run(["status"], { ROOST_URL: "" })).toMatchObject({ code: 78, out: "" });
    expect(await run(["status"], { ROOST_TOKEN: "" })).toMatchObject({ code: 78, err: expect.stringContaining("cli.no_token") as string });
    expect(await run(["status"], { ROOST_URL: "roost" })).toMatchObject({
      code: 78,
      err: expect.stringContaining("cli.bad_address") as string,
    });
    expect(catcher.caught).toEqual([]);
  });

  it("ends with 1 and the platform's code when it is refused, on standard error only", async () => {
    const error = { code: "alarms.not_found", message: "There is no such alarm.", details: { alarmId: alarm.id }, requestId: "r1" };
    catcher.plan(json({ error }, 404), json({ error }, 404));
    const told = await run(["alarm", "ack", alarm.id]);
    expect(told).toMatchObject({ code: 1, out: "" });
    expect(told.err).toBe(`There is no such alarm. (alarms.not_found)\n  alarmId: ${alarm.id}\n  requestId: r1\n`);
    const asJson = await run(["alarm", "ack", alarm.id, "-o", "json"]);
    expect(JSON.parse(asJson.err)).toMatchObject({ error: { code: "alarms.not_found" } });
  });

  it("says so when nobody answers, or somebody else does", async () => {
    expect(await run(["status"], { ROOST_URL: "http://127.0.0.1:1" })).toMatchObject({
      code: 1,
      err: expect.stringContaining("client.unreachable") as string,
    });
    catcher.plan({ status: 200, body: "<html>" });
    expect(await run(["alarm", "list"])).toMatchObject({ code: 1, err: expect.stringContaining("client.unreadable") as string });
  });

  it("lists alarms as a table, as JSON with every field and as CSV, over all pages", async () => {
    for (let format = 0; format < 3; format += 1)
      catcher.plan(json({ items: [alarm], next: "abc" }), json({ items: [{ ...alarm, kind: "offline", deviceId: "coop-2" }] }));
    const table = await run(["alarm", "list"]);
    expect(table.code).toBe(0);
    expect(table.out).toContain("temperature 35.5 °C above 30 °C");
    expect(table.out).toContain("30 min ago");
    expect(catcher.caught.map(({ path }) => path)).toEqual([
      "/api/v1/alarms?state=open&sort=newest&limit=200",
      "/api/v1/alarms?state=open&sort=newest&limit=199&cursor=abc",
    ]);
    expect(catcher.caught[0]?.headers.authorization).toBe("Bearer roost_test_token");
    expect(JSON.parse((await run(["-o", "json", "alarm", "list"])).out)).toMatchObject({ items: [alarm, { kind: "offline" }] });
    expect((await run(["alarm", "list", "-o", "csv"])).out.split("\n")).toHaveLength(4);
  });

  it("reads a range and says that there is more", async () => {
    const points = { metric: "temperature", unit: "°C", from: alarm.raisedAt, to: "2025-06-01T12:00:00.000Z", resolutionSeconds: 0 };
    const columns = { at: [1748777400000], min: [1], max: [1], avg: [1], n: [1] };
    catcher.plan(
      json({ ...points, ...columns, nextFrom: "2025-06-01T11:40:00.000Z" }),
      json({ ...points, ...columns, at: [1748778000000] }),
    );
    const { out, code } = await run([
      "telemetry",
      "query",
      "coop-1",
      "temperature",
      "--from",
      "-30m",
      "--resolution",
      "raw",
      "--all",
      "-o",
      "csv",
    ]);
    expect([code, out]).toEqual([0, "at,value\n2025-06-01T11:30:00.000Z,1\n2025-06-01T11:40:00.000Z,1\n"]);
    const froms = catcher.caught.map(({ path }) => new URLSearchParams(path.split("?")[1]).get("from"));
    expect(froms).toEqual(["2025-06-01T11:30:00.000Z", "2025-06-01T11:40:00.000Z"]);
  });

  it("follows a stream and ends after as many samples as asked for", async () => {
    const samples = [
      { metric: "temperature", at: 1748777400000, value: 21.5, quality: "ok" },
      { metric: "door", at: 1748777400000, value: 1, quality: "suspect" },
    ];
    catcher.plan({
      status: 200,
      headers: { "content-type": "text/event-stream" },
      body: `id: 1\nevent: samples\ndata: ${JSON.stringify(samples)}\n\n`,
    });
    const { out, code } = await run(["telemetry", "tail", "coop-1", "--metric", "temperature", "door", "--count", "2"]);
    expect(code).toBe(0);
    expect(out.split("\n")).toHaveLength(3);
    expect(out).toContain("2025-06-01T11:30:00.000Z  temperature                         21.5\n");
    expect(out).toContain("suspect");
    catcher.plan({ status: 200, body: "event: samples\ndata: [{}]\n\n" });
    expect(await run(["telemetry", "tail", "coop-1"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("client.unreadable") as string,
    });
    expect(catcher.caught[0]?.path).toBe("/api/v1/devices/coop-1/telemetry/stream?metrics=temperature%2Cdoor");
  });
});
