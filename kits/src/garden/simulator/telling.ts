import { setTimeout as sleep } from "node:timers/promises";

import type { KitDeviceLink } from "@roost/contract/kit-cli";

import type { Ledger } from "./ledger.ts";
import type { Link, NodeMessage, NodeScript, Reading } from "./node-script.ts";

/** A node of a story, connected. */
export interface Told {
  readonly deviceId: string;
  readonly script: NodeScript;
  readonly link: KitDeviceLink;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
}

const minuteMs = 60_000;
/** Readings in one message of the past; a node's own memory does not hold so many. */
const pastAtOnce = 500;
const tickMs = 500;

/**
 * Tells a node's past with its own times, in order, as arrays: what was late arrives late, what was lost is not there.
 *
 * Past heartbeats are not sent, they would be signs of life now; what they said of signal and uptime goes with the readings.
 *
 * @param afterMs - What is stored up to here is not told again.
 * @param virtualMs - How far the story is; the past ends when it returns `undefined`.
 * @returns The instant of the first beat that is not past.
 */
export async function tellPast(
  { deviceId, script, link, ledger, signal }: Told,
  { fromMs, afterMs, virtualMs }: { fromMs: number; afterMs: number; virtualMs: () => { untilMs: number; isNow: boolean } },
): Promise<number> {
  let atMs = fromMs;
  let waiting: { text: string; reading: Reading }[] = [];

  async function flush(): Promise<void> {
    if (waiting.length === 0) return;
    const some = waiting;
    waiting = [];
    const payload = `[${some.map(({ text }) => text).join(",")}]`;
    const topic = script.topics.telemetry;
    await ledger.follow(deviceId, { kind: "late readings", readings: some.map(({ reading }) => reading) }, link.publish(topic, payload));
  }

  function take(message: NodeMessage): void {
    for (const [index, text] of message.texts.entries()) {
      const reading = message.readings[index];
      // Without a time of its own it would be stored as of now.
      if (reading === undefined || reading.kept !== "own time" || reading.measuredMs <= afterMs) continue;
      const beat = script.beatAt(reading.measuredMs);
      waiting.push({
        text: `${text.slice(0, -1)},"rssi":${beat.rssi},"uptime":${beat.uptime}}`,
        reading: { ...reading, values: { ...reading.values, ...beat } },
      });
    }
  }

  for (;;) {
    const { untilMs, isNow } = virtualMs();
    for (; atMs <= untilMs && !signal.aborted; atMs += minuteMs) {
      for (const message of script.next(atMs).messages) if (message.kind !== "heartbeat") take(message);
      if (waiting.length >= pastAtOnce) await flush();
      // What is stored already is gone through quickly, and others want their turn.
      else if (atMs % (500 * minuteMs) === 0) await sleep(0);
    }
    await flush();
    if (isNow || signal.aborted) return atMs;
    await sleep(tickMs, undefined, { signal }).catch(() => undefined);
  }
}

interface Beat {
  readonly dueMs: number;
  /** When it came in fact. */
  readonly toldMs: number;
  readonly nowMs: number;
  readonly intervalMs: number;
  readonly clockStepMs: number;
}

/** When the beat after this one is due: those that were missed are passed over, and so is one that the node's clock would not tell from this one. */
export function nextBeat({ dueMs, toldMs, nowMs, intervalMs, clockStepMs }: Beat): number {
  const missed = Math.max(0, Math.floor((nowMs - dueMs) / intervalMs));
  const nextMs = dueMs + (missed + 1) * intervalMs;
  const isSameTick = Math.floor(nextMs / clockStepMs) <= Math.floor(toldMs / clockStepMs);
  return isSameTick ? nextMs + intervalMs : nextMs;
}

/** A node that lives on in real time until it is stopped. */
export function liveOn({ deviceId, script, link, ledger }: Told, { intervalMs, nowMs }: { intervalMs: number; nowMs: () => number }) {
  let state: Link = "up";
  let knocking: ReturnType<KitDeviceLink["knockInVain"]> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const underWay = new Set<Promise<void>>();

  async function endKnocking(): Promise<void> {
    const ended = knocking;
    knocking = undefined;
    if (ended !== undefined) ledger.knocked(await ended.end());
  }

  async function become(wanted: Link): Promise<void> {
    if (wanted === state) return;
    await endKnocking();
    if (wanted === "up") link.comeBack();
    else if (state === "up") link.leave({ goodbye: wanted === "off" });
    if (wanted === "refused") knocking = link.knockInVain();
    state = wanted;
  }

  function send(message: NodeMessage): void {
    const done = ledger.follow(deviceId, message, link.publish(message.topic, message.payload)).finally(() => underWay.delete(done));
    underWay.add(done);
  }

  async function beat(atMs: number): Promise<void> {
    const turn = script.next(atMs);
    await become(turn.link);
    for (const message of turn.messages) send(message);
  }

  function schedule(dueMs: number): void {
    timer = setTimeout(
      () => {
        if (stopped) return;
        // A beat that comes late is the beat of its time.
        const toldMs = Math.max(dueMs, nowMs());
        void beat(toldMs).then(() => schedule(nextBeat({ dueMs, toldMs, nowMs: nowMs(), intervalMs, clockStepMs: script.clockStepMs })));
      },
      Math.max(0, dueMs - nowMs()),
    );
  }

  return {
    start(firstMs: number): void {
      schedule(firstMs);
    },
    /** Waits for what is under way, for so long at the most. */
    async stop(patienceMs: number): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      await become("up");
      const patience = sleep(patienceMs, undefined, { ref: false });
      await Promise.race([Promise.all(underWay), patience]);
      await link.close({ graceful: underWay.size === 0 && link.isConnected });
    },
  };
}
