import type { ClaimReply } from "@roost/contract/claim";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

import type { Random } from "./random.ts";
import type { Outgoing, Turn } from "./script.ts";
import type { Tally } from "./tally.ts";

// A device has a small memory: what it cannot get rid of it does not send.
const mostWaiting = 1_000;
const drainMs = 5_000;

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
  const { topics } = credentials;
  const client: MqttClient = mqtt.connect({
    protocol: "mqtts",
    host: credentials.mqtt.host,
    port: credentials.mqtt.port,
    ca: credentials.ca_pem,
    username: credentials.mqtt.username,
    password: credentials.mqtt.password,
    clientId: credentials.mqtt.client_id,
    protocolVersion: 5,
    clean: true,
    keepalive: 60,
    connectTimeout: 15_000,
    reconnectPeriod: spread(2_000),
    will: { topic: topics.status, payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true },
  });
  let isConnected = false;
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let idle: () => void = () => undefined;

  function spread(ms: number): number {
    return Math.round(ms * (0.5 + random()));
  }

  client.on("connect", () => {
    isConnected = true;
    tally.connected();
    client.options.reconnectPeriod = spread(2_000);
    client.publish(topics.status, '{"state":"online","firmware_version":"simulated"}', { qos: 1, retain: true });
  });
  client.on("close", () => {
    if (!isConnected) return;
    isConnected = false;
    tally.disconnected();
  });
  // It comes back by itself; what cannot be mended shows in the counts.
  client.on("error", () => undefined);

  function send(message: Outgoing): void {
    if (waiting >= mostWaiting) {
      tally.skipped();
      return;
    }
    waiting += 1;
    tally.sent(message.kind);
    const sentMs = performance.now();
    client.publish(message.topic, message.payload, { qos: 1 }, (error) => {
      waiting -= 1;
      if (error) tally.refused(reasonOf(error));
      else tally.acknowledged(performance.now() - sentMs);
      if (waiting === 0) idle();
    });
  }

  function beat(): void {
    if (stopped) return;
    const turn = next(nowMs());
    for (const message of turn.messages) send(message);
    if (turn.breakForBeats !== undefined && isConnected) {
      // The link breaks without a goodbye; meanwhile samples collect, and follow with their own times.
      client.options.reconnectPeriod = Math.max(1, Math.round(turn.breakForBeats * intervalMs));
      client.stream.destroy();
    }
    timer = setTimeout(beat, intervalMs);
  }

  return {
    connected: new Promise((resolve) => client.once("connect", () => resolve())),
    play() {
      // A fleet does not beat in one beat.
      timer = setTimeout(beat, random() * intervalMs);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      if (waiting > 0 && isConnected) {
        await new Promise<void>((resolve) => {
          const late = setTimeout(resolve, drainMs);
          idle = () => {
            clearTimeout(late);
            resolve();
          };
        });
      }
      const graceful = waiting === 0 && isConnected;
      // A goodbye is no cut.
      isConnected = false;
      await client.endAsync(!graceful);
    },
  };
}

function reasonOf(error: Error & { code?: unknown }): string {
  return typeof error.code === "number" ? `0x${error.code.toString(16)}` : "connection lost";
}
