import type { Call } from "@roost/contract/client";
import { listDevices } from "@roost/contract/devices";
import { listAlarmRules, listAlarmRuleVersions } from "@roost/contract/rules";
import type { AlarmRule } from "@roost/contract/rules";
import { queryOptions } from "@tanstack/react-query";

/** All rules there are: some hundred at the most, in as many questions as it takes. */
export const allRules = (call: Call) =>
  queryOptions({
    queryKey: ["alarm-rules", "all"],
    queryFn: async ({ signal }) => {
      const items: AlarmRule[] = [];
      let cursor: string | undefined;
      do {
        const page = await call(listAlarmRules, { query: { limit: 200, ...(cursor === undefined ? {} : { cursor }) }, signal });
        items.push(...page.items);
        cursor = page.next;
      } while (cursor !== undefined && items.length < 5_000);
      return { items };
    },
  });

export const ruleVersions = (call: Call, ruleId: string) =>
  queryOptions({
    queryKey: ["alarm-rules", "versions", ruleId],
    queryFn: ({ signal }) => call(listAlarmRuleVersions, { params: { ruleId }, query: { limit: 100 }, signal }),
  });

/** Devices to choose from: the first two hundred by name. */
export const deviceChoices = (call: Call) =>
  queryOptions({ queryKey: ["devices", "choices"], queryFn: ({ signal }) => call(listDevices, { query: { limit: 200 }, signal }) });
