import { useApi } from "@roost/web/roost.tsx";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { getNodeSettings } from "../contract/firmware.ts";
import { listNodes } from "../contract/nodes.ts";
import { getPlant, listPlants, type PlantState } from "../contract/plants.ts";
import { listPresets } from "../contract/presets.ts";

/** Samples are no facts: a page that shows newest values asks again this often while it is looked at, so that none is awaited for 2 s. */
const valuesEveryMs = 1_500;

export interface PlantFilter {
  readonly q?: string | undefined;
  readonly state?: PlantState | undefined;
}

type Given<Filter> = { readonly [Key in keyof Filter]?: Exclude<Filter[Key], undefined> };

function given<Filter extends object>(filter: Filter): Given<Filter> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined && value !== "")) as Given<Filter>;
}

/** Plants under a filter, live. */
export function usePlants(filter: PlantFilter) {
  const { call } = useApi();
  return useInfiniteQuery({
    queryKey: ["garden", "plants", filter],
    queryFn: ({ signal, pageParam }) =>
      call(listPlants, { query: { ...given(filter), ...(pageParam === undefined ? {} : { cursor: pageParam }), limit: 60 }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: { next?: string | undefined }) => last.next,
    refetchInterval: valuesEveryMs,
    placeholderData: keepPreviousData,
  });
}

/** One plant, live. */
export function usePlant(plantId: string) {
  const { call } = useApi();
  return useQuery({
    queryKey: ["garden", "plant", plantId],
    queryFn: ({ signal }) => call(getPlant, { params: { plantId }, signal }),
    refetchInterval: valuesEveryMs,
  });
}

export interface NodeFilter {
  readonly q?: string | undefined;
  readonly state?: "waiting" | "online" | "offline" | "revoked" | undefined;
  readonly assigned?: "yes" | "no" | undefined;
}

/** Nodes under a filter, live. */
export function useNodes(filter: NodeFilter) {
  const { call } = useApi();
  return useInfiniteQuery({
    queryKey: ["garden", "nodes", filter],
    queryFn: ({ signal, pageParam }) =>
      call(listNodes, { query: { ...given(filter), ...(pageParam === undefined ? {} : { cursor: pageParam }), limit: 100 }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: { next?: string | undefined }) => last.next,
    refetchInterval: valuesEveryMs,
    placeholderData: keepPreviousData,
  });
}

/** How a node's program is built. */
export function useNodeSettings(deviceId: string) {
  const { call } = useApi();
  return useQuery({
    queryKey: ["garden", "node-settings", deviceId],
    queryFn: ({ signal }) => call(getNodeSettings, { params: { deviceId }, signal }),
  });
}

/** Species with limits to begin with, by part of a name. */
export function usePresets(q: string) {
  const { call } = useApi();
  return useQuery({
    queryKey: ["garden-presets", q],
    queryFn: ({ signal }) => call(listPresets, { query: q === "" ? {} : { q }, signal }),
    staleTime: Infinity,
    placeholderData: keepPreviousData,
  });
}
