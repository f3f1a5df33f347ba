import { deviceTopics } from "@roost/contract/topics";

import { pick, whole } from "./random.ts";
import type { Random } from "./random.ts";
import { createSignals } from "./signals.ts";

export const scenarios = ["steady", "dropouts", "bad-clocks", "malformed", "duplicates", "mixed"] as const;
export type Scenario = (typeof scenarios)[number];

/** What a message is meant to be: the summary counts by it. */
export type MessageKind = "sample" | "duplicate" | "bad clock" | "malformed" | "not allowed";

export interface Outgoing {
  readonly topic: string;
  readonly payload: string | Buffer;
  readonly kind: MessageKind;
}

/** What a device does at one beat of its pace. */
export interface Turn {
  readonly messages: readonly Outgoing[];
  /** Its link breaks without a goodbye and stays broken for so many beats. */
  readonly breakForBeats?: number;
}

const dropoutChance = 0.04;
const rememberedSamples = 20;

/**
 * The part one device plays. What goes wrong is scripted by the scenario and the random source: the same seed plays the same part.
 *
 * @returns What it does next, asked once a beat.
 */
export function createScript({
  deviceId,
  scenario,
  random,
}: {
  deviceId: string;
  scenario: Scenario;
  random: Random;
}): (nowMs: number) => Turn {
  const topics = deviceTopics(deviceId);
  const measure = createSignals(random);
  const bootMs = whole(random, 1_000, 3_600_000);
  const sent: Outgoing[] = [];

  function sample(nowMs: number, timestamp: unknown, kind: MessageKind): Outgoing {
    return { topic: topics.telemetry, payload: JSON.stringify({ ...measure(nowMs), timestamp }), kind };
  }

  function good(nowMs: number): Outgoing {
    const one = sample(nowMs, new Date(nowMs).toISOString(), "sample");
    sent.push(one);
    if (sent.length > rememberedSamples) sent.shift();
    return one;
  }

  function badClock(nowMs: number): Outgoing {
    const year = 31_557_600_000;
    const stamp = pick<unknown>(random, [
      0,
      nowMs % bootMs,
      4_294_967_295,
      new Date(nowMs + 10 * year).toISOString(),
      new Date(nowMs - 30 * year).toISOString(),
      nowMs + 3_600_000,
      "not a time",
      -1,
    ]);
    return sample(nowMs, stamp, "bad clock");
  }

  function malformed(): Outgoing {
    const payload = pick<string | Buffer>(random, [
      '{"temperature":',
      "[1,2",
      "null",
      '"warm"',
      "{}}",
      '{"temperature":1e400}',
      '{"temperature":NaN}',
      '{"9 lives":1}',
      '{"temperature":{"value":21}}',
      '{"temperature":[21]}',
      '{"seq":-1,"temperature":21}',
      Buffer.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d),
      `{${Array.from({ length: 200 }, (_, index) => `"metric_${index}":${index}`).join(",")}}`,
      "[".repeat(5_000),
    ]);
    return { topic: topics.telemetry, payload, kind: "malformed" };
  }

  function foreign(nowMs: number): Outgoing {
    const topic = pick(random, [deviceTopics("somebody-else").telemetry, `${topics.telemetry}/nonsense`]);
    return { ...sample(nowMs, nowMs, "not allowed"), topic };
  }

  function duplicates(nowMs: number): Turn {
    const fresh = good(nowMs);
    const copies = Array.from({ length: whole(random, 0, 4) }, () => ({
      ...(sent[whole(random, 0, sent.length - 1)] ?? fresh),
      kind: "duplicate" as const,
    }));
    const messages = [fresh, ...copies];
    for (let index = messages.length - 1; index > 0; index -= 1) {
      const other = whole(random, 0, index);
      [messages[index], messages[other]] = [messages[other] ?? fresh, messages[index] ?? fresh];
    }
    return { messages };
  }

  const parts: Readonly<Record<Scenario, (nowMs: number) => Turn>> = {
    steady: (nowMs) => ({ messages: [good(nowMs)] }),
    dropouts: (nowMs) => ({
      messages: [good(nowMs)],
      ...(random() < dropoutChance ? { breakForBeats: whole(random, 1, 6) } : {}),
    }),
    "bad-clocks": (nowMs) => ({ messages: [random() < 0.5 ? badClock(nowMs) : good(nowMs)] }),
    malformed(nowMs) {
      const roll = random();
      return { messages: [good(nowMs), ...(roll < 0.4 ? [malformed()] : roll < 0.5 ? [foreign(nowMs)] : [])] };
    },
    duplicates,
    mixed: (nowMs) =>
      parts[pick<Scenario>(random, ["steady", "steady", "steady", "dropouts", "bad-clocks", "malformed", "duplicates"])](nowMs),
  };

  return parts[scenario];
}
