import type { Call } from "@roost/contract/client";
import { listPeople } from "@roost/contract/people";
import { listErasures } from "@roost/contract/personal-data";
import { getRetention } from "@roost/contract/retention";
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

export const retention = (call: Call) =>
  queryOptions({ queryKey: ["retention"], queryFn: ({ signal }) => call(getRetention, { signal }), staleTime: 30_000 });

/** Erasures, newest first; asked for again while one of them runs. */
export const erasures = (call: Call) =>
  infiniteQueryOptions({
    queryKey: ["erasures"],
    queryFn: ({ signal, pageParam }) =>
      call(listErasures, { query: { ...(pageParam === undefined ? {} : { cursor: pageParam }), limit: 20 }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    refetchInterval: ({ state }) =>
      state.data?.pages.some(({ items }) => items.some(({ state: one }) => one === "running")) === true ? 1_000 : false,
  });

export const peopleNamed = (call: Call, q: string) =>
  queryOptions({
    queryKey: ["people", "choices", q],
    queryFn: ({ signal }) => call(listPeople, { query: { ...(q === "" ? {} : { q }), limit: 30 }, signal }),
    placeholderData: keepPreviousData,
  });
