import { addApiToken } from "@roost/contract/auth";

import { isPartial, peopleOnly } from "./expectation.ts";
import type { Expectations } from "./expectation.ts";
import { password } from "./stage.ts";

/** People, sessions and tokens. */
export const peopleExpectations: Expectations = {
  getSetup: { object: "none" },
  setUp: {
    object: "none",
    body: () => ({ code: "not-a-code-at-all", email: "second@example.org", password }),
    always: [409, "auth.already_set_up"],
  },
  signIn: {
    object: "none",
    inTurn: true,
    body: (_ids, world) => ({ email: world.as("viewer A").email, password }),
    mayShow: (_caller, world) => [
      ...ownTexts(world.as("viewer A").email, world.as("viewer A").personId),
      world.places.aNorth["organisationId"] ?? "",
      "quokka",
    ],
  },
  login: { object: "none", inTurn: true, body: (_ids, world) => ({ username: world.as("viewer A").email, password }) },
  signOut: { object: "none", spendsSession: true },
  getSession: { object: "none" },
  chooseOrganisation: {
    object: "organisation",
    absent: [404, "auth.organisation_not_found"],
    body: (ids) => ({ organisationId: ids["organisationId"] }),
    spendsSession: true,
    ...peopleOnly,
  },
  listApiTokens: {
    object: "none",
    shows: (ids, caller) => (isPartial(caller) ? [] : [ids["tokenId"] ?? ""]),
    hides: (ids, caller) => (isPartial(caller) ? [ids["tokenId"] ?? ""] : []),
  },
  addApiToken: {
    object: "none",
    body: () => ({ name: "A token", permissions: ["devices:read"], expiresInDays: 1 }),
    ...peopleOnly,
  },
  removeApiToken: {
    object: "organisation",
    absent: [404, "auth.token_not_found"],
    fresh: async (world, place) => {
      const { token } = await world.owner(place)(addApiToken, { body: { name: "A token", permissions: ["devices:read"] } });
      return { tokenId: token.id };
    },
    except: [
      {
        when: (caller, place) => isPartial(caller) && place === "aNorth",
        answer: [404, "auth.token_not_found"],
        why: "who acts in a part of the organisation meets their own tokens alone, and this one is the owner's",
      },
    ],
  },
};

function ownTexts(...texts: readonly (string | undefined)[]): string[] {
  return texts.filter((text) => text !== undefined);
}
