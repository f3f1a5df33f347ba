import { defineErrors } from "@roost/contract/errors";
import { deviceId, uuid } from "@roost/contract/ids";
import { personal } from "@roost/contract/personal";
import { quality } from "@roost/contract/quality";
import { defineRoute } from "@roost/contract/route";
import { instant } from "@roost/contract/time";
import { unit } from "@roost/contract/units";
import { z } from "zod";

import { careReason } from "./care-reasons.ts";
import { limitedMetric } from "./limits.ts";
import { gardenErrors, plantId } from "./plants.ts";

export const carePlanId = uuid.brand("CarePlanId");
export type CarePlanId = z.output<typeof carePlanId>;

/** `compatible`: any address that speaks OpenAI's chat completions, such as a model of your own. */
export const careProvider = z.enum(["anthropic", "openai", "compatible"]);
export type CareProvider = z.output<typeof careProvider>;

/** US dollars for a million tokens. */
export const carePrice = z.strictObject({
  inputPerMillion: z.number().min(0).max(10_000),
  outputPerMillion: z.number().min(0).max(10_000),
});
export type CarePrice = z.output<typeof carePrice>;

const modelName = personal(
  "none",
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,119}$/, "A model's name is up to 120 letters, digits and . _ : / @ -"),
);
const baseUrl = personal("address", z.string().max(300));
const words = personal("none", z.string());

export const careRefresh = z.strictObject({
  /** A new plan for each plant once its own is seven days old. */
  weekly: z.boolean(),
  /** A new plan when a plant becomes critical or a trend begins; once a day and plant at most. */
  onStrongChange: z.boolean(),
});

/** `ready`: a plan can be written now. Else what is in the way; `message` says it in words. */
export const careReadiness = z.enum(["ready", ...careReason.options]);

export const careSettings = z.object({
  provider: careProvider,
  model: modelName,
  /** Of `compatible` only. */
  baseUrl: baseUrl.optional(),
  apiKeySet: z.boolean(),
  /** Its last four characters; absent for a key too short to show any of. */
  apiKeyMasked: words.optional(),
  /** Absent while it is not known: then nothing is paid for until somebody enters it. */
  price: carePrice.optional(),
  priceFrom: z.enum(["own", "table", "unknown"]),
  monthlyCapCents: z.int(),
  refresh: careRefresh,
  updatedAt: instant.optional(),
  state: careReadiness,
  /** What `state` means and what to do, in words. */
  message: words,
  /** Models with a known price, the default of each provider first. */
  knownModels: z.array(z.object({ provider: careProvider, model: modelName, price: carePrice, isDefault: z.boolean() })),
});
export type CareSettings = z.output<typeof careSettings>;

const base = "/api/v1/kits/garden";

export const careErrors = defineErrors("garden_care", {
  plan_not_found: [404, "There is no such care plan."],
  nothing_before: [404, "There is no plan before this one to compare it with."],
  bad_base_url: [422, "The address must begin with http:// or https:// and hold no user, query or fragment."],
  base_url_needed: [422, "A compatible provider needs its address. Models are named by you."],
  no_plan: [404, "There is no care plan for this plant yet."],
  not_now: [503, "No care plan could be written now. The reason stands under details."],
});

/** Errors of the command line. */
export const careCliErrors = defineErrors("garden_care_cli", {
  which_plant: [404, "No plant has this name, or several have it in theirs. Give the whole name, or the id."],
  bad_price: [400, "A price is two numbers with a comma between: dollars for a million tokens in, and out."],
});

export const getCareSettings = defineRoute({
  operation: "gardenGetCareSettings",
  method: "GET",
  path: `${base}/care/settings`,
  access: "garden:read",
  wholeOrganisation: true,
  summary: "Shows how care plans are written: provider, model, cap; of the key its last four characters.",
  reply: careSettings,
});

