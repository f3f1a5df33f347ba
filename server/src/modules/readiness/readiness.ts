import { sql } from "@roost/contract/sql";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Canary } from "./canary.ts";
import type { ListenerWatch } from "./listener.ts";

/** One thing that must be true before readings are welcome. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly checkedAt?: Date;
  /** `false`: readings are taken without it, so it does not decide. Absent: it does. */
  readonly isNeeded?: false;
}

/** What readiness asks of the secrets. */
export interface SecretStoreHealth {
  store(): { readonly state: string; readonly message: string; readonly canOpen: boolean; readonly checkedAt: Date };
}

export interface Verdict {
  readonly ready: boolean;
  readonly timestamp: Date;
  readonly checks: ReadinessCheck[];
}

// A minute, as promised on the page: the canary flies four times in it.
const canaryFreshSeconds = 60;
// Less than the five seconds within which readiness must turn honest when the database freezes.
const databaseTimeoutMs = 2_000;

export interface ReadinessDeps {
  readonly db: Db;
  readonly canary: Pick<Canary, "freshTrip" | "lastTrip" | "lastFault">;
  readonly listener: Pick<ListenerWatch, "state">;
  readonly clock: Clock;
  readonly secrets?: SecretStoreHealth;
}

/** Says whether Roost is ready to take readings, by what went through it and not by what it believes of itself. */
export function createReadiness({ db, canary, listener, clock, secrets }: ReadinessDeps) {
  async function checkDatabase(): Promise<ReadinessCheck> {
    const answer = db
      .query<{ synchronous_commit: string }>(sql`select current_setting('synchronous_commit') as synchronous_commit`)
      .then(([row]) => row)
      .catch(() => undefined);
    let late: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      late = setTimeout(() => resolve(undefined), databaseTimeoutMs);
    });
    const row = await Promise.race([answer, timeout]);
    clearTimeout(late);
    const checkedAt = new Date(clock.nowMs());
    if (row === undefined) return { name: "database", ok: false, reason: "The database does not answer.", checkedAt };
    if (row.synchronous_commit !== "on")
      return { name: "database", ok: false, reason: "Commits are not durable: synchronous_commit is not on.", checkedAt };
    return { name: "database", ok: true, checkedAt };
  }

  function checkCanary(): ReadinessCheck {
    const trip = canary.freshTrip(canaryFreshSeconds);
    if (trip !== undefined) return { name: "canary", ok: true, checkedAt: trip.at };
    const last = canary.lastTrip();
    const reason = `No canary reading came back within the last minute: ${canary.lastFault() ?? "it is overdue"}.`;
    return { name: "canary", ok: false, reason, ...(last === undefined ? {} : { checkedAt: last.at }) };
  }

  /** A minute is long for devices that are not let in: the listener itself is asked, by a connection. */
  function checkListener(): ReadinessCheck {
    const { isOpen, fault, checkedAt } = listener.state();
    const at = checkedAt === undefined ? {} : { checkedAt };
    if (isOpen === true) return { name: "mqtt", ok: true, ...at };
    const reason = fault === undefined ? "The MQTT listener was not asked yet." : `The MQTT listener takes no connections: ${fault}.`;
    return { name: "mqtt", ok: false, reason, ...at };
  }

  /** Readings go on without secrets; claims, notices and new sign-ins do not. */
  function checkSecrets(): ReadinessCheck[] {
    if (secrets === undefined) return [];
    const { state, message, checkedAt } = secrets.store();
    if (state === "open") return [{ name: "secrets", ok: true, checkedAt, isNeeded: false }];
    return [{ name: "secrets", ok: false, reason: `${state}: ${message}`, checkedAt, isNeeded: false }];
  }

  return {
    checkDatabase,
    /** Seconds since the newest canary reading that came back was measured; `undefined` while there is none. */
    canaryAgeSeconds(): number | undefined {
      const trip = canary.lastTrip();
      return trip === undefined ? undefined : (clock.nowMs() - trip.at.getTime()) / 1_000;
    },
    /** All checks, those that fail with their reason. */
    async judge(): Promise<Verdict> {
      const checks = [await checkDatabase(), checkListener(), checkCanary(), ...checkSecrets()];
      return { ready: checks.every((check) => check.ok || check.isNeeded === false), timestamp: new Date(clock.nowMs()), checks };
    },
  };
}

export type Readiness = ReturnType<typeof createReadiness>;
