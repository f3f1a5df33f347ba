import { z } from "zod";

import { channels } from "./channels.ts";
import { notificationErrors } from "./notifications.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** Somebody outside who is told again and again that all is well, and raises the alarm when they hear nothing. */
export const deadManSwitch = z.object({
  /** The address with its secret part masked. */
  address: personal("text", z.string()),
  method: z.enum(["GET", "POST"]),
  everySeconds: z.int(),
  enabled: z.boolean(),
  nextBeatAt: instant,
  lastBeatAt: instant.optional(),
  /** `withheld`: not all was well, so nothing was sent; that is what the watcher is for. */
  lastOutcome: z.enum(["sent", "failed", "withheld"]).optional(),
  lastStatus: z.int().optional(),
  lastCode: personal("none", z.string()).optional(),
});
export type DeadManSwitch = z.output<typeof deadManSwitch>;

export const getDeadManSwitch = defineRoute({
  operation: "getDeadManSwitch",
  method: "GET",
  path: "/api/v1/dead-man-switch",
  access: "notifications:read",
  summary: "Says which watcher outside is told that all is well, and whether notices arrive at all.",
  reply: z.object({
    /** Absent: there is none. */
    switch: deadManSwitch.optional(),
    /** Since when no delivery works though some were tried; absent: deliveries work. */
    silentSince: instant.optional(),
  }),
});

export const setDeadManSwitch = defineRoute({
  operation: "setDeadManSwitch",
  method: "PUT",
  path: "/api/v1/dead-man-switch",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Sets the watcher outside, such as a check of healthchecks.io: it gets a request every so often while Roost is truly well.",
  body: z.strictObject({
    url: channels.webhook.shape.url,
    method: z.enum(["GET", "POST"]).default("GET"),
    everySeconds: z.int().min(10).max(86_400).default(60),
    enabled: z.boolean().default(true),
  }),
  reply: deadManSwitch,
  errors: [notificationErrors.address_refused],
});

export const removeDeadManSwitch = defineRoute({
  operation: "removeDeadManSwitch",
  method: "DELETE",
  path: "/api/v1/dead-man-switch",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Tells nobody outside any more. Pause the check there first, or it will raise its alarm.",
});

export const beatDeadManSwitch = defineRoute({
  operation: "beatDeadManSwitch",
  method: "POST",
  path: "/api/v1/dead-man-switch/beat",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Tells the watcher now, if all is well, and answers what came back.",
  reply: deadManSwitch,
  errors: [notificationErrors.no_switch],
});
