import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import type { FactHandler } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import { createActions } from "./actions.ts";
import type { ActionDeps } from "./actions.ts";
import { probeWaitsMs as defaultProbeWaitsMs } from "./breaker.ts";
import { createDeliverer } from "./deliverer.ts";
import { backOffMs as defaultBackOffMs } from "./delivery.ts";
import { createHealth } from "./health.ts";
import { createInbox } from "./inbox.ts";
import { createLedger } from "./ledger.ts";
import { createPlanner, plannedFacts } from "./planner.ts";
import type { PlannerDeps } from "./planner.ts";
import { createPreferences } from "./preferences.ts";
import { createPush } from "./push.ts";
import { failWaitingOf } from "./queue-store.ts";
import { createRecorder } from "./recorder.ts";
import { createRouting } from "./routing.ts";
import { createSender } from "./sender.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { createTargets } from "./targets.ts";
import { createTicketNotices } from "./ticket-notices.ts";

export interface NotificationDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly alarms: Pick<Alarms, "take" | "recordNotices" | "acknowledge">;
  readonly egress: Egress;
  readonly mail: Pick<Mail, "isOn" | "send">;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly log: Log;
  /** What a person may in an organisation at this moment; `undefined` where they do not belong to it. */
  readonly rightsOf: ActionDeps["rightsOf"];
  readonly onCall: PlannerDeps["onCall"];
  readonly whereIs: PlannerDeps["whereIs"];
  /** Address of the web app that people use, for links in notices; without it there are none. */
  readonly publicUrl?: string | undefined;
  /** How operators of push services reach whoever runs this: `mailto:` or `https:`. */
  readonly contact?: string | undefined;
  /** Waits between tries; see `delivery.ts`. */
  readonly backOffMs?: readonly number[];
  /** Waits between probes of a target whose breaker is open; see `breaker.ts`. */
  readonly probeWaitsMs?: readonly number[];
}

/** Tells people of alarms: where to, what was told, and how it went. Sending starts at once and ends with `close`. */
export function createNotifications(deps: NotificationDeps) {
  const { db, audit, alarms, egress, mail, seal, clock, log, publicUrl, backOffMs = defaultBackOffMs } = deps;
  const health = createHealth({ raise: alarms.take, nowMs: () => clock.nowMs(), probeWaitsMs: deps.probeWaitsMs ?? defaultProbeWaitsMs });
  const targets = createTargets({ db, audit, egress, mail, seal, clock, health });
  const push = createPush({ db, seal, subject: deps.contact ?? "mailto:postmaster@localhost" });
  const actions = createActions({ db, seal, clock, acknowledge: alarms.acknowledge, rightsOf: deps.rightsOf });
  const closing = new AbortController();
  const deliverer = createDeliverer({
    db,
    send: createSender({ egress, mail, seal, clock, push, actionToken: actions.tokenFor, closing: closing.signal, publicUrl }),
    record: createRecorder({ db, health, recordNotices: alarms.recordNotices, log }),
    clock,
    log,
    backOffMs,
    giveUp: () => closing.abort(),
  });

  const planner = createPlanner({ db, clock, log, onCall: deps.onCall, whereIs: deps.whereIs, publicUrl, wake: () => deliverer.wake() });
  planner.start();
  const ticketNotices = createTicketNotices({ db, publicUrl, wake: () => deliverer.wake() });
  const inbox = createInbox({ db, clock });

  return {
    /** Handlers of facts, for the dispatcher. */
    handlers: [
      { name: "notifications.alarms", types: plannedFacts, handle: planner.handle, handleMany: planner.handleMany },
      ticketNotices,
      {
        name: "notifications.closed",
        types: ["organisation.closed"],
        handle: ({ organisationId, at }) => failWaitingOf(db, organisationId, at),
      },
    ] satisfies FactHandler[],
    routing: createRouting({
      db,
      audit,
      clock,
      onCall: deps.onCall,
      whereIs: deps.whereIs,
      routingOf: planner.routingOf,
      onChange: planner.forget,
    }),
    preferences: createPreferences({ db, audit, clock, onChange: planner.forget }),
    subscriptions: createSubscriptions({ db, audit, mail, seal, clock, publicUrl, onChange: planner.forget }),
    /** Does what is due by now, without waiting for the next second. */
    tick: planner.tick,
    targets,
    /** What people were told, in the app. */
    inbox,
    /** Work by the clock. */
    jobs: [inbox.job],
    ledger: createLedger({ db, audit, targets, deliverer, clock }),
    /** Looks into the queue at once: something was put there. */
    wake: deliverer.wake,
    /** What a browser subscribes with. */
    pushKey: push.publicKey,
    actions,
    /** Takes nothing new and lets tries that are under way end: 5 s at most. */
    async close(): Promise<void> {
      await planner.close();
      await deliverer.close();
    },
  };
}

export type Notifications = ReturnType<typeof createNotifications>;
