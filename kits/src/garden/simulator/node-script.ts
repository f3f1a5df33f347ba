import { deviceTopics } from "@roost/contract/topics";

import type { Chance } from "./chance.ts";
import { incidentAt } from "./incidents.ts";
import type { Incident, WrongClock } from "./incidents.ts";
import type { Truth } from "./plant.ts";
import { createSensors } from "./sensors.ts";
import type { Values } from "./sensors.ts";

/** A reading as its node knows it. */
export interface Reading {
  /** When it was measured, in truth. */
  readonly measuredMs: number;
  /** What the store keeps it under: the node's own time, or the time it was received where that is missing or wrong. */
  readonly kept: "own time" | "time of receipt";
  readonly values: Values;
}

/** What a message is meant to be: the tally counts by it. */
export type MessageKind = "reading" | "late reading" | "wrong clock" | "heartbeat";

export interface NodeMessage {
  readonly topic: string;
  readonly payload: string;
  readonly kind: MessageKind;
  readonly readings: readonly Reading[];
}

/**
 * How the node stands to the platform: `down` it tries and finds no way, `refused` it knocks with a password that does not count, `off` it sleeps or
 * hangs and tries nothing.
 */
export type Link = "up" | "down" | "refused" | "off";

/** What a node does at one beat. */
export interface Turn {
  readonly link: Link;
  readonly messages: readonly NodeMessage[];
}

/** Readings that fit into a node's memory while there is no way to send them: half a day of one a minute. */
export const remembered = 720;
/** Readings in one message of what was kept: below the buffer of the node's MQTT client. */
const lateAtOnce = 40;
/** The time comes from the network a little after the start. */
const clockAfterMs = 20_000;

/**
 * What a node with our firmware sends: a reading and a heartbeat a beat, each with its time once the time is known; what cannot be sent is kept and
 * follows with its own times. What goes wrong is given by the incidents; the same chance plays the same part.
 *
 * @param truth - What is true of its plant.
 * @returns What it does next, asked once a beat, in order.
 */
