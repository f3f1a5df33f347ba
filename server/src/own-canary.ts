import { isReadBack } from "./joins.ts";
import type { Devices } from "./modules/devices/devices.ts";
import { createCanary } from "./modules/readiness/canary.ts";
import type { Canary } from "./modules/readiness/canary.ts";
import type { Telemetry } from "./modules/telemetry/telemetry.ts";
import type { Certificates } from "./platform/certificates.ts";
import type { Clock } from "./platform/clock.ts";
import type { Log } from "./platform/log.ts";

export interface OwnCanaryDeps {
  readonly devices: Devices;
  readonly telemetry: Telemetry;
  readonly organisationId: string;
  readonly mqttPort: number;
  readonly certificates: Certificates;
  readonly clock: Clock;
  readonly log: Log;
}

/** The canary with a hidden device of its own: what it sends goes the way of everybody's readings, and is looked for where they are stored. */
export async function openCanary({
  devices,
  telemetry,
  organisationId,
  mqttPort,
  certificates,
  clock,
  log,
}: OwnCanaryDeps): Promise<Canary> {
  const device = await devices.ensureHidden(organisationId, "roost-canary", 60);
  const isStored = isReadBack(devices, telemetry, device.deviceId);
  return createCanary({
    way: { host: "127.0.0.1", port: mqttPort, caPem: certificates.caPem(), ...device },
    findStored: (measuredAt) => isStored("pulse", measuredAt),
    clock,
    log,
  });
}
