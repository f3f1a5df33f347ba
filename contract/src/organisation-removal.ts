import { z } from "zod";

import { organisation, organisationErrors } from "./organisations.ts";
import { peopleErrors } from "./people.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { signInErrors } from "./sign-in.ts";

export const removeOrganisation = defineRoute({
  operation: "removeOrganisation",
  method: "POST",
  path: "/api/v1/organisation/removal",
  access: "organisation:write",
  wholeOrganisation: true,
  summary:
    "Closes the organisation at once, and has it removed with everything in it when the days of grace are over. For an owner who signed in within the last hour.",
  /** Repeats the organisation's name. */
  body: z.strictObject({ confirm: personal("text", z.string().min(1).max(120)) }),
  reply: organisation,
  status: 202,
  errors: [
    organisationErrors.owner_needed,
    organisationErrors.removal_mismatch,
    organisationErrors.last_organisation,
    organisationErrors.closed,
    signInErrors.sign_in_again,
    peopleErrors.person_needed,
  ],
});

export const keepOrganisation = defineRoute({
  operation: "keepOrganisation",
  method: "DELETE",
  path: "/api/v1/organisation/removal",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Keeps an organisation that was to be removed: it is open again, with everything in it.",
  reply: organisation,
  errors: [organisationErrors.owner_needed, organisationErrors.not_closed, organisationErrors.removal_begun, peopleErrors.person_needed],
});
