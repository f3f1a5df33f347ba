import { createHmac, randomBytes } from "node:crypto";

import { claimDevice, claimReply } from "@roost/contract/claim";
import type { ClaimReply } from "@roost/contract/claim";
import mqtt from "mqtt";
import type { IClientOptions, MqttClient } from "mqtt";

/** What a device sends to prove its claim secret. */
export function claimBody(deviceId: string, claimSecretHex: string, nonce: Buffer = randomBytes(16)) {
  const hmac = createHmac("sha256", Buffer.from(claimSecretHex, "hex")).update(deviceId.toLowerCase(), "ascii").update(nonce).digest("hex");
  return { device_id: deviceId, nonce: nonce.toString("hex"), hmac_hex: hmac };
}

/** Claims a device by the real call and answers its credentials. */
export async function claim(url: string, deviceId: string, claimSecretHex: string): Promise<ClaimReply> {
  const answer = await fetch(url + claimDevice.path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(claimBody(deviceId, claimSecretHex)),
  });
  if (answer.status !== 200) throw new Error(`The claim was answered ${answer.status}: ${await answer.text()}`);
  return claimReply.parse(await answer.json());
}

/** Connects with a claim's credentials over TLS, as any device would; resolves when the door has accepted. */
export async function connect(credentials: ClaimReply, options: IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect({
    protocol: "mqtts",
    host: credentials.mqtt.host,
    port: credentials.mqtt.port,
    ca: credentials.ca_pem,
    servername: "localhost",
    username: credentials.mqtt.username,
    password: credentials.mqtt.password,
    clientId: credentials.mqtt.client_id,
    protocolVersion: 5,
    reconnectPeriod: 200,
    ...options,
  });
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
  });
  return client;
}
