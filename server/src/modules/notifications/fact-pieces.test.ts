import { httpErrors } from "@roost/contract/errors";
import { describe, expect, it } from "vitest";

import type { Fact } from "../../platform/events.ts";
import { createLog } from "../../platform/log.ts";
import { createFactPieces } from "./fact-pieces.ts";

const factOf = (id: string, organisationId = "ours"): Fact => ({
  id,
  organisationId,
  type: "alarm.raised",
  nounId: id,
  data: {},
  at: new Date(0),
});
const facts = (count: number) => Array.from({ length: count }, (_, index) => factOf(`f${index}`));

/** Takes pieces, and fails by those ids as often as is said. */
function taker(failing: Record<string, { times: number; error: Error }> = {}) {
  const pieces: string[][] = [];
  const taken = new Set<string>();
  const take = createFactPieces({
    async take(_, piece) {
      pieces.push(piece.map(({ id }) => id));
      for (const { id } of piece) {
        const fails = failing[id];
        if (fails !== undefined && fails.times > 0) {
          fails.times -= 1;
          throw fails.error;
        }
      }
      for (const { id } of piece) taken.add(id);
    },
    isApart: ({ id }) => id.startsWith("apart"),
    log: createLog({ level: "silent", pretty: false }),
  });
  return { take, pieces, taken };
}

const always = Number.POSITIVE_INFINITY;

describe("facts in pieces", () => {
  it("are of one organisation each, in their order, and no more at once than others can wait for", async () => {
    const { take, pieces } = taker();
    await take([...facts(1_200), factOf("theirs", "theirs"), factOf("last")]);
    expect(pieces.map((piece) => piece.length)).toEqual([500, 500, 201, 1]);
    expect(pieces.flat()).toEqual([...facts(1_200).map(({ id }) => id), "last", "theirs"]);
  });

  it("leave alone what has a transaction of its own", async () => {
    const { take, pieces } = taker();
    await take(["a", "b", "apart-1", "apart-2", "c"].map((id) => factOf(id)));
    expect(pieces).toEqual([["a", "b"], ["apart-1"], ["apart-2"], ["c"]]);
  });

  it("are tried one by one where a piece fails, and go on without the one that fails by itself again and again", async () => {
    const { take, taken } = taker({ f1: { times: always, error: new Error("cannot") } });
    await expect(take(facts(4))).rejects.toThrow("cannot");
    expect([...taken]).toEqual(["f0", "f2", "f3"]);
    await expect(take(facts(4))).rejects.toThrow("cannot");
    await take(facts(4));
    expect(taken.has("f1")).toBe(false);
  });

  it("are all taken when what failed was not their own fault", async () => {
    const { take, taken } = taker({ f1: { times: 2, error: new Error("not now") } });
    await expect(take(facts(3))).rejects.toThrow("not now");
    await take(facts(3));
    expect([...taken].toSorted()).toEqual(["f0", "f1", "f2"]);
  });

  it("are taken once when the rest of them comes again", async () => {
    const { take, pieces } = taker({ f2: { times: 2, error: new Error("not now") } });
    await expect(take(facts(4))).rejects.toThrow("not now");
    pieces.length = 0;
    await take(facts(4));
    expect(pieces).toEqual([["f2"]]);
    await take(facts(4));
    expect(pieces.at(-1)).toEqual(["f0", "f1", "f2", "f3"]);
  });

  it("come again, all of them, while the database is away, and in smaller pieces until it keeps up", async () => {
    const { take, pieces, taken } = taker({ f0: { times: 2, error: httpErrors.unavailable() } });
    for (let time = 0; time < 2; time += 1) await expect(take(facts(600))).rejects.toThrow(httpErrors.unavailable().message);
    expect(taken.size).toBe(0);
    await take(facts(600));
    expect(pieces.map((piece) => piece.length)).toEqual([500, 250, 125, 250, 225]);
    expect(taken.size).toBe(600);
  });
});
