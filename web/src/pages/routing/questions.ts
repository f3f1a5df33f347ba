import type { Call } from "@roost/contract/client";
import { getNotificationSettings, listChains, listRoutes } from "@roost/contract/routing";
import { queryOptions } from "@tanstack/react-query";

/** Everything about routes is kept under one key: a change of one says something of all. */
export const routes = (call: Call) =>
  queryOptions({ queryKey: ["routing", "routes"], queryFn: ({ signal }) => call(listRoutes, { signal }) });

export const chains = (call: Call) =>
  queryOptions({ queryKey: ["routing", "chains"], queryFn: ({ signal }) => call(listChains, { signal }) });

export const settings = (call: Call) =>
  queryOptions({ queryKey: ["routing", "settings"], queryFn: ({ signal }) => call(getNotificationSettings, { signal }) });
