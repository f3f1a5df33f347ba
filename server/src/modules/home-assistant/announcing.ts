import type { Unit } from "@roost/contract/units";

import { measureOf } from "./measures.ts";

/** Said in every announcement as who made it: what bears it is never taken in again. */
export const originName = "Roost";

/** The prefixes of one organisation's bridge. */
export interface Prefixes {
  readonly discovery: string;
  readonly state: string;
  /** Tells this organisation's announcements from another's on the same broker. */
  readonly short: string;
}

/** A device as Home Assistant is told of it. Names are words of people and devices. */
export interface AnnouncedDevice {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly firmwareVersion?: string | undefined;
  readonly heartbeatSeconds: number;
  readonly metrics: readonly {
    readonly metric: string;
    readonly unit: Unit;
    readonly kind: "number" | "boolean";
    readonly precision?: number | undefined;
  }[];
}

const shortestExpirySeconds = 300;

/** How long a value counts: three signs of life, as with presence, but no less than a sender of five minutes needs. */
export function expirySeconds({ heartbeatSeconds }: Pick<AnnouncedDevice, "heartbeatSeconds">): number {
  return Math.max(shortestExpirySeconds, Math.ceil(3 * heartbeatSeconds));
}

/** The last hexadecimal digits of an organisation's id: those that are random. */
export function shortOf(organisationId: string): string {
  return organisationId.replaceAll("-", "").slice(-12);
}

/** The topics of one organisation's bridge. Device ids have letters, digits, `-` and `_` alone: nothing climbs out of a level. */
export function topicsOf({ discovery, state, short }: Prefixes) {
  const mine = `roost_${short}_`;
  return {
    bridge: `${state}/bridge`,
    /** Where Home Assistant says that it started; it says so at the first unless somebody changed that, whatever the prefix of discovery. */
    births: [...new Set(["homeassistant/status", `${discovery}/status`])],
    config: (deviceId: string): string => `${discovery}/device/${mine}${deviceId}/config`,
    state: (deviceId: string): string => `${state}/${deviceId}/state`,
    availability: (deviceId: string): string => `${state}/${deviceId}/availability`,
    /** Which device of ours an announcement is about; `undefined`: it is somebody else's. */
    ownDevice(topic: string): string | undefined {
      const start = `${discovery}/device/${mine}`;
      return topic.startsWith(start) && topic.endsWith("/config") ? topic.slice(start.length, -"/config".length) : undefined;
    },
    isOwnState: (topic: string): boolean => topic.startsWith(`${state}/`),
  };
}

export type Topics = ReturnType<typeof topicsOf>;

/**
 * The announcement of a device: one payload for all its values.
 *
 * @see https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
 */
export function announcementOf(device: AnnouncedDevice, topics: Topics, { short, version }: { short: string; version: string }): string {
  const keys = componentKeys(device.metrics.map(({ metric }) => metric));
  const components = device.metrics.map((one) => [keys.get(one.metric) ?? one.metric, componentOf(device, one, short)] as const);
  return JSON.stringify({
    dev: {
      ids: [`roost_${short}_${device.id}`],
      name: device.name,
      mf: originName,
      mdl: device.kind,
      ...(device.firmwareVersion === undefined ? {} : { sw: device.firmwareVersion }),
    },
    o: { name: originName, sw: version },
    stat_t: topics.state(device.id),
    // Both have to be online: the bridge, by its last will, and the device, by its presence.
    avty: [{ t: topics.bridge }, { t: topics.availability(device.id) }],
    avty_mode: "all",
    cmps: Object.fromEntries(components),
    qos: 1,
  });
}

function componentOf(device: AnnouncedDevice, one: AnnouncedDevice["metrics"][number], short: string): object {
  const { metric } = one;
  const common = { uniq_id: `roost_${short}_${device.id}_${metric}`, name: wordsOf(metric), exp_aft: expirySeconds(device) };
  if (one.kind === "boolean") {
    return { p: "binary_sensor", ...common, val_tpl: `{{ value_json['${metric}'] | default(None) }}`, pl_on: "1", pl_off: "0" };
  }
  const { deviceClass, unit, stateClass } = measureOf(metric, one.unit);
  return {
    p: "sensor",
    ...common,
    // A value that is not in the message is unknown, and no number at all.
    val_tpl: `{{ value_json['${metric}'] | default(None) }}`,
    stat_cla: stateClass,
    ...(deviceClass === undefined ? {} : { dev_cla: deviceClass }),
    ...(unit === undefined ? {} : { unit_of_meas: unit }),
    ...(one.precision === undefined ? {} : { sug_dsp_prc: one.precision }),
    ...(isAboutItself(metric) ? { ent_cat: "diagnostic" } : {}),
  };
}

/** Home Assistant knows no dots in keys; two names that differ by one only must stay two. */
function componentKeys(metrics: readonly string[]): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  const used = new Set<string>();
  for (const metric of metrics) {
    const base = metric.replaceAll(".", "_");
    let key = base;
    for (let next = 2; used.has(key); next += 1) key = `${base}_${next}`;
    used.add(key);
    keys.set(metric, key);
  }
  return keys;
}

function isAboutItself(metric: string): boolean {
  return /^(?:rssi|snr|uptime|battery|free_heap)/.test(metric);
}

function wordsOf(metric: string): string {
  const words = metric.replaceAll(/[_.-]+/g, " ").trim();
  return words === "" ? metric : `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** The values of a device that still count, as its state message; `undefined` where there is none. */
export function stateOf(
  values: readonly { readonly metric: string; readonly value: number; readonly measuredAtMs: number }[],
  { nowMs, expiresAfterSeconds }: { nowMs: number; expiresAfterSeconds: number },
): string | undefined {
  const fresh = values.filter(({ measuredAtMs }) => nowMs - measuredAtMs < expiresAfterSeconds * 1_000);
  return fresh.length === 0 ? undefined : JSON.stringify(Object.fromEntries(fresh.map(({ metric, value }) => [metric, value])));
}
