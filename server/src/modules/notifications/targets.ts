import { createHash, randomBytes } from "node:crypto";

import type { Severity } from "@roost/contract/alarms";
import type { Channel } from "@roost/contract/channels";
import { isAppError } from "@roost/contract/errors";
import type { NotificationTargetId, PersonId } from "@roost/contract/ids";
import { mailErrors } from "@roost/contract/mail";
import { notificationErrors } from "@roost/contract/notifications";
import type { NotificationTarget } from "@roost/contract/notifications";
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
import type { Health } from "./health.ts";
import { failWaiting } from "./queue-store.ts";
import { sealPurpose } from "./sender.ts";
import * as store from "./target-store.ts";
import { checkTemplate } from "./template.ts";

/** A target's own words; see `template.ts`. */
interface Words {
  readonly titleTemplate?: string | undefined;
  readonly bodyTemplate?: string | undefined;
}

/** A target to add: where it is, and what it wants to hear of. */
export type TargetInput = Channel &
  Words & {
    readonly name: string;
    readonly minSeverity: Severity;
    /** Absent: of alarms. */
    readonly hears?: NotificationTarget["hears"] | undefined;
  };

/** What of a target may be changed; absent stays as it is. */
export interface TargetChange {
  readonly name?: string | undefined;
  readonly minSeverity?: Severity | undefined;
  readonly enabled?: boolean | undefined;
  readonly titleTemplate?: string | null | undefined;
  readonly bodyTemplate?: string | null | undefined;
}

const maxTargets = 100;
const maxOwnTargets = 20;

