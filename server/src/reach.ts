import { isIP } from "node:net";

import type { Config } from "./config.ts";
import type { Reach } from "./modules/devices/devices.ts";
import type { Certificates } from "./platform/certificates.ts";

interface Listening {
  readonly httpPort: number;
  readonly mqttPort: number;
}

/**
 * How devices reach this installation, from the configuration, the names in the certificate and the ports that are really open.
 *
 * Until the listeners listen it says the ports that are configured.
 */
export function createReach({ config, certificates }: { config: Config; certificates: Certificates }) {
  let ports: Listening = { httpPort: config.ROOST_HTTP_PORT, mqttPort: config.ROOST_MQTT_PORT };
  const publicUrl = config.ROOST_PUBLIC_URL?.replace(/\/+$/, "");

  function httpUrl(host: string): string {
    if (publicUrl !== undefined) return publicUrl;
    return `http://${isIP(host) === 6 ? `[${host}]` : host}:${ports.httpPort}`;
  }

  return {
    /** To be called once both listeners are open. */
    listening(open: Listening): void {
      ports = open;
    },
    now(): Reach {
      const hosts = certificates.names();
      return {
        host: config.ROOST_PUBLIC_HOSTS[0] ?? (publicUrl === undefined ? "localhost" : new URL(publicUrl).hostname),
        hosts,
        mqttPort: ports.mqttPort,
        websocketUrl: (host) => `${httpUrl(host).replace(/^http/, "ws")}/mqtt`,
        httpUrl,
        caPem: certificates.caPem(),
      };
    },
  };
}
