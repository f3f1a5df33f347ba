import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { scratchFolder } from "@roost/testbed/scratch";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";

import { acknowledged } from "./acknowledgement.ts";
import { createLog } from "./log.ts";
import { createOutbox } from "./outbox.ts";
import { openSpool } from "./spool.ts";
import type { SpoolLimits } from "./spool.ts";

const roomy = { maxBytes: 1e9, maxRecords: 1e9 };
const log = createLog({ level: "silent", pretty: false });
let folder: string;

beforeEach(() => {
  // What a kill leaves is the same wherever files are; thousands of synced writes are not the disk's to judge here.
  folder = mkdtempSync(join(scratchFolder(), "roost-spool-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (limits: SpoolLimits = roomy) => openSpool({ file: join(folder, "spool.db"), limits, nowMs: 1 });
const everything = (spool: ReturnType<typeof open>, kind: "sample" | "event" = "sample") => spool.oldest(kind, 1e9, 1e9);

describe("the spool", () => {
  it("hands out the oldest first, up to both limits, and nothing twice while it is on its way", () => {
    const spool = open();
    const ids = Array.from({ length: 5 }, (_, index) => spool.add("sample", index, `{"n":${index}}`)?.id ?? 0);
    expect(spool.oldest("sample", 2, 1e9).map((record) => record.measuredAtMs)).toEqual([0, 1]);
    expect(spool.oldest("sample", 9, 1).map((record) => record.measuredAtMs)).toEqual([0]);
    spool.sending(ids.slice(0, 2));
    expect(spool.oldest("sample", 2, 1e9).map((record) => record.measuredAtMs)).toEqual([2, 3]);
    spool.unsent(ids.slice(1, 2));
    expect(spool.oldest("sample", 2, 1e9).map((record) => record.measuredAtMs)).toEqual([1, 2]);
    spool.remove(acknowledged(ids.slice(0, 4)));
    expect(everything(spool).map((record) => record.body)).toEqual(['{"n":4}']);
    expect(spool.stats()).toMatchObject({ records: 1, dropped: { sample: 0, event: 0 } });
    spool.close();
  });

  it("keeps everything over a restart, and knows how the last run ended", () => {
    const first = open();
    expect(first.history.endedCleanly).toBeUndefined();
    first.add("sample", 7, '{"a":1}');
    first.close();
    const second = open();
    expect(second.history.endedCleanly).toBe(true);
    expect(everything(second)).toMatchObject([{ measuredAtMs: 7, body: '{"a":1}' }]);
    // Not closed: the way a power cut ends it.
    const third = open();
    expect(third.history.endedCleanly).toBe(false);
    third.close();
    second.close();
  });

  it("R7: drops the oldest samples first and events last, never what is on its way, and counts exactly what it dropped", () => {
    const spool = open({ maxBytes: 1e9, maxRecords: 10 });
    const ids = Array.from({ length: 6 }, (_, index) => spool.add("sample", index, "{}")?.id ?? 0);
    for (let index = 0; index < 4; index++) spool.add("event", index, "{}");
    spool.sending(ids.slice(0, 1));
    spool.add("sample", 100, "{}");
    spool.add("event", 100, "{}");
    expect(spool.stats().dropped).toEqual({ sample: 2, event: 0 });
    spool.unsent(ids.slice(0, 1));
    expect(everything(spool).map((record) => record.measuredAtMs)).toEqual([0, 3, 4, 5, 100]);
    for (let index = 0; index < 7; index++) spool.add("event", 200 + index, "{}");
    expect(everything(spool)).toEqual([]);
    expect(everything(spool, "event").map((record) => record.measuredAtMs)).toEqual([2, 3, 100, 200, 201, 202, 203, 204, 205, 206]);
    expect(spool.stats().dropped).toEqual({ sample: 7, event: 2 });
    expect(spool.add("sample", 300, "{}")).toBeUndefined();
    expect(spool.stats()).toMatchObject({ records: 10, dropped: { sample: 8, event: 2 } });
    spool.close();
    expect(open().stats().dropped).toEqual({ sample: 8, event: 2 });
  });

  it("R7: stays within its bytes, and records kept and dropped are all that ever came", () => {
    const limits = { maxBytes: 200_000, maxRecords: 1e9 };
    const spool = open(limits);
    const body = JSON.stringify({ text: "x".repeat(300) });
    for (let index = 0; index < 2_000; index++) spool.add("sample", index, body);
    const { records, bytes, dropped } = spool.stats();
    expect(bytes).toBeLessThanOrEqual(limits.maxBytes);
    expect(records + dropped.sample).toBe(2_000);
    const kept = everything(spool).map((record) => record.measuredAtMs);
    expect(kept).toEqual(Array.from({ length: records }, (_, index) => 2_000 - records + index));
    spool.close();
  });

  it("R6: has every record whose keeping was confirmed after kill -9, ten times over", async () => {
    const program = join(folder, "writer.ts");
    writeFileSync(
      program,
      `import { openSpool } from ${JSON.stringify(fileURLToPath(new URL("./spool.ts", import.meta.url)))};
       const spool = openSpool({ file: ${JSON.stringify(join(folder, "spool.db"))}, limits: { maxBytes: 1e9, maxRecords: 1e9 }, nowMs: 1 });
       for (let n = 0; ; n++) {
         const body = JSON.stringify({ n, noise: Math.random() });
         const record = spool.add("sample", n, body);
         process.stdout.write(record.id + " " + body + "\\n");
         if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
       }`,
    );
    const confirmed = new Map<number, string>();
    for (let round = 0; round < 10; round++) {
      const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
      let news = 0;
      createInterface({ input: child.stdout }).on("line", (line) => {
        // The kill may cut a line that was on its way in a pipe that was full.
        if (!line.endsWith("}")) return;
        const space = line.indexOf(" ");
        confirmed.set(Number(line.slice(0, space)), line.slice(space + 1));
        news += 1;
      });
      while (news < 50) await sleep(5);
      await sleep(Math.random() * 100);
      const gone = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      await gone;
    }
    const spool = open();
    const found = new Map(everything(spool).map((record) => [record.id, record.body]));
    const lost = [...confirmed].filter(([id, body]) => found.get(id) !== body);
    process.stdout.write(`R6 kill: ${confirmed.size} confirmed in 10 runs, ${lost.length} lost or altered, ${found.size} found\n`);
    expect(lost).toEqual([]);
    expect(spool.history.endedCleanly).toBe(false);
    spool.close();
  });

  it("puts a damaged file aside, untouched, and goes on with an empty one", () => {
    const spool = open();
    for (let index = 0; index < 500; index++) spool.add("sample", index, JSON.stringify({ text: "x".repeat(50) }));
    const file = join(folder, "spool.db");
    const copy = new DatabaseSync(file);
    copy.exec("pragma wal_checkpoint(truncate)");
    copy.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 8_192, 16_384);
    writeFileSync(file, bytes);
    const damaged = createHash("sha256").update(bytes).digest("hex");
    const next = open();
    expect(next.history.damagedFile).toBe(`${file}.damaged-1`);
    expect(
      createHash("sha256")
        .update(readFileSync(`${file}.damaged-1`))
        .digest("hex"),
    ).toBe(damaged);
    expect(everything(next)).toEqual([]);
    next.add("sample", 1, "{}");
    next.close();
    writeFileSync(file, "this is no database at all");
    appendFileSync(file, "x".repeat(5_000));
    rmSync(`${file}.damaged-1`);
    expect(open().history.damagedFile).toBe(`${file}.damaged-1`);
    expect(readdirSync(folder).some((name) => name === "spool.db")).toBe(true);
  });

  it("mends the stamps of what was not sent yet when the clock is put forward", () => {
    const spool = open();
    const outbox = createOutbox({ spool, log });
    const old = spool.add("sample", 5, "{}");
    const first = outbox.keep("sample", 1_000, "{}");
    outbox.keep("sample", 2_000, "{}");
    if (first === undefined || old === undefined) throw new Error("not kept");
    outbox.sending([first]);
    expect(outbox.shift(1e12, first.id)).toBe(1);
    outbox.unsent([first]);
    // The first may be at the server already with its old stamp: another one would store it twice.
    expect(everything(spool).map((record) => record.measuredAtMs)).toEqual([5, 1_000, 1e12 + 2_000]);
    spool.close();
  });
});

function bodies(spool: ReturnType<typeof open>, kind: "sample" | "event" = "sample"): string[] {
  return everything(spool, kind).map((record) => record.body);
}

describe("the outbox while the disk takes nothing", () => {
  it("goes on in memory, then brings it to disk", () => {
    const spool = open();
    const outbox = createOutbox({ spool, log });
    const other = new DatabaseSync(join(folder, "spool.db"));
    other.exec("begin immediate");
    expect(outbox.keep("sample", 1, '{"n":1}')?.id).toBeLessThan(0);
    expect(outbox.stats()).toMatchObject({ inMemory: 1, records: 0, fault: "database is locked" });
    expect(outbox.next(10, 1e6)).toMatchObject([{ body: '{"n":1}' }]);
    other.exec("rollback");
    other.close();
    outbox.keep("sample", 2, '{"n":2}');
    expect(outbox.stats()).toMatchObject({ inMemory: 0, fault: undefined });
    expect(bodies(spool)).toEqual(['{"n":2}', '{"n":1}']);
    expect(bodies(spool, "event")).toEqual(['{"type":"spool_fault_over","data":{"lost":0}}']);
    spool.close();
  });

  const disk = mkdtempSync(join(tmpdir(), "roost-full-"));
  const mounted = process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status === 0;
  afterAll(() => {
    if (mounted) spawnSync("umount", [disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  it.runIf(mounted)(
    "survives a disk that is full: nothing kept is lost, what is lost is counted, and room brings it back by itself",
    () => {
      const spool = openSpool({ file: join(disk, "spool.db"), limits: roomy, nowMs: 1 });
      const outbox = createOutbox({ spool, log });
      const body = (n: number) => JSON.stringify({ n, text: "x".repeat(2_000) });
      writeFileSync(join(disk, "ballast"), Buffer.alloc(600_000));
      let n = 0;
      while (outbox.stats().fault === undefined) outbox.keep("sample", n, body(n++));
      expect(outbox.stats().fault).toBe("database or disk is full");
      for (let more = 0; more < 600; more++) outbox.keep("sample", n, body(n++));
      const { records, inMemory, lostFromMemory } = outbox.stats();
      expect(records + inMemory + lostFromMemory).toBe(n);
      expect(lostFromMemory).toBeGreaterThan(0);
      // Live goes on: what is acknowledged leaves the memory.
      const live = outbox.next(1, 1e6);
      expect(live).toHaveLength(1);
      // The server takes the backlog, and somebody makes room.
      for (let batch = outbox.next(50, 1e6); batch.length > 0 && outbox.stats().records > 0; batch = outbox.next(50, 1e6)) {
        outbox.sending(batch);
        outbox.remove(acknowledged(batch.map((record) => record.id)));
      }
      rmSync(join(disk, "ballast"));
      expect(outbox.keep("event", n, '{"type":"x","data":{}}')?.id).toBeGreaterThan(0);
      expect(outbox.stats()).toMatchObject({ fault: undefined });
      spool.close();
    },
  );
});
