import type { AlarmId } from "@roost/contract/ids";
import { notificationErrors } from "@roost/contract/notifications";
import type { Permission } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import { z } from "zod";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Actor, Scope, Whose } from "../../platform/tenancy.ts";
import type { Due } from "./queue-store.ts";

/** What a person may in an organisation at this moment. */
export interface Rights {
  readonly email: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly scope: Scope | undefined;
}

export interface ActionDeps {
  readonly db: Db;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly acknowledge: (whose: Whose, alarmId: AlarmId, by: string, note?: string) => Promise<unknown>;
  readonly rightsOf: (personId: string, organisationId: string) => Promise<Rights | undefined>;
}

const purpose = "notification action";
const worksForMs = 24 * 3_600_000;

const action = z.object({ deliveryId: z.uuid(), alarmId: z.uuid(), organisationId: z.uuid(), personId: z.uuid(), until: z.number() });

// What there is still something to do about.
const acknowledgeable: ReadonlySet<string> = new Set([
  "alarm.raised",
  "alarm.unacknowledged",
  "alarm.worse",
  "alarm.flapping",
  "alarm.repeated",
  "alarm.reminder",
  "alarm.escalated",
  "alarm.assigned",
  "device.offline",
]);

/** What a notification may do without a session: acknowledge its alarm, once, within a day, as the person it was sent to. */
export function createActions({ db, seal, clock, acknowledge, rightsOf }: ActionDeps) {
  return {
    /** A token for the one browser it is encrypted for; `undefined` where there is nothing to acknowledge, or nobody's own target. */
    tokenFor({ id, organisationId, alarmId, target }: Due, told: { readonly type: string }): string | undefined {
      if (alarmId === undefined || target?.personId === undefined || !acknowledgeable.has(told.type)) return undefined;
      const what = { deliveryId: id, alarmId, organisationId, personId: target.personId, until: clock.nowMs() + worksForMs };
      return seal.seal(Buffer.from(JSON.stringify(what)), purpose).toString("base64url");
    },

    /**
     * Acknowledges the alarm a token was made for. What the person may is looked up now: a token gives no right that they have lost.
     *
     * @throws {AppError} `notifications.action_refused`, `alarms.not_found`, `alarms.already_cleared`
     */
    async acknowledge(token: string, from: Pick<Actor, "remoteAddress" | "userAgent" | "correlationId">): Promise<{ alarmId: AlarmId }> {
      const what = readToken(token, seal);
      if (what === undefined || what.until < clock.nowMs()) throw notificationErrors.action_refused();
      const rights = await rightsOf(what.personId, what.organisationId);
      if (rights?.permissions.has("alarms:acknowledge") !== true) throw notificationErrors.action_refused();
      // Used up before it works: of two that come at once, one does.
      const used = await db.query(sql`
        insert into notification_actions (delivery_id, organisation_id)
        select d.id, d.organisation_id from deliveries d where d.id = ${what.deliveryId} on conflict do nothing returning delivery_id`);
      if (used.length === 0) throw notificationErrors.action_refused();
      const { organisationId, personId } = what;
      const alarmId = what.alarmId as AlarmId;
      const by: Actor = { kind: "person", id: personId, name: rights.email, ...from };
      await acknowledge({ organisationId, scope: rights.scope, by }, alarmId, rights.email, "from a notification");
      return { alarmId };
    },
  };
}

function readToken(token: string, seal: Seal): z.infer<typeof action> | undefined {
  try {
    return action.parse(JSON.parse(seal.open(Buffer.from(token, "base64url"), purpose).toString("utf8")));
  } catch {
    return undefined;
  }
}