export const careSettingsChange = z.strictObject({
  provider: careProvider.optional(),
  /** Null: the provider's default. */
  model: modelName.nullable().optional(),
  baseUrl: baseUrl.nullable().optional(),
  apiKey: personal(
    "secret",
    z
      .string()
      .trim()
      .min(1)
      .max(400)
      .regex(/^[\x21-\x7e]+$/, "A key has no spaces and plain characters only."),
  ).optional(),
  /** Null: the price of the table. */
  price: carePrice.nullable().optional(),
  monthlyCapCents: z.int().min(0).max(1_000_000).optional(),
  refresh: careRefresh.partial().optional(),
});
export type CareSettingsChange = z.output<typeof careSettingsChange>;

export const changeCareSettings = defineRoute({
  operation: "gardenChangeCareSettings",
  method: "PUT",
  path: `${base}/care/settings`,
  access: "garden:configure",
  wholeOrganisation: true,
  summary:
    "Changes them; absent fields stay. With another provider or address the saved key is forgotten unless one is given: it is for the place it was made for.",
  body: careSettingsChange,
  reply: careSettings,
  errors: [careErrors.bad_base_url, careErrors.base_url_needed],
});

export const removeCareKey = defineRoute({
  operation: "gardenRemoveCareKey",
  method: "DELETE",
  path: `${base}/care/settings/key`,
  access: "garden:configure",
  wholeOrganisation: true,
  summary: "Forgets the key.",
});

export const careTest = z.object({ ok: z.boolean(), reason: careReason.optional(), message: words, latencyMs: z.int() });
export type CareTest = z.output<typeof careTest>;

export const testCareModel = defineRoute({
  operation: "gardenTestCareModel",
  method: "POST",
  path: `${base}/care/settings/test`,
  access: "garden:configure",
  wholeOrganisation: true,
  summary: "Asks the model for one word, for at most ten seconds, and says in words how it went. It is paid for like any call.",
  reply: careTest,
});

/** A reading that a claim rests on. */
export const citation = z.object({
  deviceId,
  metric: limitedMetric,
  value: z.number(),
  unit,
  measuredAt: instant,
  quality,
});
export type Citation = z.output<typeof citation>;

const claimed = personal("text", z.string());
const cites = z.array(citation);
export const careClaim = z.object({ text: claimed, cites });

const careSection = z.object({
  /** As measured; absent where nothing was. */
  current: z.object({ value: z.number(), unit }).optional(),
  ideal: claimed,
  recommendation: claimed,
  cites,
});

/** What a model proposes, with the readings each claim rests on. Nothing acts on it but a person. */
export const carePlanBody = z.object({
  summary: careClaim,
  watering: z.object({
    frequency: claimed,
    amount: claimed,
    /** A day, `2026-11-24`. */
    nextDate: personal("none", z.string()),
    cites,
  }),
  light: careSection,
  humidity: careSection,
  temperature: careSection,
  alerts: z.array(careClaim),
  tips: z.array(careClaim),
});
export type CarePlanBody = z.output<typeof carePlanBody>;

/** What a plan was asked for by. */
export const careCause = z.enum(["new_plant", "weekly", "strong_change", "on_demand"]);
export type CareCause = z.output<typeof careCause>;

export const carePlan = z.object({
  id: carePlanId,
  plantId,
  generatedAt: instant,
  cause: careCause,
  provider: careProvider,
  model: modelName,
  body: carePlanBody,
});
export type CarePlan = z.output<typeof carePlan>;

/** How it stands with the next plan of a plant. `idle`: nothing is wanted at the moment. */
export const careWork = z.object({
  state: z.enum(["idle", "queued", "running", "waiting", "done", "refused", "abstained", "failed"]),
  cause: careCause.optional(),
  reason: careReason.optional(),
  message: words,
  askedAt: instant.optional(),
  finishedAt: instant.optional(),
  nextTryAt: instant.optional(),
  attempts: z.int(),
});
export type CareWork = z.output<typeof careWork>;

/** What a plan says of now against what is measured now. */
export const careDrift = z.object({
  metric: limitedMetric,
  planned: z.number(),
  now: z.number(),
  unit,
  measuredAt: instant,
  /** So far apart that the plan no longer speaks of this plant as it is. */
  isFar: z.boolean(),
  text: words,
});
export type CareDrift = z.output<typeof careDrift>;

