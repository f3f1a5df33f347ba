import type { Unit } from "@roost/contract/units";

import type { Found } from "./found-devices.ts";
import { convertBy, readingOf } from "./measures.ts";
import { numberOf, valueBy } from "./template.ts";
import type { RawValue } from "./template.ts";

/** Which announced value became which metric when the device was taken in. */
export interface TakenMetric {
  readonly component: string;
  readonly metric: string;
  readonly unit: Unit;
  /** As it was announced then. */
  readonly announcedUnit?: string | undefined;
}

/** A value that is read whenever its topic has a message. */
export interface Source {
  readonly topic: string;
  readonly metric: string;
  /** What a message says of it: a number, words as they came, or nothing. */
  read(payload: string): number | boolean | string | undefined;
}

/** What others write where they have no value. */
const missing = /^\s*(?:|unknown|unavailable|none|null|undefined|-)\s*$/i;

/** Where the values of a taken device are read from, as it is announced now. What cannot be read now is not in it. */
export function sourcesOf(found: Found, metrics: readonly TakenMetric[]): Source[] {
  return metrics.flatMap(({ component: id, metric, unit, announcedUnit }): Source[] => {
    const component = found.components.find((one) => one.id === id);
    if (component?.template === undefined || (component.problem !== undefined && component.problem !== "unit")) return [];
    const { template, platform, stateTopic: topic } = component;
    if (platform === "binary_sensor") {
      return [{ topic, metric, read: (payload: string) => switchOf(valueBy(template, payload), component) }];
    }
    const reading = readingOf(component.announcedUnit, undefined);
    const isAsTaken = component.announcedUnit === announcedUnit;
    // Another quantity than the one taken in would be stored under a wrong unit.
    if (!isAsTaken && reading?.unit !== unit) return [];
    const scale = reading?.unit === unit ? reading : { unit, factor: 1, offset: 0 };
    return [{ topic, metric, read: (payload: string) => measuredOf(valueBy(template, payload), (value) => convertBy(scale, value)) }];
  });
}

function measuredOf(raw: RawValue, convert: (value: number) => number): number | string | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw === "boolean") return Number(raw);
  const number = numberOf(raw);
  if (number !== undefined) return convert(number);
  // Words go where a device's words go: checked there, kept as an attribute or refused.
  return typeof raw === "string" && !missing.test(raw) ? raw : undefined;
}

function switchOf(raw: RawValue, { on, off }: { readonly on: string; readonly off: string }): boolean | undefined {
  const word = typeof raw === "boolean" ? (raw ? "True" : "False") : String(raw ?? "");
  if (word === on) return true;
  return word === off ? false : undefined;
}

/** What one message says of one device, as the telemetry topic would carry it; `undefined`: nothing. */
export function sampleOf(sources: readonly Source[], payload: string): Readonly<Record<string, number | boolean | string>> | undefined {
  const said = sources.flatMap(({ metric, read }) => {
    const value = read(payload);
    return value === undefined ? [] : [[metric, value] as const];
  });
  return said.length === 0 ? undefined : Object.fromEntries(said);
}
