import { getAlarm, listAlarms, type Severity } from "@roost/contract/alarms";
import { getAuditRetention, listAuditArchives, listAuditEntries, listPlatformAuditEntries } from "@roost/contract/audit";
import { getSetup, listApiTokens } from "@roost/contract/auth";
import { type Call, createClient } from "@roost/contract/client";
import { listCommands, listOfferedCommands } from "@roost/contract/commands";
import { getConfiguration } from "@roost/contract/configuration";
import { getDeadManSwitch } from "@roost/contract/dead-man";
import { type DeviceState, getDevice, listDevices } from "@roost/contract/devices";
import { httpErrors, isAppError } from "@roost/contract/errors";
import { listRejects } from "@roost/contract/ingest";
import { listKits } from "@roost/contract/kits";
import { type DeliveryState, listDeliveries, listMyTargets, listNotificationTargets } from "@roost/contract/notifications";
import { listAlarmRules } from "@roost/contract/rules";
import { findSession } from "@roost/contract/sign-in";
import { getReady, getStatus, systemErrors } from "@roost/contract/system";
import { listSeries, queryTelemetry } from "@roost/contract/telemetry";
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { z } from "zod";

import type { AuditQuery } from "./pages/audit/audit-search.ts";
import { endsOf, keyOf, type View } from "./parts/view.ts";

/** How often pages ask again for what no fact announces: values, and when a device was last heard. */
const valuesEveryMs = 5_000;

export interface AlarmFilter {
  readonly state?: "open" | "cleared" | "all" | undefined;
  readonly severity?: Severity | undefined;
  readonly deviceId?: string | undefined;
}

export interface FleetFilter {
  readonly q?: string | undefined;
  readonly state?: DeviceState | undefined;
}

export interface RejectFilter {
  readonly deviceId?: string | undefined;
  readonly code?: string | undefined;
}

export interface DeliveryFilter {
  readonly alarmId?: string | undefined;
  readonly targetId?: string | undefined;
  readonly state?: DeliveryState | undefined;
}

/** Calls with the cookie of this browser. */
export function createBrowserCall(): Call {
  return createClient({ baseUrl: "", fetch: (url, init) => fetch(url, { ...init, credentials: "same-origin" }) });
}

/**
 * Every question a page may ask, with the key its answer is kept under.
 *
 * Keys begin with the noun (`devices`, `alarms`, …), so that a fact about a noun makes all answers about it stale.
 */
