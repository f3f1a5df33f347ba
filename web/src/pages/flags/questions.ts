import type { Call } from "@roost/contract/client";
import { getFlag, listFlags } from "@roost/contract/flags";
import { getRolloutPlan, listRolloutPlans } from "@roost/contract/rollout-plans";
import { queryOptions } from "@tanstack/react-query";

// Flags belong to the installation and not to an organisation, so no fact tells of them: the pages ask.
const listEveryMs = 5_000;
const planEveryMs = 1_000;

export const flagList = (call: Call, archived: "no" | "yes" | "all") =>
  queryOptions({
    queryKey: ["flags", "list", archived],
    queryFn: ({ signal }) => call(listFlags, { query: { archived }, signal }),
    refetchInterval: listEveryMs,
  });

export const oneFlag = (call: Call, key: string) =>
  queryOptions({
    queryKey: ["flags", "one", key],
    queryFn: ({ signal }) => call(getFlag, { params: { key }, signal }),
    refetchInterval: listEveryMs,
  });

export const planList = (call: Call) =>
  queryOptions({
    queryKey: ["rollout-plans", "list"],
    queryFn: ({ signal }) => call(listRolloutPlans, { signal }),
    refetchInterval: listEveryMs,
  });

export const onePlan = (call: Call, planId: string) =>
  queryOptions({
    queryKey: ["rollout-plans", "one", planId],
    queryFn: ({ signal }) => call(getRolloutPlan, { params: { planId }, signal }),
    refetchInterval: ({ state }) => (state.data?.state === "running" || state.data?.state === "waiting" ? planEveryMs : listEveryMs),
  });
