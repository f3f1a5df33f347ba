import type { Call } from "@roost/contract/client";
import { listServiceLevels } from "@roost/contract/service-levels";
import { getComplianceSummary, getService, getServiceReport, listComplianceDays, listServices } from "@roost/contract/services";
import { infiniteQueryOptions, keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

const everyMinute = { refetchInterval: 60_000 } as const;

/** Services by name. Time goes on and alarms come and go: it is asked again each minute. */
export const serviceList = (call: Call, q: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["services", "list", q],
    queryFn: ({ signal, pageParam }) =>
      call(listServices, {
        query: { ...(q === undefined ? {} : { q }), ...(pageParam === undefined ? {} : { cursor: pageParam }), limit: 50 },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    ...everyMinute,
  });

export const serviceSummary = (call: Call, days: number) =>
  queryOptions({
    queryKey: ["services", "summary", days],
    queryFn: ({ signal }) => call(getComplianceSummary, { query: { days }, signal }),
    ...everyMinute,
  });

export const serviceLevels = (call: Call) =>
  queryOptions({ queryKey: ["services", "levels"], queryFn: ({ signal }) => call(listServiceLevels, { signal }) });

export const oneService = (call: Call, serviceId: string) =>
  queryOptions({
    queryKey: ["services", "one", serviceId],
    queryFn: ({ signal }) => call(getService, { params: { serviceId }, signal }),
    ...everyMinute,
  });

export const serviceDays = (call: Call, serviceId: string, days: number, timeZone: string) =>
  queryOptions({
    queryKey: ["services", "days", serviceId, days, timeZone],
    queryFn: ({ signal }) => call(listComplianceDays, { params: { serviceId }, query: { days, timeZone }, signal }),
    placeholderData: keepPreviousData,
    ...everyMinute,
  });

/** @param days - Absent: the level's own period. */
export const serviceReport = (call: Call, serviceId: string, days: number | undefined) =>
  queryOptions({
    queryKey: ["services", "report", serviceId, days],
    queryFn: ({ signal }) => call(getServiceReport, { params: { serviceId }, query: reportQuery(days), signal }),
    placeholderData: keepPreviousData,
    ...everyMinute,
  });

export function reportQuery(days: number | undefined): { from?: string } {
  return days === undefined ? {} : { from: new Date(Date.now() - days * 86_400_000).toISOString() };
}

/** Something that is done to services or levels; whatever is on screen about them is asked for again. */
export function useServiceAct<Given, Answer>(work: (given: Given) => Promise<Answer>, onDone?: (answer: Answer) => void) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: work,
    onSuccess: async (answer) => {
      await queryClient.invalidateQueries({ queryKey: ["services"] });
      onDone?.(answer);
    },
  });
}
