import { personal } from "@roost/contract/personal";
import { defineRoute } from "@roost/contract/route";
import { z } from "zod";

import { plantLimits } from "./limits.ts";

const ours = personal("none", z.string());

/** A species with limits to begin with. */
export const preset = z.object({
  id: ours,
  name: ours,
  latinName: ours,
  alsoCalled: z.array(ours),
  limits: plantLimits,
  /** Where the figures are from. */
  sources: z.array(ours),
});
export type Preset = z.output<typeof preset>;

export const listPresets = defineRoute({
  operation: "gardenListPresets",
  method: "GET",
  path: "/api/v1/kits/garden/presets",
  access: "garden:read",
  summary: "Lists species with limits to begin with, by name.",
  query: z.object({
    /** Part of a name, the Latin one or another it goes by. */
    q: z.string().max(120).optional(),
  }),
  reply: z.object({ items: z.array(preset) }),
});
