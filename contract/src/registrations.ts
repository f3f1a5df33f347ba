import { z } from "zod";

import { device, deviceErrors, deviceKind } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceId, enrolmentCodeId, registrationId, siteId } from "./ids.ts";
import { givenName } from "./organisations.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const registrationErrors = defineErrors("registrations", {
  insecure: [403, "The answer holds a password, and this way is not encrypted. Register by HTTPS; the address is under details."],
  needs_code: [
    422,
    "More than one organisation works here, and no valid enrolment code says whose the device is. Make one: roost device enrolment-code add.",
  ],
  unknown_kind: [422, "Devices of this kind do not register by themselves here. Those that do are listed under details."],
  not_found: [404, "No such device is waiting: it was approved, rejected or registered anew, or its day is over."],
  taken: [409, "A device of another organisation has this id. Its keeper gives it away first, by a transfer."],
  code_not_found: [404, "There is no such enrolment code."],
  too_many_codes: [409, "There are 100 enrolment codes already. Remove those that have ended."],
});

/** What a device says of itself; every word of it is hostile until encoded. */
export const registerRequest = z.strictObject({
  /** Of its network interface: six bytes, with `:`, `-` or nothing in between. Not a group's, not all zeros. */
  mac_address: personal(
    "id",
    z
      .string()
      .max(17)
      .regex(
        /^(?:[0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5})$/,
        "A MAC address is six bytes in hexadecimal.",
      )
      .refine(
        (text) => (Number.parseInt(text.slice(0, 2), 16) & 1) === 0 && /[1-9a-f]/i.test(text),
        "This is the address of a group or of nothing, and of no device.",
      ),
  ),
  firmware_version: z
    .string()
    .max(64)
    .regex(/^[\x20-\x7e]*$/)
    .optional(),
  sensor_types: personal("text", z.array(z.string().regex(/^[\x20-\x7e]{1,64}$/)).max(32)).optional(),
  /** Made by an administrator: whoever shows a valid one is approved at once. */
  enrolment_code: personal("secret", z.string().max(128)).optional(),
  name: z
    .string()
    .trim()
    .max(120)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "A name has no control characters.")
    .optional(),
  /** As a kit's manifest names it; absent: the first that registers by itself. */
  kind: deviceKind.optional(),
});
export type RegisterRequest = z.output<typeof registerRequest>;

/** All a device needs. The password is in no other answer. */
export const registerReply = z.object({
  device_id: deviceId,
  mqtt_username: personal("id", z.string()),
  /** Also the bearer token for readings by HTTP. */
  mqtt_password: personal("secret", z.string()),
  /** To be used as it is, or with `-` and more behind it, or left empty. */
  mqtt_client_id: personal("id", z.string()),
  mqtt_host: personal("none", z.string()),
  mqtt_port: z.number().int(),
  mqtt_tls: z.literal(true),
  /** PEM of the installation's own certificate authority: trust this and nothing else. */
  ca_pem: personal("none", z.string()),
  /** `waiting`: refused everywhere until a person approves it; then all of this works as it is. */
  status: z.enum(["waiting", "approved"]),
  /** To be shown by the device, so that the person approves this one and no other. */
  check_code: personal("none", z.string()),
});
export type RegisterReply = z.output<typeof registerReply>;

const register = {
  method: "POST",
  access: "public",
  body: registerRequest,
  reply: registerReply,
  status: 201,
  maxBodyBytes: 4096,
  errors: [registrationErrors.insecure, registrationErrors.needs_code, registrationErrors.unknown_kind],
} as const;

export const registerDevice = defineRoute({
  ...register,
  operation: "registerDevice",
  path: "/api/v1/devices/register",
  summary:
    "A device asks to be let in and gets its credentials, once; they work when a person has approved it, or at once by an enrolment code.",
});

export const registerDeviceOld = defineRoute({
  ...register,
  operation: "registerDeviceOld",
  path: "/api/devices/register",
  summary: "The same at the address of the earlier plant system.",
});

