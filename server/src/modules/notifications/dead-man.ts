import type { DeadManSwitch } from "@roost/contract/dead-man";
import { isAppError } from "@roost/contract/errors";
import { notificationErrors } from "@roost/contract/notifications";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Signal } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import { maskedUrl } from "./channels.ts";
import * as store from "./dead-man-store.ts";
import type { DueBeat } from "./dead-man-store.ts";

export interface DeadManDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly egress: Pick<Egress, "check" | "request">;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly log: Log;
  readonly raise: (tx: Transaction, signals: readonly Signal[]) => Promise<unknown>;
  /** Whether a reading has just gone all the way through the running system. */
  readonly isWell: () => boolean | Promise<boolean>;
  /** How long no delivery works, while some are tried, before that is an alarm. */
  readonly silentSeconds?: number;
  readonly lookEveryMs?: number;
}

const defaultSilentSeconds = 15 * 60;
const defaultLookMs = 1_000;

/** The seal binds the watcher's address to its organisation. */
export function switchPurpose(organisationId: string): string {
  return `dead-man-switch:${organisationId}`;
}

/**
 * Tells a watcher outside that all is well, as long as it is, and raises an alarm when no notice arrives anywhere.
 *
 * Whoever sends notices cannot report that it does not run; somebody outside who misses it can.
 */
export function createDeadMan({
  db,
  audit,
  egress,
  seal,
  clock,
  log,
  raise,
  isWell,
  silentSeconds = defaultSilentSeconds,
  lookEveryMs = defaultLookMs,
}: DeadManDeps) {
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let underWay: Promise<unknown> = Promise.resolve();

  async function beat({ organisationId, urlSealed, method, isSilent }: DueBeat): Promise<void> {
    const at = new Date(clock.nowMs());
    // Where no notice arrives, the watcher is the only one left who can tell somebody.
    if (isSilent || !(await isWell())) {
      await store.saveBeat(db, organisationId, { at, outcome: "withheld", code: isSilent ? "notifications.silent" : "system.not_ready" });
      return;
    }
    try {
      const url = seal.open(urlSealed, switchPurpose(organisationId)).toString("utf8");
      const { status } = await egress.request({
        url,
        method,
        headers: { "user-agent": "Roost" },
        ...(method === "POST" ? { body: "" } : {}),
      });
      await store.saveBeat(db, organisationId, { at, outcome: status >= 200 && status < 300 ? "sent" : "failed", status });
    } catch (error) {
      if (!isAppError(error)) throw error;
      await store.saveBeat(db, organisationId, { at, outcome: "failed", code: error.code });
    }
  }

  async function look(): Promise<void> {
    await db.transaction(async (tx) => {
      const { begun, ended } = await store.turnSilences(tx, silentSeconds);
      if (begun.length + ended.length === 0) return;
      const minutes = Math.round(silentSeconds / 60);
      await raise(tx, [
        ...begun.map(({ organisationId, since }) => ({
          ...silence(organisationId, since),
          what: "raise" as const,
          title: "No notice arrives anywhere",
          text: `Every try to deliver a notice has failed for ${minutes} minutes.`,
        })),
        ...ended.map((organisationId) => ({ ...silence(organisationId, new Date(clock.nowMs())), what: "clear" as const })),
      ]);
    });
    await Promise.all((await store.claimBeats(db)).map(beat));
  }

  function plan(): void {
    if (closed) return;
    timer = setTimeout(() => {
      underWay = look()
        .catch((error: unknown) => log.warn({ err: error }, "the dead-man switch could not be looked after; trying again"))
        .finally(plan);
    }, lookEveryMs);
    timer.unref();
  }

  async function find(whose: Within): Promise<DeadManSwitch> {
    const found = await store.selectSwitch(db.within(whose), whose.organisationId);
    if (found === undefined) throw notificationErrors.no_switch();
    return found;
  }

  return {
    /** Looks after the switches until `close`. */
    start: plan,
    look,

    async get(whose: Within): Promise<{ switch?: DeadManSwitch; silentSince?: Date }> {
      const [found, silentSince] = await Promise.all([
        store.selectSwitch(db.within(whose), whose.organisationId),
        store.findSilence(db.within(whose), whose.organisationId),
      ]);
      return { ...(found === undefined ? {} : { switch: found }), ...(silentSince === undefined ? {} : { silentSince }) };
    },

    /** Sets the watcher. @throws {AppError} `notifications.address_refused` */
    async set(
      whose: Whose,
      { url, method, everySeconds, enabled }: { url: string; method: "GET" | "POST"; everySeconds: number; enabled: boolean },
    ): Promise<DeadManSwitch> {
      const { organisationId } = whose;
      try {
        await egress.check(url);
      } catch (cause) {
        throw notificationErrors.address_refused(isAppError(cause) ? { because: cause.code } : {}, { cause });
      }
      const given = { address: maskedUrl(url), method, everySeconds, enabled };
      const urlSealed = seal.seal(Buffer.from(url), switchPurpose(organisationId));
      return db.within(whose).transaction(async (tx) => {
        const before = await store.selectSwitch(tx, organisationId);
        await store.saveSwitch(tx, organisationId, { ...given, urlSealed });
        await audit.record(tx, {
          organisationId,
          by: actorOf(whose),
          action: "dead_man_switch.set",
          object: { kind: "dead_man_switch", id: organisationId },
          ...(before === undefined ? {} : { before }),
          after: given,
        });
        const after = await store.selectSwitch(tx, organisationId);
        if (after === undefined) throw notificationErrors.no_switch();
        return after;
      });
    },

    async remove(whose: Whose): Promise<void> {
      const { organisationId } = whose;
      await db.within(whose).transaction(async (tx) => {
        const before = await store.selectSwitch(tx, organisationId);
        if (before === undefined) return;
        await store.deleteSwitch(tx, organisationId);
        const object = { kind: "dead_man_switch", id: organisationId };
        await audit.record(tx, { organisationId, by: actorOf(whose), action: "dead_man_switch.removed", object, before });
      });
    },

    /** Tells the watcher now, if all is well. @throws {AppError} `notifications.no_switch` */
    async beat(whose: Whose): Promise<DeadManSwitch> {
      await Promise.all((await store.claimBeats(db, whose.organisationId)).map(beat));
      return find(whose);
    },

    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}

export type DeadMan = ReturnType<typeof createDeadMan>;

/** One alarm for each organisation. */
function silence(organisationId: string, at: Date): Omit<Signal, "what"> {
  return { id: newId(), organisationId, source: "notifications", type: "no_delivery", kind: "delivery", severity: "critical", at };
}
