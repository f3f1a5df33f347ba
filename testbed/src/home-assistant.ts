/**
 * What Home Assistant demands of a device's announcement, written from its own documents and not from our code.
 *
 * @see https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
 * @see https://www.home-assistant.io/integrations/sensor.mqtt/
 * @see https://developers.home-assistant.io/docs/core/entity/sensor/#available-device-classes
 */
const longNames: Readonly<Record<string, string>> = {
  avty: "availability",
  avty_mode: "availability_mode",
  cmps: "components",
  dev: "device",
  dev_cla: "device_class",
  ent_cat: "entity_category",
  exp_aft: "expire_after",
  ids: "identifiers",
  mdl: "model",
  mf: "manufacturer",
  o: "origin",
  p: "platform",
  pl_off: "payload_off",
  pl_on: "payload_on",
  stat_cla: "state_class",
  stat_t: "state_topic",
  sug_dsp_prc: "suggested_display_precision",
  sw: "sw_version",
  t: "topic",
  uniq_id: "unique_id",
  unit_of_meas: "unit_of_measurement",
  val_tpl: "value_template",
};

/** Device classes with the units and state classes they go with; `null`: no unit. */
const deviceClasses: Readonly<Record<string, { readonly units: readonly (string | null)[]; readonly states: readonly string[] }>> = {
  battery: { units: ["%"], states: ["measurement"] },
  carbon_dioxide: { units: ["ppm"], states: ["measurement"] },
  carbon_monoxide: { units: ["ppm", "mg/m³", "µg/m³", "ppb"], states: ["measurement"] },
  conductivity: { units: ["S/cm", "mS/cm", "µS/cm"], states: ["measurement"] },
  current: { units: ["A", "mA"], states: ["measurement"] },
  data_rate: { units: ["bit/s", "kbit/s", "Mbit/s", "B/s", "kB/s", "MB/s"], states: ["measurement"] },
  data_size: { units: ["bit", "B", "kB", "MB", "GB", "TB"], states: ["measurement", "total", "total_increasing"] },
  distance: { units: ["km", "m", "cm", "mm", "mi", "yd", "in"], states: ["measurement", "total", "total_increasing"] },
  duration: { units: ["d", "h", "min", "s", "ms", "µs"], states: ["measurement", "total", "total_increasing"] },
  energy: { units: ["J", "kJ", "Wh", "kWh", "MWh"], states: ["total", "total_increasing"] },
  frequency: { units: ["Hz", "kHz", "MHz", "GHz"], states: ["measurement"] },
  humidity: { units: ["%"], states: ["measurement"] },
  illuminance: { units: ["lx"], states: ["measurement"] },
  moisture: { units: ["%"], states: ["measurement"] },
  ph: { units: [null], states: ["measurement"] },
  pm1: { units: ["µg/m³"], states: ["measurement"] },
  pm10: { units: ["µg/m³"], states: ["measurement"] },
  pm25: { units: ["µg/m³"], states: ["measurement"] },
  power: { units: ["mW", "W", "kW", "MW"], states: ["measurement"] },
  pressure: { units: ["Pa", "kPa", "hPa", "bar", "mbar", "psi", "inHg", "mmHg"], states: ["measurement"] },
  signal_strength: { units: ["dB", "dBm"], states: ["measurement"] },
  sound_pressure: { units: ["dB", "dBA"], states: ["measurement"] },
  speed: { units: ["m/s", "km/h", "mm/s", "mph", "kn", "ft/s"], states: ["measurement"] },
  temperature: { units: ["°C", "°F", "K"], states: ["measurement"] },
  voltage: { units: ["V", "mV", "µV", "kV"], states: ["measurement"] },
  volume_storage: { units: ["L", "mL", "m³", "gal"], states: ["measurement"] },
  weight: { units: ["kg", "g", "mg", "lb", "oz"], states: ["measurement"] },
  wind_speed: { units: ["m/s", "km/h", "mph", "kn", "ft/s"], states: ["measurement"] },
};

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [longNames[key] ?? key, key === "cmps" ? components(one) : expand(one)]),
  );
}

// The keys of components are names, and stay.
function components(value: unknown): unknown {
  return isFields(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, expand(one)])) : value;
}

/** Faults of an announcement on its topic; none: Home Assistant takes it. */
export function faultsOfAnnouncement(topic: string, text: string): string[] {
  const faults: string[] = [];
  const say = (isFine: boolean, what: string) => void (isFine || faults.push(what));
  say(/^[^/]+\/device\/(?:[A-Za-z0-9_-]+\/)?[A-Za-z0-9_-]+\/config$/.test(topic), `the topic ${topic}`);
  const root = expand(JSON.parse(text));
  if (!isFields(root)) return [...faults, "no object"];
  const { device, origin, components: all } = root;
  say(isFields(device) && Array.isArray(device["identifiers"]) && device["identifiers"].length > 0, "a device without identifiers");
  say(isFields(origin) && typeof origin["name"] === "string", "no origin");
  const availability = Array.isArray(root["availability"]) ? (root["availability"] as unknown[]) : [];
  say(
    availability.every((one) => isFields(one) && isTopic(one["topic"])),
    "an availability without a topic",
  );
  if (!isFields(all) || Object.keys(all).length === 0) return [...faults, "no components"];
  const uniques = new Set<unknown>();
  for (const [key, one] of Object.entries(all)) {
    if (!isFields(one)) return [...faults, `${key} is no object`];
    say(/^[A-Za-z0-9_-]+$/.test(key), `the key ${key}`);
    say(typeof one["unique_id"] === "string" && !uniques.has(one["unique_id"]), `${key}: no unique_id of its own`);
    uniques.add(one["unique_id"]);
    say(isTopic(one["state_topic"] ?? root["state_topic"]), `${key}: no state_topic`);
    say(Number.isInteger(one["expire_after"]) && (one["expire_after"] as number) > 0, `${key}: expire_after`);
    say(one["platform"] === "sensor" || one["platform"] === "binary_sensor", `${key}: the platform`);
    if (one["platform"] === "sensor") faults.push(...faultsOfSensor(key, one));
  }
  return faults;
}

function faultsOfSensor(key: string, one: Fields): string[] {
  const { device_class: name, unit_of_measurement: unit = null, state_class: state } = one;
  if (typeof state !== "string" || !["measurement", "total", "total_increasing"].includes(state)) return [`${key}: the state class`];
  if (name === undefined) return [];
  if (typeof name !== "string") return [`${key}: the device class`];
  const known = deviceClasses[name];
  if (known === undefined) return [`${key}: the device class ${name}`];
  return [
    ...(known.units.some((allowed) => allowed === unit) ? [] : [`${key}: ${name} in ${String(unit)}`]),
    ...(known.states.includes(state) ? [] : [`${key}: ${name} as ${state}`]),
  ];
}

function isTopic(value: unknown): boolean {
  return typeof value === "string" && value !== "" && !/[+#\0]/.test(value);
}
