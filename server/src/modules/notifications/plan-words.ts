import type { Transaction } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { insertDeliveries } from "./delivery-store.ts";
import { tellInboxes } from "./inbox.ts";
import type { Told } from "./inbox.ts";
import { noticeOfMessage } from "./plan-notice.ts";
import type { KeptAlarm } from "./plan-store.ts";
import type { Message } from "./plan.ts";

/** A message in its words; `alarmId` where it tells of that alone. */
export type Worded = Told & { readonly alarmId: string | undefined };

export interface WordingDeps {
  readonly log: Log;
  readonly publicUrl: string | undefined;
}

/** Puts messages into words. */
export function worded(
  { log, publicUrl }: WordingDeps,
  messages: readonly Message[],
  alarms: ReadonlyMap<string, KeptAlarm>,
  nowMs: number,
): Worded[] {
  return messages.flatMap((message): Worded[] => {
    const { id, targetId, what, items } = message;
    const notice = noticeOfMessage(message, alarms, { publicUrl, nowMs });
    if (notice === undefined) {
      log.error({ messageId: id, what }, "a message could not be put into words; nobody is told by it");
      return [];
    }
    const [only] = items;
    const about = items.flatMap(({ alarmId }) => alarms.get(alarmId) ?? []);
    return [{ id, targetId, notice, about, alarmId: items.length === 1 ? only?.alarmId : undefined }];
  });
}

/** Puts what is worded into inboxes and into the queue, in the transaction that planned it. */
export async function handOver(tx: Transaction, organisationId: string, all: readonly Worded[], nowMs: number): Promise<void> {
  await insertDeliveries(tx, organisationId, await tellInboxes(tx, organisationId, all, nowMs));
}
