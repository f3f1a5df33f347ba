import type { Device, DeviceState, LatestValue } from "@roost/contract/devices";
import type { RouteReply } from "@roost/contract/route";

import type { HealthCheck } from "../contract/health.ts";
import { limitedMetrics } from "../contract/limits.ts";
import type { LimitedMetric } from "../contract/limits.ts";
import type { OldDevice, OldPlant, OldReading, oldCheckHealth } from "../contract/old-addresses.ts";
import type { Plant } from "../contract/plants.ts";
import { isInUnitOfLimits } from "./limits.ts";
import { macAddressOf } from "./nodes.ts";

const statusOf: Readonly<Record<DeviceState, OldDevice["status"]>> = {
  waiting: "provisioning",
  online: "online",
  offline: "offline",
  revoked: "error",
};

/** Values that belong to one row were measured this close to the newest of it. */
const rowMs = 180_000;

/** The newest row of readings: what was not measured along with it is null, however new it looks elsewhere. */
export function newestRow(latest: readonly Pick<LatestValue, "metric" | "value" | "unit" | "measuredAt">[]): OldReading | null {
  // The old shape has no units: what is in others than its own is none of it.
  const own = latest.filter(({ metric, unit }) => limitedMetrics.some((one) => one === metric && isInUnitOfLimits(one, unit)));
  const newestMs = Math.max(...own.map(({ measuredAt }) => measuredAt.getTime()));
  if (own.length === 0) return null;
  const inRow = own.filter(({ measuredAt }) => newestMs - measuredAt.getTime() <= rowMs);
  return rowOf(newestMs, new Map(inRow.map(({ metric, value }) => [metric, value])));
}

/** A row of readings by its instant, in epoch milliseconds. */
export function rowOf(atMs: number, values: ReadonlyMap<string, number>): OldReading {
  const value = (metric: LimitedMetric) => values.get(metric) ?? null;
  return {
    timestamp: new Date(atMs),
    soil_moisture: value("soil_moisture"),
    temperature: value("temperature"),
    humidity: value("humidity"),
    light_level: value("light_level"),
  };
}

export function oldPlantOf(plant: Plant): OldPlant {
  return {
    id: plant.id,
    name: plant.name,
    species: plant.species ?? null,
    thresholds: plant.limits,
    position: plant.position ?? null,
    created_at: plant.createdAt,
    latest_telemetry: newestRow(plant.latest),
    device_count: plant.nodes.length,
  };
}

/** @param metrics - Names of what it ever sent. */
export function oldDeviceOf(device: Device, plantId: OldDevice["plant_id"], metrics: readonly string[]): OldDevice {
  return {
    id: device.id,
    mac_address: macAddressOf(device) ?? null,
    // A device's name at the door is its id.
    mqtt_username: device.id,
    plant_id: plantId,
    status: statusOf[device.state],
    firmware_version: device.firmwareVersion ?? null,
    sensor_types: [...metrics],
    last_seen_at: device.lastSeenAt ?? null,
    created_at: device.createdAt,
  };
}

const priorityOf = { urgent: "high", soon: "medium", note: "low" } as const;

export function oldHealthOf(check: HealthCheck): RouteReply<typeof oldCheckHealth> {
  return {
    plant_id: check.plantId,
    status: check.status,
    issues: check.issues.map(({ metric, severity, value, limit, text }) => ({ metric, severity, value, limit, message: text })),
    recommendations: check.recommendations.map(({ priority, text }) => ({ priority: priorityOf[priority], message: text })),
    trends: check.trends.map(({ metric, direction, average, min, max, text }) => ({
      metric,
      direction,
      average: average ?? null,
      min: min ?? null,
      max: max ?? null,
      message: text,
    })),
    checked_at: check.checkedAt,
    has_care_plan: check.hasCarePlan,
    care_plan_age_hours: check.carePlanAgeHours ?? null,
  };
}
