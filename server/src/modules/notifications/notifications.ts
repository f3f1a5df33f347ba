import { randomBytes } from "node:crypto";

import type { Severity } from "@roost/contract/alarms";
import { isAppError } from "@roost/contract/errors";
import type { AlarmId, NotificationTargetId } from "@roost/contract/ids";
import { mailErrors } from "@roost/contract/mail";
import { notificationErrors } from "@roost/contract/notifications";
import type { Channel, Delivery, NotificationTarget } from "@roost/contract/notifications";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Seal } from "../../platform/seal.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { Audit, AuditEntry } from "../audit/audit.ts";
import { maskedAddress } from "./channels.ts";
import { createDeliverer, leaseSeconds, sealPurpose } from "./deliverer.ts";
import { findDue, failWaiting, insertDelivery, selectDeliveries } from "./delivery-store.ts";
import { backOffMs as defaultBackOffMs } from "./delivery.ts";
import { noticeOf, testNotice } from "./notice.ts";
import * as targets from "./target-store.ts";

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

/** A target to add: where it is, and what it wants to hear of. */
export type TargetInput = Channel & { readonly name: string; readonly minSeverity: Severity };

const maxTargets = 100;

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
  const deliverer = createDeliverer({ db, alarms, egress, mail, seal, clock, log, backOffMs });

  async function handle(fact: Fact): Promise<void> {
    const told = noticeOf(fact, publicUrl);
    if (told?.alarm === undefined) {
      log.error({ factId: fact.id, type: fact.type }, "a fact of an alarm could not be read; nobody is told of it");
      return;
    }
    const { alarm } = told;
    for (const target of await targets.selectTargetsFor(db, fact.organisationId, alarm.severity)) {
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

  async function record(
    tx: Transaction,
    whose: Whose,
    what: "added" | "changed" | "removed",
    { id, name }: NotificationTarget,
    change: Pick<AuditEntry, "before" | "after"> = {},
  ): Promise<void> {
    const object = { kind: "notification_target", id, name };
    await audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action: `notification_target.${what}`,
      object,
      ...change,
    });
  }

  async function checkAddress(url: string): Promise<void> {
    try {
      await egress.check(url);
    } catch (cause) {
      throw notificationErrors.address_refused(isAppError(cause) ? { because: cause.code } : {}, { cause });
    }
  }

  return {
    /** Handlers of facts, for the dispatcher. */
    handlers: [{ name: "notifications.alarms", types: ["alarm.raised", "alarm.cleared"], handle }] satisfies FactHandler[],

    async listTargets(whose: Within, query: Page): Promise<{ items: NotificationTarget[]; next?: string }> {
      const [afterId] = query.cursor === undefined ? [] : readCursor(query.cursor, ["uuid"]);
      const items = await targets.selectTargets(db.within(whose), whose.organisationId, afterId, query.limit + 1);
      return pageOf(items, query.limit, (last) => [last.id]);
    },

    /**
     * Adds a target.
     *
     * @returns It, with the signing secret of a webhook, which is not shown again.
     * @throws {AppError} `notifications.address_refused`, `notifications.too_many_targets`, `mail.off`
     */
    async addTarget(
      whose: Whose,
      { name, minSeverity, ...channel }: TargetInput,
    ): Promise<NotificationTarget & { signingSecret?: string }> {
      const { kind } = channel;
      if (channel.kind !== "email") await checkAddress(channel.url);
      else if (!mail.isOn) throw mailErrors.off();
      const id = newId() as NotificationTargetId;
      const createdAt = new Date(clock.nowMs());
      const target: NotificationTarget = { id, kind, name, address: maskedAddress(channel), minSeverity, enabled: true, createdAt };
      const signingSecret = kind === "webhook" ? `roost_sign_${randomBytes(32).toString("base64url")}` : undefined;
      const sealed = {
        settings: seal.seal(Buffer.from(JSON.stringify(channel)), sealPurpose(id, "settings")),
        secret: signingSecret === undefined ? undefined : seal.seal(Buffer.from(signingSecret), sealPurpose(id, "secret")),
      };
      await db.within(whose).transaction(async (tx) => {
        if ((await targets.countTargets(tx, whose.organisationId)) >= maxTargets) {
          throw notificationErrors.too_many_targets({ limit: maxTargets });
        }
        await targets.insertTarget(tx, whose.organisationId, target, sealed);
        await record(tx, whose, "added", target, { after: target });
      });
      return signingSecret === undefined ? target : { ...target, signingSecret };
    },

    /**
     * Changes what is given. What waits for a target that is switched off is still sent.
     *
     * @throws {AppError} `notifications.target_not_found`
     */
    async changeTarget(
      whose: Whose,
      targetId: NotificationTargetId,
      change: { name?: string | undefined; minSeverity?: Severity | undefined; enabled?: boolean | undefined },
    ): Promise<NotificationTarget> {
      return db.within(whose).transaction(async (tx) => {
        const before = await targets.lockTarget(tx, whose.organisationId, targetId);
        if (before === undefined) throw notificationErrors.target_not_found({ targetId });
        const after: NotificationTarget = {
          ...before,
          name: change.name ?? before.name,
          minSeverity: change.minSeverity ?? before.minSeverity,
          enabled: change.enabled ?? before.enabled,
        };
        await targets.updateTarget(tx, after);
        await record(tx, whose, "changed", after, { before, after });
        return after;
      });
    },

    /**
     * Removes a target; what still waited for it has failed, the record stays.
     *
     * @throws {AppError} `notifications.target_not_found`
     */
    async removeTarget(whose: Whose, targetId: NotificationTargetId): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        const target = await targets.lockTarget(tx, whose.organisationId, targetId);
        if (target === undefined) throw notificationErrors.target_not_found({ targetId });
        await failWaiting(tx, targetId);
        await targets.deleteTarget(tx, targetId);
        await record(tx, whose, "removed", target, { before: target });
      });
    },

    /**
     * Sends a test notice now, once.
     *
     * @throws {AppError} `notifications.target_not_found`
     */
    async testTarget(whose: Whose, targetId: NotificationTargetId): Promise<Delivery> {
      const id = newId();
      await db.within(whose).transaction(async (tx) => {
        const target = await targets.lockTarget(tx, whose.organisationId, targetId);
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
