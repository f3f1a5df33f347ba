import type { Call } from "@roost/contract/client";
import { listOnCallFeeds, listOnCallSchedules, listOnCallTurns } from "@roost/contract/on-call";
import { listPeople } from "@roost/contract/people";
import { keepPreviousData, queryOptions } from "@tanstack/react-query";

export const schedules = (call: Call) =>
  queryOptions({
    queryKey: ["on-call", "schedules"],
    queryFn: ({ signal }) => call(listOnCallSchedules, { signal }),
    // Hand-overs come by the clock.
    refetchInterval: 30_000,
  });

/** Who is on call on a page of the calendar. */
export const turns = (call: Call, from: Date, to: Date) =>
  queryOptions({
    queryKey: ["on-call", "turns", from.toISOString(), to.toISOString()],
    queryFn: ({ signal }) => call(listOnCallTurns, { query: { from: from.toISOString(), to: to.toISOString() }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });

export const feeds = (call: Call) =>
  queryOptions({ queryKey: ["on-call", "feeds"], queryFn: ({ signal }) => call(listOnCallFeeds, { signal }) });

/** Everybody there is to choose from, up to 200. */
export const everybody = (call: Call) =>
  queryOptions({ queryKey: ["people", "everybody"], queryFn: ({ signal }) => call(listPeople, { query: { limit: 200 }, signal }) });
