import { z } from "zod";

import { device, deviceErrors, deviceKind } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceId, metricName, siteId } from "./ids.ts";
import { givenName } from "./organisations.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";
import { unit } from "./units.ts";

export const homeAssistantErrors = defineErrors("home_assistant", {
  no_bridge: [404, "No Home Assistant bridge is set up here."],
  password_needed: [422, "The password was given for another address or user. Give it again, or take it away."],
  prefixes_overlap: [422, "Topics of announcements and topics of states may not lie within one another. Choose another prefix."],
  bad_certificate_authority: [422, "This is no certificate in PEM form. Paste it with its BEGIN and END lines."],
  refused_address: [
    422,
    "The broker's name cannot be resolved, or it leads to a private address that is not allowed. An administrator may allow it with ROOST_EGRESS_ALLOW.",
  ],
  unreachable: [502, "Nothing answers at the broker's address. Look whether host and port are right and the broker runs."],
  no_answer: [504, "The broker did not answer in time. Look whether the port is right, and whether it wants TLS."],
  untrusted: [502, "The broker's certificate is not trusted, or is for another name. Give the certificate authority it was signed by."],
  no_tls: [502, "No TLS connection could be made. Look whether this port speaks TLS."],
  wrong_password: [502, "The broker refuses the user name or password."],
  refused: [502, "The broker refuses the connection."],
  lost: [502, "The connection to the broker was lost."],
  not_connected: [409, "The bridge is not connected, so nobody knows what is announced. Look at its state."],
  held_elsewhere: [409, "Another server of this installation holds the bridge, and only that one hears what is announced. Ask there."],
  not_found: [404, "Nothing is announced under this id any more."],
  already_taken: [409, "This device is taken in already."],
  unknown_component: [422, "The device announces no such value, or it cannot be read. Look at the list of what is found."],
  unit_needed: [422, "The value's unit is not one of Roost's. Say which unit it shall have, or leave the value out."],
  twice: [422, "Two values would get the same name. Give them different ones."],
  nothing_to_take: [422, "None of what the device announces can be read."],
});

/** Levels of letters, digits, hyphens and underscores: nothing in it can be a wildcard, or climb. */
const prefix = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{1,40}(?:\/[A-Za-z0-9_-]{1,40}){0,4}$/,
    "A prefix is letters, digits, - and _, in up to five parts with / between them.",
  );

const host = personal(
  "address",
  z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9._:-]+$/, "A host is a name or an address, without a scheme or a port."),
);

/** What people set of the bridge. The password is never shown again. */
export const homeAssistantBridge = z.object({
  host,
  port: z.int(),
  tls: z.boolean(),
  /** Trusted for the broker beside no other; absent: the well-known ones. */
  caPem: personal("none", z.string()).optional(),
  username: personal("name", z.string()).optional(),
  hasPassword: z.boolean(),
  /** Below it devices are announced, as Home Assistant is set up for it. */
  discoveryPrefix: personal("none", z.string()),
  /** Below it Roost publishes states. */
  statePrefix: personal("none", z.string()),
  /** Devices of Roost are announced to Home Assistant. */
  publish: z.boolean(),
  /** What others announce may be taken in. */
  takeIn: z.boolean(),
});
export type HomeAssistantBridge = z.output<typeof homeAssistantBridge>;

/** How the bridge is doing. */
export const homeAssistantState = z.object({
  /**
   * `off`: nothing is switched on. `connecting`: the first try is under way. `away`: it was lost or refused, and is tried again. `elsewhere`:
   * another server of this installation holds the bridge, and this one takes over when that is gone; the counts here are none then.
   */
  state: z.enum(["off", "connecting", "connected", "away", "elsewhere"]),
  /** Since when it is so. */
  since: instant.optional(),
  /** What went wrong last; a fault of the past while it is connected. */
  lastFault: z.object({ code: personal("none", z.string()), message: personal("none", z.string()), at: instant }).optional(),
  /** Devices announced to Home Assistant now. */
  published: z.int().nonnegative(),
  /** Devices others announce, and how many of these are taken in. */
  found: z.int().nonnegative(),
  taken: z.int().nonnegative(),
  /** Announcements that were not kept because there were too many, or they could not be read. */
  leftOut: z.int().nonnegative(),
});
export type HomeAssistantState = z.output<typeof homeAssistantState>;

/** Why a value cannot be read. `template`: it is computed in a way Roost does not know; `text`: it is no number. */
export const componentProblem = z.enum(["unit", "template", "topic", "own_topic", "text"]);
export type ComponentProblem = z.output<typeof componentProblem>;

/** The name of an announced value: its place in the announcement. */
const componentId = personal("none", z.string().min(1).max(200));

/** A value that somebody else's device announces. Texts are theirs: hostile until encoded. */
export const foundComponent = z.object({
  component: componentId,
  name: z.string(),
  platform: z.enum(["sensor", "binary_sensor"]),
  /** The name it gets unless another is chosen. */
  metric: metricName,
  /** Absent: what is announced is none of Roost's. */
  unit: unit.optional(),
  announcedUnit: personal("text", z.string()).optional(),
  problem: componentProblem.optional(),
  /** The problem as a sentence. */
  because: personal("text", z.string()).optional(),
});
export type FoundComponent = z.output<typeof foundComponent>;

