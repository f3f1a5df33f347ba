import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { CommandAck } from "@roost/contract/commands";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { acknowledged } from "./acknowledgement.ts";
import { openCommandJournal } from "./command-journal.ts";
import { createCommandDesk } from "./commands.ts";
import type { HostCommands } from "./commands.ts";
import type { Link } from "./link.ts";
import { createLog } from "./log.ts";

const log = createLog({ level: "silent", pretty: false });
let folder: string;
let count = 0;
const closing: (() => void)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "roost-desk-"));
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
afterAll(() => rmSync(folder, { recursive: true }));

const newFile = () => join(folder, `${(count += 1)}.db`);
const tick = () => new Promise((resolve) => setTimeout(resolve, 20));

/** A link that takes what it is given, or is gone. */
function linkTo(told: [string, CommandAck][]): { link: Link; isUp: boolean } {
  const state = { isUp: true };
  const link: Link = {
    closed: new Promise(() => undefined),
    deliver: async (topic, payload) => {
      if (!state.isUp) throw new Error("gone");
      told.push([topic, JSON.parse(payload) as CommandAck]);
      return acknowledged([]);
    },
    tell: () => undefined,
    retain: async () => undefined,
    listen: async () => undefined,
    close: async () => undefined,
  };
  return Object.assign(state, { link });
}

/** A run of the agent's desk over a file. */
function start(file: string, { run = {}, nowMs = Date.now() }: { run?: Partial<HostCommands>; nowMs?: number } = {}) {
  const journal = openCommandJournal(file);
  closing.push(() => journal.close());
  const done: string[] = [];
  const desk = createCommandDesk({
    journal,
    run: {
      ping: async ({ nonce }) => {
        done.push(nonce);
        return { nonce };
      },
      measure_now: async () => ({}),
      ...run,
    },
    clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
    log,
  });
  const told: [string, CommandAck][] = [];
  const way = linkTo(told);
  return { desk, done, told, way, journal, link: () => desk.linked(way.link, (id) => `ack/${id}`) };
}

const ping = (nonce: string, more: object = {}) => JSON.stringify({ name: "ping", params: { nonce }, ...more });

test("CO-65: a command runs once, however often it comes, and its answer is told each time", async () => {
  const one = start(newFile());
  one.link();
  one.desk.take("c1", ping("a"));
  one.desk.take("c1", ping("a"));
  await expect.poll(() => one.told.length).toBeGreaterThan(0);
  one.desk.take("c1", ping("a"));
  await expect.poll(() => one.told.length).toBe(2);
  expect(one.done).toEqual(["a"]);
  expect(one.told).toEqual([
    ["ack/c1", { state: "done", result: { nonce: "a" } }],
    ["ack/c1", { state: "done", result: { nonce: "a" } }],
  ]);
});

test("CO-65 R10: what was done before a restart is not done again, and what was not told is told after it", async () => {
  const file = newFile();
  const before = start(file);
  before.link();
  before.way.isUp = false;
  before.desk.take("c1", ping("a"));
  await expect.poll(() => before.journal.untold().length).toBe(1);
  // Killed: nothing is closed, nothing was told.
  const after = start(file);
  after.link();
  await expect.poll(() => after.told).toEqual([["ack/c1", { state: "done", result: { nonce: "a" } }]]);
  after.desk.take("c1", ping("a"));
  await expect.poll(() => after.told.length).toBe(2);
  expect([before.done, after.done]).toEqual([["a"], []]);
  const last = start(file);
  last.link();
  await tick();
  expect(last.told).toEqual([]);
});

test("R10: what was under way when the agent was killed is not begun again; nobody is told that it was done", async () => {
  const file = newFile();
  const before = start(file, { run: { ping: () => new Promise(() => undefined) } });
  before.desk.take("c1", ping("a"));
  await tick();
  const after = start(file);
  after.link();
  await expect.poll(() => after.told).toEqual([["ack/c1", { state: "failed", code: "interrupted" }]]);
  after.desk.take("c1", ping("a"));
  await tick();
  expect(after.done).toEqual([]);
});

test.each([
  ["too late", ping("a", { expires_at: "2026-01-01T00:00:00.000Z" }), "expired"],
  ["unknown", JSON.stringify({ name: "reboot", params: {} }), "unknown_command"],
  ["with parameters it does not take", JSON.stringify({ name: "ping", params: { nonce: 7 } }), "bad_params"],
  ["unreadable", "{", "malformed"],
])("CO-65 R10: a command that is %s is refused by its name and not run", async (_, payload, code) => {
  const one = start(newFile());
  one.link();
  one.desk.take("c1", payload);
  await expect.poll(() => one.told).toEqual([["ack/c1", { state: "failed", code }]]);
  expect(one.done).toEqual([]);
});

test("R9: a board whose clock is not set cannot judge what is too late, and does not", async () => {
  const one = start(newFile(), { nowMs: 1_000 });
  one.link();
  one.desk.take("c1", ping("a", { expires_at: "2026-01-01T00:00:00.000Z" }));
  await expect.poll(() => one.done).toEqual(["a"]);
});

test("CO-66: a command that is called back stops and says so; one that waits behind it, or never came, is not begun", async () => {
  const aborted: string[] = [];
  const slow: HostCommands["ping"] = ({ nonce }, signal) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted.push(nonce);
        reject(new Error("stopped"));
      });
    });
  const one = start(newFile(), { run: { ping: slow } });
  one.link();
  one.desk.take("c1", ping("a"));
  one.desk.take("c2", ping("b"));
  await tick();
  const cancel = JSON.stringify({ cancel: true });
  one.desk.take("c2", cancel);
  one.desk.take("c1", cancel);
  one.desk.take("c3", cancel);
  one.desk.take("c3", ping("c"));
  await expect.poll(() => one.told.length).toBeGreaterThanOrEqual(3);
  await tick();
  expect(new Set(one.told.map(([topic, { state }]) => `${topic} ${state}`))).toEqual(
    new Set(["ack/c1 cancelled", "ack/c2 cancelled", "ack/c3 cancelled"]),
  );
  expect(aborted).toEqual(["a"]);
});

test("without a journal no command is begun, and the server is told so", async () => {
  const done: string[] = [];
  const told: [string, CommandAck][] = [];
  const desk = createCommandDesk({
    journal: undefined,
    run: { ping: async ({ nonce }) => ({ times: done.push(nonce) }), measure_now: async () => ({}) },
    clock: { nowMs: () => Date.now(), monotonicMs: () => 0 },
    log,
  });
  desk.linked(linkTo(told).link, (id) => `ack/${id}`);
  desk.take("c1", ping("a"));
  await expect.poll(() => told).toEqual([["ack/c1", { state: "failed", code: "not_noted" }]]);
  expect(done).toEqual([]);
});