export function createApi(call: Call) {
  const more = { initialPageParam: undefined as string | undefined, getNextPageParam: (last: { next?: string | undefined }) => last.next };
  return {
    call,
    setup: () => queryOptions({ queryKey: ["setup"], queryFn: ({ signal }) => call(getSetup, { signal }), staleTime: 0 }),
    /** Who is signed in. Asked in a way that is no error for nobody, so that a first visit leaves none in the browser's log. */
    session: () =>
      queryOptions({
        queryKey: ["session"],
        queryFn: async ({ signal }) => {
          const { session } = await call(findSession, { signal });
          if (session === undefined) throw httpErrors.unauthenticated();
          return session;
        },
        staleTime: 60_000,
      }),
    fleet: (filter: FleetFilter) =>
      infiniteQueryOptions({
        queryKey: ["devices", "list", filter],
        queryFn: ({ signal, pageParam }) =>
          call(listDevices, { query: { ...present(filter), ...present({ cursor: pageParam }), limit: 100 }, signal }),
        ...more,
        refetchInterval: valuesEveryMs,
        placeholderData: keepPreviousData,
      }),
    device: (deviceId: string) =>
      queryOptions({
        queryKey: ["devices", "one", deviceId],
        queryFn: ({ signal }) => call(getDevice, { params: { deviceId }, signal }),
        refetchInterval: valuesEveryMs,
      }),
    series: (deviceId: string) =>
      queryOptions({
        queryKey: ["devices", "metrics", deviceId],
        queryFn: ({ signal }) => call(listSeries, { params: { deviceId }, signal }),
        refetchInterval: valuesEveryMs,
      }),
    /** One metric over what is looked at; a view that moves ends at the moment the question is asked. */
    telemetry: ({ deviceId, metric, view, maxPoints, timeZone }: TelemetryQuestion) =>
      queryOptions({
        queryKey: ["telemetry", deviceId, metric, keyOf(view), maxPoints, timeZone],
        queryFn: ({ signal }) => {
          const { from, to } = endsOf(view, Date.now());
          const query = { metric, from: new Date(from).toISOString(), to: new Date(to).toISOString(), maxPoints, timeZone };
          return call(queryTelemetry, { params: { deviceId }, query, signal });
        },
        staleTime: 60_000,
        placeholderData: keepPreviousData,
      }),
    alarms: (filter: AlarmFilter) =>
      infiniteQueryOptions({
        queryKey: ["alarms", "list", filter],
        queryFn: ({ signal, pageParam }) =>
          call(listAlarms, { query: { ...present(filter), ...present({ cursor: pageParam }), limit: 50 }, signal }),
        ...more,
        refetchInterval: 30_000,
        placeholderData: keepPreviousData,
      }),
    alarm: (alarmId: string) =>
      queryOptions({ queryKey: ["alarms", "one", alarmId], queryFn: ({ signal }) => call(getAlarm, { params: { alarmId }, signal }) }),
    rules: (deviceId: string) =>
      queryOptions({
        queryKey: ["alarm-rules", deviceId],
        queryFn: ({ signal }) => call(listAlarmRules, { query: { deviceId, limit: 200 }, signal }),
      }),
    commands: (deviceId: string, state: "open" | undefined) =>
      infiniteQueryOptions({
        queryKey: ["commands", "list", deviceId, state],
        queryFn: ({ signal, pageParam }) =>
          call(listCommands, { params: { deviceId }, query: { ...present({ state, cursor: pageParam }), limit: 50 }, signal }),
        ...more,
        placeholderData: keepPreviousData,
      }),
    offeredCommands: (deviceId: string) =>
      queryOptions({
        queryKey: ["devices", "offered-commands", deviceId],
        queryFn: ({ signal }) => call(listOfferedCommands, { params: { deviceId }, signal }),
      }),
    configuration: (deviceId: string) =>
      queryOptions({
        queryKey: ["devices", "configuration", deviceId],
        queryFn: ({ signal }) => call(getConfiguration, { params: { deviceId }, signal }),
      }),
    rejects: (filter: RejectFilter) =>
      infiniteQueryOptions({
        queryKey: ["rejects", filter],
        queryFn: ({ signal, pageParam }) =>
          call(listRejects, { query: { ...present(filter), ...present({ cursor: pageParam }), limit: 50 }, signal }),
        ...more,
        refetchInterval: 10_000,
        placeholderData: keepPreviousData,
      }),
    targets: () =>
      queryOptions({
        queryKey: ["notification-targets"],
        queryFn: ({ signal }) => call(listNotificationTargets, { query: { limit: 200 }, signal }),
      }),
    myTargets: () =>
      queryOptions({
        queryKey: ["notification-targets", "mine"],
        queryFn: ({ signal }) => call(listMyTargets, { query: { limit: 200 }, signal }),
      }),
    deadManSwitch: () =>
      queryOptions({ queryKey: ["dead-man-switch"], queryFn: ({ signal }) => call(getDeadManSwitch, { signal }), refetchInterval: 30_000 }),
    deliveries: (filter: DeliveryFilter) =>
      infiniteQueryOptions({
        queryKey: ["deliveries", filter],
        queryFn: ({ signal, pageParam }) =>
          call(listDeliveries, { query: { ...present(filter), ...present({ cursor: pageParam }), limit: 50 }, signal }),
        ...more,
        refetchInterval: 30_000,
        placeholderData: keepPreviousData,
      }),
    tokens: () => queryOptions({ queryKey: ["api-tokens"], queryFn: ({ signal }) => call(listApiTokens, { signal }) }),
    audit: (ofPlatform: boolean, filter: AuditQuery) =>
      infiniteQueryOptions({
        queryKey: ["audit", "list", ofPlatform, filter],
        queryFn: ({ signal, pageParam }) =>
          call(ofPlatform ? listPlatformAuditEntries : listAuditEntries, {
            query: { ...filter, ...present({ cursor: pageParam }), limit: 50 },
            signal,
          }),
        ...more,
        refetchInterval: 30_000,
        placeholderData: keepPreviousData,
      }),
    auditRetention: () => queryOptions({ queryKey: ["audit", "retention"], queryFn: ({ signal }) => call(getAuditRetention, { signal }) }),
    auditArchives: () =>
      queryOptions({
        queryKey: ["audit", "archives"],
        queryFn: ({ signal }) => call(listAuditArchives, { query: { limit: 200 }, signal }),
      }),
    kits: () => queryOptions({ queryKey: ["kits", "list"], queryFn: ({ signal }) => call(listKits, { signal }), staleTime: 60_000 }),
    status: () =>
      queryOptions({ queryKey: ["status"], queryFn: ({ signal }) => call(getStatus, { signal }), refetchInterval: valuesEveryMs }),
    ready: () => queryOptions({ queryKey: ["ready"], queryFn: ({ signal }) => askReady(call, signal), refetchInterval: 10_000 }),
  };
}

export type Api = ReturnType<typeof createApi>;

export interface TelemetryQuestion {
  readonly deviceId: string;
  readonly metric: string;
  readonly view: View;
  readonly maxPoints: number;
  readonly timeZone: string;
}

/** Nouns of facts, and the first part of the keys they make stale. */
const staleBy: Readonly<Record<string, readonly string[]>> = {
  device: ["devices", "status"],
  alarm: ["alarms", "tickets", "services", "devices", "status"],
  ticket: ["tickets", "alarms"],
  service_breach: ["services"],
  incident: ["alarms"],
  window: ["windows", "alarms"],
  alarm_rule: ["alarm-rules", "alarms"],
  command: ["commands"],
  delivery: ["deliveries", "alarms"],
  notification_target: ["notification-targets"],
  kit: ["kits"],
  registration: ["registrations"],
  enrolment_code: ["enrolment-codes"],
};

/** Says which kept answers a fact about a noun makes stale. */
export function keysOfNoun(noun: string): readonly string[] {
  // Kits name their keys by their own name: `garden` for all that the garden asks.
  return staleBy[noun] ?? [noun];
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the entries that are `undefined`: the wire knows only what is there. */
function present<T extends object>(parts: T): Present<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Present<T>;
}

const checksShape = getReady.reply?.shape.checks ?? z.never();

/** What stands in the way of readings, if anything: the refusal of `/ready` carries the same checks as its answer. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: z.output<typeof checksShape>;
}

async function askReady(call: Call, signal: AbortSignal): Promise<Readiness> {
  try {
    return await call(getReady, { signal });
  } catch (error) {
    if (!isAppError(error, systemErrors.not_ready.code)) throw error;
    return { ready: false, checks: z.decode(checksShape, error.details["checks"] as z.input<typeof checksShape>) };
  }
}