/** A device that waits for a person. */
export const registration = z.object({
  id: registrationId,
  deviceId,
  macAddress: personal("id", z.string()),
  kind: z.string(),
  name: z.string().optional(),
  firmwareVersion: z.string().optional(),
  sensorTypes: personal("text", z.array(z.string())),
  /**
   * `new`: no such device yet. `returning`: there is one, whose credentials go on until this is approved and end then. `elsewhere`: another
   * organisation has it.
   */
  standing: z.enum(["new", "returning", "elsewhere"]),
  /** Of the device there is. */
  deviceName: z.string().optional(),
  /** Six digits that the device shows too. */
  checkCode: personal("none", z.string()),
  /** It showed an enrolment code that is none, or has ended. */
  wrongCode: z.boolean(),
  remoteAddress: z.string(),
  /** How often it asked, from this address. */
  times: z.number().int().positive(),
  firstAt: instant,
  lastAt: instant,
  /** Then it is forgotten. */
  expiresAt: instant,
});
export type Registration = z.output<typeof registration>;

const oneRegistration = z.object({ registrationId });

export const listRegistrations = defineRoute({
  operation: "listRegistrations",
  method: "GET",
  path: "/api/v1/registrations",
  access: "devices:write",
  summary:
    "Lists devices that registered and wait for approval, newest first. Who acts in a part of the organisation sees those that were there before.",
  reply: z.object({ items: z.array(registration) }),
});

export const approveRegistration = defineRoute({
  operation: "approveRegistration",
  method: "POST",
  path: "/api/v1/registrations/:registrationId/approve",
  access: "devices:write",
  summary:
    "Lets a waiting device in with the credentials it holds. Those that it had before end, and their connections are cut: of one that was here, it takes the permission devices:credentials too.",
  params: oneRegistration,
  body: z.strictObject({
    name: givenName.optional(),
    siteId: siteId.optional(),
  }),
  reply: device,
  errors: [registrationErrors.not_found, registrationErrors.taken, deviceErrors.unknown_place, deviceErrors.out_of_reach],
});

export const rejectRegistration = defineRoute({
  operation: "rejectRegistration",
  method: "POST",
  path: "/api/v1/registrations/:registrationId/reject",
  access: "devices:write",
  summary: "Sends a waiting device away; its credentials never work. A device that is here already goes on with those it had.",
  params: oneRegistration,
  errors: [registrationErrors.not_found],
});

export const enrolmentCode = z.object({
  id: enrolmentCodeId,
  name: z.string(),
  /** Where devices stand that come by it. */
  siteId: siteId.optional(),
  maxUses: z.number().int(),
  uses: z.number().int(),
  /** Lets known devices come back too, after a factory reset. */
  readmits: z.boolean(),
  createdBy: z.string(),
  createdAt: instant,
  expiresAt: instant,
  lastUsedAt: instant.optional(),
  state: z.enum(["valid", "used_up", "ended"]),
});
export type EnrolmentCode = z.output<typeof enrolmentCode>;

export const listEnrolmentCodes = defineRoute({
  operation: "listEnrolmentCodes",
  method: "GET",
  path: "/api/v1/enrolment-codes",
  access: "devices:credentials",
  wholeOrganisation: true,
  summary: "Lists enrolment codes, newest first, without the codes.",
  reply: z.object({ items: z.array(enrolmentCode) }),
});

export const addEnrolmentCode = defineRoute({
  operation: "addEnrolmentCode",
  method: "POST",
  path: "/api/v1/enrolment-codes",
  access: "devices:credentials",
  wholeOrganisation: true,
  summary: "Makes an enrolment code and answers it, once. New devices that show it are approved at once.",
  body: z.strictObject({
    name: givenName,
    maxUses: z.number().int().min(1).max(10_000).default(10),
    /** From now. */
    validSeconds: z.number().int().min(60).max(31_622_400).default(604_800),
    siteId: siteId.optional(),
    /** Who holds the code and a device's MAC address may then take that device's place: leave it off where the code is in many hands. */
    readmits: z.boolean().default(false),
  }),
  reply: z.object({ enrolmentCode, code: personal("secret", z.string()) }),
  status: 201,
  errors: [registrationErrors.too_many_codes, deviceErrors.unknown_place],
});

export const removeEnrolmentCode = defineRoute({
  operation: "removeEnrolmentCode",
  method: "DELETE",
  path: "/api/v1/enrolment-codes/:enrolmentCodeId",
  access: "devices:credentials",
  wholeOrganisation: true,
  summary: "Ends an enrolment code at once. Devices that came by it stay.",
  params: z.object({ enrolmentCodeId }),
  errors: [registrationErrors.code_not_found],
});
