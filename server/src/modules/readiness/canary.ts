import { deviceTopics } from "@roost/contract/topics";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";

/** What the canary needs to travel the way of every reading: the door's own address, its trust and a device's credentials. */
export interface CanaryWay {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
  readonly deviceId: string;
  readonly password: string;
}

export interface CanaryDeps {
  readonly way: CanaryWay;
  /** Reads back what is stored: the newest values of the metric `pulse` measured at exactly that instant. */
  readonly findStored: (measuredAt: Date) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
  readonly everySeconds?: number;
}

/** A reading that went all the way: door, decode, commit, acknowledgement, and back out of the store. */
export interface CanaryTrip {
  readonly at: Date;
  readonly durationMs: number;
}

/**
 * Sends a reading of Roost's own through the whole pipeline again and again: a real client, real TLS, a real commit, read back by query.
 *
 * A flag that says "connected" can lie; a reading that came back cannot.
 */
export function createCanary({ way, findStored, clock, log, everySeconds = 15 }: CanaryDeps) {
  let client: MqttClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lastTrip: CanaryTrip | undefined;
  let lastTripMonotonicMs = -Infinity;
  let lastFault: string | undefined = "no canary reading has come back yet";
  let underWay: Promise<void> | undefined;

  async function publish(payload: string): Promise<void> {
    const topic = deviceTopics(way.deviceId).telemetry;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("no acknowledgement within 10 s")), 10_000);
      client?.publish(topic, payload, { qos: 1 }, (error) => {
        clearTimeout(late);
        if (error === undefined || error === null) resolve();
        else reject(error);
      });
    });
  }

  async function fly(): Promise<void> {
    const startedMs = clock.monotonicMs();
    try {
      if (client?.connected !== true) throw new Error("the canary is not connected to the door");
      const measuredAt = new Date(clock.nowMs());
      await publish(JSON.stringify({ timestamp: measuredAt.toISOString(), pulse: 1 }));
      if (!(await findStored(measuredAt))) throw new Error("an acknowledged canary reading was not found in the store");
      lastTrip = { at: measuredAt, durationMs: clock.monotonicMs() - startedMs };
      lastTripMonotonicMs = clock.monotonicMs();
      lastFault = undefined;
    } catch (error) {
      lastFault = error instanceof Error ? error.message : "unknown fault";
      log.warn({ err: error }, "the canary reading did not come back");
    }
  }

  function flyOnce(): Promise<void> {
    underWay ??= fly().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  return {
    start(): void {
      client = mqtt.connect({
        protocol: "mqtts",
        host: way.host,
        port: way.port,
        ca: way.caPem,
        // The door is reached by its address on this machine; its certificate names localhost.
        servername: "localhost",
        clientId: way.deviceId,
        username: way.deviceId,
        password: way.password,
        protocolVersion: 5,
        reconnectPeriod: 1_000,
        queueQoSZero: false,
        resubscribe: false,
      });
      client.on("error", (error) => {
        lastFault = error.message;
      });
      client.on("connect", () => void flyOnce());
      timer = setInterval(() => void flyOnce(), everySeconds * 1_000);
      timer.unref();
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      await underWay;
      await client?.endAsync(true).catch(() => undefined);
    },
    /** The last trip that came back, if it did so within `withinSeconds` on the monotonic clock. */
    freshTrip(withinSeconds: number): CanaryTrip | undefined {
      return clock.monotonicMs() - lastTripMonotonicMs <= withinSeconds * 1_000 ? lastTrip : undefined;
    },
    lastTrip: (): CanaryTrip | undefined => lastTrip,
    lastFault: (): string | undefined => lastFault,
  };
}

export type Canary = ReturnType<typeof createCanary>;
