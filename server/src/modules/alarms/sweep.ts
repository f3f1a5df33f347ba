import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { purgeKeptBack, selectDue } from "./alarm-store.ts";
import { flapping } from "./life.ts";
import { graceMs } from "./silence.ts";
import type { Taking } from "./taking.ts";

const everyMs = 2_000;
const atOnce = 1_000;
const roundsAtOnce = 20;

/** Does what only time makes due: snoozes that are over, flapping that is quiet, children of what is back. */
export function createSweep({ db, taking, clock, log }: { db: Db; taking: Taking; clock: Clock; log: Log }) {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function sweep(): Promise<void> {
    let due: Awaited<ReturnType<typeof selectDue>>;
    let rounds = 0;
    do {
      due = await selectDue(db, clock.nowMs(), { quietMs: flapping.quietMs, graceMs, limit: atOnce });
      const byOrganisation = Map.groupBy(due, ({ organisationId }) => organisationId);
      for (const [organisationId, some] of byOrganisation) {
        await db.transaction(async (tx) =>
          taking.review(
            tx,
            organisationId,
            some.map(({ id }) => id),
          ),
        );
      }
      rounds += 1;
    } while (due.length === atOnce && rounds < roundsAtOnce);
    // Their raises count as long as it may flap.
    await purgeKeptBack(db, new Date(clock.nowMs() - flapping.withinMs));
  }

  function runOnce(): Promise<void> {
    running ??= sweep()
      .catch((error: unknown) => {
        const level = isDatabaseAway(error) ? "debug" : "error";
        log[level]({ err: error }, "alarms that time makes due were not looked at; trying again");
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  }

  return {
    start(): void {
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