export const foundDevice = z.object({
  foundId: personal("none", z.string().regex(/^[0-9a-f]{24}$/)),
  name: z.string(),
  manufacturer: personal("text", z.string()).optional(),
  model: personal("text", z.string()).optional(),
  components: z.array(foundComponent),
  /** The device says itself whether it is there. */
  tellsAvailability: z.boolean(),
  /** As which device it is taken in. */
  deviceId: deviceId.optional(),
});
export type FoundDevice = z.output<typeof foundDevice>;

export const getHomeAssistantBridge = defineRoute({
  operation: "getHomeAssistantBridge",
  method: "GET",
  path: "/api/v1/home-assistant",
  access: "organisation:read",
  wholeOrganisation: true,
  summary: "Says how the bridge to Home Assistant's broker is set up, and how it is doing.",
  reply: z.object({
    /** Absent: there is none. */
    bridge: homeAssistantBridge.optional(),
    state: homeAssistantState,
    /** The state prefix it gets unless another is given. */
    defaultStatePrefix: personal("none", z.string()),
  }),
});

export const setHomeAssistantBridge = defineRoute({
  operation: "setHomeAssistantBridge",
  method: "PUT",
  path: "/api/v1/home-assistant",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Sets the broker that Home Assistant listens to, and what goes over the bridge. An absent password stays, null takes it away.",
  body: z.strictObject({
    host,
    port: z.int().min(1).max(65_535),
    tls: z.boolean(),
    caPem: personal("none", z.string().max(32_768)).optional(),
    username: personal("name", z.string().min(1).max(120)).optional(),
    password: personal("secret", z.string().min(1).max(200)).nullable().optional(),
    discoveryPrefix: personal("none", prefix).default("homeassistant"),
    statePrefix: personal("none", prefix).optional(),
    publish: z.boolean().default(false),
    takeIn: z.boolean().default(false),
  }),
  reply: homeAssistantBridge,
  errors: [
    homeAssistantErrors.password_needed,
    homeAssistantErrors.prefixes_overlap,
    homeAssistantErrors.bad_certificate_authority,
    homeAssistantErrors.refused_address,
  ],
});

export const removeHomeAssistantBridge = defineRoute({
  operation: "removeHomeAssistantBridge",
  method: "DELETE",
  path: "/api/v1/home-assistant",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Takes back what was announced and forgets the broker. Devices that were taken in stay, and get no more values.",
});

export const testHomeAssistantBridge = defineRoute({
  operation: "testHomeAssistantBridge",
  method: "POST",
  path: "/api/v1/home-assistant/test",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Connects to the broker as it is set up, once, and says how long that took.",
  reply: z.object({ durationMs: z.number().nonnegative() }),
  errors: [
    homeAssistantErrors.no_bridge,
    homeAssistantErrors.refused_address,
    homeAssistantErrors.unreachable,
    homeAssistantErrors.no_answer,
    homeAssistantErrors.untrusted,
    homeAssistantErrors.no_tls,
    homeAssistantErrors.wrong_password,
    homeAssistantErrors.refused,
    homeAssistantErrors.lost,
  ],
});

export const listFoundDevices = defineRoute({
  operation: "listFoundDevices",
  method: "GET",
  path: "/api/v1/home-assistant/found",
  access: "devices:write",
  wholeOrganisation: true,
  summary: "Lists the devices that others announce to Home Assistant, by name, with what Roost can read of them; at most 300.",
  reply: z.object({ items: z.array(foundDevice) }),
  errors: [homeAssistantErrors.held_elsewhere, homeAssistantErrors.not_connected],
});

export const takeFoundDevice = defineRoute({
  operation: "takeFoundDevice",
  method: "POST",
  path: "/api/v1/home-assistant/found/:foundId/take",
  access: "devices:write",
  wholeOrganisation: true,
  summary: "Makes an announced device one of Roost's: from then on its states are samples. It gets no credentials.",
  params: z.object({ foundId: foundDevice.shape.foundId }),
  body: z.strictObject({
    id: deviceId.optional(),
    name: givenName.optional(),
    kind: deviceKind.default("generic"),
    siteId: siteId.optional(),
    /** How often it is heard at least; absent: a third of what it announces, or an hour. */
    heartbeatSeconds: z.number().min(1).max(86_400).optional(),
    /** Which values, under which names. Absent: all that can be read, under the names they were listed with. */
    metrics: z
      .array(z.strictObject({ component: componentId, metric: metricName.optional(), unit: unit.optional() }))
      .min(1)
      .max(100)
      .optional(),
  }),
  reply: z.object({
    device,
    taken: z.array(z.object({ component: componentId, metric: metricName, unit })),
    /** Those that could not be, and why. */
    leftOut: z.array(z.object({ component: componentId, because: personal("text", z.string()) })),
  }),
  status: 201,
  errors: [
    homeAssistantErrors.held_elsewhere,
    homeAssistantErrors.not_connected,
    homeAssistantErrors.not_found,
    homeAssistantErrors.already_taken,
    homeAssistantErrors.unknown_component,
    homeAssistantErrors.unit_needed,
    homeAssistantErrors.twice,
    homeAssistantErrors.nothing_to_take,
    deviceErrors.already_exists,
    deviceErrors.unknown_place,
  ],
});