export function createNodeScript({
  deviceId,
  chance,
  truth,
  incidents,
  intervalMs,
  startedMs,
  batteryFrom,
}: {
  deviceId: string;
  chance: Chance;
  truth: (atMs: number) => Truth;
  incidents: readonly Incident[];
  intervalMs: number;
  /** When it was switched on. */
  startedMs: number;
  /** Volts at `startedMs`; absent: it hangs on a charger. */
  batteryFrom?: number;
}): (atMs: number) => Turn {
  const topics = deviceTopics(deviceId);
  const sensors = createSensors(chance, incidents);
  // Seconds are what the firmware's clock gives; a faster beat needs finer ones.
  const stampPer = intervalMs % 1_000 === 0 ? 1_000 : 1;
  let bootMs = startedMs;
  let seq = 0;
  let kept: { readonly json: object; readonly reading: Reading }[] = [];

  /** What the node writes as its time, and whether that can be it. */
  function stampAt(atMs: number): { readonly timestamp?: number; readonly kept: Reading["kept"]; readonly isWrong: boolean } {
    const wrong = incidentAt(incidents, "wrong clock", atMs);
    if (wrong !== undefined) return { timestamp: wrongTime(wrong.clock, atMs, bootMs), kept: "time of receipt", isWrong: true };
    if (incidentAt(incidents, "no clock", atMs) !== undefined || atMs - bootMs < Math.min(clockAfterMs, intervalMs))
      return { kept: "time of receipt", isWrong: false };
    return { timestamp: Math.floor(atMs / stampPer), kept: "own time", isWrong: false };
  }

  function measure(atMs: number): { json: object; reading: Reading; isWrong: boolean } {
    // Noise belongs to the instant, so that a story that is told again from the middle is the same.
    const index = Math.floor(atMs / intervalMs);
    const { timestamp, kept: keptUnder, isWrong } = stampAt(atMs);
    const values: Values = {
      ...sensors.read(truth(atMs), atMs, index),
      ...(batteryFrom === undefined ? {} : { battery: batteryAt(batteryFrom, atMs - startedMs) }),
      rssi: sensors.rssi(atMs, index),
      uptime: Math.round((atMs - bootMs) / 1_000),
    };
    seq += 1;
    const json = { ...values, seq, ...(timestamp === undefined ? {} : { timestamp }) };
    const measuredMs = keptUnder === "own time" ? Math.floor(atMs / stampPer) * stampPer : atMs;
    return { json, reading: { measuredMs, kept: keptUnder, values }, isWrong };
  }

  function keep(one: { json: object; reading: Reading }): void {
    // When it was measured would be a guess later on: such a reading is not worth keeping.
    if (one.reading.kept !== "own time") return;
    kept.push(one);
    if (kept.length > remembered) kept.shift();
  }

  function lateMessages(): NodeMessage[] {
    const messages: NodeMessage[] = [];
    for (let from = 0; from < kept.length; from += lateAtOnce) {
      const some = kept.slice(from, from + lateAtOnce);
      messages.push({
        topic: topics.telemetry,
        payload: JSON.stringify(some.map(({ json }) => json)),
        kind: "late reading",
        readings: some.map(({ reading }) => reading),
      });
    }
    kept = [];
    return messages;
  }

  function heartbeat(atMs: number, sleepsMs: number | undefined): NodeMessage {
    const index = Math.floor(atMs / intervalMs);
    const { timestamp } = stampAt(atMs);
    const payload = JSON.stringify({
      uptime: Math.round((atMs - bootMs) / 1_000),
      rssi: sensors.rssi(atMs, index),
      ...(sleepsMs === undefined ? {} : { interval: Math.max(1, Math.round(sleepsMs / 1_000)) }),
      ...(timestamp === undefined ? {} : { timestamp }),
    });
    return { topic: topics.heartbeat, payload, kind: "heartbeat", readings: [] };
  }

  return (atMs) => {
    const silence = incidentAt(incidents, "silence", atMs);
    if (silence !== undefined) {
      // When it comes back it has started anew, and what it kept in memory is gone.
      bootMs = silence.toMs;
      seq = 0;
      kept = [];
      return { link: "off", messages: [] };
    }
    const sleep = incidentAt(incidents, "deep sleep", atMs);
    const beat = sleep === undefined ? 1 : Math.max(1, Math.round(sleep.everyMs / intervalMs));
    if (beat > 1 && Math.floor(atMs / intervalMs) % beat !== 0) return { link: "off", messages: [] };
    const link = linkAt(incidents, atMs);
    const one = measure(atMs);
    if (link !== "up") {
      keep(one);
      return { link, messages: [] };
    }
    const reading: NodeMessage = {
      topic: topics.telemetry,
      payload: JSON.stringify(one.json),
      kind: one.isWrong ? "wrong clock" : "reading",
      readings: [one.reading],
    };
    return { link, messages: [...lateMessages(), reading, heartbeat(atMs, sleep?.everyMs)] };
  };
}

function linkAt(incidents: readonly Incident[], atMs: number): Link {
  if (incidentAt(incidents, "outage", atMs) !== undefined || incidentAt(incidents, "reconnect", atMs) !== undefined) return "down";
  return incidentAt(incidents, "wrong credential", atMs) === undefined ? "up" : "refused";
}

function wrongTime(clock: WrongClock, atMs: number, bootMs: number): number {
  if (clock === "1970") return Math.round((atMs - bootMs) / 1_000);
  if (clock === "hour ahead") return Math.round(atMs / 1_000) + 3_600;
  return atMs - bootMs;
}

/** A cell that lasts about four months of waking up. */
function batteryAt(from: number, afterMs: number): number {
  return Number(Math.max(3.2, from - (afterMs / 86_400_000) * 0.007).toFixed(2));
}
