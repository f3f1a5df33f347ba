/** What a node measured at one moment; what it has no value for is `undefined` or NaN. */
export interface NodeSample {
  readonly soilMoisture?: number | undefined;
  readonly temperature?: number | undefined;
  readonly humidity?: number | undefined;
  readonly lightLevel?: number | undefined;
  readonly soilVolts?: number | undefined;
  readonly batteryVolts?: number | undefined;
}

/** In the order they are sent: key on the wire, digits after the point. */
export const sampleFields = [
  ["soilMoisture", "soil_moisture", 1],
  ["temperature", "temperature", 1],
  ["humidity", "humidity", 1],
  ["lightLevel", "light_level", 0],
  ["soilVolts", "soil_raw", 3],
  ["batteryVolts", "battery", 2],
] as const satisfies readonly (readonly [keyof NodeSample, string, number])[];

/**
 * The JSON of one sample as every program of a node writes it, byte for byte: a value that is not there is not sent.
 *
 * @param at - `epochSeconds` only where the clock is known to be right.
 * @returns `undefined` where nothing was measured: a message without a value says nothing.
 */
export function sampleText(
  at: { readonly epochSeconds?: number | undefined; readonly seq: number },
  sample: NodeSample,
): string | undefined {
  const values = sampleFields.flatMap(([field, key, digits]) => {
    const value = sample[field];
    return value === undefined || !Number.isFinite(value) ? [] : [`,"${key}":${fixed(value, digits)}`];
  });
  if (values.length === 0) return undefined;
  const timestamp = at.epochSeconds === undefined ? "" : `"timestamp":${at.epochSeconds},`;
  return `{${timestamp}"seq":${at.seq}${values.join("")}}`;
}

/** As C writes it: a value halfway between two goes to the even one, where \`toFixed\` takes the greater. */
function fixed(value: number, digits: number): string {
  const scaled = value * 10 ** digits;
  const isHalfway = Math.abs(scaled % 1) === 0.5 && Number.isInteger(value * 2 ** 20);
  return (isHalfway ? (2 * Math.round(scaled / 2)) / 10 ** digits : value).toFixed(digits);
}

/** One sample as it is; several as an array. */
export function telemetryText(samples: readonly string[]): string {
  return samples.length === 1 ? (samples[0] ?? "") : `[${samples.join(",")}]`;
}

/** The JSON of a heartbeat. `interval` is told by nodes that keep a pace of their own. */
export function heartbeatText(beat: { epochSeconds?: number; uptimeSeconds: number; rssiDbm?: number; intervalSeconds?: number }): string {
  const timestamp = beat.epochSeconds === undefined ? "" : `"timestamp":${beat.epochSeconds},`;
  const rssi = beat.rssiDbm === undefined ? "" : `,"rssi":${beat.rssiDbm}`;
  const interval = beat.intervalSeconds === undefined ? "" : `,"interval":${beat.intervalSeconds}`;
  return `{${timestamp}"uptime":${beat.uptimeSeconds}${rssi}${interval}}`;
}

/** What `devices/{id}/status` carries. */
export function statusText(state: "online" | "offline", version: string): string {
  return state === "online" ? `{"state":"online","firmware_version":"${version}"}` : `{"state":"offline"}`;
}

/** How far outside its calibration a probe's voltage may lie, in parts of the span, before it is taken for a probe that is not there. */
export const soilMargin = 0.25;

/** Water in the soil, 0 to 100 %, from the probe's voltage; `undefined` for a voltage that no probe with this calibration gives. */
export function soilPercent(
  volts: number,
  { dryVolts, wetVolts }: { readonly dryVolts: number; readonly wetVolts: number },
): number | undefined {
  const span = dryVolts - wetVolts;
  if (!Number.isFinite(volts) || volts < wetVolts - soilMargin * span || volts > dryVolts + soilMargin * span) return undefined;
  return Math.min(100, Math.max(0, ((dryVolts - volts) / span) * 100));
}
