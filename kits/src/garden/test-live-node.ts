import { request } from "node:https";

import { registerDeviceOld, registerReply } from "@roost/contract/registrations";
import type { RegisterReply } from "@roost/contract/registrations";
import { deviceTopics } from "@roost/contract/topics";
import type { Ready } from "@roost/testbed/server-process";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

import { heartbeatText, sampleText, telemetryText } from "./firmware/node-messages.ts";
import type { NodeSample } from "./firmware/node-messages.ts";

/** What a node measured, and when. */
export type TimedSample = NodeSample & { readonly atMs?: number };

/** A node on the air, that speaks as the firmware does. */
export interface TestNode {
  readonly deviceId: string;
  /** Samples of now, unless they say when. */
  tell(...samples: readonly TimedSample[]): Promise<void>;
  beat(): Promise<void>;
  /** Goes as a node goes whose plug is pulled: without a word. */
  vanish(): Promise<void>;
}

/** Asks to be let in as a node that was reset: over TLS, trusting the installation's own authority alone. */
export async function registerNode({ url, httpsUrl }: Pick<Ready, "url" | "httpsUrl">, body: object): Promise<RegisterReply> {
  const ca = await (await fetch(`${url}/api/v1/ca.pem`)).text();
  const { port } = new URL(httpsUrl ?? "");
  const text = await new Promise<string>((resolve, reject) => {
    const asking = request(
      {
        host: "127.0.0.1",
        port,
        servername: "localhost",
        path: registerDeviceOld.path,
        method: "POST",
        ca,
        agent: false,
        headers: { host: `localhost:${port}`, "content-type": "application/json" },
      },
      (answer) => {
        answer.setEncoding("utf8");
        let all = "";
        answer.on("data", (part: string) => (all += part));
        answer.on("end", () => resolve(all));
      },
    );
    asking.on("error", reject);
    asking.end(JSON.stringify(body));
  });
  return registerReply.parse(JSON.parse(text));
}

/** Comes on the air with exactly what it was answered. */
export async function startNode(answer: RegisterReply): Promise<TestNode> {
  const { device_id: deviceId } = answer;
  const topics = deviceTopics(deviceId);
  const client: MqttClient = mqtt.connect({
    protocol: "mqtts",
    // Names of this machine lead to it by IPv6 too, where nobody listens.
    ...(answer.mqtt_host === "localhost" ? { host: "127.0.0.1", servername: "localhost" } : { host: answer.mqtt_host }),
    port: answer.mqtt_port,
    ca: answer.ca_pem,
    username: answer.mqtt_username,
    password: answer.mqtt_password,
    clientId: answer.mqtt_client_id,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
  });
  let seq = 0;
  return {
    deviceId,
    async tell(...samples) {
      const texts = samples.map(({ atMs, ...sample }) =>
        sampleText({ seq: (seq += 1), ...(atMs === undefined ? {} : { epochSeconds: Math.floor(atMs / 1_000) }) }, sample),
      );
      await client.publishAsync(topics.telemetry, telemetryText(texts.filter((text) => text !== undefined)), { qos: 1 });
    },
    async beat() {
      await client.publishAsync(topics.heartbeat, heartbeatText({ uptimeSeconds: 61, rssiDbm: -58 }), { qos: 1 });
    },
    async vanish() {
      client.stream.destroy();
      await client.endAsync(true);
    },
  };
}
