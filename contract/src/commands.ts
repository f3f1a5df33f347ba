import { z } from "zod";

import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { commandId, deviceId, organisationId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/**
 * Where a command is. `queued` until the device has confirmed that it got it (`delivered`); then what the device says: `accepted`, `running`,
 * and its end. An end is for ever.
 *
 * - `done`, `failed`: the device said so.
 * - `expired`: it certainly did not run: it was never sent, or the device refused it as too old.
 * - `cancelled`: called back before it was sent, or the device said that it stopped.
 * - `unanswered`: it was sent, and what became of it is not known: the device said nothing in time.
 */
export const commandStates = [
  "queued",
  "delivered",
  "accepted",
  "running",
  "done",
  "failed",
  "expired",
  "cancelled",
  "unanswered",
] as const;
export const commandState = z.enum(commandStates);
export type CommandState = z.infer<typeof commandState>;
export const openCommandStates: readonly CommandState[] = ["queued", "delivered", "accepted", "running"];

export const commandLimits = {
  /** Parameters of a command and the result of one, each, in bytes of JSON. */
  documentBytes: 8 * 1024,
  /** Commands of one device that have not ended. */
  waitingPerDevice: 200,
  longestExpirySeconds: 30 * 86_400,
  /** Where neither the sender nor the kit says how long a command may wait. */
  usualExpirySeconds: 300,
  /** How long after its expiry the device may still say how it ended. */
  answerSeconds: 30,
  /** A device that says that it is at work has this long until it has to say so again. */
  progressSeconds: 300,
} as const;

/** A command's name: a lower-case letter, then up to 63 of `a-z 0-9 _ . -`. */
export const commandName = personal(
  "none",
  z
    .string()
    .regex(/^[a-z][a-z0-9_.-]{0,63}$/, "A command's name is a lower-case letter and up to 63 of a-z, 0-9, dot, hyphen, underscore."),
);

const document = personal("text", z.record(z.string(), z.json()));

export const command = z.object({
  id: commandId,
  organisationId,
  deviceId,
  name: commandName,
  params: document,
  state: commandState,
  /** Who sent it. */
  by: z.string(),
  queuedAt: instant,
  /** When it was first sent; what was never sent has none. */
  sentAt: instant.optional(),
  /** When the device confirmed that it got it. */
  deliveredAt: instant.optional(),
  acceptedAt: instant.optional(),
  endedAt: instant.optional(),
  /** From then on the device must not begin it. */
  expiresAt: instant,
  /** 0 to 100, where the device says so. */
  progressPercent: z.number().optional(),
  /** What the device answered; hostile until encoded. */
  result: personal("text", z.json()).optional(),
  /** Why it failed, in the device's own word; hostile until encoded. */
  code: personal("text", z.string()).optional(),
  /** Somebody asked the device to stop. */
  cancelRequestedAt: instant.optional(),
});
export type Command = z.output<typeof command>;

/** What a device of a kind understands, as its kit says. `params` is a JSON Schema. */
export const offeredCommand = z.object({
  name: commandName,
  title: personal("none", z.string()),
  about: personal("none", z.string()),
  params: personal("none", z.record(z.string(), z.json())),
  expiresAfterSeconds: z.number(),
});
export type OfferedCommand = z.output<typeof offeredCommand>;

export const commandErrors = defineErrors("commands", {
  not_found: [404, "There is no such command."],
  unknown_command: [422, "Devices of this kind know no such command. See what they know: GET /api/v1/devices/{deviceId}/command-kinds."],
  bad_params: [422, "The parameters are not those this command takes."],
  too_large: [413, "The parameters are larger than a command may carry."],
  key_conflict: [409, "This key was used before, for another command. Use a new key for each command."],
  too_many: [409, "As many commands wait for this device as may. Wait until it takes some, or cancel them."],
  device_revoked: [409, "The device has no credentials: it could not fetch the command. Have it claimed again."],
  already_ended: [409, "The command has ended. What ended cannot be called back."],
});

const params = z.object({ deviceId });
const one = z.object({ deviceId, commandId });

export const listOfferedCommands = defineRoute({
  operation: "listOfferedCommands",
  method: "GET",
  path: "/api/v1/devices/:deviceId/command-kinds",
  access: "devices:read",
  summary:
    "Lists the commands that devices of this kind know, with their parameters. `anyName`: no kit knows the kind, so any name may be sent.",
  params,
  reply: z.object({ items: z.array(offeredCommand), anyName: z.boolean() }),
  errors: [deviceErrors.not_found],
});

export const sendCommand = defineRoute({
  operation: "sendCommand",
  method: "POST",
  path: "/api/v1/devices/:deviceId/commands",
  access: "commands:send",
  summary: "Queues a command for a device. The same `key` and command again answers the first one; it is not sent twice.",
  params,
  body: z.strictObject({
    name: commandName,
    params: document.default({}),
    /** How long it may wait for the device; absent: as its kit says. */
    expiresInSeconds: z.number().int().min(1).max(commandLimits.longestExpirySeconds).optional(),
    key: personal("none", z.string().min(1).max(128)).optional(),
  }),
  reply: command,
  status: 201,
  errors: [
    deviceErrors.not_found,
    commandErrors.unknown_command,
    commandErrors.bad_params,
    commandErrors.too_large,
    commandErrors.key_conflict,
    commandErrors.too_many,
    commandErrors.device_revoked,
  ],
});

export const listCommands = defineRoute({
  operation: "listCommands",
  method: "GET",
  path: "/api/v1/devices/:deviceId/commands",
  access: "devices:read",
  summary: "Lists a device's commands, newest first. `open`: those that have not ended.",
  params,
  query: page.extend({ state: z.enum([...commandStates, "open"]).optional() }),
  reply: listOf(command),
  errors: [deviceErrors.not_found],
});

export const getCommand = defineRoute({
  operation: "getCommand",
  method: "GET",
  path: "/api/v1/devices/:deviceId/commands/:commandId",
  access: "devices:read",
  summary: "Shows one command.",
  params: one,
  reply: command,
  errors: [deviceErrors.not_found, commandErrors.not_found],
});

export const cancelCommand = defineRoute({
  operation: "cancelCommand",
  method: "POST",
  path: "/api/v1/devices/:deviceId/commands/:commandId/cancel",
  access: "commands:send",
  summary: "Calls a command back. One that was sent goes on until the device says that it stopped; see `cancelRequestedAt`.",
  params: one,
  reply: command,
  errors: [deviceErrors.not_found, commandErrors.not_found, commandErrors.already_ended],
});

/** What a device says of a command on `devices/{id}/commands/{commandId}/ack`. */
export const commandAck = z.object({
  state: z.enum(["accepted", "progress", "done", "failed", "cancelled"]),
  result: z.json().optional(),
  code: z.string().min(1).max(128).optional(),
  /** 0 to 100. */
  progress: z.number().min(0).max(100).optional(),
});
export type CommandAck = z.output<typeof commandAck>;

/** What a device says with `failed` when it got a command too late: such a command is `expired`. */
export const expiredCode = "expired";
