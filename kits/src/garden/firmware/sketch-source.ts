/**
 * The sketch. It is the same for every node: what differs stands in node_config.h.
 *
 * PubSubClient sends at QoS 0 only, so what was handed over shortly before a connection broke is sent again when it is back; Roost keeps each time and
 * value once. No credential is ever written to the serial line.
 */
export const sketchSource = String.raw`// A garden node for Roost: soil, air and light over MQTT with TLS.
// Lamp: five flashes a second, set-up; one a second, looking for Wi-Fi or Roost; steady, fine; two short every two seconds, a sensor is silent.
#include <Arduino.h>
#include <ArduinoJson.h>
#include <BH1750.h>
#include <DHT.h>
#include <HTTPClient.h>
#include <Preferences.h>
#include <PubSubClient.h>
#include <WiFi.h>
#include <WiFiClientSecure.h>
#include <WiFiManager.h>
#include <Wire.h>
#include <esp_ota_ops.h>
#include <esp_sleep.h>
#include <time.h>

#include "node_config.h"
#include "node_core.h"
#include "node_secrets.h"

using namespace node_config;
using node_core::Light;
using node_core::Sample;

static_assert(sizeof(node_secrets::kPortalPassword) > 8, "node_secrets.h: the set-up network needs a password of 8 characters.");

namespace {

// Outlives deep sleep, so that what a sleeping node could not send is not lost.
RTC_DATA_ATTR node_core::Ring<kRemembered> ring;

Preferences kept;
WiFiManager portal;
WiFiClientSecure secure;
PubSubClient mqtt(secure);
DHT air(kPinAir, DHT22);
BH1750 light_sensor;

String device_id, mqtt_username, mqtt_password;
uint64_t seq = 0;
uint32_t pace_seconds = kSampleSeconds;
float soil_dry = kSoilDryVolts, soil_wet = kSoilWetVolts;
uint32_t last_sample_ms = 0, last_beat_ms = 0, last_light_ms = 0, last_send_ms = 0;
uint32_t button_since_ms = 0, wifi_lost_ms = 0, refused_since_ms = 0;
uint32_t tries = 0, next_try_ms = 0, step_of_lamp = 0;
RTC_DATA_ATTR uint32_t silent_sensors = 0;  // told once, not at each waking
bool has_light = false, was_marked_valid = false;

uint32_t epochNow() {
  const time_t now = time(nullptr);
  return now > 1600000000 ? (uint32_t)now : 0;  // before that the clock was never set
}

String topicOf(const char *leaf) { return "devices/" + device_id + "/" + leaf; }

bool say(const char *leaf, const std::string &text, bool retained = false) {
  return mqtt.publish(topicOf(leaf).c_str(), reinterpret_cast<const uint8_t *>(text.data()), text.size(), retained);
}

// ---- who this node is

void readIdentity() {
  kept.begin("roost", false);
  if (sizeof(node_secrets::kMqttPassword) > 1) {
    device_id = kDeviceId;
    mqtt_username = node_secrets::kMqttUsername;
    mqtt_password = node_secrets::kMqttPassword;
  } else {
    device_id = kept.getString("device_id", "");
    mqtt_username = kept.getString("username", "");
    mqtt_password = kept.getString("password", "");
  }
  pace_seconds = kept.getUInt("pace", kSampleSeconds);
  soil_dry = kept.getFloat("soil_dry", kSoilDryVolts);
  soil_wet = kept.getFloat("soil_wet", kSoilWetVolts);
}

/** Asks to be let in. Until a person has approved this node, MQTT refuses it; then the same credentials work. */
bool registerNode() {
  if (kRegisterUrl[0] == 0) return false;
  WiFiClientSecure line;
  line.setCACert(kCaPem);
  line.setTimeout(10);
  HTTPClient http;
  if (!http.begin(line, kRegisterUrl)) return false;
  http.addHeader("Content-Type", "application/json");
  JsonDocument question;
  question["mac_address"] = WiFi.macAddress();
  question["firmware_version"] = kVersion;
  question["kind"] = "garden-node";
  JsonArray sensors = question["sensor_types"].to<JsonArray>();
  for (const char *sensor : {"dht22", "soil", "bh1750"}) sensors.add(sensor);
  String body;
  serializeJson(question, body);
  const int status = http.POST(body);
  JsonDocument answer;
  const bool good = status == 201 && deserializeJson(answer, http.getString()) == DeserializationError::Ok;
  http.end();
  if (!good) {
    Serial.printf("registering: answer %d\n", status);
    return false;
  }
  device_id = answer["device_id"].as<String>();
  mqtt_username = answer["mqtt_username"].as<String>();
  mqtt_password = answer["mqtt_password"].as<String>();
  kept.putString("device_id", device_id);
  kept.putString("username", mqtt_username);
  kept.putString("password", mqtt_password);
  // The code tells this node from others that ask; it opens nothing.
  Serial.printf("registered; check code %s\n", answer["check_code"].as<const char *>());
  return true;
}

// ---- what it is told

void answerOrder(const String &topic, const char *text) { mqtt.publish((topic + "/ack").c_str(), text); }

void onOrder(char *topic_text, uint8_t *payload, unsigned int length) {
  const String topic(topic_text);
  JsonDocument order;
  if (deserializeJson(order, payload, length) != DeserializationError::Ok) return;
  const char *name = order["name"] | "";
  if (*name == 0) return;
  const char *until = order["expires_at"] | "";
  const time_t now = time(nullptr);
  char now_text[20];
  strftime(now_text, sizeof(now_text), "%Y-%m-%dT%H:%M:%S", gmtime(&now));
  if (epochNow() != 0 && strlen(until) >= 19 && strncmp(now_text, until, 19) > 0) return answerOrder(topic, "{\"state\":\"failed\",\"code\":\"expired\"}");
  if (strcmp(name, "configure") != 0) return answerOrder(topic, "{\"state\":\"failed\",\"code\":\"unknown_command\"}");
  const uint32_t pace = order["params"]["sample_seconds"] | pace_seconds;
  const float dry = order["params"]["soil_dry_volts"] | soil_dry;
  const float wet = order["params"]["soil_wet_volts"] | soil_wet;
  if (pace < 10 || pace > 3600 || !(dry - wet >= 0.3f) || wet < 0.0f || dry > 3.6f) {
    return answerOrder(topic, "{\"state\":\"failed\",\"code\":\"bad_params\"}");
  }
  kept.putUInt("pace", pace_seconds = pace);
  kept.putFloat("soil_dry", soil_dry = dry);
  kept.putFloat("soil_wet", soil_wet = wet);
  answerOrder(topic, "{\"state\":\"done\"}");
}

// ---- what it measures

float voltsOf(int pin) {
  uint32_t sum = 0;
  for (int i = 0; i < 16; i++) sum += analogReadMilliVolts(pin);
  return sum / 16000.0f;
}

void takeSample() {
  const float soil_volts = voltsOf(kPinSoil);
  Sample sample = {};
  seq += 1;
  sample.seq = seq;
  sample.taken_ms = millis();
  sample.epoch = epochNow();
  sample.values[0] = node_core::soilPercent(soil_volts, soil_dry, soil_wet);
  sample.values[1] = air.readTemperature();  // NaN when it does not answer: then it is not sent
  sample.values[2] = air.readHumidity();
  const float lux = has_light ? light_sensor.readLightLevel() : NAN;
  sample.values[3] = lux < 0 ? NAN : lux;
  sample.values[4] = soil_volts;
  sample.values[5] = kHasBattery ? 2.0f * voltsOf(kPinBattery) : NAN;
  ring.add(sample);
  uint32_t silent = 0;
  std::string list;
  for (int i = 0; i < 4; i++) {
    if (std::isfinite(sample.values[i])) continue;
    silent |= 1u << i;
    list += std::string(list.empty() ? "\"" : ",\"") + node_core::kKeys[i] + "\"";
  }
  if (silent == silent_sensors) return;
  if (say("event", "{\"type\":\"sensors.silent\",\"data\":{\"metrics\":[" + list + "]}}")) silent_sensors = silent;
}

void sendWaiting() {
  const uint32_t now = millis(), epoch = epochNow(), pace_ms = pace_seconds * 1000u;
  ring.forget(now, kUncertainMs);
  if (!mqtt.connected()) return;
  const std::string text = ring.next(now, epoch, pace_ms, kAtOnce);
  if (!text.empty() && say("telemetry", text)) ring.sent(now, epoch, pace_ms, kAtOnce);
}

void beat() {
  char text[128];
  const uint32_t epoch = epochNow();
  int used = epoch == 0 ? snprintf(text, sizeof(text), "{") : snprintf(text, sizeof(text), "{\"timestamp\":%lu,", (unsigned long)epoch);
  used += snprintf(text + used, sizeof(text) - used, "\"uptime\":%lu,\"rssi\":%d", (unsigned long)(millis() / 1000), (int)WiFi.RSSI());
  if (kSleepSeconds > 0) used += snprintf(text + used, sizeof(text) - used, ",\"interval\":%lu", (unsigned long)(kSleepSeconds + kAwakeSeconds));
  snprintf(text + used, sizeof(text) - used, "}");
  say("heartbeat", text);
}

// ---- how it keeps in touch

void keepWifi() {
  portal.process();
  if (WiFi.status() == WL_CONNECTED) {
    wifi_lost_ms = 0;
    return;
  }
  if (wifi_lost_ms == 0) wifi_lost_ms = millis() | 1;
  // The set-up network opens when the Wi-Fi is gone for good, for three minutes at a time; meanwhile the Wi-Fi is tried on.
  if (!portal.getConfigPortalActive() && millis() - wifi_lost_ms > 90000u) {
    wifi_lost_ms = millis() | 1;
    portal.startConfigPortal(kPortalName, node_secrets::kPortalPassword);
  }
}

void tryLater() {
  tries += 1;
  next_try_ms = millis() + node_core::backOffMs(tries, esp_random());
}

void keepMqtt() {
  if (mqtt.connected()) {
    mqtt.loop();
    return;
  }
  if (WiFi.status() != WL_CONNECTED || (int32_t)(millis() - next_try_ms) < 0) return;
  if (mqtt_password.isEmpty() && !registerNode()) return tryLater();
  const bool sleeps = kSleepSeconds > 0;
  const String status = topicOf("status");
  const bool joined = sleeps ? mqtt.connect(device_id.c_str(), mqtt_username.c_str(), mqtt_password.c_str())
                             : mqtt.connect(device_id.c_str(), mqtt_username.c_str(), mqtt_password.c_str(), status.c_str(), 1, true, "{\"state\":\"offline\"}");
  if (!joined) {
    const bool refused = mqtt.state() == MQTT_CONNECT_BAD_CREDENTIALS || mqtt.state() == MQTT_CONNECT_UNAUTHORIZED;
    if (!refused) refused_since_ms = 0;
    else if (refused_since_ms == 0) refused_since_ms = millis() | 1;
    else if (sizeof(node_secrets::kMqttPassword) == 1 && millis() - refused_since_ms > 86400000u) {
      // Nobody approved it for a day and the question was forgotten: it asks again.
      mqtt_password = "";
      refused_since_ms = 0;
    }
    return tryLater();
  }
  tries = 0;
  refused_since_ms = 0;
  ring.resend();
  mqtt.subscribe(topicOf("commands/+").c_str(), 1);
  say("status", std::string("{\"state\":\"online\",\"firmware_version\":\"") + kVersion + "\"}", true);
  beat();
  last_beat_ms = millis();
  if (!was_marked_valid) {
    // This program reaches Roost: it stays. One that never gets here is taken back at the next start.
    esp_ota_mark_app_valid_cancel_rollback();
    was_marked_valid = true;
  }
}

void watchButton() {
  if (digitalRead(kPinButton) == HIGH) {
    button_since_ms = 0;
  } else if (button_since_ms == 0) {
    button_since_ms = millis() | 1;
  } else if (millis() - button_since_ms > 10000u) {
    Serial.println("forgetting everything");
    kept.clear();
    portal.resetSettings();
    ESP.restart();
  }
}

void showLight() {
  if (millis() - last_light_ms < 100u) return;
  last_light_ms = millis();
  step_of_lamp += 1;
  const Light light = portal.getConfigPortalActive() ? Light::kSetUp
                      : !mqtt.connected()            ? Light::kConnecting
                      : silent_sensors != 0          ? Light::kFault
                                                     : Light::kFine;
  digitalWrite(kPinLed, node_core::isLit(light, step_of_lamp) ? HIGH : LOW);
}

/** A node on a battery: one sample, handed over if it can be, and asleep again. */
void sleepWhenDone() {
  static uint32_t done_since_ms = 0;
  if (mqtt.connected() && last_sample_ms != 0 && ring.next(millis(), epochNow(), pace_seconds * 1000u, 1).empty()) {
    if (done_since_ms == 0) done_since_ms = millis() | 1;
  }
  const bool is_done = done_since_ms != 0 && millis() - done_since_ms > 3000u;
  if (!is_done && (millis() < kAwakeSeconds * 1000u || portal.getConfigPortalActive())) return;
  mqtt.disconnect();
  esp_sleep_enable_timer_wakeup((uint64_t)kSleepSeconds * 1000000u);
  esp_deep_sleep_start();
}

}  // namespace

// Arduino would accept every new program at once; this one has to reach Roost first.
extern "C" bool verifyRollbackLater() { return true; }

void setup() {
  Serial.begin(115200);
  pinMode(kPinLed, OUTPUT);
  pinMode(kPinButton, INPUT_PULLUP);
  analogSetPinAttenuation(kPinSoil, ADC_11db);
  // Numbers of samples begin anywhere, so that those of this start are never taken for those of an earlier one.
  seq = (uint64_t)esp_random() << 20;
  ring.wake();
  readIdentity();
  air.begin();
  Wire.begin(kPinSda, kPinScl);
  has_light = light_sensor.begin();
  WiFi.setHostname(kHostName);
  WiFi.setAutoReconnect(true);
  portal.setDebugOutput(false);  // it would write passwords to the serial line
  portal.setConfigPortalBlocking(false);
  portal.setConfigPortalTimeout(180);
  portal.autoConnect(kPortalName, node_secrets::kPortalPassword);
  configTime(0, 0, "pool.ntp.org", "time.cloudflare.com");
  secure.setCACert(kCaPem);
  secure.setHandshakeTimeout(10);
  mqtt.setServer(kMqttHost, kMqttPort);
  mqtt.setCallback(onOrder);
  mqtt.setBufferSize(2048);
  mqtt.setKeepAlive(30);
  mqtt.setSocketTimeout(10);
  // After a power cut not all nodes of a house knock at the same moment.
  next_try_ms = millis() + esp_random() % 8000u;
}

void loop() {
  watchButton();
  showLight();
  keepWifi();
  keepMqtt();
  const uint32_t now = millis();
  const bool is_first = last_sample_ms == 0 && now > 5000u;
  const bool is_next = kSleepSeconds == 0 && last_sample_ms != 0 && now - last_sample_ms >= pace_seconds * 1000u;
  if (is_first || is_next) {
    last_sample_ms = is_first ? now : last_sample_ms + pace_seconds * 1000u;
    takeSample();
  }
  if (now - last_send_ms >= 2000u) {
    last_send_ms = now;
    sendWaiting();
  }
  if (kSleepSeconds == 0 && mqtt.connected() && now - last_beat_ms >= 60000u) {
    last_beat_ms = now;
    beat();
  }
  if (kSleepSeconds > 0) sleepWhenDone();
  delay(5);
}
`;
