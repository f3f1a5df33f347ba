import { isUtf8 } from "node:buffer";

import { metricNamePattern } from "@roost/contract/ids";
import { ingestErrors, ingestLimits } from "@roost/contract/ingest";
import type { IngestErrorName } from "@roost/contract/ingest";
import { qualities } from "@roost/contract/quality";

import { readStamp } from "./stamp.ts";
import type { Stamp } from "./stamp.ts";

/** One sample as the device sent it. Values and names stand in the order of the text; instants are not judged against what is stored. */
export interface DecodedSample {
  readonly stamp: Stamp;
  readonly seq: number | undefined;
  /** 0 ok, 1 suspect, 2 stale, 3 estimated. */
  readonly quality: number;
  readonly metrics: readonly string[];
  readonly values: readonly number[];
  readonly kinds: readonly ("number" | "boolean")[];
  /** Texts, that become attributes of the device. */
  readonly texts: readonly (readonly [name: string, text: string])[];
}

/** Something that is not stored as it came, and why. */
export interface Fault {
  readonly name: IngestErrorName;
  /** What it was, printable, at most 200 characters; hostile until encoded. */
  readonly excerpt: string;
}

export interface Decoded {
  readonly samples: readonly DecodedSample[];
  readonly faults: readonly Fault[];
  /** True where the message has no sample that could be read: `faults` has the one reason. */
  readonly refused: boolean;
}

/**
 * Reads a telemetry message: JSON text in UTF-8, one flat object or an array of them.
 *
 * Never throws, whatever the bytes are. Good values stand although others are refused. Of a name that comes twice the last
 * value counts, as in `JSON.parse`. null is a missing value: it is not there.
 *
 * @param latestUs - The latest instant a right clock can show now, in epoch microseconds.
 */
export function decodeTelemetry(bytes: Buffer, start: number, end: number, latestUs: number): Decoded {
  if (end - start > ingestLimits.payloadBytes) return refusal("too_large", bytes, start, end);
  const part = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  if (!isUtf8(part)) return refusal("malformed", bytes, start, end);
  const text = part.toString("utf8");
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return refusal("malformed", bytes, start, end);
  }
  const items = Array.isArray(root) ? root : [root];
  if (items.length > ingestLimits.samplesPerMessage) return refusal("too_many_samples", bytes, start, end);
  const reader = new SampleReader(text, Array.isArray(root), latestUs);
  for (const [index, item] of items.entries()) reader.read(item, index);
  if (reader.samples.length > 0) return { samples: reader.samples, faults: reader.faults, refused: false };
  const reason = reader.faults.find((fault) => fault.name !== "not_a_sample")?.name ?? "not_a_sample";
  return refusal(reason, bytes, start, end);
}

class SampleReader {
  readonly samples: DecodedSample[] = [];
  readonly faults: Fault[] = [];
  readonly #text: string;
  readonly #isArray: boolean;
  readonly #latestUs: number;
  #sources: ReadonlyMap<string, string>[] | undefined;

  constructor(text: string, isArray: boolean, latestUs: number) {
    this.#text = text;
    this.#isArray = isArray;
    this.#latestUs = latestUs;
  }

  read(item: unknown, index: number): void {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return this.#fault("not_a_sample", item);
    const fields = item as Readonly<Record<string, unknown>>;
    const names = Object.keys(fields);
    if (names.length > ingestLimits.metricsPerSample + 3) return this.#fault("too_many_metrics", `${names.length} metrics`);
    const sample = {
      metrics: [] as string[],
      values: [] as number[],
      kinds: [] as ("number" | "boolean")[],
      texts: [] as [string, string][],
    };
    let stamp: Stamp = { kind: "absent" };
    let seq: number | undefined;
    let quality = 0;
    let named = 0;
    for (const name of names) {
      const value = fields[name];
      if (name === "timestamp") stamp = this.#stamp(value);
      else if (name === "seq") seq = this.#seq(value);
      else if (name === "quality") quality = this.#quality(value);
      else {
        named += 1;
        this.#metric(sample, name, value, index);
      }
    }
    if (named === 0) return this.#fault("not_a_sample", this.#isArray ? item : this.#text);
    this.samples.push({ ...sample, stamp, seq, quality });
  }

