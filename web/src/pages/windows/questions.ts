import type { Call } from "@roost/contract/client";
import { listMaintenanceWindows, listWindowOccurrences } from "@roost/contract/windows";
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

/** Windows and silences, newest first. */
export const windows = (call: Call, show: "current" | "over") =>
  infiniteQueryOptions({
    queryKey: ["windows", "list", show],
    queryFn: ({ signal, pageParam }) =>
      call(listMaintenanceWindows, { query: { show, ...(pageParam === undefined ? {} : { cursor: pageParam }), limit: 50 }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    // Windows begin and end by the clock.
    refetchInterval: 60_000,
  });

/** What touches a page of the calendar. */
export const occurrences = (call: Call, from: Date, to: Date) =>
  queryOptions({
    queryKey: ["windows", "occurrences", from.toISOString(), to.toISOString()],
    queryFn: ({ signal }) => call(listWindowOccurrences, { query: { from: from.toISOString(), to: to.toISOString() }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
