import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { deviceId } from "./ids.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";

/**
 * The claim: a device proves its claim secret and gets its credentials.
 *
 * `hmac_hex` = HMAC-SHA256(key = the 32 bytes of the claim secret, message = device id as ASCII in lower case + the bytes of the nonce).
 * The same request within 300 s gets the same answer and `X-Idempotent-Request: true`.
 */
export const claimRequest = z.strictObject({
  device_id: deviceId,
  nonce: z.string().regex(/^(?:[0-9a-fA-F]{2}){8,32}$/, "A nonce is 16 to 64 hex digits, an even number of them."),
  hmac_hex: z.string().regex(/^[0-9a-fA-F]{64}$/, "The HMAC is 64 hex digits, in full length."),
  firmware_version: z
    .string()
    .max(64)
    .regex(/^[\x20-\x7e]*$/)
    .optional(),
});
export type ClaimRequest = z.output<typeof claimRequest>;

export const claimReply = z.object({
  device_id: deviceId,
  mqtt: z.object({
    host: personal("none", z.string()),
    port: z.number().int(),
    /** `wss://` address of the same door, for devices behind proxies. */
    websocket_url: personal("none", z.string()).optional(),
    username: personal("id", z.string()),
    password: z.string(),
    client_id: z.string(),
  }),
  /** Where the device's readings go by HTTP (its own address, complete), and the bearer token for it: the MQTT password. */
  http: z.object({ url: personal("id", z.string()), token: z.string() }),
  /** PEM of the installation's own certificate authority: trust this and nothing else. */
  ca_pem: personal("none", z.string()),
  // They name the device.
  topics: personal(
    "id",
    z.object({
      telemetry: z.string(),
      heartbeat: z.string(),
      event: z.string(),
      status: z.string(),
      config: z.string(),
      config_reported: z.string(),
      commands: z.string(),
      command_ack: z.string(),
    }),
  ),
  configuration: z.object({
    version: z.number().int(),
    heartbeat_seconds: z.number(),
    /** Seconds between two samples. */
    sample_seconds: z.number(),
  }),
});
export type ClaimReply = z.output<typeof claimReply>;

export const claimErrors = defineErrors("claim", {
  refused: [401, "The claim was refused: the device id is not known here or the proof does not fit. Check both against the label."],
  nonce_conflict: [
    409,
    "This nonce was used before, with another proof, another body or too long ago. Make a new random nonce for each claim.",
  ],
  too_many_tries: [429, "Too many claims for this device. Wait a minute and try again."],
});

export const claimDevice = defineRoute({
  operation: "claimDevice",
  method: "POST",
  path: "/api/v1/devices/claim",
  access: "public",
  summary: "A device proves its claim secret and gets its MQTT and HTTP credentials.",
  body: claimRequest,
  reply: claimReply,
  maxBodyBytes: 4096,
  errors: [claimErrors.refused, claimErrors.nonce_conflict, claimErrors.too_many_tries],
});

export const getCa = defineRoute({
  operation: "getCa",
  method: "GET",
  path: "/api/v1/ca.pem",
  access: "public",
  summary: "The installation's certificate authority, as PEM.",
  streams: "application/x-pem-file",
});
