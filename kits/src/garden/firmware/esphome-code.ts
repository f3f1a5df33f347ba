import { awakeSeconds, markOf, rememberedSamples, samplesAtOnce, topicsOf, uncertainMs } from "./node-build.ts";
import type { NodeBuild } from "./node-build.ts";
import { sampleFields, soilMargin } from "./node-messages.ts";

/*
 * The C++ inside the configuration. `id(x)` is how ESPHome's code reaches a component or global by its id.
 *
 * @see https://esphome.io/automations/templates/ for `id`, `millis`, `random_uint32`
 * @see https://esphome.io/components/mqtt/ for `publish` and `subscribe_json` from code
 */

/**
 * Ids of what Roost changes while the node runs and the node keeps over restarts. They carry a mark of what was built in: what is kept is found by its
 * id, so a program that was built anew with other values does not find the old ones.
 */
export function keptIdsOf({ sampleSeconds, soilDryVolts, soilWetVolts }: NodeBuild): { pace: string; dry: string; wet: string } {
  const mark = markOf([sampleSeconds, soilDryVolts, soilWetVolts].join(" "));
  return { pace: `pace_${mark}`, dry: `soil_dry_${mark}`, wet: `soil_wet_${mark}` };
}

/** Ids of the sensors by the fields of a sample; those that a node has. */
function sensorsOf({ hasBattery }: NodeBuild): readonly (readonly [id: string, key: string, digits: number])[] {
  const ids = {
    soilMoisture: "soil_moisture",
    temperature: "air_temperature",
    humidity: "air_humidity",
    lightLevel: "light_level",
    soilVolts: "soil_volts",
    batteryVolts: "battery_volts",
  } as const;
  return sampleFields.flatMap(([field, key, digits]) =>
    field === "batteryVolts" && !hasBattery ? [] : [[ids[field], key, digits] as const],
  );
}

/** Puts what was measured at the end of the ring. A sensor that gives nothing is NaN, and what is NaN is not written. */
export function takeSampleCode(build: NodeBuild): string {
  const values = sensorsOf(build).map(([sensor, key, digits]) => `put("${key}", id(${sensor}).state, ${digits});`);
  return `char part[64];
std::string text = "{";
const auto now = id(wall_clock).now();
// printf of the chip's small C library knows no 64 bits.
if (now.is_valid()) text += "\\"timestamp\\":" + std::to_string(now.timestamp) + ",";
id(sample_seq) += 1;
text += "\\"seq\\":" + std::to_string(id(sample_seq));
int values = 0;
auto put = [&](const char *key, float value, int digits) {
  if (!std::isfinite(value)) return;
  snprintf(part, sizeof(part), ",\\"%s\\":%.*f", key, digits, value);
  text += part;
  values += 1;
};
${values.join("\n")}
if (values == 0) return;
text += "}";
id(ring_text).push_back(text);
id(ring_taken).push_back(millis());
id(ring_sent).push_back(0);
while (id(ring_text).size() > ${rememberedSamples}) {
  id(ring_text).erase(id(ring_text).begin());
  id(ring_taken).erase(id(ring_taken).begin());
  id(ring_sent).erase(id(ring_sent).begin());
}`;
}

/**
 * Sends what waits, the oldest first, a few at a time. A sample that was taken before the clock was set gets its time as soon as that is known;
 * until then only a fresh one is sent, for its time of receipt is right.
 */
export function sendCode(build: NodeBuild): string {
  return `const uint32_t at = millis();
while (!id(ring_text).empty() && id(ring_sent)[0] != 0 && at - id(ring_sent)[0] > ${uncertainMs}u) {
  id(ring_text).erase(id(ring_text).begin());
  id(ring_taken).erase(id(ring_taken).begin());
  id(ring_sent).erase(id(ring_sent).begin());
}
if (!id(mqtt_client).is_connected()) return;
const auto now = id(wall_clock).now();
std::string message;
std::vector<size_t> chosen;
for (size_t i = 0; i < id(ring_text).size() && chosen.size() < ${samplesAtOnce}; i++) {
  if (id(ring_sent)[i] != 0) continue;
  std::string &text = id(ring_text)[i];
  const uint32_t age_ms = at - id(ring_taken)[i];
  if (text.compare(0, 6, "{\\"seq\\"") == 0) {
    if (now.is_valid()) {
      text.insert(1, "\\"timestamp\\":" + std::to_string(now.timestamp - age_ms / 1000) + ",");
    } else if (age_ms > (uint32_t) id(${keptIdsOf(build).pace}) * 1000u) {
      continue;
    }
  }
  if (!chosen.empty()) message += ",";
  message += text;
  chosen.push_back(i);
}
if (chosen.empty()) return;
if (chosen.size() > 1) message = "[" + message + "]";
if (!id(mqtt_client).publish("${topicsOf(build).telemetry}", message, 1, false)) return;
for (const size_t i : chosen) id(ring_sent)[i] = at == 0 ? 1 : at;`;
}