/** Where notices go: adding, changing and removing it. */
export function createTargets({
  db,
  audit,
  egress,
  mail,
  seal,
  clock,
  health,
}: {
  db: Db;
  audit: Pick<Audit, "record">;
  egress: Pick<Egress, "check">;
  mail: Pick<Mail, "isOn">;
  seal: Seal;
  clock: Clock;
  health: Pick<Health, "forget">;
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

  async function lock(tx: Transaction, owner: store.TargetOwner, targetId: string): Promise<NotificationTarget> {
    const target = await store.lockTarget(tx, owner, targetId);
    if (target === undefined) throw notificationErrors.target_not_found({ targetId });
    return target;
  }

  return {
    /** The organisation's targets, or a person's own. */
    async list(whose: Within, personId: string | undefined, query: Page): Promise<{ items: NotificationTarget[]; next?: string }> {
      const [afterId] = query.cursor === undefined ? [] : readCursor(query.cursor, ["uuid"]);
      const owner = { organisationId: whose.organisationId, personId };
      const items = await store.selectTargets(db.within(whose), owner, afterId, query.limit + 1);
      return pageOf(items, query.limit, (last) => [last.id]);
    },

    lock,

    /**
     * Adds a target: the organisation's, or a person's own.
     *
     * @returns It, with the signing secret of a webhook, which is not shown again.
     * @throws {AppError} `notifications.address_refused`, `notifications.too_many_targets`, `notifications.bad_template`,
     * `notifications.not_your_address`, `mail.off`
     */
    async add(whose: Whose, personId: string | undefined, input: TargetInput): Promise<NotificationTarget & { signingSecret?: string }> {
      const { name, minSeverity, hears = "alarms", titleTemplate, bodyTemplate, ...channel } = input;
      const { kind } = channel;
      checkWords(input);
      if (channel.kind !== "email") await checkAddress(channel.url);
      else if (!mail.isOn) throw mailErrors.off();
      // Else Roost would write to strangers on behalf of everybody who may look at it.
      else if (personId !== undefined && whose.by?.name.toLowerCase() !== channel.email.toLowerCase())
        throw notificationErrors.not_your_address();
      const id = newId() as NotificationTargetId;
      const target: NotificationTarget = {
        id,
        kind,
        name,
        address: maskedAddress(channel),
        minSeverity,
        hears,
        enabled: true,
        ...(personId === undefined ? {} : { personId: personId as PersonId }),
        ...(titleTemplate === undefined ? {} : { titleTemplate }),
        ...(bodyTemplate === undefined ? {} : { bodyTemplate }),
        breaker: { state: "closed", failures: 0 },
        createdAt: new Date(clock.nowMs()),
      };
      const signingSecret = kind === "webhook" ? `roost_sign_${randomBytes(32).toString("base64url")}` : undefined;
      const sealed = {
        settings: seal.seal(Buffer.from(JSON.stringify(channel)), sealPurpose(id, "settings")),
        secret: signingSecret === undefined ? undefined : seal.seal(Buffer.from(signingSecret), sealPurpose(id, "secret")),
        ...(channel.kind === "push" ? { addressHash: createHash("sha256").update(channel.url).digest() } : {}),
      };
      const owner = { organisationId: whose.organisationId, personId };
      await db.within(whose).transaction(async (tx) => {
        const count = await store.countTargets(tx, owner);
        if (sealed.addressHash !== undefined) await store.deleteByAddress(tx, owner, sealed.addressHash);
        const limit = personId === undefined ? maxTargets : maxOwnTargets;
        if (count >= limit) throw notificationErrors.too_many_targets({ limit });
        await store.insertTarget(tx, whose.organisationId, target, sealed);
        await record(tx, whose, "added", target, { after: target });
      });
      return signingSecret === undefined ? target : { ...target, signingSecret };
    },

    /**
     * Changes what is given. What waits for a target that is switched off is still sent.
     *
     * @throws {AppError} `notifications.target_not_found`, `notifications.bad_template`
     */
    async change(
      whose: Whose,
      personId: string | undefined,
      targetId: NotificationTargetId,
      change: TargetChange,
    ): Promise<NotificationTarget> {
      checkWords(change);
      return db.within(whose).transaction(async (tx) => {
        const before = await lock(tx, { organisationId: whose.organisationId, personId }, targetId);
        const { titleTemplate, bodyTemplate, ...kept } = before;
        const title = change.titleTemplate === undefined ? titleTemplate : (change.titleTemplate ?? undefined);
        const body = change.bodyTemplate === undefined ? bodyTemplate : (change.bodyTemplate ?? undefined);
        const after: NotificationTarget = {
          ...kept,
          name: change.name ?? before.name,
          minSeverity: change.minSeverity ?? before.minSeverity,
          enabled: change.enabled ?? before.enabled,
          ...(title === undefined ? {} : { titleTemplate: title }),
          ...(body === undefined ? {} : { bodyTemplate: body }),
        };
        await store.updateTarget(tx, after);
        // Nobody waits for news of what is switched off.
        if (before.enabled && !after.enabled) await health.forget(tx, { ...after, organisationId: whose.organisationId });
        await record(tx, whose, "changed", after, { before, after });
        return lock(tx, { organisationId: whose.organisationId, personId }, targetId);
      });
    },

    /**
     * Removes a target; what still waited for it has failed, the record stays.
     *
     * @throws {AppError} `notifications.target_not_found`
     */
    async remove(whose: Whose, personId: string | undefined, targetId: NotificationTargetId): Promise<void> {
      const { organisationId } = whose;
      await db.within(whose).transaction(async (tx) => {
        const target = await lock(tx, { organisationId, personId }, targetId);
        await health.forget(tx, { ...target, organisationId });
        await failWaiting(tx, targetId);
        await store.deleteTarget(tx, targetId);
        await record(tx, whose, "removed", target, { before: target });
      });
    },
  };
}

export type Targets = ReturnType<typeof createTargets>;

function checkWords({ titleTemplate, bodyTemplate }: Pick<TargetChange, "titleTemplate" | "bodyTemplate">): void {
  if (typeof titleTemplate === "string") checkTemplate(titleTemplate, "titleTemplate");
  if (typeof bodyTemplate === "string") checkTemplate(bodyTemplate, "bodyTemplate");
}
