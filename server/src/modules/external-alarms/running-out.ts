import type { Clock } from "../../platform/clock.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms, Signal } from "../alarms/alarms.ts";
import * as store from "./external-alarm-store.ts";
import type { Known } from "./external-alarm.ts";

const everyMs = 5_000;
const atOnce = 500;
// A restart takes less; what nobody heard for longer than this could not be told again.
const gapMs = 30_000;
const rememberMs = 24 * 3_600_000;

/** Ends what is not told any more. When that is stands in the database: a restart neither begins it anew nor does it twice. */
export function createRunningOut({ db, alarms, clock, log }: { db: Db; alarms: Pick<Alarms, "take">; clock: Clock; log: Log }) {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function endSome(organisationId: string, now: Date): Promise<number> {
    return db.transaction(async (tx) => {
      await store.lockIntake(tx, organisationId);
      const expired = await store.selectExpired(tx, organisationId, now, atOnce);
      if (expired.length === 0) return 0;
      await store.endExpired(
        tx,
        expired.map(({ id }) => id),
        now,
      );
      await alarms.take(tx, expired.map(clearOf));
      return expired.length;
    });
  }

  async function look(): Promise<void> {
    const now = new Date(clock.nowMs());
    const deafMs = await db.transaction(async (tx) => store.noteListening(tx, now, { gapMs }));
    if (deafMs > 0)
      log.info({ seconds: Math.round(deafMs / 1_000) }, "nobody listened to other systems: what they said holds that much longer");
    for (const organisationId of await store.selectOrganisationsWithExpired(db, now)) {
      while ((await endSome(organisationId, now)) === atOnce);
    }
    await store.deleteOver(db, new Date(now.getTime() - rememberMs), 10_000);
  }

  function runOnce(): Promise<void> {
    running ??= look()
      .catch((error: unknown) => {
        log[isDatabaseAway(error) ? "debug" : "error"]({ err: error }, "alarms of other systems that ran out were not ended; trying again");
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  }

  return {
    async start(): Promise<void> {
      await runOnce();
      timer ??= setInterval(() => void runOnce(), everyMs);
      timer.unref();
    },
    /** Looks now; for tests. */
    runOnce,
    async close(): Promise<void> {
      clearInterval(timer);
      await running;
    },
  };
}

function clearOf({ organisationId, source, type, deviceId, severity, expiresAt, channel }: Known): Signal {
  return {
    id: newId(),
    what: "clear",
    organisationId,
    source,
    type,
    deviceId,
    kind: "external",
    severity,
    at: expiresAt ?? new Date(0),
    detail: channel === "syslog" ? "quiet" : "not sent any more",
  };
}
