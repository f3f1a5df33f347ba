const base = `#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#define RTC_DATA_ATTR
enum { LOW, HIGH, OUTPUT, INPUT_PULLUP, ADC_11db };
struct String : std::string {
  String(const char *text = "") : std::string(text) {}
  String(const std::string &text) : std::string(text) {}
  bool isEmpty() const { return empty(); }
};
inline String operator+(const char *one, const String &other) { return String(std::string(one) + static_cast<const std::string &>(other)); }
inline String operator+(const String &one, const char *other) { return String(static_cast<const std::string &>(one) + other); }
inline String operator+(const String &one, const String &other) { return one + other.c_str(); }
uint32_t millis(); uint32_t esp_random(); uint32_t analogReadMilliVolts(int); int digitalRead(int);
void digitalWrite(int, int); void pinMode(int, int); void delay(int); void analogSetPinAttenuation(int, int);
void configTime(long, int, const char *, const char *);
struct { void begin(int); int printf(const char *, ...); void println(const char *); } Serial;
struct { void restart(); } ESP;
`;

const json = `#pragma once
#include "Arduino.h"
struct DeserializationError { enum Code { Ok, Invalid } code; bool operator==(Code other) const { return code == other; } bool operator!=(Code other) const { return code != other; } };
struct JsonArray { void add(const char *); };
struct JsonVariant {
  JsonVariant operator[](const char *);
  template <class T> T as(); template <class T> T to();
  template <class T> void operator=(const T &) {}
  const char *operator|(const char *); template <class T> T operator|(const T &);
};
struct JsonDocument : JsonVariant {};
void serializeJson(JsonDocument &, String &);
DeserializationError deserializeJson(JsonDocument &, const String &);
DeserializationError deserializeJson(JsonDocument &, uint8_t *, unsigned);
`;

const mqtt = `#pragma once
#include "WiFiClientSecure.h"
enum { MQTT_CONNECT_BAD_CREDENTIALS = 4, MQTT_CONNECT_UNAUTHORIZED = 5 };
struct PubSubClient {
  PubSubClient(WiFiClientSecure &) {}
  bool connect(const char *, const char *, const char *);
  bool connect(const char *, const char *, const char *, const char *, uint8_t, bool, const char *);
  bool publish(const char *, const char *);
  bool publish(const char *, const uint8_t *, unsigned, bool);
  bool subscribe(const char *, uint8_t); bool connected(); bool loop(); int state(); void disconnect();
  void setServer(const char *, uint16_t); void setCallback(std::function<void(char *, uint8_t *, unsigned)>);
  bool setBufferSize(uint16_t); void setKeepAlive(uint16_t); void setSocketTimeout(uint16_t);
};
`;

const wifi = `#pragma once
#include "Arduino.h"
enum { WL_CONNECTED = 3 };
struct { String macAddress(); int status(); int RSSI(); bool setHostname(const char *); void setAutoReconnect(bool); } WiFi;
`;

const portal = `#pragma once
#include "Arduino.h"
struct WiFiManager {
  bool process(); bool getConfigPortalActive(); bool startConfigPortal(const char *, const char *); bool autoConnect(const char *, const char *);
  void resetSettings(); void setDebugOutput(bool); void setConfigPortalBlocking(bool); void setConfigPortalTimeout(unsigned long);
};
`;

const stored = `#pragma once
#include "Arduino.h"
struct Preferences {
  bool begin(const char *, bool); bool clear();
  String getString(const char *, const char *); uint32_t getUInt(const char *, uint32_t); float getFloat(const char *, float);
  size_t putString(const char *, const String &); size_t putUInt(const char *, uint32_t); size_t putFloat(const char *, float);
};
`;

const headers: Readonly<Record<string, string>> = {
  "Arduino.h": base,
  "ArduinoJson.h": json,
  "PubSubClient.h": mqtt,
  "WiFi.h": wifi,
  "WiFiManager.h": portal,
  "Preferences.h": stored,
  "WiFiClientSecure.h":
    '#pragma once\n#include "Arduino.h"\nstruct WiFiClientSecure { void setCACert(const char *); void setTimeout(uint32_t); void setHandshakeTimeout(unsigned long); };\n',
  "HTTPClient.h":
    '#pragma once\n#include "WiFiClientSecure.h"\nstruct HTTPClient { bool begin(WiFiClientSecure &, String); void addHeader(const String &, const String &); int POST(String); String getString(); void end(); };\n',
  "BH1750.h": "#pragma once\nstruct BH1750 { bool begin(); float readLightLevel(); };\n",
  "DHT.h":
    "#pragma once\nenum { DHT22 = 22 };\nstruct DHT { DHT(int, int) {} void begin(); float readTemperature(); float readHumidity(); };\n",
  "Wire.h": "#pragma once\nstruct { bool begin(int, int); } Wire;\n",
  "esp_ota_ops.h": '#pragma once\nextern "C" int esp_ota_mark_app_valid_cancel_rollback();\n',
  "esp_sleep.h":
    '#pragma once\n#include <cstdint>\nextern "C" int esp_sleep_enable_timer_wakeup(uint64_t);\nextern "C" void esp_deep_sleep_start();\n',
};

/** Headers with the signatures of Arduino for ESP32 and of the sketch's libraries, for a compiler on this machine. */
export const arduinoStandIns = Object.entries(headers).map(([name, text]) => ({ name: `stand-ins/${name}`, text }));
