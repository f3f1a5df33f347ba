import { addressOf } from "@roost/contract/client";
import { sendTelemetry } from "@roost/contract/ingest";
import { streamFacts } from "@roost/contract/system";
import { streamTelemetry } from "@roost/contract/telemetry";
import { kitRoutes } from "@roost/kits/kit-routes";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { expectations } from "../src/matrix/expectations.ts";
import { tryExtras, trySpoofing } from "../src/matrix/extras.ts";
import { cellsOf, createLeakCheck, findUnmounted, summarise, tryAllowed, tryRefused } from "../src/matrix/matrix.ts";
import type { Cell, LeakCheck } from "../src/matrix/matrix.ts";
import { openStream } from "../src/matrix/open-stream.ts";
import { readReference } from "../src/matrix/reference.ts";
import type { Operation } from "../src/matrix/reference.ts";
import type { World } from "../src/matrix/stage.ts";
import { createWorld } from "../src/matrix/world.ts";
import { pause } from "../src/waiting.ts";

const ofKits = new Set(Object.values(kitRoutes).flatMap((routes) => routes.map(({ operation }) => operation)));

/** What the server calls an error of its own. */
const errorsLogged = (output: string) =>
  output.split("\n").filter((line) => /"level":"(?:error|fatal)"/.test(line) && !line.includes("auth.provider_unreachable"));

