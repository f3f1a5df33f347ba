import { ingestErrors } from "@roost/contract/ingest";
import { expect, it } from "vitest";

import { adviceFor, rejectCodes } from "./advice.ts";

it("R8: says for every reason of a refusal what to do about it", () => {
  expect(rejectCodes).toHaveLength(Object.keys(ingestErrors).length);
  for (const code of rejectCodes) expect(adviceFor(code), code).toMatch(/.{20,}\.$/);
});

it("says nothing about codes it does not know", () => {
  expect(adviceFor("ingest.constructor")).toBeUndefined();
  expect(adviceFor("other.malformed")).toBeUndefined();
});
