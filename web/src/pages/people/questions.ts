import type { Call } from "@roost/contract/client";
import { listDeviceGroups, listSites } from "@roost/contract/organisations";
import { listInvitations, listPeople, listRoles } from "@roost/contract/people";
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

/** Members by name, those whose name or address holds `q`. */
export const people = (call: Call, q: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["people", "list", q],
    queryFn: ({ signal, pageParam }) =>
      call(listPeople, {
        query: { ...(q === undefined ? {} : { q }), ...(pageParam === undefined ? {} : { cursor: pageParam }), limit: 50 },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
  });

export const invitations = (call: Call) =>
  queryOptions({ queryKey: ["people", "invitations"], queryFn: ({ signal }) => call(listInvitations, { signal }) });

export const roles = (call: Call) => queryOptions({ queryKey: ["people", "roles"], queryFn: ({ signal }) => call(listRoles, { signal }) });

/** What a scope is made of; an organisation with more than 200 of one kind names the rest by the command line. */
export const sites = (call: Call) =>
  queryOptions({ queryKey: ["sites"], queryFn: ({ signal }) => call(listSites, { query: { limit: 200 }, signal }) });

export const deviceGroups = (call: Call) =>
  queryOptions({ queryKey: ["device-groups"], queryFn: ({ signal }) => call(listDeviceGroups, { query: { limit: 200 }, signal }) });
