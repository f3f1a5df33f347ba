import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import type { Route } from "./route.ts";
import { instant } from "./time.ts";

const kitId = personal(
  "none",
  z.string().regex(/^[a-z][a-z0-9_]{1,30}$/, "A kit's name has 2 to 31 lower-case letters, digits and underscores."),
);

/** What one of a kit's checks found, for the organisation that asks. */
export const kitCheck = z.object({
  name: z.string(),
  title: z.string(),
  about: z.string(),
  /** `unknown`: there is nothing to judge by yet. */
  state: z.enum(["ok", "failed", "unknown"]),
  /** What it was judged by. */
  evidence: personal("text", z.string()),
  checkedAt: instant,
});
export type KitCheck = z.output<typeof kitCheck>;

export const kit = z.object({
  id: kitId,
  title: z.string(),
  about: z.string(),
  /** Nothing to switch: it belongs to the platform itself. */
  alwaysOn: z.boolean(),
  /** For the organisation that asks. Switched off, its data stay. */
  on: z.boolean(),
  health: z.object({
    state: z.enum(["well", "unhealthy"]),
    /** What it was doing when it failed, and since when; of an unhealthy one. */
    doing: personal("none", z.string()).optional(),
    since: instant.optional(),
  }),
  deviceKinds: z.array(z.object({ kind: z.string(), title: z.string() })),
  /** It has something an organisation may set. */
  hasSettings: z.boolean(),
});
export type Kit = z.output<typeof kit>;

export const kitErrors = defineErrors("kits", {
  not_found: [404, "There is no such kit in this installation."],
  off: [409, "This kit is switched off here. Somebody who may change the organisation's settings switches it on, on the page of kits."],
  unhealthy: [503, "This kit did not start. The rest of Roost works; the log of the server says why."],
  always_on: [409, "This kit belongs to the platform and cannot be switched."],
  bad_settings: [400, "The settings do not fit what this kit knows. The faults are listed under details."],
});

/** A kit's routes with all that they answer: beside its own errors, those of one that is switched off or did not start. */
export function answeredRoutes(own: readonly Route[]): Route[] {
  return own.map((route) => ({ ...route, errors: [...(route.errors ?? []), kitErrors.off, kitErrors.unhealthy] }));
}

const oneKit = z.object({ kitId });
const setting = personal("text", z.json());

export const listKits = defineRoute({
  operation: "listKits",
  method: "GET",
  path: "/api/v1/kits",
  access: "organisation:read",
  summary: "Lists the kits of this installation: what they are for, whether they are switched on, and how they are.",
  reply: z.object({ items: z.array(kit) }),
});

export const switchKit = defineRoute({
  operation: "switchKit",
  method: "PUT",
  path: "/api/v1/kits/:kitId/switch",
  access: "devices:write",
  wholeOrganisation: true,
  summary: "Switches a kit on or off for the organisation. Off, its pages and routes are gone and its data stay.",
  params: oneKit,
  body: z.strictObject({ on: z.boolean() }),
  reply: kit,
  errors: [kitErrors.not_found, kitErrors.always_on],
});

export const checkKit = defineRoute({
  operation: "checkKit",
  method: "GET",
  path: "/api/v1/kits/:kitId/checks",
  access: "organisation:read",
  summary: "Looks whether what the kit needs is true just now, for the organisation.",
  params: oneKit,
  reply: z.object({ items: z.array(kitCheck) }),
  errors: [kitErrors.not_found, kitErrors.off],
});

export const getKitSettings = defineRoute({
  operation: "getKitSettings",
  method: "GET",
  path: "/api/v1/kits/:kitId/settings",
  access: "organisation:read",
  summary: "Shows what the organisation has set of a kit, defaults filled in.",
  params: oneKit,
  reply: z.object({ settings: z.record(z.string(), setting) }),
  errors: [kitErrors.not_found],
});

export const changeKitSettings = defineRoute({
  operation: "changeKitSettings",
  method: "PATCH",
  path: "/api/v1/kits/:kitId/settings",
  access: "devices:write",
  wholeOrganisation: true,
  summary: "Changes a kit's settings; what is absent stays, null goes back to the default.",
  params: oneKit,
  body: z.record(z.string().max(64), setting),
  reply: z.object({ settings: z.record(z.string(), setting) }),
  errors: [kitErrors.not_found, kitErrors.bad_settings],
});
