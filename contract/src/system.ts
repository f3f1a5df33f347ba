import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const systemErrors = defineErrors("system", {
  not_ready: [503, "Roost is not ready to take readings. The reasons stand under details."],
  database_away: [503, "The database does not answer, or its commits are not durable."],
});

export const getHealth = defineRoute({
  operation: "getHealth",
  method: "GET",
  path: "/health",
  access: "public",
  summary: "The process lives. Nothing else is said here.",
  reply: z.object({ status: z.literal("healthy"), timestamp: instant }),
});

const check = z.object({
  name: personal("none", z.string()),
  ok: z.boolean(),
  reason: personal("none", z.string()).optional(),
  checkedAt: instant.optional(),
  /** `false`: readings are taken without it. Absent: it decides whether Roost is ready. */
  isNeeded: z.literal(false).optional(),
});

export const getDatabaseHealth = defineRoute({
  operation: "getDatabaseHealth",
  method: "GET",
  path: "/health/db",
  access: "public",
  summary: "The database answers, and commits are durable; 503 when not.",
  reply: z.object({ status: z.literal("healthy"), timestamp: instant }),
  errors: [systemErrors.database_away],
});

export const getReady = defineRoute({
  operation: "getReady",
  method: "GET",
  path: "/ready",
  access: "public",
  summary:
    "Ready to take readings, judged by a canary reading that went through the whole pipeline within the last minute; 503 with the reason when not.",
  reply: z.object({ ready: z.literal(true), timestamp: instant, checks: z.array(check) }),
  errors: [systemErrors.not_ready],
});

export const getMetrics = defineRoute({
  operation: "getMetrics",
  method: "GET",
  path: "/metrics",
  access: "system:read",
  summary: "Prometheus text. From loopback no sign-in is asked.",
  streams: "text/plain",
  openOnLoopback: true,
});

export const getStatus = defineRoute({
  operation: "getStatus",
  method: "GET",
  path: "/api/v1/status",
  access: "devices:read",
  summary: "The installation at a glance.",
  reply: z.object({
    version: z.string(),
    startedAt: instant,
    ready: z.boolean(),
    devices: z.object({ waiting: z.number().int(), online: z.number().int(), offline: z.number().int(), revoked: z.number().int() }),
    openAlarms: z.number().int(),
    /** Since the start. */
    ingest: z.object({
      storedValues: z.number().int(),
      duplicateValues: z.number().int(),
      rejected: z.number().int(),
      messagesPerSecond: z.number(),
    }),
    connections: z.number().int(),
    databaseBytes: z.number().int(),
  }),
});

export const getOpenApi = defineRoute({
  operation: "getOpenApi",
  method: "GET",
  path: "/api/openapi.json",
  access: "public",
  summary: "This reference as OpenAPI 3.1.",
  streams: "application/json",
});

/** A fact as the browser hears it: what changed, not how. The page asks again by GET. */
export const factNotice = z.object({ id: z.string(), type: z.string(), noun: z.string(), nounId: z.string() });
export type FactNotice = z.output<typeof factNotice>;

export const streamFacts = defineRoute({
  operation: "streamFacts",
  method: "GET",
  path: "/api/v1/facts/stream",
  access: "signedIn",
  summary: "Server-sent events: `fact` (factNotice) as facts become true. Resumes after a cut by Last-Event-ID.",
  streams: "text/event-stream",
});
