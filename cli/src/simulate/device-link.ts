import { setTimeout as sleep } from "node:timers/promises";

import type { ClaimReply } from "@roost/contract/claim";
import type { KitDeviceLink } from "@roost/contract/kit-cli";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

interface DeviceLinkOptions {
  readonly credentials: ClaimReply;
  readonly firmwareVersion: string;
  /** Numbers from 0 up to 1: those who lost their link do not come back in one beat. */
  readonly random: () => number;
  readonly onConnected?: () => void;
  readonly onDisconnected?: () => void;
}

const patienceMs = 2_000;
const againMs = 100;
/** The door's answer to a user name or a password that does not count. */
const badCredentials = 0x86;
const connectionLost = "connection lost";
/** Not 0: a client that never comes back gives up what it has under way. */
const neverMs = 2_147_483_647;
/** A goodbye: the last will is not told. The client's own would end it for good. */
const disconnectPacket = Buffer.of(0xe0, 0x00);

/** Opens a device's connection to the door: MQTT 5 over TLS with its own credentials, as any device would hold it. */
export function connectDevice({ credentials, firmwareVersion, random, onConnected, onDisconnected }: DeviceLinkOptions): KitDeviceLink {
  const { topics } = credentials;
  const client = open(credentials, credentials.mqtt.password);
  let isConnected = false;
  let isAway = false;
  let isClosing = false;

  function open({ mqtt: door, ca_pem }: ClaimReply, password: string): MqttClient {
    const opened = mqtt.connect({
      protocol: "mqtts",
      host: door.host,
      port: door.port,
      ca: ca_pem,
      username: door.username,
      password,
      clientId: door.client_id,
      protocolVersion: 5,
      clean: true,
      keepalive: 60,
      connectTimeout: 15_000,
      reconnectPeriod: spread(),
      // A door that is full for now says so in its answer.
      reconnectOnConnackError: true,
      will: { topic: topics.status, payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true },
    });
    // It comes back by itself; what cannot be mended shows in the counts.
    opened.on("error", () => undefined);
    return opened;
  }

  function spread(): number {
    return Math.round(patienceMs * (0.5 + random()));
  }

  client.on("connect", () => {
    if (isAway) {
      client.stream.destroy();
      return;
    }
    isConnected = true;
    onConnected?.();
    client.options.reconnectPeriod = spread();
    client.publish(topics.status, JSON.stringify({ state: "online", firmware_version: firmwareVersion }), { qos: 1, retain: true });
  });
  client.on("close", () => {
    if (!isConnected) return;
    isConnected = false;
    onDisconnected?.();
  });

  function publishOnce(topic: string, payload: string | Buffer): Promise<string | undefined> {
    return new Promise((resolve) => {
      client.publish(topic, payload, { qos: 1 }, (error) => resolve(error ? reasonOf(error) : undefined));
    });
  }

  return {
    connected: new Promise((resolve) => client.once("connect", () => resolve())),
    get isConnected() {
      return isConnected;
    },
    async publish(topic, payload) {
      const bytes = typeof payload === "string" ? payload : Buffer.from(payload);
      for (;;) {
        const refusal = await publishOnce(topic, bytes);
        // What may have been lost with the connection is sent again, as a device does that keeps it until it is acknowledged.
        if (refusal !== connectionLost || isClosing) return refusal;
        await sleep(againMs, undefined, { ref: false });
      }
    },
    breakFor(ms) {
      if (!isConnected) return;
      client.options.reconnectPeriod = Math.max(1, Math.round(ms));
      client.stream.destroy();
    },
    leave({ goodbye } = { goodbye: false }) {
      isAway = true;
      client.options.reconnectPeriod = neverMs;
      if (goodbye && isConnected) client.stream.end(disconnectPacket);
      else client.stream.destroy();
    },
    comeBack() {
      isAway = false;
      client.options.reconnectPeriod = spread();
      if (!isConnected) client.connect();
    },
    knockInVain() {
      let refusals = 0;
      const knocker = open(credentials, `${credentials.mqtt.password.slice(0, -4)}XXXX`);
      knocker.on("error", (error: Error & { code?: unknown }) => {
        // While the door is away nobody says anything of a password.
        if (error.code === badCredentials) refusals += 1;
      });
      return {
        async end() {
          await knocker.endAsync(true);
          return refusals;
        },
      };
    },
    async close({ graceful }) {
      // A goodbye is no cut.
      isConnected = false;
      isClosing = true;
      await client.endAsync(!graceful);
    },
  };
}

function reasonOf(error: Error & { code?: unknown }): string {
  return typeof error.code === "number" ? `0x${error.code.toString(16)}` : connectionLost;
}
