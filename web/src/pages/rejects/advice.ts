import type { IngestErrorName } from "@roost/contract/ingest";
import { ingestErrors, ingestLimits } from "@roost/contract/ingest";

/** What to do about each reason, in a sentence; what it means stands in the contract. */
const advice: Readonly<Record<IngestErrorName, string>> = {
  malformed: "Send JSON in UTF-8. A common cause: a buffer on the device too small for the text, so that its end is missing.",
  not_a_sample: 'Send one object such as {"temperature": 21.5}, or an array of such objects.',
  too_large: `Send less at once: at most ${ingestLimits.payloadBytes / 1024} KiB in one message.`,
  too_many_samples: `Send at most ${ingestLimits.samplesPerMessage} samples in one message, and the rest in the next.`,
  too_many_metrics: `A sample may carry ${ingestLimits.metricsPerSample} metrics, a device may ever name ${ingestLimits.metricsPerDevice}. Metric names must not contain counters or times.`,
  bad_metric_name: "Name metrics with a letter first, then letters, digits, dots, hyphens or underscores, up to 64.",
  bad_value: "Send numbers, true, false or texts. Leave out what was not measured instead of NaN, null or nested objects.",
  inexact_value: "Whole numbers beyond 9 007 199 254 740 991 lose digits. Send a smaller unit or a text.",
  out_of_limits: "The sensor reads nonsense, or the limit is too tight. Check the wiring first, then the metric’s limits.",
  bad_clock: "Let the device ask an NTP server for the time, or leave the timestamp out. The values were kept under the time they arrived.",
  bad_seq: "Count messages with whole numbers from 0 on, or leave seq out.",
  conflicting_value: "Two values with the same time: give each sample its own timestamp, in milliseconds if it measures often.",
  bad_attribute: `Texts may have ${ingestLimits.attributeLength} characters without control characters, and a device ${ingestLimits.attributesPerDevice} of them.`,
  not_storable: "Take the NUL character out of the text: JSON may carry it, the database may not.",
  unknown_topic: "See the list of topics in the API reference; upper and lower case matter.",
  not_allowed: "A device writes below devices/{its own id} only. Check that the id in the topic is that of the credentials.",
  unknown_device: "Check user name and password against the last claim; after a revocation the device must claim again.",
  unknown_command: "Answer under the id that stands in the command's topic; the id of another device's command is none of this device's.",
  command_ended:
    "Answer before the command's expiry, and once with its end; while it is at work, send progress at least every five minutes.",
  bad_envelope: "Heartbeats, status and events have forms of their own; see the API reference.",
};

/** What to do about a reason, by its full code. */
export function adviceFor(code: string): string | undefined {
  const name = code.replace(/^ingest\./, "");
  return Object.hasOwn(advice, name) ? advice[name as IngestErrorName] : undefined;
}

/** Every reason there is, to filter by. */
export const rejectCodes: readonly string[] = Object.values(ingestErrors).map((error) => error.code);
