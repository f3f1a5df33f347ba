import { z } from "zod";

import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceGroupId, deviceId, organisationId, uuid } from "./ids.ts";
import { listOf } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/**
 * Flags that earlier systems set by environment variables, by their names there. Each is accepted wherever a flag's key is, and as a variable
 * of the server, spelt exactly so.
 */
export const variableFlags = {
  ENABLE_IDEMPOTENCY: "enable_idempotency",
  DISABLE_IDEMPOTENCY_ON_REDIS_FAILURE: "disable_idempotency_on_redis_failure",
  ENABLE_AUTO_REGISTER: "enable_auto_register",
  FAIL_OPEN_ON_REDIS_ERROR: "fail_open_on_redis_error",
  NORMALIZE_IDS_IN_HMAC: "normalize_ids_in_hmac",
} as const;
export type FlagVariable = keyof typeof variableFlags;
export const flagVariables = Object.keys(variableFlags) as readonly FlagVariable[];

const aliases: ReadonlyMap<string, string> = new Map(Object.entries(variableFlags));

/** A flag's key: 1 to 64 of `a-z 0-9 _ . -`, a letter first; the names in {@link variableFlags} stand for theirs. */
export const flagKey = personal(
  "none",
  z
    .string()
    .regex(
      /^(?:[a-z][a-z0-9_.-]{0,63}|ENABLE_IDEMPOTENCY|DISABLE_IDEMPOTENCY_ON_REDIS_FAILURE|ENABLE_AUTO_REGISTER|FAIL_OPEN_ON_REDIS_ERROR|NORMALIZE_IDS_IN_HMAC)$/,
      "A flag's key starts with a small letter and has up to 64 small letters, digits, dots, hyphens or underscores.",
    )
    .overwrite((key) => aliases.get(key) ?? key),
);

export const flagTypes = ["boolean", "string", "number"] as const;
export const flagType = z.enum(flagTypes);
export type FlagType = z.infer<typeof flagType>;

export const flagValue = personal("none", z.union([z.boolean(), z.string().max(1_000), z.number()]));
export type FlagValue = z.infer<typeof flagValue>;

/** Names one of a flag's values: `on`, `off`, `blue`. */
export const variantName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/, "A variant's name has up to 32 letters, digits, dots, hyphens or underscores.");
const variants = z.record(variantName, flagValue);

const percent = z.number().min(0).max(100);
const share = z.object({ variant: variantName, percent });

/** What somebody gets: one variant, or one of several by shares that stay the same for the same device. */
export const flagServe = z.union([z.object({ variant: variantName }), z.object({ split: z.array(share).min(1).max(16) })]);
export type FlagServe = z.output<typeof flagServe>;

/** Whom a rule is about: each list that is there must hold the one who asks; a list holds when one of its entries does. */
export const flagAudience = z.strictObject({
  organisationIds: z.array(organisationId).min(1).max(200).optional(),
  groupIds: z.array(deviceGroupId).min(1).max(200).optional(),
  deviceIds: z.array(deviceId).min(1).max(1_000).optional(),
  kinds: z.array(z.string().min(1).max(64)).min(1).max(50).optional(),
  /** Of the installation, as `ROOST_ENV` says: `production`, `staging`, `development`. */
  environments: z.array(z.string().min(1).max(32)).min(1).max(10).optional(),
});
export type FlagAudience = z.output<typeof flagAudience>;

export const flagRule = z.object({ name: z.string().max(120).optional(), when: flagAudience, serve: flagServe });
export type FlagRule = z.output<typeof flagRule>;

/** All that decides who gets what; what the history keeps and a rollback puts back. */
export const flagSetting = z.object({
  /** Off: the kill switch was pressed, and everybody gets `offVariant`. */
  enabled: z.boolean(),
  variants,
  offVariant: variantName,
  /** For whom no rule is. */
  serve: flagServe,
  /** The first that fits decides. */
  rules: z.array(flagRule),
});
export type FlagSetting = z.output<typeof flagSetting>;

export const flagChange = z.object({
  version: z.number().int(),
  at: instant,
  by: z.string(),
  what: z.enum(["added", "changed", "killed", "switched_on", "reverted", "archived", "brought_back", "plan_step", "plan_rollback"]),
  before: flagSetting.optional(),
  after: flagSetting,
  why: z.string().optional(),
  planId: uuid.optional(),
});
export type FlagChange = z.output<typeof flagChange>;

