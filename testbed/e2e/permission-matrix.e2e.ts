import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { expectations } from "../src/matrix/expectations.ts";
import { cellsOf, createLeakCheck, findUnmounted, summarise, tryAllowed, tryRefused } from "../src/matrix/matrix.ts";
import type { Cell } from "../src/matrix/matrix.ts";
import { readReference } from "../src/matrix/reference.ts";
import type { Operation } from "../src/matrix/reference.ts";
import type { World } from "../src/matrix/stage.ts";
import { createWorld } from "../src/matrix/world.ts";

/** What the server calls an error of its own. */
const errorsLogged = (output: string) =>
  output.split("\n").filter((line) => /"level":"(?:error|fatal)"/.test(line) && !line.includes("auth.provider_unreachable"));

describe("S6, N-F24, CO-67, CO-68: every operation as everybody", () => {
  let world: World;
  let operations: readonly Operation[];
  let unmounted: readonly string[];
  let cells: readonly Cell[];
  beforeAll(async () => {
    world = await createWorld();
    operations = await readReference(world.wire);
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

  it("has a row for every operation of the reference and an answer to each, and none for what is not there", () => {
    const known = operations.map(({ id }) => id);
    expect(known.filter((id) => expectations[id] === undefined)).toEqual([]);
    expect(Object.keys(expectations).filter((id) => !known.includes(id))).toEqual([]);
    expect(unmounted).toEqual([]);
  });

  it("refuses everybody who may not, with one answer for what is foreign and what is absent, and changes nothing by it", async () => {
    const faults: string[] = [];
    for (const some of by((cell) => cell.expected !== "done")) faults.push(...(await tryRefused(world, some)));
    expect(summarise(faults)).toBe("");
  });

  it("serves everybody who may, shows them what is theirs and nothing that is not", async () => {
    const leaks = await createLeakCheck(world);
    const faults: string[] = [];
    for (const some of by((cell) => cell.expected === "done")) faults.push(...(await tryAllowed(world, some, leaks)));
    expect(summarise(faults)).toBe("");
    expect(errorsLogged(world.server.output())).toEqual([]);
    printFigures("S6", { operations: operations.length, callers: world.callers.length, cells: cells.length, mismatches: faults.length });
  });
});
