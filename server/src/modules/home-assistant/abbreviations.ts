/**
 * The short forms of keys in announcements, of those keys that Roost reads.
 *
 * @see https://www.home-assistant.io/integrations/mqtt/#supported-abbreviations-in-mqtt-discovery-messages
 */
const ofComponents: Readonly<Record<string, string>> = {
  avty: "availability",
  avty_mode: "availability_mode",
  avty_t: "availability_topic",
  avty_tpl: "availability_template",
  cmps: "components",
  dev: "device",
  dev_cla: "device_class",
  exp_aft: "expire_after",
  o: "origin",
  p: "platform",
  pl_avail: "payload_available",
  pl_not_avail: "payload_not_available",
  pl_off: "payload_off",
  pl_on: "payload_on",
  stat_cla: "state_class",
  stat_t: "state_topic",
  t: "topic",
  uniq_id: "unique_id",
  unit_of_meas: "unit_of_measurement",
  val_tpl: "value_template",
};

const ofDevices: Readonly<Record<string, string>> = {
  cns: "connections",
  ids: "identifiers",
  mdl: "model",
  mf: "manufacturer",
};

/** The fields of an object of JSON under their long names, its own alone; `undefined` for anything else. */
export function fieldsOf(value: unknown, of: "component" | "device" = "component"): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const table = of === "device" ? ofDevices : ofComponents;
  return new Map(Object.entries(value).map(([key, one]) => [Object.hasOwn(table, key) ? (table[key] ?? key) : key, one]));
}
