import { z } from "zod";

import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceId } from "./ids.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** Largest `settings` of a device, in bytes of JSON. */
export const configurationBytes = 8 * 1024;

const seconds = z.number().min(1).max(86_400);
/** The device's own business: Roost hands it over and shows what the device says it is set to. */
const settings = personal("text", z.record(z.string(), z.json()));

/** What a device says on `devices/{id}/config/reported`; what it does not say is not known. */
export const reportedConfiguration = z.object({
  version: z.number().int().min(0).max(2_147_483_647),
  heartbeat_seconds: z.number().positive().optional(),
  sample_seconds: z.number().positive().optional(),
  settings: z.record(z.string(), z.json()).optional(),
});
export type ReportedConfiguration = z.output<typeof reportedConfiguration>;

export const configurationFields = ["heartbeatSeconds", "sampleSeconds", "settings"] as const;
export type ConfigurationField = (typeof configurationFields)[number];

export const deviceConfiguration = z.object({
  /** Counts up with each change; the device says which one it has. */
  version: z.number().int(),
  heartbeatSeconds: z.number(),
  /** Seconds between two samples; the heartbeat's unless it was set. */
  sampleSeconds: z.number(),
  settings,
  changedBy: z.string().optional(),
  changedAt: instant.optional(),
  /** Absent: the device never said. */
  reported: z
    .object({
      version: z.number().int(),
      heartbeatSeconds: z.number().optional(),
      sampleSeconds: z.number().optional(),
      settings: settings.optional(),
      at: instant,
    })
    .optional(),
  /** `same`: the device says it has what is wanted. `waiting`: it has not said so yet. `differs`: it says that it has something else. */
  state: z.enum(["same", "waiting", "differs"]),
  /** In which fields it differs from what is wanted. */
  differs: z.array(z.enum(configurationFields)),
});
export type DeviceConfiguration = z.output<typeof deviceConfiguration>;

export const configurationErrors = defineErrors("configuration", {
  too_large: [413, "The settings are larger than a device's configuration may be."],
});

const params = z.object({ deviceId });

export const getConfiguration = defineRoute({
  operation: "getConfiguration",
  method: "GET",
  path: "/api/v1/devices/:deviceId/configuration",
  access: "devices:read",
  summary: "Shows what a device is wanted to be set to, what it says it is set to, and where the two differ.",
  params,
  reply: deviceConfiguration,
  errors: [deviceErrors.not_found],
});

export const setConfiguration = defineRoute({
  operation: "setConfiguration",
  method: "PUT",
  path: "/api/v1/devices/:deviceId/configuration",
  access: "devices:write",
  summary: "Sets how often a device reports and what else it is set to. What is absent stays; `sampleSeconds: null` is as the heartbeat.",
  params,
  body: z.strictObject({
    heartbeatSeconds: seconds.optional(),
    sampleSeconds: seconds.nullable().optional(),
    settings: settings.optional(),
  }),
  reply: deviceConfiguration,
  errors: [deviceErrors.not_found, configurationErrors.too_large],
});
