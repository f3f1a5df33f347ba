import { randomBytes } from "node:crypto";

import type { DeviceId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";

import type { Clock } from "../../platform/clock.ts";
import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import type { EgressOptions } from "../../platform/egress.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createMail } from "../../platform/mail.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAlarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { createOnCall } from "../on-call/on-call.ts";
import type { Rights } from "./actions.ts";
import { createNotifications } from "./notifications.ts";
import type { NotificationDeps, Notifications } from "./notifications.ts";

const page = { limit: 200 };

export type Options = Partial<Pick<NotificationDeps, "backOffMs" | "probeWaitsMs" | "mail">> & { readonly egress?: Partial<EgressOptions> };

/** A server's notifications against a real database: a device that raises alarms, and whoever is to hear of them. For tests. */
export async function createHouse({ clock = systemClock }: { clock?: Clock } = {}) {
  const lines: string[] = [];
  const log = createLog({ level: "debug", pretty: false, destination: { write: (line) => void lines.push(line) } });
  const database = await createTestDatabase();
  const db: Db = createDb({ connection: database.connection, log });
  const organisationId = newId();
  const personId = newId();
  const device = "coop-1" as DeviceId;
  const email = "keeper@example.org";
  const seal = createSeal(new Uint8Array(32).fill(7));
  const audit = createAudit({ db, clock, log, key: randomBytes(32) });
  const alarms = createAlarms({ db, audit, clock, log });
  const rights = new Map<string, Rights>();
  let notifications: Notifications | undefined;
  let dispatch: Dispatch | undefined;

  await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', 'ours')`);
  await db.query(sql`insert into people (id, email, name) values (${personId}, ${email}, 'Keeper')`);
  await db.query(
    sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${organisationId}, ${personId}, 'operator')`,
  );
  // Each alarm by itself and at once: how many words are made of many is the planner's own matter.
  await db.query(sql`
    insert into notification_settings (organisation_id, debounce_seconds, cooldown_minutes, parent_wait_seconds, late_after_seconds, ring_for_past)
    values (${organisationId}, 0, 0, 0, 300, false)`);
  rights.set(personId, { email, permissions: new Set(["alarms:read", "alarms:acknowledge"]), scope: undefined });

  const egressOf = (options: Partial<EgressOptions> = {}) => createEgress({ allow: ["127.0.0.1"], timeoutMs: 30_000, ...options });
  const house = {
    db,
    log,
    lines,
    seal,
    audit,
    alarms,
    rights,
    clock,
    organisationId,
    personId,
    whose: { organisationId },
    person: { organisationId, by: { kind: "person" as const, id: personId, name: email } },
    egressOf,
    get it(): Notifications {
      if (notifications === undefined) throw new TypeError("not started");
      return notifications;
    },

    /** Begins, or begins again as after a restart. */
    async start({ backOffMs = [20, 20, 20], probeWaitsMs = [100, 200], egress, mail }: Options = {}): Promise<void> {
      await house.stop();
      const out = egressOf(egress);
      notifications = createNotifications({
        audit,
        db,
        alarms,
        egress: out,
        mail: mail ?? createMail({ smtpUrl: undefined, from: undefined, egress: out, log }),
        seal,
        clock,
        log,
        publicUrl: "https://roost.example.org",
        rightsOf: async (id) => rights.get(id),
        onCall: createOnCall({ db, audit, clock }),
        whereIs: () => undefined,
        backOffMs,
        probeWaitsMs,
      });
      dispatch = await createDispatch({ db, handlers: [...alarms.handlers, ...notifications.handlers], observe: () => undefined, log });
      await dispatch.settle();
    },
    async stop(): Promise<void> {
      await dispatch?.close();
      await notifications?.close();
      dispatch = undefined;
      notifications = undefined;
    },
    async clear(): Promise<void> {
      await house.stop();
      await db.query(sql`truncate devices, alarms, incidents, events, event_cursors, notification_targets, deliveries, dead_man_switches,
        delivery_silences cascade`);
      await db.query(sql`insert into devices (id, organisation_id, name, kind) values (${device}, ${organisationId}, 'Coop', 'generic')`);
      lines.length = 0;
    },
    async close(): Promise<void> {
      await house.stop();
      await alarms.close();
      await db.close();
      await database.drop();
    },

    /** An alarm of the device that begins or ends; a type of its own makes it another one. */
    async turn(what: "raise" | "clear", type = "test:above", severity: "warning" | "critical" = "warning"): Promise<void> {
      // Of one metric, what follows within the hour is not told one by one.
      const metric = type === "test:above" ? "temperature" : type.replaceAll(/[^a-z0-9]/g, "_");
      const of = { id: newId(), what, organisationId, source: device, deviceId: device, type, kind: "above", severity } as const;
      await db.transaction(async (tx) =>
        alarms.take(tx, [{ ...of, metric, threshold: 30, value: what === "raise" ? 35 : 20, at: new Date(clock.nowMs()) }]),
      );
      await dispatch?.settle();
    },
    settle: async () => dispatch?.settle(),
    addWebhook: (url: string, name = "Hook") =>
      house.it.targets.add(house.whose, undefined, { kind: "webhook", name, url, minSeverity: "info" }),
    deliveries: async () => (await house.it.ledger.list(house.whose, page)).items,
    target: async (id: string) => (await house.it.targets.list(house.whose, undefined, page)).items.find((one) => one.id === id),
    waiting: async () => (await house.deliveries()).filter(({ state }) => state === "waiting").length,
    openAlarms: async () => (await alarms.list(house.whose, { ...page, state: "open" })).items,
  };
  return house;
}

export type House = Awaited<ReturnType<typeof createHouse>>;
