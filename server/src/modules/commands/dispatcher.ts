import { deviceTopics } from "@roost/contract/topics";

import type { Db } from "../../platform/db.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { devicesWithWork, heldElsewhere, letGo, putBack, takeHeads } from "./dispatch-store.ts";
import type { HeldCommand } from "./dispatch-store.ts";

/** What a device may be reached by: the door of this server. */
export interface Outlet {
  hears(topic: string): boolean;
  offer(offer: {
    topic: string;
    payload: string;
    expirySeconds: number;
    key: string;
    answered: (reason: number) => void;
  }): "held" | "away" | "too_large";
}

export interface DispatcherDeps {
  readonly db: Db;
  readonly log: Log;
  /** Names this server among all. */
  readonly holder: string;
  /** The device confirmed (0) or refused (an MQTT reason code) a command. */
  readonly answered: (id: string, deviceId: string, reason: number) => Promise<void>;
  /** The device cannot take what is that large. */
  readonly tooLarge: (id: string, deviceId: string) => Promise<void>;
}

/** How long another server leaves a command alone that this one has in hand: a server that was killed holds it no longer. */
const leaseSeconds = 3;
const devicesAtOnce = 500;
/** Confirmations this process remembers: far more than can be on their way into the database. */
const rememberedConfirmations = 10_000;

/** What a device reads on its command topic. */
export function payloadOf({ name, params, expiresAt, isCancel }: HeldCommand): string {
  return JSON.stringify(isCancel ? { cancel: true } : { name, params, expires_at: expiresAt.toISOString() });
}

/** Hands commands to devices that listen at this server's door: the head of each device's row, one at a time. */
export function createDispatcher({ db, log, holder, answered, tooLarge }: DispatcherDeps) {
  let outlet: Outlet | undefined;
  let running: Promise<void> | undefined;
  let closed = false;
  const wanted = new Set<string>();
  /** Came here from a server that has their command in hand, or had when it was killed: looked at again until it is over. */
  let later: readonly string[] = [];
  /** What devices have confirmed here, be it noted in the database yet or not: it is not sent to them again. */
  const confirmed = new Map<string, number>();

  async function confirm(id: string, deviceId: string, reason: number): Promise<void> {
    confirmed.set(id, reason);
    for (const oldest of confirmed.keys()) {
      if (confirmed.size <= rememberedConfirmations) break;
      confirmed.delete(oldest);
    }
    await answered(id, deviceId, reason);
  }

  function hears(deviceId: string): boolean {
    // Any id stands for all: devices subscribe to the filter.
    return outlet?.hears(deviceTopics(deviceId).command("any")) === true;
  }

  async function handOver(held: HeldCommand): Promise<void> {
    const { id, deviceId, isCancel } = held;
    // The database was away when the confirmation came, or has it on its way.
    const answer = isCancel ? undefined : confirmed.get(id);
    if (answer !== undefined) return answered(id, deviceId, answer);
    const outcome = outlet?.offer({
      topic: deviceTopics(deviceId).command(id),
      payload: payloadOf(held),
      expirySeconds: Math.max(1, held.secondsLeft),
      key: isCancel ? `${id}/cancel` : id,
      // That a wish to stop arrived says nothing yet; the device answers it.
      answered: (reason) => void (isCancel ? undefined : confirm(id, deviceId, reason)),
    });
    if (outcome === "too_large") await tooLarge(id, deviceId);
    else if (outcome !== "held") await putBack(db, id, holder);
  }

  async function run(): Promise<void> {
    while (wanted.size > 0 && !closed) {
      const deviceIds = [...wanted].slice(0, devicesAtOnce);
      for (const id of deviceIds) wanted.delete(id);
      const here = deviceIds.filter(hears);
      if (here.length === 0) continue;
      try {
        for (const held of await takeHeads(db, here, holder, leaseSeconds)) await handOver(held);
        later = [...new Set([...later, ...(await heldElsewhere(db, here, holder))])];
      } catch (error) {
        // What waits is found again by the next look.
        if (isDatabaseAway(error)) log.warn({ err: error }, "the database is away; commands wait");
        else log.error({ err: error }, "commands could not be handed over; they wait");
      }
    }
  }

  function want(deviceIds: Iterable<string>): void {
    for (const id of deviceIds) wanted.add(id);
    if (closed || outlet === undefined || running !== undefined || wanted.size === 0) return;
    running = run().finally(() => {
      running = undefined;
      // Somebody may have been wanted after the last look.
      want([]);
    });
  }

  return {
    open(to: Outlet): void {
      outlet = to;
      want([]);
    },
    /** Has the rows of these devices looked at. */
    want,
    /** Has a look at those that came from another server. */
    lookAgain(): void {
      const ids = later;
      later = [];
      want(ids);
    },
    /** Looks for what nobody has in hand, for devices that listen here. */
    async look(): Promise<void> {
      if (outlet === undefined) return;
      want((await devicesWithWork(db)).filter(hears));
    },
    async close(): Promise<void> {
      closed = true;
      await running;
      await letGo(db, holder);
    },
  };
}
