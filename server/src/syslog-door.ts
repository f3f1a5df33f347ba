import type { Config } from "./config.ts";
import type { Devices } from "./modules/devices/devices.ts";
import type { ExternalAlarms } from "./modules/external-alarms/external-alarms.ts";
import { createSyslogAlarms, syslogSeverities } from "./modules/external-alarms/syslog-alarms.ts";
import { createSyslogListener } from "./modules/external-alarms/syslog-listener.ts";
import type { Clock } from "./platform/clock.ts";
import type { Db } from "./platform/db.ts";
import type { Metrics } from "./platform/http/metrics.ts";
import type { Log } from "./platform/log.ts";

export interface SyslogDoorDeps {
  readonly config: Config;
  readonly db: Db;
  readonly external: ExternalAlarms;
  /** Whose messages they are, at this moment. */
  readonly organisationId: () => string;
  readonly devices: Pick<Devices, "find">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Opens the port for syslog, where one is configured. @throws {AppError} `listen.…` where nothing can listen. */
export async function openSyslogDoor(deps: SyslogDoorDeps): Promise<{ readonly port: number | undefined; close(): Promise<void> }> {
  const { config, db, external, organisationId, devices, clock, metrics, log } = deps;
  const port = config.ROOST_SYSLOG_PORT;
  if (port === undefined) return { port, close: async () => undefined };
  const isDevice = (id: string) => {
    const device = devices.find(id);
    return device !== undefined && device.organisationId === organisationId() && !device.hidden;
  };
  const mildest = syslogSeverities.indexOf(config.ROOST_SYSLOG_SEVERITY);
  const alarms = createSyslogAlarms({ db, external, organisationId, isDevice, mildest, clock, log });
  const listener = createSyslogListener({
    alarms,
    host: config.ROOST_SYSLOG_HOST,
    port,
    allow: config.ROOST_SYSLOG_ALLOW,
    clock,
    metrics,
    log,
  });
  return { port: await listener.listen(), close: listener.close };
}
