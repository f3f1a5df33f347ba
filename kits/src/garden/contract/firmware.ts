import { deviceErrors } from "@roost/contract/devices";
import { defineErrors } from "@roost/contract/errors";
import { deviceId } from "@roost/contract/ids";
import { personal } from "@roost/contract/personal";
import { defineRoute } from "@roost/contract/route";
import { instant } from "@roost/contract/time";
import { z } from "zod";

/** `esphome`: a configuration, nothing to program. `sketch`: C++ for PlatformIO, to be changed at will. */
export const firmwareKind = z.enum(["esphome", "sketch"]);
export type FirmwareKind = z.output<typeof firmwareKind>;

const volts = z.number().min(0).max(3.6);

/** How a node's program is built, and what of it changes while the node runs. */
export const nodeSettings = z.object({
  deviceId,
  /** Seconds between two samples. */
  sampleSeconds: z.int(),
  /** Seconds that the node sleeps between two samples; 0: it stays awake. */
  sleepSeconds: z.int(),
  /** Whether it measures the voltage of a battery. */
  hasBattery: z.boolean(),
  /** Whether it takes programs only that are signed with its own key; of ESPHome. */
  signedUpdates: z.boolean(),
  /** Voltage of the soil probe in air and in water. */
  soilDryVolts: z.number(),
  soilWetVolts: z.number(),
  /** When each point was measured at this node; absent: it is the usual value of such probes. */
  soilDryAt: instant.optional(),
  soilWetAt: instant.optional(),
  /** When its credentials were last made here; absent: never. */
  credentialsMadeAt: instant.optional(),
});
export type NodeSettings = z.output<typeof nodeSettings>;

export const firmwareFile = z.object({
  /** With `/` between folders; never an absolute path. */
  name: personal("none", z.string()),
  mediaType: personal("none", z.string()),
  text: personal("none", z.string()),
});
export type FirmwareFile = z.output<typeof firmwareFile>;

/** A file with secrets in it: shown once. */
export const secretFirmwareFile = firmwareFile.extend({ text: personal("secret", z.string()) });

export const firmwareErrors = defineErrors("garden_firmware", {
  not_a_node: [409, "This device is no garden node: there is no program for it."],
  no_fresh_reading: [
    409,
    "The node sent no voltage of its soil probe in the last five minutes. See that it is online and the probe plugged in, then try again.",
  ],
  soil_points_too_near: [
    409,
    "The dry and the wet voltage of the probe lie less than 0.3 V apart, or the wrong way round. Put the probe in air for dry, in water up to its line for wet.",
  ],
});

/** Of the command line. */
export const firmwareCliErrors = defineErrors("garden_firmware", {
  would_replace: [409, "Files there differ from those that would be written. Name another folder, or add --force to replace them."],
  bad_name: [400, "A file has a name that leads out of the folder. Nothing more was written."],
  unknown_point: [400, "A probe is calibrated at two points: dry or wet."],
});

const base = "/api/v1/kits/garden/nodes/:deviceId";
const params = z.object({ deviceId });
const nodeErrors = [deviceErrors.not_found, firmwareErrors.not_a_node];

/** What became of a change: `sent`, the node has been told and needs no new program; `build`, its program has to be built and flashed again. */
const changedSettings = z.object({ settings: nodeSettings, takesEffect: z.enum(["sent", "build"]) });

export const getNodeSettings = defineRoute({
  operation: "gardenGetNodeSettings",
  method: "GET",
  path: `${base}/settings`,
  access: "garden:read",
  summary: "Shows how a node's program is built.",
  params,
  reply: nodeSettings,
  errors: nodeErrors,
});

export const changeNodeSettings = defineRoute({
  operation: "gardenChangeNodeSettings",
  method: "PATCH",
  path: `${base}/settings`,
  access: "garden:configure",
  summary: "Changes a node's pace, sleep, battery or soil probe; what is absent stays.",
  params,
  body: z.strictObject({
    sampleSeconds: z.int().min(10).max(3_600).optional(),
    sleepSeconds: z.union([z.literal(0), z.int().min(60).max(43_200)]).optional(),
    hasBattery: z.boolean().optional(),
    signedUpdates: z.boolean().optional(),
    soilDryVolts: volts.optional(),
    soilWetVolts: volts.optional(),
  }),
  reply: changedSettings,
  errors: [...nodeErrors, firmwareErrors.soil_points_too_near],
});

export const calibrateSoil = defineRoute({
  operation: "gardenCalibrateSoil",
  method: "POST",
  path: `${base}/soil-calibration`,
  access: "garden:write",
  summary: "Takes the probe's newest voltage as that of dry or of wet.",
  params,
  body: z.strictObject({ point: z.enum(["dry", "wet"]) }),
  reply: changedSettings,
  errors: [...nodeErrors, firmwareErrors.no_fresh_reading, firmwareErrors.soil_points_too_near],
});

export const getNodeFirmware = defineRoute({
  operation: "gardenGetNodeFirmware",
  method: "GET",
  path: `${base}/firmware`,
  access: "garden:read",
  summary: "Makes the program of a node, without its secrets.",
  params,
  query: z.object({ kind: firmwareKind.default("esphome") }),
  reply: z.object({ kind: firmwareKind, files: z.array(firmwareFile) }),
  errors: nodeErrors,
});

export const makeNodeFirmware = defineRoute({
  operation: "gardenMakeNodeFirmware",
  method: "POST",
  path: `${base}/firmware`,
  access: "garden:configure",
  summary:
    "Makes new credentials for a node and answers its program with them, once. The old ones go on until the time told. It takes the permission devices:credentials too.",
  params,
  body: z.strictObject({
    kind: firmwareKind.default("esphome"),
    /** How long what the node uses now goes on working, so that a running node is not cut off before it is flashed. */
    overlapSeconds: z.int().min(0).max(604_800).default(86_400),
  }),
  reply: z.object({
    kind: firmwareKind,
    files: z.array(secretFirmwareFile),
    /** The node's set-up network, for its label. */
    portal: z.object({ name: personal("none", z.string()), password: personal("secret", z.string()) }),
    oldValidUntil: instant,
  }),
  errors: nodeErrors,
});

export const getWiring = defineRoute({
  operation: "gardenGetWiring",
  method: "GET",
  path: "/api/v1/kits/garden/wiring.svg",
  access: "garden:read",
  summary: "Draws how the parts of a node are wired.",
  streams: "image/svg+xml",
});

export const firmwareRoutes = [getNodeSettings, changeNodeSettings, calibrateSoil, getNodeFirmware, makeNodeFirmware, getWiring] as const;
