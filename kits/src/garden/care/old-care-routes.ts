import type { KitMount } from "@roost/contract/kit-host";

import { careErrors } from "../contract/care.ts";
import type { CarePlan, CareSettings } from "../contract/care.ts";
import {
  oldAnalyzePlant,
  oldChangeCareSettings,
  oldGetCarePlan,
  oldGetCareSettings,
  oldTestCareModel,
} from "../contract/old-care-addresses.ts";
import type { OldCarePlan, OldCareSettings } from "../contract/old-care-addresses.ts";
import type { Care } from "./care.ts";

/** Ties the earlier addresses of the care advisor to its face, in their own shapes. */
export function mountOldCare(mount: KitMount, care: Care): void {
  mount(oldGetCareSettings, async ({ caller }) => oldSettingsOf(await care.settings.get(caller)));
  mount(oldChangeCareSettings, async ({ caller, body }) => {
    const { provider, model, api_key: apiKey } = body;
    const settings = await care.settings.change(caller, {
      provider,
      ...(model === undefined ? {} : { model }),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
    care.kick();
    return oldSettingsOf(settings);
  });
  mount(oldTestCareModel, async ({ caller }) => {
    const { ok, message, latencyMs } = await care.settings.test(caller);
    care.kick();
    return { success: ok, message, latency_ms: latencyMs };
  });
  mount(oldAnalyzePlant, async ({ caller, params, request }) =>
    oldPlanOf(await care.analyzeAndWait(caller, params.plantId, request.signal)),
  );
  mount(oldGetCarePlan, async ({ caller, params }) => {
    const { plan } = await care.plan(caller, params.plantId);
    if (plan === undefined) throw careErrors.no_plan();
    return oldPlanOf(plan);
  });
}

function oldSettingsOf({ provider, model, apiKeySet, apiKeyMasked, updatedAt }: CareSettings): OldCareSettings {
  return {
    provider,
    model,
    api_key_set: apiKeySet,
    api_key_masked: apiKeyMasked ?? null,
    updated_at: updatedAt?.toISOString() ?? null,
  };
}

function oldPlanOf({ plantId, generatedAt, body }: CarePlan): OldCarePlan {
  const { summary, watering, alerts, tips } = body;
  const section = ({ current, ideal, recommendation }: CarePlan["body"]["light"]) => ({
    current: current === undefined ? null : `${current.value} ${current.unit}`,
    ideal,
    recommendation,
  });
  return {
    plant_id: plantId,
    summary: summary.text,
    watering: { frequency: watering.frequency, amount: watering.amount, next_date: watering.nextDate },
    light: section(body.light),
    humidity: section(body.humidity),
    temperature: section(body.temperature),
    alerts: alerts.map(({ text }) => text),
    tips: tips.map(({ text }) => text),
    generated_at: generatedAt.toISOString(),
  };
}
