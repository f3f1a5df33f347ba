import type { Call } from "@roost/contract/client";
import { listRegistrations } from "@roost/contract/registrations";
import { queryOptions } from "@tanstack/react-query";

/** Devices that registered by themselves; a fact about one makes the answer stale. */
export const waitingDevices = (call: Call) =>
  queryOptions({ queryKey: ["registrations"], queryFn: ({ signal }) => call(listRegistrations, { signal }) });
