import { defineKit } from "@roost/contract/kit";
import { z } from "zod";

/** Plants and the ESP32 nodes that feel for them. */
export const gardenKit = defineKit({
  id: "garden",
  title: "Garden",
  about:
    "Plants with limits by species, ESP32 nodes for soil, air and light, health checks, and care advice from rules or a model of your own.",
  deviceKinds: {
    "garden-node": {
      title: "Garden node",
      registersItself: true,
      heartbeatMetrics: ["uptime", "rssi"],
      metrics: {
        soil_moisture: {
          unit: "%",
          min: 0,
          max: 100,
          precision: 1,
          about: "Water in the soil by the capacitive probe: 0 as in air, 100 as in water.",
        },
        temperature: { unit: "°C", min: -40, max: 80, precision: 1, about: "Air beside the plant, by the DHT22." },
        humidity: { unit: "%", min: 0, max: 100, precision: 1, about: "Relative humidity of the air beside the plant, by the DHT22." },
        light_level: { unit: "lx", min: 0, max: 120_000, precision: 0, about: "Light where the plant stands, by the BH1750." },
        soil_raw: { unit: "V", min: 0, max: 3.6, precision: 3, about: "Voltage of the soil probe, for its calibration." },
        battery: { unit: "V", min: 0, max: 6, precision: 2, about: "Voltage of the battery; absent on nodes that hang on a charger." },
        rssi: {
          unit: "dBm",
          min: -120,
          max: 0,
          precision: 0,
          about: "How well the node hears the Wi-Fi: above -67 is good, below -80 is poor.",
        },
        uptime: { unit: "s", min: 0, precision: 0, about: "Time since the node started." },
      },
      commands: {
        configure: {
          title: "Set pace and probe",
          about: "The node measures at this pace and reckons moisture by these two voltages from now on, also after a restart.",
          params: z.strictObject({
            sample_seconds: z.int().min(10).max(3_600).optional(),
            soil_dry_volts: z.number().min(0).max(3.6).optional(),
            soil_wet_volts: z.number().min(0).max(3.6).optional(),
          }),
          // A node that was away for longer gets the newest wish when it is built or set anew.
          expiresAfterSeconds: 7 * 86_400,
        },
      },
    },
  },
  permissions: ["garden:read", "garden:write", "garden:configure"],
  checks: {
    limits: { title: "Limits are watched", about: "The limits of every plant are alarm rules at its nodes." },
    care: { title: "Care plans can be written", about: "The model that was set up can be asked, and the month's cap allows it." },
  },
  settings: z.strictObject({
    /** Whether a plant's state may be written up by a model at all; without one, rules advise. */
    plansByModel: z.boolean().default(true),
  }),
});
