import { ruleFields } from "@roost/contract/rules";
import type { RuleFields } from "@roost/contract/rules";

import type { RuleDeps } from "./rules.ts";

/** A threshold of one device in one line, for tests. */
export function thresholdRule({
  deviceId,
  severity,
  enabled,
  ...condition
}: {
  deviceId: string;
  metric: string;
  above?: number;
  below?: number;
  hysteresis?: number;
  forSeconds?: number;
  count?: number;
  severity?: RuleFields["severity"];
  enabled?: boolean;
}): RuleFields {
  return ruleFields.parse({ scope: { deviceId }, condition: { kind: "threshold", ...condition }, severity, enabled });
}

/** What rules read of devices and of what is stored, where nothing is stored. */
export function unstoredReads(placeOf: RuleDeps["placeOf"]): Pick<RuleDeps, "placeOf" | "unitOf" | "history"> {
  return {
    placeOf,
    unitOf: () => "1",
    history: { latest: async (wanted) => wanted.map(() => undefined), samples: async function* () {}, hours: async () => [] },
  };
}
