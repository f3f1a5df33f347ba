import { countAlarms, getAlarm, listAlarmAssignees, listAlarms, listAlarmViews } from "@roost/contract/alarms";
import type { Call } from "@roost/contract/client";
import { getIncident } from "@roost/contract/incidents";
import { listSites } from "@roost/contract/organisations";
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import type { ConsoleFilter } from "./console-search.ts";

const pageRows = 200;

/** The list under a filter. Facts make it stale; the look every half minute is for what no fact announces. */
export const consoleAlarms = (call: Call, filter: ConsoleFilter, sort: "newest" | "worst") =>
  infiniteQueryOptions({
    queryKey: ["alarms", "console", filter, sort],
    queryFn: ({ signal, pageParam }) =>
      call(listAlarms, { query: { ...filter, sort, limit: pageRows, ...(pageParam === undefined ? {} : { cursor: pageParam }) }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });

export const alarmCounts = (call: Call, filter: ConsoleFilter) =>
  queryOptions({
    queryKey: ["alarms", "counts", filter],
    queryFn: ({ signal }) => call(countAlarms, { query: filter, signal }),
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });

export const oneAlarm = (call: Call, alarmId: string) =>
  queryOptions({ queryKey: ["alarms", "one", alarmId], queryFn: ({ signal }) => call(getAlarm, { params: { alarmId }, signal }) });

export const assigneesOf = (call: Call, alarmId: string) =>
  queryOptions({
    queryKey: ["alarm-assignees", alarmId],
    queryFn: ({ signal }) => call(listAlarmAssignees, { params: { alarmId }, signal }),
  });

export const oneIncident = (call: Call, incidentId: string) =>
  queryOptions({
    queryKey: ["alarms", "incident", incidentId],
    queryFn: ({ signal }) => call(getIncident, { params: { incidentId }, signal }),
  });

export const savedViews = (call: Call) =>
  queryOptions({ queryKey: ["alarm-views"], queryFn: ({ signal }) => call(listAlarmViews, { signal }) });

export const siteChoices = (call: Call) =>
  queryOptions({
    queryKey: ["sites", "choices"],
    queryFn: ({ signal }) => call(listSites, { query: { limit: 200 }, signal }),
    staleTime: 60_000,
  });
