import { printFigures } from "@roost/testbed/figures";
import { tryExtras, trySpoofing } from "@roost/testbed/matrix/extras";
import { cellsOf, createLeakCheck, findUnmounted, summarise, tryAllowed, tryRefused } from "@roost/testbed/matrix/matrix";
import type { Cell, LeakCheck } from "@roost/testbed/matrix/matrix";
import { codeOf, readReference } from "@roost/testbed/matrix/reference";
import type { Operation } from "@roost/testbed/matrix/reference";
import type { World } from "@roost/testbed/matrix/stage";
import { createWorld } from "@roost/testbed/matrix/world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { gardenRoutes } from "./routes.ts";
import { gardenExpectations, plantWorld } from "./test-matrix.ts";

/** Those who may, where the answer is what it has to be: a success, or what it is to all of them. */
const isServed = ({ expected, row, isAbsent }: Cell) => expected === "done" || (!isAbsent && expected === row.always);

describe("S6, GA-05: every operation of the garden as everybody", () => {
  let world: World;
  let operations: readonly Operation[];
  let unmounted: readonly string[];
  let leaks: LeakCheck;
  let cells: readonly Cell[];
  beforeAll(async () => {
    const ids = new Set(gardenRoutes.map(({ operation }) => operation));
    world = await plantWorld(await createWorld());
    operations = (await readReference(world.wire)).filter(({ id }) => ids.has(id));
    leaks = await createLeakCheck(world);
    unmounted = await findUnmounted(world, operations);
    cells = operations.flatMap((operation) => {
      const row = gardenExpectations[operation.id];
      return row === undefined || unmounted.includes(operation.id) ? [] : cellsOf(operation, row, world);
    });
  });
  afterAll(async () => {
    await world?.close();
  });
  const by = (holds: (cell: Cell) => boolean) =>
    operations.map(({ id }) => cells.filter((cell) => cell.operation.id === id && holds(cell))).filter((some) => some.length > 0);

  it("has a row for every route and an answer to each, and none for what is not there", () => {
    const known = gardenRoutes.map(({ operation }) => operation);
    expect(operations.map(({ id }) => id).toSorted()).toEqual(known.toSorted());
    expect(known.filter((id) => gardenExpectations[id] === undefined)).toEqual([]);
    expect(Object.keys(gardenExpectations).filter((id) => !known.includes(id))).toEqual([]);
    expect(unmounted).toEqual([]);
  });

  it("refuses everybody who may not, with one answer for what is foreign and what is absent, and changes nothing by it", async () => {
    const faults: string[] = [];
    for (const some of by((cell) => !isServed(cell))) faults.push(...(await tryRefused(world, some)));
    expect(summarise(faults)).toBe("");
    expect(cells.filter(({ isAbsent }) => isAbsent).length).toBeGreaterThan(400);
  });

  it("serves everybody who may, shows them what is theirs and nothing that is not", async () => {
    const faults: string[] = [];
    for (const some of by(isServed)) faults.push(...(await tryAllowed(world, some, leaks)));
    expect(summarise(faults)).toBe("");
    const logged = world.server.output().split("\n");
    // That nobody can write a plan is an answer of 503, and no fault.
    expect(logged.filter((line) => /"level":"(?:error|fatal)"/.test(line) && !line.includes("garden_care.not_now"))).toEqual([]);
    printFigures("GA-S6", { operations: operations.length, callers: world.callers.length, cells: cells.length });
  });

  it("puts nobody's node at a plant of one's own, no plant at a site of others, and shows no plan or photo by way of one's own plant", async () => {
    const faults: string[] = [];
    const expectAnswer = async (name: string, request: { method: string; path: string; body?: object }, status: number, code: string) => {
      const caller = world.as(name);
      const { body, ...rest } = request;
      const answer = await caller.wire.send({
        ...rest,
        headers: { ...caller.headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      if (answer.status !== status || codeOf(answer.body) !== code)
        faults.push(`${name} ${request.method} ${request.path}: ${answer.status} ${answer.body.slice(0, 200)}`);
    };
    // What everybody did before brings about work on care plans.
    await world.stored.settled();
    const before = await world.stored.hashes();
    const pairs = [
      ["owner A", "aNorth", "b"],
      ["owner B", "b", "aSouth"],
      ["admin A of one site", "aNorth", "aSouth"],
    ] as const;
    for (const [name, own, foreign] of pairs) {
      const mine = world.places[own];
      for (const theirs of [world.places[foreign], world.absent]) {
        const plant = `/api/v1/kits/garden/plants/${mine["plantId"]}`;
        const body = { deviceId: theirs["deviceId"] };
        await expectAnswer(name, { method: "POST", path: `${plant}/nodes`, body }, 404, "devices.not_found");
        await expectAnswer(name, { method: "DELETE", path: `${plant}/nodes/${theirs["deviceId"]}` }, 404, "garden.not_its_node");
        await expectAnswer(name, { method: "GET", path: `${plant}/photos/${theirs["photoId"]}` }, 404, "garden.photo_not_found");
        await expectAnswer(name, { method: "DELETE", path: `${plant}/photos/${theirs["photoId"]}` }, 404, "garden.photo_not_found");
        const differences = `${plant}/care-plans/${theirs["carePlanId"]}/differences`;
        await expectAnswer(name, { method: "GET", path: differences }, 404, "garden_care.plan_not_found");
        const against = `${plant}/care-plans/${mine["carePlanId"]}/differences?against=${theirs["carePlanId"]}`;
        await expectAnswer(name, { method: "GET", path: against }, 404, "garden_care.plan_not_found");
        const old = `/api/devices/${mine["deviceId"]}/provision`;
        await expectAnswer(name, { method: "POST", path: old, body: { plant_id: theirs["plantId"] } }, 404, "garden.plant_not_found");
        const change = { method: "PATCH", path: plant, body: { coverPhotoId: theirs["photoId"] } };
        await expectAnswer(name, change, 404, "garden.photo_not_found");
      }
    }
    for (const [name, own, foreign] of [pairs[0], pairs[1]]) {
      const path = `/api/v1/kits/garden/plants/${world.places[own]["plantId"]}`;
      await expectAnswer(name, { method: "PATCH", path, body: { siteId: world.places[foreign]["siteId"] } }, 422, "garden.unknown_site");
    }
    expect(faults.join("\n")).toBe("");
    const after = await world.stored.hashes();
    expect(
      [...after].filter(([table, hash]) => before.get(table) !== hash && table.startsWith("kit_garden.")).map(([table]) => table),
    ).toEqual([]);
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
    expect(extras).toBeGreaterThan(100);
    printFigures("GA-S6", { mass_assignments: extras, spoofed_tenants: spoofing.tried, taken: faults.length });
  });
});
