import { randomBytes } from "node:crypto";

import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { AlarmId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { startCatcher } from "@roost/testbed/catchers";
import { createTestDatabase } from "@roost/testbed/postgres";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createMail } from "../../platform/mail.ts";
import { createSeal } from "../../platform/seal.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { createAlarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { createOnCall } from "../on-call/on-call.ts";
import { createNotifications } from "./notifications.ts";
import type { Notifications } from "./notifications.ts";

/** What a target was told, as its webhook got it. */
export interface Heard {
  readonly to: string;
  readonly type: string;
  readonly title: string;
  readonly text: string;
  readonly count: number;
}

/**
 * A server's alarms and notifications over a real database, with webhooks that are really called and a clock that stands still until a test
 * moves it. For tests.
 */
export async function startPlanning({
  startMs = Date.parse("2026-06-01T12:00:00Z"),
  mailPort,
}: { startMs?: number; mailPort?: number } = {}) {
  let nowMs = startMs;
  const clock = { nowMs: () => nowMs, monotonicMs: () => performance.now() };
  const log = createLog({ level: "silent", pretty: false });
  const database = await createTestDatabase();
  const db: Db = createDb({ connection: database.connection, log });
  const organisationId = newId();
  const seal = createSeal(new Uint8Array(32).fill(7));
  const audit = createAudit({ db, clock, log, key: randomBytes(32) });
  const alarms = createAlarms({ db, audit, clock, log });
  const onCall = createOnCall({ db, audit, clock });
  const catcher = await startCatcher();
  const egress = createEgress({ allow: ["127.0.0.1"], timeoutMs: 30_000 });
  const smtpUrl = mailPort === undefined ? undefined : `smtp://127.0.0.1:${mailPort}?tls=off`;
  const mail = createMail({ smtpUrl, from: mailPort === undefined ? undefined : "roost@example.org", egress, log });
  const places = new Map<string, { siteId?: string; groupIds: Set<string>; parentId?: string }>();
  let notifications: Notifications | undefined;
  let dispatch: Dispatch | undefined;
  await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', 'ours')`);

  const it_ = (): Notifications => {
    if (notifications === undefined) throw new TypeError("not started");
    return notifications;
  };
  const house = {
    db,
    organisationId,
    onCall,
    alarms,
    catcher,
    clock,
    places,
    get it() {
      return it_();
    },
    whose: { organisationId, by: { kind: "person", id: newId(), name: "owner@example.org" } as Actor },
    at: (text: string) => void (nowMs = Date.parse(text)),
    nowMs: () => nowMs,

    /** Begins, or begins again as after a crash: nothing but rows is left of what was. */
    async start(): Promise<void> {
      await house.stop();
      notifications = createNotifications({
        audit,
        db,
        alarms,
        egress,
        mail,
        seal,
        clock,
        log,
        onCall,
        publicUrl: "https://roost.example.org",
        rightsOf: async () => undefined,
        whereIs: (deviceId) => places.get(deviceId),
        backOffMs: [10],
      });
      dispatch = await createDispatch({ db, handlers: notifications.handlers, observe: () => undefined, log });
      await dispatch.settle();
    },
    async stop(): Promise<void> {
      await dispatch?.close();
      await notifications?.close();
      dispatch = undefined;
      notifications = undefined;
    },
    async close(): Promise<void> {
      await house.stop();
      await alarms.close();
      await catcher.close();
      await db.close();
      await database.drop();
    },
    /** Everything but the organisation and its people is gone. */
    async clear(at: string): Promise<void> {
      await house.stop();
      await db.query(sql`truncate devices, alarms, incidents, events, event_cursors, notification_targets, deliveries, notification_routes,
        escalation_chains, notification_settings, notification_preferences, mail_subscriptions, on_call_schedules cascade`);
      places.clear();
      catcher.forget();
      house.at(at);
      await house.start();
    },

    async addDevice(id: string, place: { siteId?: string; parentId?: string } = {}): Promise<void> {
      await db.query(sql`
        insert into devices (id, organisation_id, name, kind, parent_id) values (${id}, ${organisationId}, ${id}, 'generic', ${place.parentId ?? null})`);
      places.set(id, { groupIds: new Set(), ...place });
    },
    async addPerson(name: string): Promise<string> {
      const id = newId();
      await db.query(sql`insert into people (id, email, name) values (${id}, ${`${name}-${id}@example.org`}, ${name})`);
      await db.query(
        sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${organisationId}, ${id}, 'operator')`,
      );
      return id;
    },
    /** A webhook, of the organisation or somebody's own. */
    async addHook(name: string, personId?: string, minSeverity: Severity = "info"): Promise<string> {
      const target = await it_().targets.add(house.whose, personId, { kind: "webhook", name, url: `${catcher.url}/${name}`, minSeverity });
      return target.id;
    },
    /** Signals that raise or clear alarms, all in one transaction; then what they bring about is planned. */
    async signal(
      what: "raise" | "clear",
      of: readonly {
        device: string;
        type?: string;
        kind?: AlarmKind;
        severity?: Severity;
        at?: Date;
        value?: number;
        metric?: string | null;
      }[],
    ): Promise<void> {
      await db.transaction(async (tx) =>
        alarms.take(
          tx,
          of.map(
            ({
              device,
              type = "rule:1:above",
              kind = "above",
              severity = "warning",
              at = new Date(nowMs),
              value = 35,
              metric = "temperature",
            }) => ({
              id: newId(),
              what,
              organisationId,
              source: device,
              deviceId: device,
              type,
              kind,
              severity,
              at,
              value,
              threshold: 30,
              ...(metric === null ? {} : { metric }),
            }),
          ),
        ),
      );
      await house.settle();
    },
    async acknowledge(device: string): Promise<void> {
      const open = await db.query<{ id: string }>(sql`select a.id from alarms a where a.device_id = ${device} and a.state <> 'cleared'`);
      for (const { id } of open) {
        await alarms.acknowledge({ organisationId, by: house.whose.by }, id as AlarmId, "ana@example.org");
      }
      await house.settle();
    },
    async settle(): Promise<void> {
      await dispatch?.settle();
    },
    /** Time goes on, in steps of `stepSeconds`, and all that falls due on the way is done. */
    async pass(seconds: number, stepSeconds = seconds): Promise<void> {
      for (let passed = 0; passed < seconds; passed += stepSeconds) {
        nowMs += Math.min(stepSeconds, seconds - passed) * 1_000;
        await it_().tick();
      }
      await house.settle();
    },
    /** What arrived, once all that is to be sent was. */
    async heard(): Promise<Heard[]> {
      for (;;) {
        await house.settle();
        const [waiting] = await db.query<{ n: number }>(sql`select count(*)::int as n from deliveries where state = 'waiting'`);
        if (waiting?.n === 0) {
          // What became of them is a fact too.
          await house.settle();
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return catcher.caught.map(({ path, body }) => {
        const { type = "", title = "", text = "", count = 1 } = JSON.parse(body) as Partial<Heard>;
        return { to: path.slice(1), type, title, text, count };
      });
    },
    /** `to type`, in the order of arrival. */
    told: async () => (await house.heard()).map(({ to, type }) => `${to} ${type}`),
  };
  await house.start();
  return house;
}

export type Planning = Awaited<ReturnType<typeof startPlanning>>;
