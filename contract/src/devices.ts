import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { deviceGroupId, deviceId, metricName, organisationId, siteId } from "./ids.ts";
import { givenName } from "./organisations.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { quality } from "./quality.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";
import { unit } from "./units.ts";

/**
 * `waiting`: added, never heard. `online`: heard within three of its own heartbeats. `offline`: silent for longer, or its last
 * will was delivered. `revoked`: its credentials were taken away.
 */
export const deviceState = z.enum(["waiting", "online", "offline", "revoked"]);
export type DeviceState = z.infer<typeof deviceState>;

/** What kind of thing a device is, as a kit's manifest names it. */
export const deviceKind = z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/);

export const device = z.object({
  id: deviceId,
  organisationId,
  siteId: siteId.optional(),
  /** Groups it belongs to. Absent: none. */
  groupIds: z.array(deviceGroupId).optional(),
  /** What it is reached through: a gateway, a switch. Absent where there is none, or none that the reader may see. */
  parentId: deviceId.optional(),
  name: z.string(),
  /** What kind of thing it is, as a kit's manifest names it; `generic` without a kit. */
  kind: z.string(),
  state: deviceState,
  createdAt: instant,
  claimedAt: instant.optional(),
  lastSeenAt: instant.optional(),
  /** Since when it is in its state. */
  stateSince: instant,
  /** Seconds between two signs of life, as the device keeps them; three missed make it offline. */
  heartbeatSeconds: z.number().positive(),
  firmwareVersion: z.string().optional(),
  /** What it is there for, as its kit says: the plants it feels for. */
  purpose: personal("text", z.string()).optional(),
  /** Texts the device sent: hostile until encoded. */
  attributes: z.record(z.string(), z.string()),
});
export type Device = z.output<typeof device>;

/** The newest value of one metric, for the fleet page. */
export const latestValue = z.object({
  metric: metricName,
  unit,
  value: z.number(),
  measuredAt: instant,
  receivedAt: instant,
  quality,
});
export type LatestValue = z.output<typeof latestValue>;

/** A row of the fleet page. */
export const fleetDevice = device.extend({
  openAlarms: z.number().int().nonnegative(),
  /** Up to four metrics, in the order of their names. */
  latest: z.array(latestValue),
});
export type FleetDevice = z.output<typeof fleetDevice>;

/** Shown once: the secret a device proves itself with, and the label to print. */
export const claimTicket = z.object({
  deviceId,
  /** 64 hex digits: 32 bytes. */
  claimSecret: z.string().regex(/^[0-9a-f]{64}$/),
  /** What the QR says: `roost:claim?server=…&device=…&secret=…`. */
  claimUri: z.string(),
  /** The label as SVG. */
  qrSvg: z.string(),
});
export type ClaimTicket = z.output<typeof claimTicket>;

export const deviceErrors = defineErrors("devices", {
  not_found: [404, "There is no such device."],
  already_exists: [409, "A device with this id exists already in this installation. Ids are unique; choose another."],
  unknown_place: [422, "There is no such site or device group here."],
  unknown_parent: [422, "There is no such device here to be reached through."],
  parent_cycle: [409, "The device would be reached through itself. Choose one that does not lie behind it."],
  too_deep: [409, "More than 16 devices would stand in a row. Choose one that is nearer to the server."],
  out_of_reach: [403, "You act in a part of the organisation only, and the device would leave it. Ask somebody who acts in all of it."],
  name_mismatch: [409, "The name given does not match the device's id. Nothing was removed."],
});

const oneDevice = z.object({ deviceId });
const groupIds = z.array(deviceGroupId).max(50);

export const listDevices = defineRoute({
  operation: "listDevices",
  method: "GET",
  path: "/api/v1/devices",
  access: "devices:read",
  summary: "Lists devices by name, with their newest values and open alarms.",
  query: page.extend({
    q: z.string().max(120).optional(),
    state: deviceState.optional(),
    siteId: siteId.optional(),
    groupId: deviceGroupId.optional(),
    /** Those reached straight through this device. */
    parentId: deviceId.optional(),
  }),
  reply: listOf(fleetDevice).extend({ counts: z.record(deviceState, z.number().int()) }),
});

