import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { deviceId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** Keys of a sample that are no metrics. */
export const reservedSampleKeys = ["timestamp", "seq", "quality"] as const;

export const ingestLimits = {
  /** Largest telemetry payload in bytes, by any way in. */
  payloadBytes: 128 * 1024,
  /** Samples in one message. */
  samplesPerMessage: 1_000,
  /** Metrics in one sample. */
  metricsPerSample: 128,
  /** Metrics a device may ever name. */
  metricsPerDevice: 500,
  /** Characters of a text value, that becomes an attribute of the device. */
  attributeLength: 256,
  attributesPerDevice: 64,
  /** A timestamp this far ahead of the receive time is a wrong clock. */
  clockAheadSeconds: 300,
} as const;

/** Why something a device sent was not stored as it stands. Said once: for the store, the page and the reference. */
export const ingestErrors = defineErrors("ingest", {
  malformed: [400, "The payload is not JSON text in UTF-8."],
  not_a_sample: [400, "The payload is not an object with metrics, nor an array of them."],
  too_large: [413, "The payload is larger than the limit."],
  too_many_samples: [413, "One message carries more samples than the limit."],
  too_many_metrics: [400, "The sample, or the device, names more metrics than the limit."],
  bad_metric_name: [400, "A metric's name has characters that names cannot have."],
  bad_value: [400, "A value is not a finite number, true, false or a text."],
  inexact_value: [400, "A whole number is too large to be stored exactly."],
  out_of_limits: [422, "The value lies outside the metric's limits, so the device cannot have measured it."],
  bad_clock: [200, "The device's clock is wrong. The values were stored under the time they were received."],
  bad_seq: [400, "seq is not a whole number from 0 on."],
  conflicting_value: [409, "Another value of this metric is stored for the same instant; the first one stands."],
  bad_attribute: [400, "A text is too long, has control characters, or the device has too many attributes."],
  unknown_topic: [404, "No such topic exists for devices."],
  not_allowed: [403, "This topic belongs to another device, or is not the device's to write."],
  unknown_device: [401, "No device with these credentials is known."],
  not_storable: [422, "The database refused this message for what it carries. It was left out so that the others could be stored."],
  unknown_command: [404, "The device answered a command that was never sent to it."],
  command_ended: [409, "The device answered a command that has ended otherwise. Its end stands."],
  bad_envelope: [400, "The message does not have the form its topic asks for."],
});
export type IngestErrorName = keyof typeof ingestErrors;

export const ingestReject = z.object({
  id: z.uuid(),
  deviceId: deviceId.optional(),
  /** `ingest.malformed` and so on. */
  code: personal("none", z.string()),
  message: z.string(),
  topic: z.string(),
  /** Start of what was refused, as printable text; hostile until encoded. */
  excerpt: z.string(),
  /** How often the same was refused in this minute; only the first is kept. */
  count: z.number().int().positive(),
  firstAt: instant,
  lastAt: instant,
});
export type IngestReject = z.output<typeof ingestReject>;

export const listRejects = defineRoute({
  operation: "listRejects",
  method: "GET",
  path: "/api/v1/ingest-rejects",
  access: "rejects:read",
  summary: "Lists what was refused and why, newest first.",
  query: page.extend({ deviceId: deviceId.optional(), code: personal("none", z.string().max(64)).optional() }),
  reply: listOf(ingestReject),
});

export const ingestReply = z.object({
  /** Values stored now. */
  stored: z.number().int(),
  /** Values that were there already. */
  duplicates: z.number().int(),
  rejected: z.array(z.object({ code: personal("none", z.string()), message: z.string(), count: z.number().int() })),
});
export type IngestReply = z.output<typeof ingestReply>;

export const sendTelemetry = defineRoute({
  operation: "sendTelemetry",
  method: "POST",
  path: "/api/v1/devices/:deviceId/telemetry",
  access: "device",
  summary: "A device sends a sample or an array of them, with its own token; 200 means stored.",
  // The body is checked by the same decoder as MQTT payloads; this shape is for the reference.
  params: z.object({ deviceId }),
  body: personal("text", z.union([z.record(z.string(), z.unknown()), z.array(z.record(z.string(), z.unknown()))])),
  reply: ingestReply,
  maxBodyBytes: ingestLimits.payloadBytes,
  rawBody: true,
  errors: [ingestErrors.malformed, ingestErrors.not_a_sample, ingestErrors.too_large, ingestErrors.not_allowed],
});
