import { changeSeries, exportTelemetry, listSeries, queryTelemetry, streamTelemetry } from "@roost/contract/telemetry";

import type { Mount } from "../../platform/http/mount.ts";
import type { Within } from "../../platform/tenancy.ts";
import { toSeries } from "./telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

/** What telemetry asks of devices: one device of an organisation. @throws {AppError} `devices.not_found` */
export interface DeviceLookup {
  get(within: Within, deviceId: string): Promise<{ readonly key: number; readonly id: string }>;
  /** Aborts with `signal`, and within 5 s when the device is no more to be seen: handed over, moved out of the scope, removed. */
  whileSeen(within: Within, deviceId: string, signal: AbortSignal): AbortSignal;
}

function namesIn(list: string | undefined): string[] | undefined {
  const names = (list ?? "").split(",").map((name) => name.trim());
  const given = names.filter((name) => name !== "");
  return given.length === 0 ? undefined : given;
}

/** Ties the routes of telemetry to its face. */
export function mountTelemetry(mount: Mount, telemetry: Telemetry, devices: DeviceLookup): void {
  mount(listSeries, async ({ params, caller }) => {
    const device = await devices.get(caller, params.deviceId);
    return { items: (await telemetry.listSeries(device.key)).map(toSeries) };
  });
  mount(changeSeries, async ({ params, body, caller }) => {
    const device = await devices.get(caller, params.deviceId);
    const changed = await telemetry.changeSeries(caller, device.key, device.id, params.metric, body);
    return toSeries({ series: changed, latest: undefined });
  });
  mount(queryTelemetry, async ({ params, query, caller }) => {
    const device = await devices.get(caller, params.deviceId);
    return telemetry.query({ within: caller, deviceKey: device.key, ...query });
  });
  mount(exportTelemetry, async ({ params, query, caller }) => {
    const device = await devices.get(caller, params.deviceId);
    const body = await telemetry.exportCsv({
      within: caller,
      deviceKey: device.key,
      onRecord: { by: caller.by, organisationId: caller.organisationId, deviceId: device.id },
      metrics: namesIn(query.metrics),
      from: query.from,
      to: query.to,
      timeZone: query.timeZone,
    });
    return { body, headers: { "content-disposition": `attachment; filename="${device.id}.csv"` } };
  });
  mount(streamTelemetry, async ({ params, query, caller, request }) => {
    const device = await devices.get(caller, params.deviceId);
    const lastEventId = request.headers["last-event-id"];
    const signal = devices.whileSeen(caller, device.id, AbortSignal.any([request.signal, caller.signal]));
    const body = telemetry.stream({
      deviceKey: device.key,
      metrics: namesIn(query.metrics),
      lastEventId: Array.isArray(lastEventId) ? lastEventId[0] : lastEventId,
      signal,
    });
    return { body, headers: { "cache-control": "no-store", "x-accel-buffering": "no" } };
  });
}
