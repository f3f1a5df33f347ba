import type { AlarmId, NotificationTargetId } from "@roost/contract/ids";
import { notificationErrors } from "@roost/contract/notifications";
import type { Delivery } from "@roost/contract/notifications";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import { createDeliverer, leaseSeconds } from "./deliverer.ts";
import { findDue, insertDelivery, selectDeliveries } from "./delivery-store.ts";
import { backOffMs as defaultBackOffMs } from "./delivery.ts";
import { noticeOf, testNotice } from "./notice.ts";
import { lockTarget, selectTargetsFor } from "./target-store.ts";
import { createTargets } from "./targets.ts";

export interface NotificationDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly alarms: Alarms;
  readonly egress: Egress;
  readonly mail: Pick<Mail, "isOn" | "send">;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly log: Log;
  /** Address of the web app that people use, for links in notices; without it there are none. */
  readonly publicUrl?: string | undefined;
  /** Waits between tries; see `delivery.ts`. */
  readonly backOffMs?: readonly number[];
}

/** Tells people of alarms: where to, what was told, and how it went. Sending starts at once and ends with `close`. */
export function createNotifications({
  db,
  audit,
  alarms,
  egress,
  mail,
  seal,
  clock,
  log,
  publicUrl,
  backOffMs = defaultBackOffMs,
}: NotificationDeps) {
  const targets = createTargets({ db, audit, egress, mail, seal, clock });
  const deliverer = createDeliverer({ db, alarms, egress, mail, seal, clock, log, backOffMs });

  async function handle(fact: Fact): Promise<void> {
    const told = noticeOf(fact, publicUrl);
    if (told?.alarm === undefined) {
      log.error({ factId: fact.id, type: fact.type }, "a fact of an alarm could not be read; nobody is told of it");
      return;
    }
    const { alarm } = told;
    for (const target of await selectTargetsFor(db, fact.organisationId, alarm.severity)) {
      await insertDelivery(db, {
        id: newId(),
        organisationId: fact.organisationId,
        target,
        eventId: fact.id,
        alarmId: alarm.id,
        notice: told,
      });
    }
    deliverer.wake();
  }

  return {
    /** Handlers of facts, for the dispatcher. */
    handlers: [{ name: "notifications.alarms", types: ["alarm.raised", "alarm.cleared"], handle }] satisfies FactHandler[],

    ...targets,

    /**
     * Sends a test notice now, once.
     *
     * @throws {AppError} `notifications.target_not_found`
     */
    async testTarget(whose: Whose, targetId: NotificationTargetId): Promise<Delivery> {
      const id = newId();
      await db.within(whose).transaction(async (tx) => {
        const target = await lockTarget(tx, whose.organisationId, targetId);
        if (target === undefined) throw notificationErrors.target_not_found({ targetId });
        await insertDelivery(tx, {
          id,
          organisationId: whose.organisationId,
          target,
          notice: testNotice(new Date(clock.nowMs())),
          leaseSeconds,
        });
      });
      const due = await findDue(db, id);
      if (due !== undefined) await deliverer.attempt(due, { retry: false });
      const [delivery] = await selectDeliveries(db.within(whose), { organisationId: whose.organisationId, deliveryId: id, limit: 1 });
      if (delivery === undefined) throw notificationErrors.target_not_found({ targetId });
      return delivery;
    },

    async listDeliveries(
      whose: Within,
      query: Page & { alarmId?: AlarmId | undefined; targetId?: NotificationTargetId | undefined },
    ): Promise<{ items: Delivery[]; next?: string }> {
      const items = await selectDeliveries(db.within(whose), {
        organisationId: whose.organisationId,
        alarmId: query.alarmId,
        targetId: query.targetId,
        after: query.cursor === undefined ? undefined : readCursor(query.cursor, ["instant", "uuid"]),
        limit: query.limit + 1,
      });
      return pageOf(items, query.limit, (last) => [last.createdAt, last.id]);
    },

    /** Takes nothing new and lets tries that are under way end: 5 s at most. */
    close: async (): Promise<void> => deliverer.close(),
  };
}

export type Notifications = ReturnType<typeof createNotifications>;
