import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { renewClaimSecret } from "@roost/contract/devices";
import { listRejects } from "@roost/contract/ingest";
import { switchKit } from "@roost/contract/kits";
import { deviceTopics } from "@roost/contract/topics";
import { claim, connect } from "@roost/testbed/device";
import { printFigures } from "@roost/testbed/figures";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { readBySql } from "@roost/testbed/stored-rows";
import { pause, until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { listNodes } from "./contract/nodes.ts";
import { getPlantHistory, listPlants } from "./contract/plants.ts";

const roostMain = fileURLToPath(new URL("../../../cli/src/main.ts", import.meta.url));

interface Told {
  readonly readings: number;
  readonly acknowledged: number;
  readonly waiting: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly knocksRefused: number;
  readonly connects: number;
  readonly lostValues: number;
}

interface JournalLine {
  readonly deviceId: string;
  readonly measuredMs?: number;
  readonly values: Readonly<Record<string, number>>;
}

describe("the garden's simulator against a running server", () => {
  const folder = createDataDir();
  const home = join(folder.dataDir, "..", "home");
  let server: ServerProcess;
  let administrator: Administrator;

  /** The command as a person runs it. */
  function roost(args: readonly string[], input = "") {
    const child = spawn(process.execPath, [roostMain, ...args], {
      env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"], HOME: home },
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    child.stdin.end(input);
    const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
      child.once("close", (code) => resolve({ code, out, err })),
    );
    return { child, ended };
  }

  beforeAll(async () => {
    mkdirSync(home);
    server = await startServer({ dataDir: folder.dataDir });
    administrator = await setUpAdministrator(server);
    await administrator.call(switchKit, { params: { kitId: "garden" }, body: { on: true } });
    const signedIn = await roost(
      ["login", server.ready.url, "--email", administrator.email, "--password-stdin"],
      `${administrator.password}\n`,
    ).ended;
    expect(signedIn.code).toBe(0);
  });
  afterAll(async () => {
    await server?.terminate();
    folder.remove();
  });

  /** On a machine that is busy with other things it takes a node some of its faults to come through between two of them. */
  const patienceMs = 240_000;
  /** Asked gently: the server has nodes to listen to. */
  const settles = async <Value>(ask: () => Promise<Value>, wanted: Value) =>
    expect.poll(ask, { interval: 300, timeout: patienceMs }).toEqual(wanted);
  /** What the simulator wrote down so far; the line it is at may be half there. */
  const linesIn = (journal: string) =>
    (existsSync(journal) ? readFileSync(journal, "utf8") : "")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as JournalLine);
  const nodesOf = async (prefix: string) => (await administrator.call(listNodes, { query: { q: prefix, limit: 200 } })).items;

  it("GA-45 GA-08 GA-30 GA-06: nodes with every fault, the server restarted among them: what was acknowledged is stored, and nothing else", async () => {
    const journal = join(folder.dataDir, "..", "journal");
    const simulation = roost(
      [`simulate garden --plants 12 --scenario faults --interval 500ms --prefix story -o json --journal`.split(" "), journal].flat(),
    );
    const online = async () => (await nodesOf("story")).filter(({ state }) => state === "online").length;
    await settles(async () => (await nodesOf("story")).filter(({ latest }) => latest.length > 0).length, 12);
    const refusedAtDoor = async () =>
      Number(/^roost_door_connects_refused_total (\d+)$/m.exec(await (await fetch(`${server.ready.url}/metrics`)).text())?.[1]);
    // Into the first faults.
    await pause(1_500);
    const knocksBefore = await refusedAtDoor();
    const downMs = Date.now();
    await server.terminate();
    // For some beats of each.
    await pause(2_000);
    server = await server.restart();
    const upMs = Date.now();
    const heard = async () => {
      const latest = (await nodesOf("story")).map((node) => Math.max(0, ...node.latest.map(({ measuredAt }) => measuredAt.getTime())));
      return latest.every((measuredMs) => measuredMs > upMs);
    };
    await settles(heard, true);
    const refusedWhileComing = await refusedAtDoor();
    const wrongClocks = async () => {
      const { items } = await administrator.call(listRejects, { query: { code: "ingest.bad_clock", limit: 200 } });
      return new Set<string | undefined>(items.map(({ deviceId }) => deviceId));
    };
    const measuredIn = (lines: readonly JournalLine[]) => (deviceId: string, metric: string) =>
      lines.filter((line) => line.deviceId === deviceId && metric in line.values).length;
    // The faults come again and again: however long the machine took over the first of them, each is told some time.
    const isPlayed = async () => {
      const measured = measuredIn(linesIn(journal));
      return (
        (await wrongClocks()).size >= 3 &&
        knocksBefore + (await refusedAtDoor()) - refusedWhileComing >= 2 &&
        measured("story-0001", "temperature") < measured("story-0001", "soil_moisture") &&
        measured("story-0012", "light_level") < measured("story-0012", "soil_moisture")
      );
    };
    await until("every fault was told", isPlayed, patienceMs);
    simulation.child.kill("SIGINT");
    const { code, out, err } = await simulation.ended;
    expect([code, err.includes("garden_simulator.lost")], `${err}\n${out}`).toEqual([0, false]);
    const told = JSON.parse(out) as Told;
    expect(told).toMatchObject({ waiting: 0, lostValues: 0 });
    // What was under way when the server went may be told again or given up; it is never told to be stored.
    const unsure = told.readings - told.acknowledged;
    expect(unsure).toBe(Object.values(told.refused).reduce((sum, n) => sum + n, 0));
    expect(told.connects).toBeGreaterThanOrEqual(24);
    expect(told.knocksRefused).toBeGreaterThan(0);

    const lines = linesIn(journal);
    expect(lines).toHaveLength(told.acknowledged);
    expect(lines.filter(({ measuredMs }) => measuredMs !== undefined && measuredMs > downMs && measuredMs < upMs).length).toBeGreaterThan(
      12,
    );
    const ids = [...new Set(lines.map(({ deviceId }) => deviceId))];
    const rows = await readBySql(server.ready, ids);
    const stored = new Map(rows.map((row) => [`${row.deviceId} ${row.metric} ${row.measuredAtMs}`, row.value]));
    for (const { deviceId, measuredMs, values } of lines) {
      if (measuredMs === undefined) continue;
      for (const [metric, value] of Object.entries(values)) expect(stored.get(`${deviceId} ${metric} ${measuredMs}`)).toBe(value);
    }
    const measured = measuredIn(lines);
    for (const metric of ["soil_moisture", "temperature", "light_level"]) {
      let more = 0;
      for (const id of ids) {
        const n = rows.filter((row) => row.deviceId === id && row.metric === metric).length;
        expect(n, `${id} ${metric}`).toBeGreaterThanOrEqual(measured(id, metric));
        more += n - measured(id, metric);
      }
      expect(more, `${metric}, of all nodes`).toBeLessThanOrEqual(unsure);
    }
    // The first node's air sensor failed for a while: its values are missing, its soil was told on.
    expect(measured("story-0001", "temperature")).toBeLessThan(measured("story-0001", "soil_moisture"));
    expect(measured("story-0012", "light_level")).toBeLessThan(measured("story-0012", "soil_moisture"));
    printFigures("GA-45", { readings: told.readings, acknowledged: told.acknowledged, connects: told.connects, lost: told.lostValues });

    expect(await wrongClocks()).toEqual(new Set(["story-0003", "story-0004", "story-0005"]));
    await settles(online, 0);
  });

  it("GA-03: a node with another's topic or password is refused, and the reading is nowhere", async () => {
    const credentialsOf = async (deviceId: string) => {
      const { claimSecret } = await administrator.call(renewClaimSecret, { params: { deviceId } });
      return claim(server.ready.url, deviceId, claimSecret);
    };
    const [one, other] = [await credentialsOf("story-0001"), await credentialsOf("story-0002")];
    const client = await connect(one);
    const foreign = client.publishAsync(deviceTopics("story-0002").telemetry, '{"temperature":77}', { qos: 1 });
    await expect(foreign).rejects.toMatchObject({ code: 0x87 });
    await client.endAsync(true);
    const borrowed = { ...one, mqtt: { ...one.mqtt, password: other.mqtt.password } };
    await expect(connect(borrowed, { reconnectPeriod: 0 })).rejects.toMatchObject({ code: 0x86 });
    const rows = await readBySql(server.ready, ["story-0001", "story-0002"]);
    expect(rows.filter(({ metric, value }) => metric === "temperature" && value === 77)).toEqual([]);
  });

  it("GA-45 GA-10: a month is told once: again it goes on with the same plants, and their charts reach back", async () => {
    const args = [
      "simulate",
      "garden",
      "--plants",
      "3",
      "--days",
      "2",
      "--speed",
      "max",
      "--duration",
      "0s",
      "--prefix",
      "month",
      "-o",
      "json",
    ];
    const first = await roost(args).ended;
    expect([first.code, first.err.includes("(garden")], first.err).toEqual([0, false]);
    const told = JSON.parse(first.out) as Told;
    expect(told.readings).toBeGreaterThan(3 * 2_000);
    const again = await roost(args).ended;
    expect(again.code, again.err).toBe(0);
    expect((JSON.parse(again.out) as Told).readings).toBeLessThan(20);
    const plants = (await administrator.call(listPlants, { query: { limit: 200 } })).items.filter(({ nodes }) =>
      nodes.some(({ deviceId }) => deviceId.startsWith("month")),
    );
    expect(plants).toHaveLength(3);
    const [plant] = plants;
    const range = { from: new Date(Date.now() - 3 * 86_400_000).toISOString(), to: new Date().toISOString() };
    const history = await administrator.call(getPlantHistory, {
      params: { plantId: plant?.id ?? "" },
      query: { metric: "soil_moisture", ...range },
    });
    expect(history.n.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(2_000);
    expect(Math.min(...history.min)).toBeGreaterThanOrEqual(0);
  });
});