export const flag = z.object({
  key: flagKey,
  type: flagType,
  about: z.string(),
  setting: flagSetting,
  /** Counts the changes; given back with a change, it refuses one that somebody else has overtaken. */
  version: z.number().int(),
  /** What it does in this version of Roost; `active: false` says that nothing in Roost reads it. */
  effect: z.object({ active: z.boolean(), about: z.string() }),
  /** Comes with Roost, and cannot be removed. */
  shipped: z.boolean(),
  /** Bounds of a number flag's values. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** Set from outside, which wins over everything here until the server starts without it. */
  override: z.object({ value: flagValue, by: z.literal("environment"), variable: personal("none", z.string()) }).optional(),
  createdAt: instant,
  changedAt: instant,
  changedBy: z.string(),
  archivedAt: instant.optional(),
  /** When somebody was last told its value; kept to some seconds. */
  lastAskedAt: instant.optional(),
  /** Why it may be time to take it out. */
  stale: z.enum(["never_asked", "not_asked_for_long", "same_for_all_for_long"]).optional(),
  /** Rollout plans that hold it and are not over. */
  plans: z.array(z.object({ id: uuid, name: z.string(), state: z.string() })),
});
export type Flag = z.output<typeof flag>;

/** Why a value was given, in the words of OpenFeature. */
export const flagReason = z.enum(["STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED", "ERROR"]);
export type FlagReason = z.infer<typeof flagReason>;
export const flagErrorCode = z.enum(["FLAG_NOT_FOUND", "TYPE_MISMATCH", "TARGETING_KEY_MISSING", "PROVIDER_NOT_READY", "GENERAL"]);

export const flagAnswer = z.object({
  key: personal("none", z.string()),
  type: flagType,
  value: flagValue,
  variant: z.string().optional(),
  reason: flagReason,
  errorCode: flagErrorCode.optional(),
  /** The rule that fitted, counted from 1. */
  rule: z.number().int().optional(),
  setBy: z.literal("environment").optional(),
});
export type FlagAnswer = z.output<typeof flagAnswer>;

export const flagErrors = defineErrors("flags", {
  not_found: [404, "There is no such flag."],
  already_exists: [409, "A flag with this key is there already, perhaps archived."],
  wrong_type: [400, "A value does not have the flag's type: true or false, a text, or a number."],
  out_of_bounds: [400, "The number lies outside of the flag's bounds."],
  unknown_variant: [400, "A rule or share names a variant that the flag does not have."],
  shares_not_whole: [400, "The shares must add up to 100 percent, and name each variant once."],
  empty_audience: [400, "A rule must say whom it is about. For everybody, set what all get instead."],
  changed_meanwhile: [409, "Somebody changed the flag meanwhile. Look at it again."],
  version_not_found: [404, "The flag's history has no such version."],
  shipped: [409, "This flag comes with Roost and stays. Switch it off instead."],
  archived: [409, "The flag is archived. Bring it back first."],
  in_running_plan: [409, "A rollout plan under way holds this flag. Pause or roll back the plan, or press the kill switch."],
  too_many: [409, "There are as many flags as one installation may have. Remove some that are no longer asked for."],
});

const params = z.object({ key: flagKey });
const serveInput = z.union([
  z.strictObject({ variant: variantName }),
  z.strictObject({ value: flagValue }),
  z.strictObject({ split: z.array(share).min(1).max(16) }),
]);
export type FlagServeInput = z.output<typeof serveInput>;
const ruleInput = z.strictObject({ name: z.string().max(120).optional(), when: flagAudience, serve: serveInput });

/** What may be changed of who gets what; absent parts stay. `{value}` is found among the variants, or added to them. */
export const flagSettingChange = z.strictObject({
  enabled: z.boolean().optional(),
  variants: variants.optional(),
  offVariant: variantName.optional(),
  serve: serveInput.optional(),
  rules: z.array(ruleInput).max(50).optional(),
});
export type FlagSettingChange = z.output<typeof flagSettingChange>;

const why = z.string().trim().max(500).optional();

export const listFlags = defineRoute({
  operation: "listFlags",
  method: "GET",
  path: "/api/v1/flags",
  access: "platform:flags",
  summary: "Lists the feature flags by key.",
  query: z.object({ archived: z.enum(["no", "yes", "all"]).default("no") }),
  reply: listOf(flag),
});

