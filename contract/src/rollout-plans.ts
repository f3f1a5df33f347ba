import { z } from "zod";

import { severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { flagErrors, flagKey, flagSettingChange } from "./flags.ts";
import { deviceGroupId, deviceId, organisationId, uuid } from "./ids.ts";
import { listOf } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** How long a gate may stand closed before it fails, in seconds of the server's own clock. */
const forSeconds = z.number().min(0).max(3_600);

/** No check of the readiness page is red. */
const readinessGate = z.strictObject({ kind: z.literal("readiness"), forSeconds: forSeconds.default(30) });
/** No alarm of this severity or a higher one was raised since the step began, in what is named; nothing named means everywhere. */
const alarmGate = z.strictObject({
  kind: z.literal("alarms"),
  severity,
  organisationId: organisationId.optional(),
  groupId: deviceGroupId.optional(),
  deviceIds: z.array(deviceId).min(1).max(200).optional(),
  forSeconds: forSeconds.default(0),
});
/**
 * A metric of Roost's own stays within limits on every server. `value`: the number itself; `rate`: its increase per minute; `share`: its
 * increase in percent of that of the whole metric, judged from 10 events on. A label's value may end in `*`: `{"status": "5*"}`.
 */
const metricGate = z.strictObject({
  kind: z.literal("metric"),
  metric: z.string().regex(/^[a-z][a-z0-9_]{2,100}$/),
  labels: personal("none", z.record(z.string().max(64), z.string().max(64))).optional(),
  reading: z.enum(["value", "rate", "share"]),
  windowSeconds: z.number().min(1).max(3_600).default(60),
  above: z.number().optional(),
  below: z.number().optional(),
  forSeconds: forSeconds.default(0),
});
export const planGate = z.discriminatedUnion("kind", [readinessGate, alarmGate, metricGate]);
export type PlanGate = z.output<typeof planGate>;

const flagChangeOfStep = flagSettingChange.omit({ variants: true }).extend({ flag: flagKey });
export type StepChange = z.output<typeof flagChangeOfStep>;

export const planStep = z.strictObject({
  name: z.string().trim().min(1).max(120),
  /** Where it happens, in a word: `staging`, `production`. For people; whom it is about stands in the changes. */
  stage: z.string().trim().max(40).optional(),
  /** Made when the step begins. */
  changes: z.array(flagChangeOfStep).max(20).default([]),
  /** How long the gates are watched. Only time counts in which they were watched and open. */
  waitSeconds: z
    .number()
    .min(0)
    .max(90 * 86_400),
  gates: z.array(planGate).max(10).default([]),
  /** After the wait a person decides; else it goes on by itself. */
  asks: z.boolean().default(false),
});
export type PlanStep = z.output<typeof planStep>;

/** `waiting`: a person has to decide. `paused`: a gate failed or a person stopped it. */
export const planStates = ["draft", "running", "waiting", "paused", "done", "rolled_back"] as const;
export const planState = z.enum(planStates);
export type PlanState = z.infer<typeof planState>;

export const planEntry = z.object({
  at: instant,
  what: z.enum([
    "added",
    "started",
    "step_began",
    "waits_for_a_person",
    "gate_failed",
    "paused",
    "resumed",
    "advanced",
    "rolled_back",
    "done",
  ]),
  by: z.string(),
  /** Counted from 0. */
  step: z.number().int(),
  why: z.string().optional(),
});
export type PlanEntry = z.output<typeof planEntry>;

/** How a gate of the present step stands: open, closed but not yet for long enough to fail, failed, or not to be read. */
export const gateReading = z.object({
  state: z.enum(["open", "closed", "failed", "unknown"]),
  /** What was seen, in words. */
  seen: personal("none", z.string()),
});
export type GateReading = z.output<typeof gateReading>;

export const rolloutPlan = z.object({
  id: uuid,
  name: z.string(),
  about: z.string(),
  state: planState,
  steps: z.array(planStep),
  /** On a failed gate: put everything back by itself, instead of only pausing. */
  rollBackOnFailure: z.boolean(),
  /** The present step, counted from 0; the last one when done. */
  step: z.number().int(),
  /** How much of the present step's wait is behind it. */
  watchedSeconds: z.number(),
  /** Why it is paused or was rolled back. */
  why: z.string().optional(),
  createdAt: instant,
  createdBy: z.string(),
  startedAt: instant.optional(),
  stepBeganAt: instant.optional(),
  endedAt: instant.optional(),
});
export type RolloutPlan = z.output<typeof rolloutPlan>;

export const planErrors = defineErrors("rollout_plans", {
  not_found: [404, "There is no such rollout plan."],
  flag_in_use: [409, "Another plan under way holds one of the flags. Only one may at a time."],
  not_now: [409, "The plan is in a state in which this cannot be done. Look at it again."],
  gate_without_limit: [400, "A gate on a metric needs a limit above, below, or both."],
  unknown_metric: [400, "Roost has no metric of this name, or it is no number that can be read so."],
  under_way: [409, "A plan under way cannot be removed. Roll it back, or let it end."],
  too_many: [409, "There are as many rollout plans as one installation may have. Remove old ones."],
});

const params = z.object({ planId: uuid });
const why = z.string().trim().max(500).optional();
const reasoned = z.strictObject({ why });
const turnErrors = [planErrors.not_found, planErrors.not_now];

export const listRolloutPlans = defineRoute({
  operation: "listRolloutPlans",
  method: "GET",
  path: "/api/v1/rollout-plans",
  access: "platform:flags",
  summary: "Lists rollout plans, newest first.",
  reply: listOf(rolloutPlan),
});

export const getRolloutPlan = defineRoute({
  operation: "getRolloutPlan",
  method: "GET",
  path: "/api/v1/rollout-plans/:planId",
  access: "platform:flags",
  summary: "Shows a plan with what happened, oldest first, and how the gates of its present step stand now.",
  params,
  reply: rolloutPlan.extend({ history: z.array(planEntry), gates: z.array(gateReading) }),
  errors: [planErrors.not_found],
});

export const addRolloutPlan = defineRoute({
  operation: "addRolloutPlan",
  method: "POST",
  path: "/api/v1/rollout-plans",
  access: "platform:flags",
  summary: "Writes a rollout plan; nothing changes until it is started.",
  body: z.strictObject({
    name: z.string().trim().min(1).max(120),
    about: z.string().trim().max(500).default(""),
    rollBackOnFailure: z.boolean().default(false),
    steps: z.array(planStep).min(1).max(50),
  }),
  reply: rolloutPlan,
  status: 201,
  errors: [
    flagErrors.not_found,
    flagErrors.wrong_type,
    flagErrors.out_of_bounds,
    flagErrors.unknown_variant,
    flagErrors.shares_not_whole,
    flagErrors.empty_audience,
    planErrors.gate_without_limit,
    planErrors.unknown_metric,
    planErrors.too_many,
  ],
});

export const removeRolloutPlan = defineRoute({
  operation: "removeRolloutPlan",
  method: "DELETE",
  path: "/api/v1/rollout-plans/:planId",
  access: "platform:flags",
  summary: "Removes a plan that is not under way.",
  params,
  errors: [planErrors.not_found, planErrors.under_way],
});

export const startRolloutPlan = defineRoute({
  operation: "startRolloutPlan",
  method: "POST",
  path: "/api/v1/rollout-plans/:planId/start",
  access: "platform:flags",
  summary: "Starts a plan: its first step's changes are made now.",
  params,
  body: reasoned,
  reply: rolloutPlan,
  errors: [...turnErrors, planErrors.flag_in_use, flagErrors.archived, flagErrors.not_found],
});

export const pauseRolloutPlan = defineRoute({
  operation: "pauseRolloutPlan",
  method: "POST",
  path: "/api/v1/rollout-plans/:planId/pause",
  access: "platform:flags",
  summary: "Stops the plan where it is; the flags stay as they are.",
  params,
  body: reasoned,
  reply: rolloutPlan,
  errors: turnErrors,
});

export const resumeRolloutPlan = defineRoute({
  operation: "resumeRolloutPlan",
  method: "POST",
  path: "/api/v1/rollout-plans/:planId/resume",
  access: "platform:flags",
  summary: "Goes on with a paused plan. Where a gate had failed, the step's wait begins anew.",
  params,
  body: reasoned,
  reply: rolloutPlan,
  errors: turnErrors,
});

export const advanceRolloutPlan = defineRoute({
  operation: "advanceRolloutPlan",
  method: "POST",
  path: "/api/v1/rollout-plans/:planId/advance",
  access: "platform:flags",
  summary:
    "A person decides: on to the next step now. `step` is the one the decision is about, so that two people do not decide two steps.",
  params,
  body: z.strictObject({ step: z.number().int().min(0), why }),
  reply: rolloutPlan,
  errors: turnErrors,
});

export const rollBackRolloutPlan = defineRoute({
  operation: "rollBackRolloutPlan",
  method: "POST",
  path: "/api/v1/rollout-plans/:planId/roll-back",
  access: "platform:flags",
  summary: "Puts every flag of the plan back to what it was before the start. A flag that a person killed meanwhile stays off.",
  params,
  body: reasoned,
  reply: rolloutPlan,
  errors: [...turnErrors, planErrors.flag_in_use],
});