export const getDevice = defineRoute({
  operation: "getDevice",
  method: "GET",
  path: "/api/v1/devices/:deviceId",
  access: "devices:read",
  summary: "Shows one device.",
  params: oneDevice,
  reply: device,
  errors: [deviceErrors.not_found],
});

export const addDevice = defineRoute({
  operation: "addDevice",
  method: "POST",
  path: "/api/v1/devices",
  access: "devices:write",
  summary: "Adds a device and answers its claim secret, once.",
  body: z.strictObject({
    id: deviceId.optional(),
    name: givenName.optional(),
    kind: deviceKind.default("generic"),
    heartbeatSeconds: z.number().min(1).max(86_400).default(60),
    siteId: siteId.optional(),
    groupIds: groupIds.optional(),
    parentId: deviceId.optional(),
  }),
  reply: z.object({ device, ticket: claimTicket }),
  status: 201,
  errors: [
    deviceErrors.already_exists,
    deviceErrors.unknown_place,
    deviceErrors.out_of_reach,
    deviceErrors.unknown_parent,
    deviceErrors.parent_cycle,
    deviceErrors.too_deep,
  ],
});

export const changeDevice = defineRoute({
  operation: "changeDevice",
  method: "PATCH",
  path: "/api/v1/devices/:deviceId",
  access: "devices:write",
  summary: "Changes a device's name, pace, site, groups or what it is reached through; absent fields stay, null takes site or parent away.",
  params: oneDevice,
  body: z.strictObject({
    name: givenName.optional(),
    heartbeatSeconds: z.number().min(1).max(86_400).optional(),
    siteId: siteId.nullable().optional(),
    /** All it shall belong to. */
    groupIds: groupIds.optional(),
    parentId: deviceId.nullable().optional(),
  }),
  reply: device,
  errors: [
    deviceErrors.not_found,
    deviceErrors.unknown_place,
    deviceErrors.out_of_reach,
    deviceErrors.unknown_parent,
    deviceErrors.parent_cycle,
    deviceErrors.too_deep,
  ],
});

export const removeDevice = defineRoute({
  operation: "removeDevice",
  method: "DELETE",
  path: "/api/v1/devices/:deviceId",
  access: "devices:write",
  summary: "Removes a device with its credentials and data. `confirm` must repeat the device's id.",
  params: oneDevice,
  query: z.object({ confirm: z.string() }),
  errors: [deviceErrors.not_found, deviceErrors.name_mismatch],
});

export const renewClaimSecret = defineRoute({
  operation: "renewClaimSecret",
  method: "POST",
  path: "/api/v1/devices/:deviceId/claim-secret",
  access: "devices:credentials",
  summary: "Makes a new claim secret and shows it once; the old one stops working. Live credentials stay.",
  params: oneDevice,
  reply: claimTicket,
  errors: [deviceErrors.not_found],
});

export const rotateCredentials = defineRoute({
  operation: "rotateCredentials",
  method: "POST",
  path: "/api/v1/devices/:deviceId/credentials/rotate",
  access: "devices:credentials",
  summary: "Makes a new password; the old one works on for the overlap.",
  params: oneDevice,
  body: z.strictObject({ overlapSeconds: z.number().int().min(0).max(604_800).default(86_400) }),
  reply: z.object({ username: personal("id", z.string()), password: z.string(), oldValidUntil: instant.optional() }),
  errors: [deviceErrors.not_found],
});

export const revokeCredentials = defineRoute({
  operation: "revokeCredentials",
  method: "POST",
  path: "/api/v1/devices/:deviceId/credentials/revoke",
  access: "devices:credentials",
  summary: "Takes all credentials away at once and cuts the live connection. The device must claim again with a new secret.",
  params: oneDevice,
  reply: device,
  errors: [deviceErrors.not_found],
});
