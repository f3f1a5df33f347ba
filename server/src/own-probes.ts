import { isReadBack } from "./joins.ts";
import type { Devices } from "./modules/devices/devices.ts";
import { createCanary } from "./modules/readiness/canary.ts";
import { createListenerWatch } from "./modules/readiness/listener.ts";
import type { Telemetry } from "./modules/telemetry/telemetry.ts";
import type { Certificates } from "./platform/certificates.ts";
import type { Clock } from "./platform/clock.ts";
import type { Log } from "./platform/log.ts";

export interface OwnProbesDeps {
  readonly devices: Devices;
  readonly telemetry: Telemetry;
  readonly organisationId: string;
  readonly mqttPort: number;
  readonly certificates: Certificates;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * How Roost finds out whether devices are served, by coming as one of them.
 *
 * The canary has a hidden device of its own: what it sends goes the way of everybody's readings, and is looked for where they are stored. It
 * keeps its connection, so the listener is knocked at beside it.
 */
export async function openProbes({ devices, telemetry, organisationId, mqttPort, certificates, clock, log }: OwnProbesDeps) {
  const device = await devices.ensureHidden(organisationId, "roost-canary", 60);
  const isStored = isReadBack(devices, telemetry, device.deviceId);
  const host = "127.0.0.1";
  const listener = createListenerWatch({ host, port: mqttPort, clock });
  const canary = createCanary({
    way: { host, port: mqttPort, caPem: certificates.caPem(), ...device },
    findStored: (measuredAt) => isStored("pulse", measuredAt),
    clock,
    log,
  });
  return {
    canary,
    listener,
    start(): void {
      listener.start();
      canary.start();
    },
    async stop(): Promise<void> {
      await Promise.all([listener.stop(), canary.stop()]);
    },
  };
}