export const getFlag = defineRoute({
  operation: "getFlag",
  method: "GET",
  path: "/api/v1/flags/:key",
  access: "platform:flags",
  summary: "Shows a flag with its history, newest change first.",
  params,
  reply: flag.extend({ history: z.array(flagChange) }),
  errors: [flagErrors.not_found],
});

export const addFlag = defineRoute({
  operation: "addFlag",
  method: "POST",
  path: "/api/v1/flags",
  access: "platform:flags",
  summary: "Adds a flag of your own. `value` is what everybody gets.",
  body: z.strictObject({
    key: flagKey,
    type: flagType,
    about: z.string().trim().min(1).max(500),
    value: flagValue,
    /** Of a boolean they are `on` and `off`; of others, `default` is what `value` says. */
    variants: variants.optional(),
  }),
  reply: flag,
  status: 201,
  errors: [flagErrors.already_exists, flagErrors.wrong_type, flagErrors.too_many],
});

export const changeFlag = defineRoute({
  operation: "changeFlag",
  method: "PATCH",
  path: "/api/v1/flags/:key",
  access: "platform:flags",
  summary: "Changes who gets what. In force on every server within 2 s.",
  params,
  body: flagSettingChange.extend({ about: z.string().trim().min(1).max(500).optional(), version: z.int32().optional(), why }),
  reply: flag,
  errors: [
    flagErrors.not_found,
    flagErrors.archived,
    flagErrors.wrong_type,
    flagErrors.out_of_bounds,
    flagErrors.unknown_variant,
    flagErrors.shares_not_whole,
    flagErrors.empty_audience,
    flagErrors.changed_meanwhile,
    flagErrors.in_running_plan,
  ],
});

export const killFlag = defineRoute({
  operation: "killFlag",
  method: "POST",
  path: "/api/v1/flags/:key/kill",
  access: "platform:flags",
  summary: "The kill switch: everybody gets the off value at once. Pauses the rollout plan that holds the flag.",
  params,
  body: z.strictObject({ why }),
  reply: flag,
  errors: [flagErrors.not_found, flagErrors.archived],
});

export const revertFlag = defineRoute({
  operation: "revertFlag",
  method: "POST",
  path: "/api/v1/flags/:key/revert",
  access: "platform:flags",
  summary: "Puts back what a flag was as of a version of its history.",
  params,
  body: z.strictObject({ version: z.int32().min(1), why }),
  reply: flag,
  errors: [flagErrors.not_found, flagErrors.version_not_found, flagErrors.archived, flagErrors.in_running_plan],
});

export const removeFlag = defineRoute({
  operation: "removeFlag",
  method: "DELETE",
  path: "/api/v1/flags/:key",
  access: "platform:flags",
  summary: "Removes a flag of your own; one that a rollout plan names is archived instead.",
  params,
  reply: z.object({ archived: z.boolean() }),
  status: 200,
  errors: [flagErrors.not_found, flagErrors.shipped, flagErrors.in_running_plan],
});

export const bringBackFlag = defineRoute({
  operation: "bringBackFlag",
  method: "POST",
  path: "/api/v1/flags/:key/bring-back",
  access: "platform:flags",
  summary: "Brings an archived flag back.",
  params,
  reply: flag,
  errors: [flagErrors.not_found],
});

export const previewFlag = defineRoute({
  operation: "previewFlag",
  method: "POST",
  path: "/api/v1/flags/:key/preview",
  access: "platform:flags",
  summary: "Says what somebody would get and why, by what you say of them; nothing of any organisation is read.",
  params,
  body: z.strictObject({
    organisationId: organisationId.optional(),
    deviceId: deviceId.optional(),
    groupIds: z.array(deviceGroupId).max(50).optional(),
    kind: z.string().max(64).optional(),
    environment: z.string().max(32).optional(),
  }),
  reply: flagAnswer,
  errors: [flagErrors.not_found],
});

export const evaluateFlags = defineRoute({
  operation: "evaluateFlags",
  method: "POST",
  path: "/api/v1/flags/evaluate",
  access: "devices:read",
  summary: "Says which value of each flag your organisation, or one of your devices, gets and why.",
  body: z.strictObject({ deviceId: deviceId.optional(), keys: z.array(flagKey).min(1).max(100).optional() }),
  reply: z.object({ items: z.array(flagAnswer) }),
  errors: [deviceErrors.not_found],
});
