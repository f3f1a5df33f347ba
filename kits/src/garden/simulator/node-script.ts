import { deviceTopics } from "@roost/contract/topics";

import { rememberedSamples, samplesAtOnce } from "../firmware/node-build.ts";
import { heartbeatText, sampleFields, sampleText, telemetryText } from "../firmware/node-messages.ts";
import type { NodeSample } from "../firmware/node-messages.ts";
import type { Chance } from "./chance.ts";
import { incidentAt } from "./incidents.ts";
import type { Incident, WrongClock } from "./incidents.ts";
import type { Truth } from "./plant.ts";
import { createSensors } from "./sensors.ts";

/** A reading as its node knows it. */
export interface Reading {
  /** When it was measured, in truth; to the step of the node's clock. */
  readonly measuredMs: number;
  /** What the store keeps it under: the node's own time, or the time it was received where that is missing or wrong. */
  readonly kept: "own time" | "time of receipt";
  /** By metric; what could not be measured is not there. */
  readonly values: Readonly<Record<string, number>>;
}

/** What a message is meant to be: the tally counts by it. */
export type MessageKind = "reading" | "late readings" | "wrong clock" | "heartbeat";

export interface NodeMessage {
  readonly topic: string;
  readonly payload: string;
  readonly kind: MessageKind;
  readonly readings: readonly Reading[];
  /** The readings one by one, as they stand in the payload. */
  readonly texts: readonly string[];
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

export interface NodePart {
  readonly deviceId: string;
  readonly chance: Chance;
  /** What is true of its plant. */
  readonly truth: (atMs: number) => Truth;
  readonly incidents: readonly Incident[];
  readonly intervalMs: number;
  /** What its clock counts in: seconds, as the firmware's does, unless it beats faster than that. */
  readonly clockStepMs?: 1 | 1_000;
  /** When it was switched on. */
  readonly startedMs: number;
  /** Volts at `startedMs`; absent: it hangs on a charger. */
  readonly batteryFrom?: number;
}

/** The time comes from the network a little after the start. */
const clockAfterMs = 20_000;

interface Taken {
  readonly atMs: number;
  readonly seq: number;
  readonly sample: NodeSample;
  /** What the node's clock said then, if it said anything. */
  readonly timestamp: number | undefined;
  readonly isWrong: boolean;
}

/**
 * What a node with our firmware sends, byte for byte: a reading and a heartbeat a beat, each with its time once the time is known; what cannot be sent
 * is kept and follows with its own times. What goes wrong is given by the incidents; the same chance plays the same part.
 *
 * @returns What it does next, asked once a beat, in order.
 */
export function createNodeScript({
  deviceId,
  chance,
  truth,
  incidents,
  intervalMs,
  clockStepMs: stepMs = 1_000,
  startedMs,
  batteryFrom,
}: NodePart) {
  const topics = deviceTopics(deviceId);
  const sensors = createSensors(chance, incidents);
  let bootMs = startedMs;
  let seq = firstSeq(chance, bootMs);
  let kept: Taken[] = [];

  function knowsTime(atMs: number): boolean {
    return incidentAt(incidents, "no clock", atMs) === undefined && atMs - bootMs >= Math.min(clockAfterMs, intervalMs);
  }

  function clockAt(atMs: number): Pick<Taken, "timestamp" | "isWrong"> {
    const wrong = incidentAt(incidents, "wrong clock", atMs);
    if (wrong !== undefined) return { timestamp: wrongTime(wrong.clock, atMs, bootMs), isWrong: true };
    return { timestamp: knowsTime(atMs) ? Math.floor(atMs / stepMs) : undefined, isWrong: false };
  }

  function take(atMs: number): Taken {
    // Noise belongs to the instant, so that a story that is told again from the middle is the same.
    const sample = sensors.read(truth(atMs), atMs, Math.floor(atMs / intervalMs));
    const battery = batteryFrom === undefined ? {} : { batteryVolts: batteryAt(batteryFrom, atMs - startedMs) };
    seq += 1;
    return { atMs, seq, sample: { ...sample, ...battery }, ...clockAt(atMs) };
  }

  function write(taken: Taken, nowMs: number): { text: string; reading: Reading } | undefined {
    // What was taken before the time came gets its time by its age.
    const epochSeconds = taken.timestamp ?? (knowsTime(nowMs) && taken.atMs < nowMs ? Math.floor(taken.atMs / stepMs) : undefined);
    const text = sampleText({ epochSeconds, seq: taken.seq }, taken.sample);
    if (text === undefined) return undefined;
    const isDated = epochSeconds !== undefined && !taken.isWrong;
    return {
      text,
      reading: {
        measuredMs: isDated ? Math.floor(taken.atMs / stepMs) * stepMs : taken.atMs,
        kept: isDated ? "own time" : "time of receipt",
        values: valuesOf(taken.sample),
      },
    };
  }

  function lateMessages(nowMs: number): NodeMessage[] {
    // Without any time a reading that is not fresh is not sent: the time of receipt would be wrong for it.
    const ready = knowsTime(nowMs) ? kept : kept.filter(({ timestamp }) => timestamp !== undefined);
    kept = kept.filter((taken) => !ready.includes(taken));
    const messages: NodeMessage[] = [];
    for (let from = 0; from < ready.length; from += samplesAtOnce) {
      const some = ready.slice(from, from + samplesAtOnce).flatMap((taken) => write(taken, nowMs) ?? []);
      if (some.length === 0) continue;
      messages.push({
        topic: topics.telemetry,
        payload: telemetryText(some.map(({ text }) => text)),
        kind: "late readings",
        readings: some.map(({ reading }) => reading),
        texts: some.map(({ text }) => text),
      });
    }
    return messages;
  }

  function heartbeat(atMs: number, sleepsMs: number | undefined): NodeMessage {
    const { timestamp } = clockAt(atMs);
    const payload = heartbeatText({
      uptimeSeconds: uptimeAt(atMs),
      rssiDbm: sensors.rssi(atMs, Math.floor(atMs / intervalMs)),
      ...(sleepsMs === undefined ? {} : { intervalSeconds: Math.max(1, Math.round(sleepsMs / 1_000)) }),
      ...(timestamp === undefined ? {} : { epochSeconds: timestamp }),
    });
    return { topic: topics.heartbeat, payload, kind: "heartbeat", readings: [], texts: [] };
  }

  function uptimeAt(atMs: number): number {
    return Math.round((atMs - bootMs) / 1_000);
  }

  return {
    topics,
    clockStepMs: stepMs,
    next(atMs: number): Turn {
      const silence = incidentAt(incidents, "silence", atMs);
      if (silence !== undefined) {
        // When it comes back it has started anew, and what it kept in memory is gone.
        bootMs = silence.toMs;
        seq = firstSeq(chance, bootMs);
        kept = [];
        return { link: "off", messages: [] };
      }
      const sleep = incidentAt(incidents, "deep sleep", atMs);
      const beats = sleep === undefined ? 1 : Math.max(1, Math.round(sleep.everyMs / intervalMs));
      if (Math.floor(atMs / intervalMs) % beats !== 0) return { link: "off", messages: [] };
      const link = linkAt(incidents, atMs);
      const taken = take(atMs);
      if (link !== "up") {
        kept = [...kept, taken].slice(-rememberedSamples);
        return { link, messages: [] };
      }
      const late = lateMessages(atMs);
      const written = write(taken, atMs);
      const fresh: NodeMessage[] =
        written === undefined
          ? []
          : [
              {
                topic: topics.telemetry,
                payload: telemetryText([written.text]),
                kind: taken.isWrong ? "wrong clock" : "reading",
                readings: [written.reading],
                texts: [written.text],
              },
            ];
      return { link, messages: [...late, ...fresh, heartbeat(atMs, sleep?.everyMs)] };
    },
    /** What its heartbeats said at an instant that is over. */
    beatAt: (atMs: number): { uptime: number; rssi: number } => ({
      uptime: uptimeAt(atMs),
      rssi: sensors.rssi(atMs, Math.floor(atMs / intervalMs)),
    }),
  };
}

export type NodeScript = ReturnType<typeof createNodeScript>;

function valuesOf(sample: NodeSample): Record<string, number> {
  const known = sampleFields.map(([field, metric]) => [metric, sample[field]] as const);
  return Object.fromEntries(known.filter((one): one is readonly [(typeof one)[0], number] => one[1] !== undefined));
}

/** Numbers of a start begin anywhere, so that they are never taken for those of an earlier one. */
function firstSeq(chance: Chance, bootMs: number): number {
  return Math.floor(chance.unit("seq", bootMs) * 2 ** 32) * 2 ** 20;
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
