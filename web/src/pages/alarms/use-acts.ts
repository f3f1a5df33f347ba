import {
  acknowledgeAlarms,
  assignAlarm,
  assignAlarms,
  clearAlarm,
  clearAlarms,
  commentOnAlarm,
  resolveAlarm,
  snoozeAlarm,
  unacknowledgeAlarm,
  unsnoozeAlarm,
} from "@roost/contract/alarms";
import type { RouteReply } from "@roost/contract/route";
import { createTickets } from "@roost/contract/tickets";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { useApi } from "../../roost.tsx";

/** Something that is done to alarms; whatever is on screen about alarms is asked for again. */
export function useAct<Given, Answer>(work: (given: Given) => Promise<Answer>, onDone?: (answer: Answer) => void) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: work,
    ...(onDone === undefined ? {} : { onSuccess: onDone }),
    onSettled: () =>
      Promise.all([queryClient.invalidateQueries({ queryKey: ["alarms"] }), queryClient.invalidateQueries({ queryKey: ["status"] })]),
  });
}

/** What can be done to one alarm. */
export function useAlarmCalls(alarmId: string) {
  const { call } = useApi();
  const params = { alarmId };
  return {
    unacknowledge: () => call(unacknowledgeAlarm, { params, body: {} }),
    assign: (to: string | null) => call(assignAlarm, { params, body: { to } }),
    comment: (text: string) => call(commentOnAlarm, { params, body: { text } }),
    snooze: (until: Date) => call(snoozeAlarm, { params, body: { until: until.toISOString() } }),
    unsnooze: () => call(unsnoozeAlarm, { params }),
    clear: (note: string | undefined) => call(clearAlarm, { params, body: note === undefined ? {} : { note } }),
    resolve: (body: { rootCause?: string | null; resolution?: string | null }) => call(resolveAlarm, { params, body }),
  };
}

export type BulkReply = RouteReply<typeof acknowledgeAlarms>;
export type BulkWhat = "acknowledge" | "assign" | "clear" | "ticket";

const atOnce = 1_000;
const ticketsAtOnce = 200;

/** The same to many, so many at a time as the server takes. */
export function useBulkCall() {
  const { call } = useApi();
  return async ({ what, alarmIds }: { what: BulkWhat; alarmIds: readonly string[] }): Promise<{ what: BulkWhat; reply: BulkReply }> => {
    const items: BulkReply["items"] = [];
    const step = what === "ticket" ? ticketsAtOnce : atOnce;
    for (let from = 0; from < alarmIds.length; from += step) {
      const some = alarmIds.slice(from, from + step);
      const answer =
        what === "acknowledge"
          ? await call(acknowledgeAlarms, { body: { alarmIds: some } })
          : what === "assign"
            ? await call(assignAlarms, { body: { alarmIds: some, to: "me" } })
            : what === "clear"
              ? await call(clearAlarms, { body: { alarmIds: some } })
              : await call(createTickets, { body: { alarmIds: some } });
      items.push(...answer.items);
    }
    return { what, reply: { items } };
  };
}
