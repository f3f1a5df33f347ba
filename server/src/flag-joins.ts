import { flagVariables, variableFlags } from "@roost/contract/flags";
import type { FlagValue } from "@roost/contract/flags";

import type { Config } from "./config.ts";
import type { Alarms } from "./modules/alarms/alarms.ts";
import type { DeviceIdentity, Devices } from "./modules/devices/devices.ts";
import type { DeviceContext } from "./modules/flags/flag-routes.ts";
import type { FlagContext, Flags } from "./modules/flags/flags.ts";
import type { GateReads } from "./modules/flags/rollout-plans.ts";
import type { Readiness } from "./modules/readiness/readiness.ts";
import type { Metrics } from "./platform/http/metrics.ts";

/** The flags that the environment sets, by their keys. */
export function flagOverrides(config: Config): Map<string, FlagValue> {
  return new Map(
    flagVariables.flatMap((variable) => {
      const value = config[variable];
      return value === undefined ? [] : [[variableFlags[variable], value]];
    }),
  );
}

/** How long a device's claim is answered again, by the flags; 0: not at all. */
export function claimRepeatSeconds(flags: Pick<Flags, "boolean" | "number">) {
  return (device: DeviceIdentity | undefined): number => {
    const context = device === undefined ? {} : flagContext(device);
    return flags.boolean("enable_idempotency", true, context) ? flags.number("claim.repeat_seconds", 300, context) : 0;
  };
}

function flagContext({ id, organisationId, kind, groupIds }: DeviceIdentity): FlagContext {
  return { targetingKey: id, deviceId: id, organisationId, kind, groupIds: [...groupIds] };
}

/** What rules look at of a device; it is looked up as its page would be, so that nobody learns of another's. */
export function deviceFlagContext(devices: Devices): DeviceContext {
  return async (whose, deviceId) => {
    await devices.get(whose, deviceId);
    const device = devices.find(deviceId);
    return device === undefined ? { deviceId, organisationId: whose.organisationId } : flagContext(device);
  };
}

/** What the gates of rollout plans look at. */
export function gateReads({
  readiness,
  alarms,
  metrics,
}: {
  readiness: Pick<Readiness, "judge">;
  alarms: Pick<Alarms, "raisedSince">;
  metrics: Pick<Metrics, "read">;
}): GateReads {
  return {
    async redChecks() {
      const { checks } = await readiness.judge();
      return checks.flatMap(({ name, ok, reason }) => (ok ? [] : [{ name, reason: reason ?? "It gives no reason." }]));
    },
    alarmsRaised: (where) => alarms.raisedSince(where),
    metric: (name) => metrics.read(name),
  };
}
