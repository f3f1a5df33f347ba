import { randomBytes } from "node:crypto";

import type { Severity } from "@roost/contract/alarms";
import { isAppError } from "@roost/contract/errors";
import type { NotificationTargetId } from "@roost/contract/ids";
import { mailErrors } from "@roost/contract/mail";
import { notificationErrors } from "@roost/contract/notifications";
import type { Channel, NotificationTarget } from "@roost/contract/notifications";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import { newId } from "../../platform/id.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Seal } from "../../platform/seal.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit, AuditEntry } from "../audit/audit.ts";
import { maskedAddress } from "./channels.ts";
import { sealPurpose } from "./deliverer.ts";
import { failWaiting } from "./delivery-store.ts";
import * as store from "./target-store.ts";

/** A target to add: where it is, and what it wants to hear of. */
export type TargetInput = Channel & { readonly name: string; readonly minSeverity: Severity };

const maxTargets = 100;

/** Where notices go: adding, changing and removing it. */
export function createTargets({
  db,
  audit,
  egress,
  mail,
  seal,
  clock,
}: {
  db: Db;
  audit: Pick<Audit, "record">;
  egress: Pick<Egress, "check">;
  mail: Pick<Mail, "isOn">;
  seal: Seal;
  clock: Clock;
}) {
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
    async listTargets(whose: Within, query: Page): Promise<{ items: NotificationTarget[]; next?: string }> {
      const [afterId] = query.cursor === undefined ? [] : readCursor(query.cursor, ["uuid"]);
      const items = await store.selectTargets(db.within(whose), whose.organisationId, afterId, query.limit + 1);
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
        if ((await store.countTargets(tx, whose.organisationId)) >= maxTargets) {
          throw notificationErrors.too_many_targets({ limit: maxTargets });
        }
        await store.insertTarget(tx, whose.organisationId, target, sealed);
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
        const before = await store.lockTarget(tx, whose.organisationId, targetId);
        if (before === undefined) throw notificationErrors.target_not_found({ targetId });
        const after: NotificationTarget = {
          ...before,
          name: change.name ?? before.name,
          minSeverity: change.minSeverity ?? before.minSeverity,
          enabled: change.enabled ?? before.enabled,
        };
        await store.updateTarget(tx, after);
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
        const target = await store.lockTarget(tx, whose.organisationId, targetId);
        if (target === undefined) throw notificationErrors.target_not_found({ targetId });
        await failWaiting(tx, targetId);
        await store.deleteTarget(tx, targetId);
        await record(tx, whose, "removed", target, { before: target });
      });
    },
  };
}
