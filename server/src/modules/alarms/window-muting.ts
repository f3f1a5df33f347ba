import type { Db } from "../../platform/db.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms } from "./alarms.ts";
import { selectAlarmsAround, selectAlarmsOfWindow, selectLeftMuted } from "./window-alarm-store.ts";
import { noticeSource } from "./windows.ts";
import type { Windows } from "./windows.ts";

export interface WindowMutingDeps {
  readonly db: Db;
  readonly windows: Pick<Windows, "refresh" | "inForce">;
  readonly alarms: Pick<Alarms, "review" | "take">;
  /** The devices as they are known in memory. */
  readonly devices: {
    /** Takes in what a fact says of a device. */
    learn(fact: Fact): Promise<void>;
    descendantsOf(deviceId: string): readonly { readonly id: string }[];
  };
  readonly log: Log;
}

const atOnce = 1_000;
const everyMs = 15_000;

/**
 * Mutes open alarms when a window begins and lets those go that no window covers any more; those that still hold are told then. Looks at alarms
 * again, too, when a device is reached by another way or comes to another place.
 *
 * Every step asks how things are now, so that twice is once, and a server that was away catches up.
 */
export function createWindowMuting({ db, windows, alarms, devices, log }: WindowMutingDeps) {
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> | undefined;

  /** In steps: a window over a whole fleet must not exceed a statement's time. */
  async function review(organisationId: string, ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += atOnce) {
      await db.transaction((tx) => alarms.review(tx, organisationId, ids.slice(at, at + atOnce)));
    }
  }

  /** Beginning and end, where they are to be told: a notice that is open while the window is, told by the same routes as alarms. */
  async function announce({ id, type, organisationId, nounId, data, at }: Fact): Promise<void> {
    if (data["notify"] !== true || (type !== "window.began" && type !== "window.ended")) return;
    const source = `${noticeSource}${nounId}`;
    const title = `In maintenance: ${String(data["title"])}`.slice(0, 200);
    const what = type === "window.began" ? "raise" : "clear";
    const notice = { id, what, organisationId, source, type: "window", kind: "event", severity: "info", title, at } as const;
    await db.transaction((tx) => alarms.take(tx, [what === "raise" ? notice : { ...notice, detail: "over", by: "Roost" }]));
  }

  async function handle(fact: Fact): Promise<void> {
    const { organisationId, nounId } = fact;
    if (fact.type === "device.changed") {
      await devices.learn(fact);
      const behind = devices.descendantsOf(nounId).map(({ id }) => id);
      await review(organisationId, await selectAlarmsAround(db, nounId, behind));
      return;
    }
    // What this server has not heard yet of the window, it must know before it says who is told.
    await windows.refresh(nounId);
    await announce(fact);
    await review(
      organisationId,
      await selectAlarmsOfWindow(db, { organisationId, windowId: nounId, scope: windows.inForce(nounId)?.scope }),
    );
  }

  /** What was muted at the very moment its window ended, or ended while the clocks of servers differed. */
  async function sweep(): Promise<void> {
    const left = await selectLeftMuted(db, atOnce);
    for (const [organisationId, some] of Map.groupBy(left, (one) => one.organisationId)) {
      await review(
        organisationId,
        some.map(({ id }) => id),
      );
    }
  }

  function runOnce(): Promise<void> {
    sweeping ??= sweep()
      .catch((error: unknown) => {
        const level = isDatabaseAway(error) ? "debug" : "error";
        log[level]({ err: error }, "alarms that windows had muted were not looked at; trying again");
      })
      .finally(() => {
        sweeping = undefined;
      });
    return sweeping;
  }

  const handler: FactHandler = {
    name: "alarms.windows",
    types: ["window.began", "window.ended", "window.changed", "device.changed"],
    handle,
  };

  return {
    handlers: [handler] as readonly FactHandler[],
    start(): void {
      timer ??= setInterval(() => void runOnce(), everyMs);
      timer.unref();
    },
    /** Looks now; by itself it does so every 15 s. */
    sweep: runOnce,
    async close(): Promise<void> {
      clearInterval(timer);
      await sweeping;
    },
  };
}