describe("S6, N-F24, CO-67, CO-68: every operation as everybody", () => {
  let world: World;
  let operations: readonly Operation[];
  let unmounted: readonly string[];
  // As of the beginning: stand-ins join other organisations later on.
  let leaks: LeakCheck;
  let cells: readonly Cell[];
  beforeAll(async () => {
    world = await createWorld();
    // Kits bring rows of their own, and a matrix that is run over them.
    operations = (await readReference(world.wire)).filter(({ id }) => !ofKits.has(id));
    leaks = await createLeakCheck(world);
    unmounted = await findUnmounted(world, operations);
    cells = operations.flatMap((operation) => {
      const row = expectations[operation.id];
      return row === undefined || unmounted.includes(operation.id) ? [] : cellsOf(operation, row, world);
    });
  });
  afterAll(async () => {
    await world?.close();
  });
  const by = (holds: (cell: Cell) => boolean) =>
    operations.map(({ id }) => cells.filter((cell) => cell.operation.id === id && holds(cell))).filter((some) => some.length > 0);

  it("GA-37: has a row for every operation of the reference and an answer to each, and none for what is not there", () => {
    const known = operations.map(({ id }) => id);
    expect(known.filter((id) => expectations[id] === undefined)).toEqual([]);
    expect(Object.keys(expectations).filter((id) => !known.includes(id))).toEqual([]);
    expect(unmounted).toEqual([]);
  });

  it("lets facts and samples flow to those they are for and to nobody else, after a cut too", async () => {
    const { url } = world.server.ready;
    const listeners = await Promise.all(
      world.callers
        .filter(({ permissions }) => permissions !== undefined)
        .map(async (caller) => ({ caller, stream: await openStream(url, streamFacts.path, caller.headers) })),
    );
    expect(listeners.map(({ stream }) => stream.status)).toEqual(listeners.map(() => 200));
    const places = ["aNorth", "aSouth", "b", "home"] as const;
    const samples = await Promise.all(
      places.map(async (place) => {
        const path = addressOf(streamTelemetry, { params: { deviceId: world.places[place]["deviceId"] } });
        const reader = { aNorth: "viewer A of one site", aSouth: "viewer A", b: "owner B", home: "platform administrator" }[place];
        return { place, stream: await openStream(url, path, world.as(reader).headers) };
      }),
    );
    const added = new Map<string, string>();
    for (const place of places) added.set(place, (await world.freshDevice(place))["deviceId"] ?? "");
    for (const [index, place] of places.entries()) {
      await world.wire.send({
        method: "POST",
        path: addressOf(sendTelemetry, { params: { deviceId: world.places[place]["deviceId"] } }),
        headers: { authorization: `Bearer ${world.places[place]["deviceToken"]}`, "content-type": "application/json" },
        body: JSON.stringify({ humidity: 50 + index + 0.0625 }),
      });
    }
    const faults: string[] = [];
    for (const { caller, stream } of listeners) {
      for (const place of places) {
        const id = added.get(place) ?? "";
        if (caller.sees.includes(place)) await expect.poll(() => stream.text(), { message: `${caller.name}: ${place}` }).toContain(id);
      }
    }
    for (const [index, { stream }] of samples.entries()) await expect.poll(() => stream.text()).toContain(`${50 + index}.0625`);
    await pause(500);
    for (const { caller, stream } of listeners) {
      const ids = places
        .filter((place) => !caller.sees.includes(place))
        .flatMap((place) => [added.get(place) ?? "", world.places[place]["deviceId"] ?? ""]);
      for (const id of ids) if (stream.text().includes(id)) faults.push(`${caller.name} hears of ${id}`);
    }
    for (const [index, { place, stream }] of samples.entries()) {
      for (const other of places.keys())
        if (other !== index && stream.text().includes(`${50 + other}.0625`))
          faults.push(`the stream of ${place} carries another's samples`);
    }
    // Going on from a fact of somebody else's is going on from nowhere.
    const { rows } = await world.sql.query<{ id: string }>("select e.id from events e where e.noun_id = $1", [added.get("aSouth")]);
    for (const name of ["owner B", "viewer A of one site", "platform administrator"]) {
      const resumed = await openStream(url, streamFacts.path, { ...world.as(name).headers, "last-event-id": rows[0]?.id ?? "" });
      await pause(300);
      for (const place of places)
        if (!world.as(name).sees.includes(place) && resumed.text().includes(added.get(place) ?? "?"))
          faults.push(`${name} catches up on ${place}`);
      resumed.close();
    }
    for (const { stream } of [...listeners, ...samples]) stream.close();
    expect(faults).toEqual([]);
    printFigures("S6", { fact_streams: listeners.length, sample_streams: samples.length, foreign_facts: 0 });
  });

  it("refuses everybody who may not, with one answer for what is foreign and what is absent, and changes nothing by it", async () => {
    const faults: string[] = [];
    for (const some of by((cell) => cell.expected !== "done")) faults.push(...(await tryRefused(world, some)));
    expect(summarise(faults)).toBe("");
    expect(cells.filter(({ isAbsent }) => isAbsent).length).toBeGreaterThan(900);
  });

  it("serves everybody who may, shows them what is theirs and nothing that is not", async () => {
    const faults: string[] = [];
    for (const some of by((cell) => cell.expected === "done")) faults.push(...(await tryAllowed(world, some, leaks)));
    expect(summarise(faults)).toBe("");
    expect(errorsLogged(world.server.output())).toEqual([]);
    printFigures("S6", { operations: operations.length, callers: world.callers.length, cells: cells.length, mismatches: faults.length });
  });

  it("takes no property that nobody offered to set, and no word of the request on whose things they are", async () => {
    const faults: string[] = [];
    let extras = 0;
    for (const some of by(() => true)) {
      const { tried, faults: found } = await tryExtras(world, some);
      extras += tried;
      faults.push(...found);
    }
    const spoofing = await trySpoofing(world, cells, leaks);
    faults.push(...spoofing.faults);
    expect(summarise(faults)).toBe("");
    expect(extras).toBeGreaterThan(500);
    printFigures("S6", { mass_assignments: extras, spoofed_tenants: spoofing.tried, taken: faults.length });
  });

  it("N-F24: each attempt on what is another's is on record, under the name of who tried", async () => {
    const { personId } = world.as("owner B");
    const tried = cells.filter(({ caller, isAbsent, expected }) => caller.personId === personId && isAbsent && expected[0] === 404).length;
    // A minute's attempts are one entry, written when the minute is over, or when the server stops.
    await world.sql.end();
    await world.server.terminate();
    const again = await world.server.restart();
    const sql = new pg.Client({ host: again.ready.databaseSocketDir, user: "roost", database: "roost" });
    await sql.connect();
    const { rows } = await sql.query<{ count: number }>(
      "select coalesce(sum((a.after ->> 'count')::int), 0)::int as count from audit_entries a where a.action = 'edge.not_there' and a.actor_id = $1",
      [personId],
    );
    await sql.end();
    await again.terminate();
    expect(rows[0]?.count).toBeGreaterThanOrEqual(tried);
    printFigures("S6", { attempts: tried, on_record: rows[0]?.count });
  });
});
