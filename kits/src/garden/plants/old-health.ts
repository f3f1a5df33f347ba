import type { KitHost, KitInstallation, KitMount } from "@roost/contract/kit-host";

import { oldGetHealth, oldGetReady } from "../contract/old-addresses.ts";

interface Look {
  readonly ok: boolean;
  readonly message: string;
}

/** How the two old components are, by what the installation found. */
export function componentsOf({ checks }: Pick<KitInstallation, "checks">): { database: Look; mqtt: Look } {
  const look = (name: string, well: string): Look => {
    const found = checks.find((check) => check.name === name);
    return { ok: found?.ok === true, message: found?.ok === true ? well : (found?.reason ?? "It was not looked at yet.") };
  };
  // Whether devices are let in is known within seconds, what becomes of their readings within a minute.
  const door = look("mqtt", "");
  return {
    database: look("database", "The database answers, and commits are durable."),
    mqtt: door.ok ? look("canary", "A reading went by MQTT and was stored within the last minute.") : door,
  };
}

/** The old addresses of health and readiness. */
export function mountOldHealth(mount: KitMount, host: Pick<KitHost, "installation" | "clock">): void {
  const worded = async () => {
    const installation = await host.installation();
    const { version, ready } = installation;
    return { version, ready, timestamp: new Date(host.clock.nowMs()), ...componentsOf(installation) };
  };
  mount(oldGetHealth, async () => {
    const { version, ready, timestamp, database, mqtt } = await worded();
    const component = ({ ok, message }: Look) => ({ status: ok ? ("connected" as const) : ("disconnected" as const), message });
    return {
      status: !database.ok ? ("unhealthy" as const) : ready ? ("healthy" as const) : ("degraded" as const),
      timestamp,
      version,
      components: { database: component(database), mqtt: component(mqtt) },
    };
  });
  mount(oldGetReady, async ({ request }) => {
    const { ready, timestamp, database, mqtt } = await worded();
    if (!ready) request.setStatus(503);
    return { ready, timestamp, checks: { database, mqtt } };
  });
}
