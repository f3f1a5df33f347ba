import type { AlarmId, DeliveryId, NotificationTargetId } from "@roost/contract/ids";
import { notificationErrors } from "@roost/contract/notifications";
import type { Delivery } from "@roost/contract/notifications";
import type { Page } from "@roost/contract/paging";
import type { Permission } from "@roost/contract/permissions";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { leaseSeconds } from "./deliverer.ts";
import type { Deliverer } from "./deliverer.ts";
import { insertDelivery, lockDelivery, requeueFailed, selectDeliveries } from "./delivery-store.ts";
import { testNotice } from "./notice.ts";
import { findDue } from "./queue-store.ts";
import { probeNow } from "./target-store.ts";
import type { Targets } from "./targets.ts";

/** Who looks at the ledger; without permissions, the platform itself. */
export interface Viewer extends Whose {
  readonly permissions?: ReadonlySet<Permission>;
}

export interface LedgerDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly targets: Pick<Targets, "lock">;
  readonly deliverer: Pick<Deliverer, "attempt" | "wake">;
  readonly clock: Clock;
}

// A storm of dead letters is sent again in parts, so that no transaction grows without end.
const replayedAtOnce = 1_000;

/** What was told, how it went, and sending it again. */
export function createLedger({ db, audit, targets, deliverer, clock }: LedgerDeps) {
  async function find(whose: Whose, deliveryId: string): Promise<Delivery> {
    const [delivery] = await selectDeliveries(db.within(whose), { organisationId: whose.organisationId, deliveryId, limit: 1 });
    if (delivery === undefined) throw notificationErrors.delivery_not_found({ deliveryId });
    return delivery;
  }

  async function record(tx: Transaction, whose: Whose, object: { kind: string; id: string; name?: string }, count: number): Promise<void> {
    await audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action: "delivery.replayed",
      object,
      after: { replayed: count },
    });
  }

  return {
    /**
     * Sends a test notice now, once.
     *
     * @throws {AppError} `notifications.target_not_found`
     */
    async test(whose: Whose, personId: string | undefined, targetId: NotificationTargetId): Promise<Delivery> {
      const id = newId();
      const { organisationId } = whose;
      await db.within(whose).transaction(async (tx) => {
        const target = await targets.lock(tx, { organisationId, personId }, targetId);
        await insertDelivery(tx, { id, organisationId, target, notice: testNotice(new Date(clock.nowMs())), leaseSeconds });
      });
      const due = await findDue(db, id);
      if (due !== undefined) await deliverer.attempt(due, { retry: false });
      return find(whose, id);
    },

    /** Deliveries with every try; those to other people's own targets are for whoever looks after the targets. */
    async list(
      whose: Viewer,
      query: Page & { alarmId?: AlarmId | undefined; targetId?: NotificationTargetId | undefined; state?: Delivery["state"] | undefined },
    ): Promise<{ items: Delivery[]; next?: string }> {
      const seesAll = whose.permissions === undefined || (whose.permissions.has("notifications:configure") && whose.scope === undefined);
      const items = await selectDeliveries(db.within(whose), {
        organisationId: whose.organisationId,
        ...(seesAll ? {} : { onlyOf: { personId: whose.by?.kind === "person" ? whose.by.id : undefined } }),
        alarmId: query.alarmId,
        targetId: query.targetId,
        state: query.state,
        after: query.cursor === undefined ? undefined : readCursor(query.cursor, ["instant", "uuid"]),
        limit: query.limit + 1,
      });
      return pageOf(items, query.limit, (last) => [last.createdAt, last.id]);
    },

    /**
     * Sends a failed delivery again: the same words, the same key.
     *
     * @throws {AppError} `notifications.delivery_not_found`, `notifications.not_failed`, `notifications.target_gone`
     */
    async replay(whose: Whose, deliveryId: DeliveryId): Promise<Delivery> {
      const { organisationId } = whose;
      await db.within(whose).transaction(async (tx) => {
        const before = await lockDelivery(tx, organisationId, deliveryId);
        if (before === undefined) throw notificationErrors.delivery_not_found({ deliveryId });
        if (before.state !== "failed") throw notificationErrors.not_failed({ state: before.state });
        if (before.targetId === undefined) throw notificationErrors.target_gone();
        await requeueFailed(tx, { organisationId, deliveryId, limit: 1 });
        await probeNow(tx, organisationId, before.targetId);
        await record(tx, whose, { kind: "delivery", id: deliveryId, name: before.targetName }, 1);
      });
      deliverer.wake();
      return find(whose, deliveryId);
    },

    /**
     * Sends what failed again: of one target or of all, since a time or from the beginning, oldest first, 1,000 at a time.
     *
     * @throws {AppError} `notifications.target_not_found`
     */
    async replayAll(
      whose: Whose,
      { targetId, since }: { targetId?: NotificationTargetId | undefined; since?: Date | undefined },
    ): Promise<{ replayed: number }> {
      const { organisationId } = whose;
      const replayed = await db.within(whose).transaction(async (tx) => {
        const target = targetId === undefined ? undefined : await targets.lock(tx, { organisationId, personId: undefined }, targetId);
        const count = await requeueFailed(tx, { organisationId, targetId, since, limit: replayedAtOnce });
        if (count === 0) return 0;
        await probeNow(tx, organisationId, targetId);
        const object =
          target === undefined
            ? { kind: "organisation", id: organisationId }
            : { kind: "notification_target", id: target.id, name: target.name };
        await record(tx, whose, object, count);
        return count;
      });
      deliverer.wake();
      return { replayed };
    },
  };
}
