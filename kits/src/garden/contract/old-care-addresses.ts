import { personal } from "@roost/contract/personal";
import { defineRoute } from "@roost/contract/route";
import { z } from "zod";

import { careErrors } from "./care.ts";
import { gardenErrors, plantId } from "./plants.ts";

const ours = personal("none", z.string());
const theirs = personal("text", z.string());
const provider = z.enum(["anthropic", "openai", "compatible"]);

const oldSettings = z.object({
  provider,
  model: ours,
  api_key_set: z.boolean(),
  api_key_masked: ours.nullable(),
  updated_at: ours.nullable(),
});
export type OldCareSettings = z.output<typeof oldSettings>;

const section = z.object({ current: ours.nullable(), ideal: theirs, recommendation: theirs });

const oldPlan = z.object({
  plant_id: plantId,
  summary: theirs,
  watering: z.object({ frequency: theirs, amount: theirs, next_date: ours }),
  light: section,
  humidity: section,
  temperature: section,
  alerts: z.array(theirs),
  tips: z.array(theirs),
  generated_at: ours,
});
export type OldCarePlan = z.output<typeof oldPlan>;

export const oldGetCareSettings = defineRoute({
  operation: "gardenOldGetModelSettings",
  method: "GET",
  path: "/api/settings/llm",
  access: "garden:read",
  wholeOrganisation: true,
  summary: "The model's settings, at the earlier address.",
  reply: oldSettings,
});

export const oldChangeCareSettings = defineRoute({
  operation: "gardenOldChangeModelSettings",
  method: "PUT",
  path: "/api/settings/llm",
  access: "garden:configure",
  wholeOrganisation: true,
  summary: "Changes the model's settings, at the earlier address. An absent key stays where the provider stays.",
  body: z.object({
    provider: z.enum(["anthropic", "openai"]),
    model: personal("none", z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,119}$/))
      .nullable()
      .optional(),
    api_key: personal(
      "secret",
      z
        .string()
        .trim()
        .min(1)
        .max(400)
        .regex(/^[\x21-\x7e]+$/),
    ).optional(),
  }),
  reply: oldSettings,
});

export const oldTestCareModel = defineRoute({
  operation: "gardenOldTestModel",
  method: "POST",
  path: "/api/settings/llm/test",
  access: "garden:configure",
  wholeOrganisation: true,
  summary: "Tries out the model, at the earlier address.",
  reply: z.object({ success: z.boolean(), message: ours, latency_ms: z.int() }),
});

export const oldAnalyzePlant = defineRoute({
  operation: "gardenOldAnalyzePlant",
  method: "POST",
  path: "/api/plants/:plantId/analyze",
  access: "garden:write",
  summary: "Writes a care plan and waits for it, at the earlier address.",
  params: z.object({ plantId }),
  reply: oldPlan,
  errors: [gardenErrors.plant_not_found, careErrors.not_now],
});

export const oldGetCarePlan = defineRoute({
  operation: "gardenOldGetCarePlan",
  method: "GET",
  path: "/api/plants/:plantId/care-plan",
  access: "garden:read",
  summary: "The newest care plan of a plant, at the earlier address.",
  params: z.object({ plantId }),
  reply: oldPlan,
  errors: [gardenErrors.plant_not_found, careErrors.no_plan],
});

export const oldCareRoutes = [oldGetCareSettings, oldChangeCareSettings, oldTestCareModel, oldAnalyzePlant, oldGetCarePlan] as const;
