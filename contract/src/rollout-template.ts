import type { z } from "zod";

import type { addRolloutPlan, planGate } from "./rollout-plans.ts";

type PlanInput = z.input<NonNullable<typeof addRolloutPlan.body>>;
type GateInput = z.input<typeof planGate>;

const hour = 3_600;
const noRedCheck: GateInput = { kind: "readiness" };
const noCriticalAlarm: GateInput = { kind: "alarms", severity: "critical" };

/** Fails when more of the answers than this, in percent, have such a status within five minutes. */
function fewAnswers(status: string, percent: number): GateInput {
  return { kind: "metric", metric: "roost_http_requests_total", labels: { status }, reading: "share", windowSeconds: 300, above: percent };
}
const answers = [fewAnswers("5*", 2), fewAnswers("409", 10)];

/**
 * The careful way to bring repeated claims into production: a day of staging, production as strict as can be, repeats after an hour, and
 * after another day a person decides about devices that register themselves.
 */
export const claimRollout: PlanInput = {
  name: "Claims in production",
  about:
    "A day of staging without a red check, production with both switched off, repeats after an hour, after another day a person decides.",
  rollBackOnFailure: false,
  steps: [
    {
      name: "Staging soak",
      stage: "staging",
      changes: [
        {
          flag: "enable_idempotency",
          serve: { value: false },
          rules: [{ name: "Staging", when: { environments: ["staging"] }, serve: { value: true } }],
        },
        {
          flag: "enable_auto_register",
          serve: { value: false },
          rules: [{ name: "Staging", when: { environments: ["staging"] }, serve: { value: true } }],
        },
      ],
      waitSeconds: 24 * hour,
      gates: [noRedCheck, noCriticalAlarm],
    },
    {
      name: "Production, both off",
      stage: "production",
      changes: [
        { flag: "enable_idempotency", serve: { value: false }, rules: [] },
        { flag: "enable_auto_register", serve: { value: false }, rules: [] },
      ],
      waitSeconds: hour,
      gates: [noRedCheck, noCriticalAlarm, ...answers],
    },
    {
      name: "Repeated claims on; then decide about auto-register",
      stage: "production",
      changes: [{ flag: "enable_idempotency", serve: { value: true }, rules: [] }],
      waitSeconds: 24 * hour,
      gates: [noRedCheck, noCriticalAlarm, ...answers],
      asks: true,
    },
  ],
};
