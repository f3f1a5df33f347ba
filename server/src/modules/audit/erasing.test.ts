import { expect, it } from "vitest";

import type { StoredEntry } from "./entry.ts";
import { leaveOut } from "./erasing.ts";

const erasure = { organisationId: "o", subject: "person" as const, id: "p", pseudonym: "erased person 1" };
const entry: StoredEntry = {
  id: "e",
  organisationId: "o",
  atUs: "0",
  actorKind: "person",
  actorId: "other",
  actorName: "Ann",
  action: "person.invited",
  objectKind: "invitation",
  objectId: "i",
  objectName: null,
  before: null,
  after: null,
  outcome: "done",
  remoteAddress: null,
  userAgent: null,
  correlationId: null,
};

it.each(["lee-ann@my-farm.example", "o'lee+coop/north@example.org", "{lee}|^$*?#!%&=`~@example.org", "Lee (the vet) [north] \\o/"])(
  "takes %s out of what others wrote, whatever signs are in it",
  (word) => {
    const left = leaveOut({ ...entry, objectName: `for ${word}, now` }, { ...erasure, words: [word] });
    expect(left?.objectName).toBe("for erased person 1, now");
  },
);

it("leaves alone what only begins or ends like it", () => {
  const words = ["lee@my-farm.example"];
  expect(leaveOut({ ...entry, objectName: "ann-lee@my-farm.example, lee@my-farm.example-2" }, { ...erasure, words })).toBeUndefined();
});
