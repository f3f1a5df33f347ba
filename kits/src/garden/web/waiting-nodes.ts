import { waitingDevices } from "@roost/web/parts/waiting-devices-question.ts";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useQuery } from "@tanstack/react-query";

import { gardenKit } from "../kit.ts";

/** Kinds of devices that are the garden's. */
export const nodeKinds: readonly string[] = Object.keys(gardenKit.deviceKinds);

/** How many nodes registered by themselves and wait for a person; 0 for who may not let them in. */
export function useWaitingCount(): number {
  const { call } = useApi();
  const may = useMay("devices:write");
  const { data } = useQuery({ ...waitingDevices(call), enabled: may, refetchInterval: 10_000 });
  return data?.items.filter(({ kind }) => nodeKinds.includes(kind)).length ?? 0;
}