  #metric(
    sample: { metrics: string[]; values: number[]; kinds: ("number" | "boolean")[]; texts: [string, string][] },
    name: string,
    value: unknown,
    index: number,
  ): void {
    if (!metricNamePattern.test(name)) return this.#fault("bad_metric_name", name);
    switch (typeof value) {
      case "number":
        if (!Number.isFinite(value)) return this.#fault("bad_value", `${name}: ${value}`);
        if (Number.isInteger(value) && !Number.isSafeInteger(value) && !this.#isExact(name, index, value)) {
          return this.#fault("inexact_value", `${name}: ${value}`);
        }
        sample.metrics.push(name);
        sample.values.push(value);
        sample.kinds.push("number");
        break;
      case "boolean":
        sample.metrics.push(name);
        sample.values.push(value ? 1 : 0);
        sample.kinds.push("boolean");
        break;
      case "string":
        if (notANumber.test(value)) return this.#fault("bad_value", `${name}: ${value}`);
        if (!isPlainText(value)) return this.#fault("bad_attribute", `${name}: ${value}`);
        sample.texts.push([name, value]);
        break;
      default:
        // null says that the value is missing; an object or array says what no metric can be.
        if (value !== null) this.#fault("bad_value", `${name}: ${Array.isArray(value) ? "[…]" : "{…}"}`);
    }
  }

  #stamp(value: unknown): Stamp {
    const stamp = readStamp(value, this.#latestUs);
    if (stamp.kind === "wrong") this.#fault("bad_clock", `timestamp: ${brief(value)}`);
    return stamp;
  }

  #seq(value: unknown): number | undefined {
    if (value === null) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    this.#fault("bad_seq", `seq: ${brief(value)}`);
    return undefined;
  }

  #quality(value: unknown): number {
    const code = typeof value === "string" ? (qualities as readonly string[]).indexOf(value) : -1;
    if (code >= 0) return code;
    if (value === null) return 0;
    if (value === 0 || value === 1 || value === 2 || value === 3) return value;
    this.#fault("bad_value", `quality: ${brief(value)}`);
    // What the device meant is not known: such a value is not called good.
    return 1;
  }

  /** Whether a large whole number is stored as it was written; the text knows what the number has lost. */
  #isExact(name: string, index: number, value: number): boolean {
    this.#sources ??= numberSources(this.#text, this.#isArray);
    const source = this.#sources[index]?.get(name);
    if (source === undefined) return false;
    // Written the way numbers are read back, nothing is lost although the double's own digits differ.
    return !/^-?\d+$/.test(source) || source === String(value) || BigInt(source) === BigInt(value);
  }

  #fault(name: IngestErrorName, what: unknown): void {
    if (this.faults.length < faultsPerMessage) this.faults.push({ name, excerpt: printable(brief(what)) });
  }
}

/** Faults of one message beyond these say nothing new. */
const faultsPerMessage = 200;
const notANumber = /^[+-]?(?:nan|inf|infinity)$/i;

function isPlainText(text: string): boolean {
  return text.length <= ingestLimits.attributeLength && text.isWellFormed() && !/\p{Cc}/u.test(text);
}

/** How each large number of the samples was written. Read only where there is one: it costs a second parse. */
function numberSources(text: string, isArray: boolean): ReadonlyMap<string, string>[] {
  const byHolder = new Map<unknown, Map<string, string>>();
  function note(this: unknown, key: string, value: unknown, context?: { readonly source?: string }): unknown {
    if (typeof value === "number" && !Number.isSafeInteger(value) && context?.source !== undefined) {
      let sources = byHolder.get(this);
      if (sources === undefined) byHolder.set(this, (sources = new Map()));
      sources.set(key, context.source);
    }
    return value;
  }
  try {
    const root: unknown = JSON.parse(text, note);
    return (isArray ? (root as unknown[]) : [root]).map((item) => byHolder.get(item) ?? new Map<string, string>());
  } catch {
    // Nested too deeply to be looked into: nothing is known to be exact.
    return [];
  }
}

function brief(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[…]" : "{…}";
  return String(value);
}

function refusal(name: IngestErrorName, bytes: Buffer, start: number, end: number): Decoded {
  return { samples: [], faults: [{ name, excerpt: excerptOf(bytes.subarray(start, Math.min(end, start + 800))) }], refused: true };
}

/** The start of what was refused, as printable text of at most 200 characters; hostile until encoded. */
export function excerptOf(bytes: Uint8Array | string): string {
  return printable(
    typeof bytes === "string" ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 800)).toString("utf8"),
  );
}

const excerptLength = 200;

function printable(text: string): string {
  return text
    .slice(0, excerptLength)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, "\uFFFD");
}

/** The code of a fault as the outside knows it. */
export function codeOf(name: IngestErrorName): string {
  return ingestErrors[name].code;
}
