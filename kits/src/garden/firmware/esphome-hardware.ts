import { soilCode } from "./esphome-code.ts";
import { code, indented } from "./esphome-text.ts";
import { pins } from "./node-build.ts";
import type { NodeBuild } from "./node-build.ts";

/**
 * Read when a sample is taken, not by a pace of their own. What a sensor last gave is forgotten after three paces. \`internal\`: they publish nothing by
 * themselves.
 *
 * @see https://esphome.io/components/sensor/dht/ `model: AM2302` is the DHT22
 * @see https://esphome.io/components/sensor/bh1750/
 * @see https://esphome.io/components/sensor/adc/ `attenuation`, `samples`; GPIO34 belongs to ADC1, the one that works beside Wi-Fi
 * @see https://esphome.io/components/copy/ https://esphome.io/components/sensor/#timeout
 */
export function sensors(build: NodeBuild): string {
  const forget = `filters:
      - timeout: ${build.sampleSeconds * 3}s`;
  const battery = `
  - platform: adc
    id: battery_volts
    internal: true
    pin: GPIO${pins.battery}
    attenuation: 12db
    samples: 16
    update_interval: never
    filters:
      # Two equal resistors halve the battery's voltage for the pin.
      - multiply: 2.0
      - timeout: ${build.sampleSeconds * 3}s`;
  return `i2c:
  sda: GPIO${pins.lightData}
  scl: GPIO${pins.lightClock}

sensor:
  - platform: dht
    id: air
    model: AM2302
    pin: GPIO${pins.air}
    update_interval: never
    temperature:
      id: air_temperature
      internal: true
      ${indented(forget, 2).trimStart()}
    humidity:
      id: air_humidity
      internal: true
      ${indented(forget, 2).trimStart()}
  - platform: bh1750
    id: light_level
    internal: true
    address: 0x23
    update_interval: never
    ${forget}
  - platform: adc
    id: soil_volts
    internal: true
    pin: GPIO${pins.soil}
    attenuation: 12db
    samples: 16
    update_interval: never
    ${forget}
  - platform: copy
    id: soil_moisture
    internal: true
    source_id: soil_volts
    unit_of_measurement: "%"
    device_class: moisture
    filters:
      - lambda: ${code(soilCode(build), 8)}
  - platform: wifi_signal
    id: wifi_rssi
    internal: true
    update_interval: 30s${build.hasBattery ? battery : ""}`;
}

/**
 * @see https://esphome.io/components/binary_sensor/#on_multi_click
 * @see https://esphome.io/components/button/factory_reset/
 */
export function button(build: NodeBuild): string {
  const stayAwake = `
      # A short press keeps it awake for ten minutes, for a new program over the air.
      - timing:
          - ON for 0.2s to 3s
          - OFF for at least 0.3s
        then:
          - lambda: "id(stays_awake) = true;"
          - deep_sleep.prevent:
          - delay: 10min
          - deep_sleep.enter:`;
  return `button:
  - platform: factory_reset
    id: forget_everything
    internal: true

binary_sensor:
  - platform: gpio
    id: boot_button
    internal: true
    pin:
      number: GPIO${pins.button}
      inverted: true
      mode: INPUT_PULLUP
      ignore_strapping_warning: true
    on_multi_click:
      # Held for ten seconds: the Wi-Fi is forgotten and the set-up network opens again.
      - timing:
          - ON for at least 10s
        then:
          - button.press: forget_everything${build.sleepSeconds > 0 ? stayAwake : ""}`;
}

/** What the light tells is in `ledCode`. */
export function led(): string {
  return `# Five flashes a second: set-up. One a second: looking for Wi-Fi or Roost. Steady: all is well.
# Two short flashes every two seconds: a sensor gives nothing.
output:
  - platform: gpio
    id: led_output
    pin:
      number: GPIO${pins.led}
      ignore_strapping_warning: true`;
}