const onePlant = z.object({ plantId });
const onePlan = z.object({ plantId, carePlanId });

export const getCarePlan = defineRoute({
  operation: "gardenGetCarePlan",
  method: "GET",
  path: `${base}/plants/:plantId/care-plan`,
  access: "garden:read",
  summary:
    "Shows a plant's newest care plan, how the next one stands, and how far its figures have drifted from the sensors. Asks no model.",
  params: onePlant,
  reply: z.object({ plan: carePlan.optional(), work: careWork, drift: z.array(careDrift) }),
  errors: [gardenErrors.plant_not_found],
});

export const listCarePlans = defineRoute({
  operation: "gardenListCarePlans",
  method: "GET",
  path: `${base}/plants/:plantId/care-plans`,
  access: "garden:read",
  summary: "Lists a plant's care plans, the newest first; the last 50 are kept.",
  params: onePlant,
  reply: z.object({ items: z.array(carePlan) }),
  errors: [gardenErrors.plant_not_found],
});

export const careDifference = z.object({
  /** Such as `watering.frequency`. */
  field: words,
  title: words,
  kind: z.enum(["changed", "added", "removed"]),
  before: claimed.optional(),
  after: claimed.optional(),
  /** In words. */
  text: claimed,
});
export type CareDifference = z.output<typeof careDifference>;

export const compareCarePlans = defineRoute({
  operation: "gardenCompareCarePlans",
  method: "GET",
  path: `${base}/plants/:plantId/care-plans/:carePlanId/differences`,
  access: "garden:read",
  summary: "Says field by field how a plan differs from the one before it, or from the one named.",
  params: onePlan,
  query: z.object({ against: carePlanId.optional() }),
  reply: z.object({ before: carePlan, after: carePlan, items: z.array(careDifference) }),
  errors: [gardenErrors.plant_not_found, careErrors.plan_not_found, careErrors.nothing_before],
});

export const analyzePlant = defineRoute({
  operation: "gardenAnalyzePlant",
  method: "POST",
  path: `${base}/plants/:plantId/analyze`,
  access: "garden:write",
  summary: "Asks for a new care plan. The answer says how the work stands; the plan comes when it is written.",
  params: onePlant,
  reply: careWork,
  status: 202,
  errors: [gardenErrors.plant_not_found],
});

const count = z.int().nonnegative();

export const careMonth = z.object({
  /** `2026-11`, by UTC. */
  month: personal("none", z.string()),
  /** Settled and reserved together: what counts against the cap. */
  spentCents: z.number(),
  /** Of it for calls that are under way, or of which nobody knows how they ended. */
  reservedCents: z.number(),
  calls: count,
  failedCalls: count,
  inputTokens: count,
  outputTokens: count,
  /** Calls whose price was not known; they are not in `spentCents`. */
  callsOfUnknownPrice: count,
});
export type CareMonth = z.output<typeof careMonth>;

export const getCareUsage = defineRoute({
  operation: "gardenGetCareUsage",
  method: "GET",
  path: `${base}/care/usage`,
  access: "garden:read",
  wholeOrganisation: true,
  summary: "Shows what care plans cost, by month, the newest first, against the cap.",
  reply: z.object({ capCents: z.int(), months: z.array(careMonth) }),
});

export const careQueueEntry = careWork.extend({ plantId, plantName: personal("text", z.string()) });

export const getCareQueue = defineRoute({
  operation: "gardenGetCareQueue",
  method: "GET",
  path: `${base}/care/queue`,
  access: "garden:read",
  summary: "Lists the newest work on care plans of each plant: what waits, what runs, what came of it and why.",
  reply: z.object({
    counts: z.object({ queued: count, running: count, waiting: count, done: count, refused: count, abstained: count, failed: count }),
    items: z.array(careQueueEntry),
  }),
});

export const careRoutes = [
  getCareSettings,
  changeCareSettings,
  removeCareKey,
  testCareModel,
  getCarePlan,
  listCarePlans,
  compareCarePlans,
  analyzePlant,
  getCareUsage,
  getCareQueue,
] as const;
