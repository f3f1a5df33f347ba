import type { ClaimReply } from "@roost/contract/claim";

import { connectDevice } from "./device-link.ts";
import type { Random } from "./random.ts";
import type { Outgoing, Turn } from "./script.ts";
import type { Tally } from "./tally.ts";

// A device has a small memory: what it cannot get rid of it does not send.
const mostWaiting = 1_000;
const drainMs = 20_000;

/** A device that talks MQTT over TLS like any other, with a part to play. */
export interface SimulatedDevice {
  /** Resolves when the door has accepted it for the first time; goes on trying until then. */
  readonly connected: Promise<void>;
  /** Plays its part until stopped. */
  play(): void;
  /** Ends its part, waits a little for what is not acknowledged yet, and says goodbye. */
  stop(): Promise<void>;
}

export function createSimulatedDevice({
  credentials,
  next,
  intervalMs,
  random,
  tally,
  nowMs,
}: {
  credentials: ClaimReply;
  next: (nowMs: number) => Turn;
  intervalMs: number;
  random: Random;
  tally: Tally;
  nowMs: () => number;
}): SimulatedDevice {
  const link = connectDevice({
    credentials,
    firmwareVersion: "simulated",
    random,
    onConnected: () => tally.connected(),
    onDisconnected: () => tally.disconnected(),
  });
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let idle: () => void = () => undefined;

  function send(message: Outgoing): void {
    if (waiting >= mostWaiting) {
      tally.skipped();
      return;
    }
    waiting += 1;
    tally.sent(message.kind);
    const sentMs = performance.now();
    void link.publish(message.topic, message.payload).then((refusal) => {
      waiting -= 1;
      if (refusal === undefined) tally.acknowledged(performance.now() - sentMs);
      else tally.refused(refusal);
      if (waiting === 0) idle();
    });
  }

  function beat(): void {
    if (stopped) return;
    const turn = next(nowMs());
    for (const message of turn.messages) send(message);
    // Meanwhile samples collect, and follow with their own times.
    if (turn.breakForBeats !== undefined) link.breakFor(turn.breakForBeats * intervalMs);
    timer = setTimeout(beat, intervalMs);
  }

  return {
    connected: link.connected,
    play() {
      // A fleet does not beat in one beat.
      timer = setTimeout(beat, random() * intervalMs);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      if (waiting > 0 && link.isConnected) {
        await new Promise<void>((resolve) => {
          const late = setTimeout(resolve, drainMs);
          idle = () => {
            clearTimeout(late);
            resolve();
          };
        });
      }
      await link.close({ graceful: waiting === 0 && link.isConnected });
    },
  };
}
