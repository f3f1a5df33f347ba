import {
  addFlag,
  bringBackFlag,
  changeFlag,
  evaluateFlags,
  getFlag,
  killFlag,
  listFlags,
  previewFlag,
  removeFlag,
  revertFlag,
} from "@roost/contract/flags";
import {
  addRolloutPlan,
  advanceRolloutPlan,
  getRolloutPlan,
  listRolloutPlans,
  pauseRolloutPlan,
  removeRolloutPlan,
  resumeRolloutPlan,
  rollBackRolloutPlan,
  startRolloutPlan,
} from "@roost/contract/rollout-plans";

import type { Mount } from "../../platform/http/mount.ts";
import type { Within } from "../../platform/tenancy.ts";
import type { FlagContext, Flags } from "./flags.ts";
import type { RolloutPlans } from "./rollout-plans.ts";

/** What rules look at of a device, for those who may see it; throws `devices.not_found` for those who may not. */
export type DeviceContext = (within: Within, deviceId: string) => Promise<FlagContext>;

/** Ties the routes of flags and rollout plans to their faces. */
export function mountFlags(
  mount: Mount,
  { flags, plans, contextOf }: { flags: Flags; plans: RolloutPlans; contextOf: DeviceContext },
): void {
  mount(listFlags, async ({ query }) => ({ items: await flags.list(query.archived) }));
  mount(getFlag, async ({ params }) => flags.get(params.key));
  mount(addFlag, async ({ body, caller }) => flags.add(body, caller.by));
  mount(changeFlag, async ({ params, body, caller }) => flags.change(params.key, body, caller.by));
  mount(killFlag, async ({ params, body, caller }) => flags.kill(params.key, body.why, caller.by));
  mount(revertFlag, async ({ params, body, caller }) => flags.revert(params.key, body.version, body.why, caller.by));
  mount(removeFlag, async ({ params, caller }) => flags.remove(params.key, caller.by));
  mount(bringBackFlag, async ({ params, caller }) => flags.bringBack(params.key, caller.by));
  mount(previewFlag, async ({ params, body }) => flags.preview(params.key, body));
  mount(evaluateFlags, async ({ body, caller }) => {
    const { organisationId } = caller;
    const context = body.deviceId === undefined ? { organisationId } : await contextOf(caller, body.deviceId);
    return { items: flags.evaluate(context, { keys: body.keys, listsAll: caller.permissions.has("platform:flags") }) };
  });

  mount(listRolloutPlans, async () => ({ items: await plans.list() }));
  mount(getRolloutPlan, async ({ params }) => plans.get(params.planId));
  mount(addRolloutPlan, async ({ body, caller }) => plans.add(body, caller.by));
  mount(removeRolloutPlan, async ({ params, caller }) => plans.remove(params.planId, caller.by));
  mount(startRolloutPlan, async ({ params, body, caller }) => plans.begin(params.planId, body.why, caller.by));
  mount(pauseRolloutPlan, async ({ params, body, caller }) => plans.pause(params.planId, body.why, caller.by));
  mount(resumeRolloutPlan, async ({ params, body, caller }) => plans.resume(params.planId, body.why, caller.by));
  mount(advanceRolloutPlan, async ({ params, body, caller }) => plans.advance(params.planId, body.step, body.why, caller.by));
  mount(rollBackRolloutPlan, async ({ params, body, caller }) => plans.rollBack(params.planId, body.why, caller.by));
}
