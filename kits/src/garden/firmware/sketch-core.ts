import { sampleFields, soilMargin } from "./node-messages.ts";

const keys = sampleFields.map(([, key]) => `"${key}"`).join(", ");
const digits = sampleFields.map(([, , count]) => count).join(", ");

/** What the sketch reckons, with no word of Arduino in it: compiled and run by our tests as it is. Order of the values: {@link sampleFields}. */
export const sketchCore = String.raw`// What a node reckons; nothing of Arduino in it.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace node_core {

constexpr int kValues = ${sampleFields.length};
constexpr const char *kKeys[kValues] = {${keys}};
constexpr int kDigits[kValues] = {${digits}};

struct Sample {
  uint64_t seq;
  uint32_t taken_ms;
  uint32_t sent_ms;  // 0: not handed over yet
  uint32_t epoch;    // 0: taken before the clock was set
  uint32_t was_bare; // sent without a time: Roost could not know it again
  float values[kValues];
};

/** A sample as JSON; what is NaN is not written. */
inline std::string textOf(const Sample &sample) {
  std::string text = "{";
  if (sample.epoch != 0) text += "\"timestamp\":" + std::to_string(sample.epoch) + ",";
  // printf of the chip's small C library knows no 64 bits.
  text += "\"seq\":" + std::to_string(sample.seq);
  char part[64];
  for (int i = 0; i < kValues; i++) {
    if (!std::isfinite(sample.values[i])) continue;
    snprintf(part, sizeof(part), ",\"%s\":%.*f", kKeys[i], kDigits[i], sample.values[i]);
    text += part;
  }
  return text + "}";
}

inline bool hasValue(const Sample &sample) {
  for (const float value : sample.values)
    if (std::isfinite(value)) return true;
  return false;
}

/** Water in the soil in percent; NaN for a voltage that no probe with this calibration gives. */
inline float soilPercent(float volts, float dry, float wet) {
  const float span = dry - wet;
  if (!std::isfinite(volts) || volts < wet - ${soilMargin}f * span || volts > dry + ${soilMargin}f * span) return NAN;
  const float percent = (dry - volts) / span * 100.0f;
  return percent < 0.0f ? 0.0f : percent > 100.0f ? 100.0f : percent;
}

/** Milliseconds to wait before try number tries (from 1): doubling up to a minute, each node at a moment of its own. */
inline uint32_t backOffMs(uint32_t tries, uint32_t random) {
  const uint32_t most = tries >= 6 ? 60000u : 1000u << tries;
  return most / 2 + random % (most / 2);
}

/** Samples that wait, the oldest first; when it is full the oldest goes. It has no constructor, so that it may lie in memory that outlives sleep. */
template <size_t Size>
struct Ring {
  Sample samples[Size];
  uint32_t first;
  uint32_t count;

  Sample &at(uint32_t index) { return samples[(first + index) % Size]; }

  void add(const Sample &sample) {
    if (!hasValue(sample)) return;
    if (count == Size) dropFirst();
    at(count) = sample;
    count += 1;
  }

  void dropFirst() {
    first = (first + 1) % Size;
    count -= 1;
  }

  /** What was handed over long ago has arrived. */
  void forget(uint32_t now_ms, uint32_t uncertain_ms) {
    while (count > 0 && at(0).sent_ms != 0 && now_ms - at(0).sent_ms > uncertain_ms) dropFirst();
  }

  /** After the connection came back: what may have been lost with it waits again. */
  void resend() {
    for (uint32_t i = 0; i < count; i++)
      if (at(i).was_bare == 0) at(i).sent_ms = 0;
  }

  /** After deep sleep the milliseconds begin anew: what has no time by then can get none. */
  void wake() {
    Ring kept = *this;
    first = count = 0;
    for (uint32_t i = 0; i < kept.count; i++)
      if (kept.at(i).epoch != 0 && kept.at(i).sent_ms == 0) add(kept.at(i));
  }

  /**
   * The next message, of at most that many samples; empty if nothing waits. Samples get their time once the clock is known; until then only a
   * fresh one is sent, bare. Marks nothing: see sent.
   */
  std::string next(uint32_t now_ms, uint32_t epoch_now, uint32_t pace_ms, uint32_t most) {
    std::string text;
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < count && chosen < most; i++) {
      Sample &sample = at(i);
      if (!isDue(sample, now_ms, epoch_now, pace_ms)) continue;
      text += (chosen == 0 ? "" : ",") + textOf(sample);
      chosen += 1;
    }
    return chosen > 1 ? "[" + text + "]" : text;
  }

  /** Marks what the last next chose as handed over. */
  void sent(uint32_t now_ms, uint32_t epoch_now, uint32_t pace_ms, uint32_t most) {
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < count && chosen < most; i++) {
      Sample &sample = at(i);
      if (!isDue(sample, now_ms, epoch_now, pace_ms)) continue;
      sample.sent_ms = now_ms == 0 ? 1 : now_ms;
      sample.was_bare = sample.epoch == 0 ? 1 : 0;
      chosen += 1;
    }
  }

  static bool isDue(Sample &sample, uint32_t now_ms, uint32_t epoch_now, uint32_t pace_ms) {
    if (sample.sent_ms != 0) return false;
    if (sample.epoch == 0 && epoch_now != 0) sample.epoch = epoch_now - (now_ms - sample.taken_ms) / 1000u;
    return sample.epoch != 0 || now_ms - sample.taken_ms <= pace_ms;
  }
};

enum class Light { kSetUp, kConnecting, kFine, kFault };

/** Whether the lamp is lit, by steps of 100 ms. */
inline bool isLit(Light light, uint32_t step) {
  switch (light) {
    case Light::kSetUp: return step % 2 == 0;
    case Light::kConnecting: return step % 10 < 5;
    case Light::kFault: return step % 20 == 0 || step % 20 == 3;
    default: return true;
  }
}

}  // namespace node_core
`;
