import type { Call } from "@roost/contract/client";
import {
  addTicketMessage,
  assignTicket,
  changeTicket,
  createTicket,
  getTicket,
  listTicketAssignees,
  listTickets,
  moveTicket,
  type TicketPriority,
  type TicketStatus,
} from "@roost/contract/tickets";
import { infiniteQueryOptions, keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { useApi } from "../../roost.tsx";

export interface TicketQuestion {
  readonly state?: "active" | "done" | "all";
  readonly sort?: "newest" | "due";
  readonly assignedTo?: string;
  readonly late?: "true";
  readonly q?: string;
}

/** The list under a filter. Facts make it stale; the look every half minute is for what time makes late. */
export const ticketList = (call: Call, question: TicketQuestion) =>
  infiniteQueryOptions({
    queryKey: ["tickets", "list", question],
    queryFn: ({ signal, pageParam }) =>
      call(listTickets, { query: { ...question, ...(pageParam === undefined ? {} : { cursor: pageParam }) }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });

export const oneTicket = (call: Call, ticketId: string) =>
  queryOptions({
    queryKey: ["tickets", "one", ticketId],
    queryFn: ({ signal }) => call(getTicket, { params: { ticketId }, signal }),
    refetchInterval: 30_000,
  });

/** The ticket of an alarm: none, or one. */
export const ticketOfAlarm = (call: Call, alarmId: string) =>
  queryOptions({
    queryKey: ["tickets", "of-alarm", alarmId],
    queryFn: async ({ signal }) => (await call(listTickets, { query: { alarmId, state: "all", limit: 1 }, signal })).items[0] ?? null,
  });

export const ticketAssignees = (call: Call, ticketId: string) =>
  queryOptions({
    queryKey: ["ticket-assignees", ticketId],
    queryFn: ({ signal }) => call(listTicketAssignees, { params: { ticketId }, signal }),
  });

/** Something that is done to tickets; whatever is on screen about them and their alarms is asked for again. */
export function useTicketAct<Given, Answer>(work: (given: Given) => Promise<Answer>, onDone?: (answer: Answer) => void) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: work,
    ...(onDone === undefined ? {} : { onSuccess: onDone }),
    onSettled: () => Promise.all(["tickets", "alarms"].map((noun) => queryClient.invalidateQueries({ queryKey: [noun] }))),
  });
}

/** What can be done to one ticket. */
export function useTicketCalls(ticketId: string) {
  const { call } = useApi();
  const params = { ticketId };
  return {
    move: (status: TicketStatus, note?: string) => call(moveTicket, { params, body: { status, ...(note === undefined ? {} : { note }) } }),
    assign: (to: string | null) => call(assignTicket, { params, body: { to } }),
    say: (text: string) => call(addTicketMessage, { params, body: { text } }),
    change: (body: { priority?: TicketPriority; resolveBy?: string; externalReference?: string | null }) =>
      call(changeTicket, { params, body }),
  };
}

/** Makes the ticket of an alarm. */
export function useMakeTicket(alarmId: string, onDone: () => void) {
  const { call } = useApi();
  return useTicketAct(
    (given: { priority?: TicketPriority; note?: string; assignTo?: string }) => call(createTicket, { body: { alarmId, ...given } }),
    onDone,
  );
}
