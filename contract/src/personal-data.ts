import { z } from "zod";

import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceId, erasureId, personId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { peopleErrors } from "./people.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const personalDataErrors = defineErrors("personal_data", {
  person_not_found: [404, "There is no such person here, and nothing is left of one."],
  erasure_not_found: [404, "There is no such erasure."],
  person_needed: [403, "Sign in as a person for this: an API token has no account of its own."],
  confirmation_mismatch: [409, "The confirmation does not repeat what is to be erased. Nothing was erased."],
  too_many_exports: [429, "Two exports are under way already. Try again when one of them is done."],
});

/** What an erasure did in one place. */
export const erasedPlace = z.object({
  /** A table, in the words of the database. */
  place: personal("none", z.string()),
  /** `deleted`: the rows are gone. `anonymised`: the rows stay and name nobody. */
  how: z.enum(["deleted", "anonymised"]),
  rows: z.number().int().nonnegative(),
});

/** The erasing of a person or a device: what was asked, how far it is, what it did. It names nobody. */
export const erasure = z.object({
  id: erasureId,
  subject: z.enum(["person", "device"]),
  /** Of a person the id that stays in the audit trail as a pseudonym. */
  subjectId: personal("id", z.string()),
  state: z.enum(["running", "done"]),
  /** Id of the person or token that asked for it. */
  requestedBy: personal("id", z.string()),
  requestedAt: instant,
  finishedAt: instant.optional(),
  places: z.array(erasedPlace),
  /** What stays and why, in sentences. */
  kept: z.array(personal("none", z.string())),
});
export type Erasure = z.output<typeof erasure>;

const onePerson = z.object({ personId });
const oneDevice = z.object({ deviceId });
/** Repeats the e-mail address of a person, or the id where they have left; of a device its id. */
const confirm = z.strictObject({ confirm: z.string().min(1).max(254) });

export const exportMyself = defineRoute({
  operation: "exportMyself",
  method: "GET",
  path: "/api/v1/auth/personal-data",
  access: "signedIn",
  summary: "Streams a ZIP of everything that is kept about the caller, in all their organisations, with a manifest.",
  streams: "application/zip",
  errors: [personalDataErrors.person_needed, personalDataErrors.too_many_exports],
});

export const exportPerson = defineRoute({
  operation: "exportPerson",
  method: "GET",
  path: "/api/v1/people/:personId/personal-data",
  access: "personal:export",
  wholeOrganisation: true,
  summary: "Streams a ZIP of everything this organisation keeps about a person; nothing of their other organisations.",
  params: onePerson,
  streams: "application/zip",
  errors: [personalDataErrors.person_not_found, personalDataErrors.too_many_exports],
});

export const exportDevice = defineRoute({
  operation: "exportDevice",
  method: "GET",
  path: "/api/v1/devices/:deviceId/personal-data",
  access: "personal:export",
  summary: "Streams a ZIP of everything that is kept about a device: what it is, said and measured, its alarms, and who did what to it.",
  params: oneDevice,
  streams: "application/zip",
  errors: [deviceErrors.not_found, personalDataErrors.too_many_exports],
});

export const erasePerson = defineRoute({
  operation: "erasePerson",
  method: "POST",
  path: "/api/v1/people/:personId/erasure",
  access: "personal:erase",
  wholeOrganisation: true,
  summary:
    "Takes somebody out of the organisation for good: what is theirs is deleted, what has to stay names nobody any more. Answers at once; the erasure tells how far it is.",
  params: onePerson,
  body: confirm,
  reply: erasure,
  status: 202,
  errors: [
    personalDataErrors.person_not_found,
    personalDataErrors.confirmation_mismatch,
    peopleErrors.not_found,
    peopleErrors.person_needed,
    peopleErrors.more_than_yours,
    peopleErrors.last_owner,
    peopleErrors.support_only,
  ],
});

export const eraseDevice = defineRoute({
  operation: "eraseDevice",
  method: "POST",
  path: "/api/v1/devices/:deviceId/erasure",
  access: "personal:erase",
  summary: "Removes a device with every sample, event, message and record of it but the audit trail's.",
  params: oneDevice,
  body: confirm,
  reply: erasure,
  status: 202,
  errors: [deviceErrors.not_found, personalDataErrors.confirmation_mismatch],
});

export const listErasures = defineRoute({
  operation: "listErasures",
  method: "GET",
  path: "/api/v1/erasures",
  access: "personal:erase",
  wholeOrganisation: true,
  summary: "Lists erasures with what each did, newest first.",
  query: page,
  reply: listOf(erasure),
});

export const getErasure = defineRoute({
  operation: "getErasure",
  method: "GET",
  path: "/api/v1/erasures/:erasureId",
  access: "personal:erase",
  wholeOrganisation: true,
  summary: "Shows one erasure: how far it is, and what it did.",
  params: z.object({ erasureId }),
  reply: erasure,
  errors: [personalDataErrors.erasure_not_found],
});
