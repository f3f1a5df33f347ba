import type { KitMount } from "@roost/contract/kit-host";

import {
  analyzePlant,
  changeCareSettings,
  compareCarePlans,
  getCarePlan,
  getCareQueue,
  getCareSettings,
  getCareUsage,
  listCarePlans,
  removeCareKey,
  testCareModel,
} from "../contract/care.ts";
import { plantId } from "../contract/plants.ts";
import type { Care } from "./care.ts";

/** Ties the routes of the care advisor to its face. */
export function mountCare(mount: KitMount, care: Care): void {
  mount(getCareSettings, async ({ caller }) => care.settings.get(caller));
  mount(changeCareSettings, async ({ caller, body }) => {
    const settings = await care.settings.change(caller, body);
    care.kick();
    return settings;
  });
  mount(removeCareKey, async ({ caller }) => care.settings.removeKey(caller));
  mount(testCareModel, async ({ caller }) => {
    const test = await care.settings.test(caller);
    care.kick();
    return test;
  });
  mount(getCarePlan, async ({ caller, params }) => care.plan(caller, params.plantId));
  mount(listCarePlans, async ({ caller, params }) => ({ items: await care.plans(caller, params.plantId) }));
  mount(compareCarePlans, async ({ caller, params, query }) =>
    care.differences(caller, { plantId: params.plantId, planId: params.carePlanId, againstId: query.against }),
  );
  mount(analyzePlant, async ({ caller, params }) => care.analyze(caller, params.plantId));
  mount(getCareUsage, async ({ caller }) => care.usage(caller));
  mount(getCareQueue, async ({ caller }) => {
    const counts = { queued: 0, running: 0, waiting: 0, done: 0, refused: 0, abstained: 0, failed: 0 };
    const all = await care.queue(caller);
    for (const { job } of all) counts[job.state] += 1;
    return { counts, items: all.map(({ job, work, plantName }) => ({ ...work, plantId: plantId.parse(job.plantId), plantName })) };
  });
}
