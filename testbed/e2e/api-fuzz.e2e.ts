import { switchKit } from "@roost/contract/kits";
import { kitRoutes } from "@roost/kits/kit-routes";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { callersFor, createPool, faultsOf, filledIn, learn, requestsOf, spending } from "../src/matrix/fuzz.ts";
import type { Drawn, Pool } from "../src/matrix/fuzz.ts";
import { readReference } from "../src/matrix/reference.ts";
import type { Operation } from "../src/matrix/reference.ts";
import type { World } from "../src/matrix/stage.ts";
import { createWire } from "../src/matrix/wire.ts";
import type { Wire } from "../src/matrix/wire.ts";
import { createWorld } from "../src/matrix/world.ts";

const isLong = process.env["ROOST_TEST_LONG"] === "1";
const runsPerOperation = isLong ? 120 : 20;
const sequences = isLong ? 500 : 80;
const timeoutMs = isLong ? 1_800_000 : 600_000;
// The same requests every time, so that what turns red is what was changed; the long run looks for what nobody has thought of.
const seed = Number(process.env["ROOST_TEST_SEED"] ?? (isLong ? Date.now() % 2 ** 31 : 1_122_026));

describe("S7: requests made from the reference", () => {
  let world: World;
  let wire: Wire;
  let operations: readonly Operation[];
  let pool: Pool;
  let sent = 0;
  const tookMs: number[] = [];
  const statuses = new Map<number, number>();
  beforeAll(async () => {
    world = await createWorld();
    // What is off answers one thing to everybody: there would be nothing to break.
    for (const kitId of Object.keys(kitRoutes))
      for (const place of ["aNorth", "b", "home"] as const) await world.owner(place)(switchKit, { params: { kitId }, body: { on: true } });
    wire = createWire(world.server.ready.url, { streamMs: 20 });
    operations = await readReference(wire);
    pool = createPool(world);
  });
  afterAll(async () => {
    wire?.close();
    await world?.close();
  });

  async function send(operation: Operation, drawn: Drawn): Promise<string[]> {
    const { path, body, headers: asked, values } = filledIn(operation, drawn, pool);
    const callers = callersFor(operation, world);
    const caller = callers[drawn.caller % callers.length] ?? world.as("nobody");
    const headers = spending.has(operation.id) ? await world.standIn(caller) : caller.headers;
    const startedMs = performance.now();
    const answer = await wire.send({
      method: operation.method,
      path,
      headers: { ...(body === undefined || drawn.contentType === "" ? {} : { "content-type": drawn.contentType }), ...asked, ...headers },
      body,
    });
    if (operation.media !== "text/event-stream") tookMs.push(performance.now() - startedMs);
    sent += 1;
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    learn(pool, operation, answer);
    const { contentType } = drawn;
    return faultsOf(operation, { body, contentType, values }, answer).map(
      (fault) => `${operation.id}: ${fault} | ${operation.method} ${path.slice(0, 200)} ${(body ?? "").slice(0, 200)}`,
    );
  }

  it("CO-56: never break it, get no answer that nobody told of, and nothing wrong is taken", { timeout: timeoutMs }, async () => {
    const faults: string[] = [];
    const queue = [...operations];
    const worker = async () => {
      for (let operation = queue.shift(); operation !== undefined; operation = queue.shift()) {
        const one = operation;
        const result = await fc.check(
          fc.asyncProperty(requestsOf(one), async (drawn) => {
            const found = await send(one, drawn);
            if (found.length > 0) throw new Error(found[0]);
          }),
          { numRuns: spending.has(one.id) ? Math.ceil(runsPerOperation / 4) : runsPerOperation, seed, endOnFailure: !isLong },
        );
        if (result.failed) faults.push(String((result.errorInstance as Error | undefined)?.message ?? result.errorInstance));
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect(faults.join("\n")).toBe("");
  });

  it("in sequences that go on with what was made", { timeout: timeoutMs }, async () => {
    const likely = operations.filter(({ id, method }) => !spending.has(id) && (method !== "GET" || /^(?:list|get)/.test(id)));
    const step = fc.nat().chain((index) => {
      const operation = likely[index % likely.length] ?? likely[0];
      if (operation === undefined) throw new Error("There is no operation.");
      return requestsOf(operation).map((drawn) => ({ operation, drawn: { ...drawn, picks: drawn.picks.map((pick) => pick * 2) } }));
    });
    const result = await fc.check(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 12 }), async (steps) => {
        for (const { operation, drawn } of steps) {
          const found = await send(operation, drawn);
          if (found.length > 0) throw new Error(found[0]);
        }
      }),
      { numRuns: sequences, seed, endOnFailure: true },
    );
    expect(result.failed ? String((result.errorInstance as Error | undefined)?.message) : "").toBe("");
  });

  it("and all this is over within the time that people wait", async () => {
    const sorted = tookMs.toSorted((one, other) => one - other);
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
    const logged = world.server
      .output()
      .split("\n")
      .filter((line) => /"level":"(?:error|fatal)"/.test(line));
    printFigures("S7", {
      requests: sent,
      operations: operations.length,
      seed,
      p50_ms: at(0.5),
      p99_ms: at(0.99),
      answers: [...statuses]
        .toSorted(([one], [other]) => one - other)
        .map(([status, count]) => `${status}:${count}`)
        .join(","),
      errors_logged: logged.length,
    });
    expect(sent).toBeGreaterThan(isLong ? 20_000 : 3_000);
    expect((await wire.send({ method: "GET", path: "/health" })).status).toBe(200);
  });
});