/** What may have been lost with the last connection is sent again; Roost keeps each time and value once. Without a time it would not know it again. */
export const resendCode = `for (size_t i = 0; i < id(ring_sent).size(); i++) {
  if (id(ring_text)[i].compare(0, 6, "{\\"seq\\"") != 0) id(ring_sent)[i] = 0;
}`;

export function heartbeatCode(build: NodeBuild): string {
  const interval = build.sleepSeconds === 0 ? "" : `,\\"interval\\":${build.sleepSeconds + awakeSeconds}`;
  return `std::string text = "{";
const auto now = id(wall_clock).now();
if (now.is_valid()) text += "\\"timestamp\\":" + std::to_string(now.timestamp) + ",";
text += "\\"uptime\\":" + std::to_string(millis() / 1000u);
const float rssi = id(wifi_rssi).state;
if (std::isfinite(rssi)) text += ",\\"rssi\\":" + std::to_string((int) rssi);
text += "${interval}}";
id(mqtt_client).publish("${topicsOf(build).heartbeat}", text, 0, false);`;
}

/** Tells once when a sensor goes silent and once when it is back: a value that is not there is seen, not only missed. */
export function reportSensorsCode(build: NodeBuild): string {
  const watched = sensorsOf(build).filter(([, key]) => key !== "soil_raw" && key !== "battery");
  const looks = watched.map(([sensor, key], index) => `look(${1 << index}, "${key}", id(${sensor}).state);`);
  return `uint32_t silent = 0;
std::string list;
auto look = [&](uint32_t bit, const char *key, float value) {
  if (std::isfinite(value)) return;
  silent |= bit;
  list += list.empty() ? "\\"" : ",\\"";
  list += key;
  list += "\\"";
};
${looks.join("\n")}
if (silent == id(silent_sensors)) return;
const std::string text = std::string("{\\"type\\":\\"sensors.silent\\",\\"data\\":{\\"metrics\\":[") + list + "]}}";
if (id(mqtt_client).publish("${topicsOf(build).event}", text, 1, false)) id(silent_sensors) = silent;`;
}

/** What the voltage of the probe means; outside what a probe with this calibration gives, nothing. The filter \`clamp\` would make 0 of NaN. */
export function soilCode(build: NodeBuild): string {
  return `const float dry = id(${keptIdsOf(build).dry}), wet = id(${keptIdsOf(build).wet});
const float span = dry - wet;
if (!std::isfinite(x) || x < wet - ${soilMargin}f * span || x > dry + ${soilMargin}f * span) return NAN;
return std::max(0.0f, std::min(100.0f, (dry - x) / span * 100.0f));`;
}

/** Four patterns, ten steps a second. */
export const ledCode = `static uint32_t step = 0;
step += 1;
bool on = true;
if (wifi::global_wifi_component->is_ap_active()) on = step % 2 == 0;
else if (!id(mqtt_client).is_connected()) on = step % 10 < 5;
else if (id(silent_sensors) != 0) on = step % 20 == 0 || step % 20 == 3;
id(led_output).set_state(on);`;

/**
 * At the start: numbers of samples begin anywhere, so that those of this start are never taken for those of an earlier one; and what Roost orders is
 * listened to.
 */
export function startCode(build: NodeBuild): string {
  const { pace, dry, wet } = keptIdsOf(build);
  return `id(sample_seq) = (uint64_t) random_uint32() << 20;
id(last_sample) = millis() - (uint32_t) id(${pace}) * 1000u + 15000u;
id(mqtt_client).subscribe_json("${topicsOf(build).commands}", [](const std::string &topic, JsonObject order) {
  const std::string answer_to = topic + "/ack";
  auto answer = [&](const char *text) { id(mqtt_client).publish(answer_to, text, strlen(text), 1, false); };
  const char *name = order["name"] | "";
  if (*name == 0) return;
  const char *until = order["expires_at"] | "";
  auto now = id(wall_clock).utcnow();
  if (now.is_valid() && strlen(until) >= 19 && now.strftime("%Y-%m-%dT%H:%M:%S").compare(std::string(until, 19)) > 0) {
    answer("{\\"state\\":\\"failed\\",\\"code\\":\\"expired\\"}");
    return;
  }
  if (strcmp(name, "configure") != 0) {
    answer("{\\"state\\":\\"failed\\",\\"code\\":\\"unknown_command\\"}");
    return;
  }
  const int wanted_pace = order["params"]["sample_seconds"] | id(${pace});
  const float wanted_dry = order["params"]["soil_dry_volts"] | id(${dry});
  const float wanted_wet = order["params"]["soil_wet_volts"] | id(${wet});
  if (wanted_pace < 10 || wanted_pace > 3600 || !(wanted_dry - wanted_wet >= 0.3f) || wanted_wet < 0.0f || wanted_dry > 3.6f) {
    answer("{\\"state\\":\\"failed\\",\\"code\\":\\"bad_params\\"}");
    return;
  }
  id(${pace}) = wanted_pace;
  id(${dry}) = wanted_dry;
  id(${wet}) = wanted_wet;
  answer("{\\"state\\":\\"done\\"}");
}, 1);`;
}
