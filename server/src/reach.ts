import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

import type { Config } from "./config.ts";
import type { Reach } from "./modules/devices/devices.ts";
import { isLoopbackHost } from "./platform/addresses.ts";
import { lanAddress } from "./platform/certificate-names.ts";
import type { Certificates } from "./platform/certificates.ts";

interface Listening {
  readonly httpPort: number;
  /** Absent: there is no listener by TLS. */
  readonly httpsPort: number | undefined;
  readonly mqttPort: number;
}

export interface ReachOptions {
  readonly config: Pick<
    Config,
    | "ROOST_HTTP_PORT"
    | "ROOST_HTTPS"
    | "ROOST_HTTPS_HOST"
    | "ROOST_HTTPS_PORT"
    | "ROOST_MQTT_HOST"
    | "ROOST_MQTT_PORT"
    | "ROOST_PUBLIC_HOSTS"
    | "ROOST_PUBLIC_URL"
  >;
  readonly certificates: Pick<Certificates, "caPem" | "names">;
  /** Address of this machine in its network; asked of the system unless given. */
  readonly lan?: () => string | undefined;
}

/**
 * How devices reach this installation, from the configuration, the names in the certificate and the ports that are really open.
 *
 * Until the listeners listen it says the ports that are configured.
 */
export function createReach({ config, certificates, lan = lanAddress }: ReachOptions) {
  const publicUrl = config.ROOST_PUBLIC_URL?.replace(/\/+$/, "");
  let ports: Listening = {
    httpPort: config.ROOST_HTTP_PORT,
    httpsPort: config.ROOST_HTTPS ? config.ROOST_HTTPS_PORT : undefined,
    mqttPort: config.ROOST_MQTT_PORT,
  };

  /** The host for devices that name none of ours: what people configured, else an address that the certificate and the door both have. */
  function ownHost(): string {
    const [configured] = config.ROOST_PUBLIC_HOSTS;
    if (configured !== undefined) return configured;
    if (publicUrl !== undefined) return new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, "$1");
    const names = certificates.names();
    const bound = config.ROOST_HTTPS ? config.ROOST_HTTPS_HOST : config.ROOST_MQTT_HOST;
    const wanted = isWildcard(bound) ? lan() : bound;
    if (wanted !== undefined && names.includes(wanted)) return wanted;
    return names.find((name) => !isLoopbackHost(name) && !name.startsWith("*") && isIP(name) === 0) ?? "localhost";
  }

  function httpUrl(host: string): string {
    if (publicUrl !== undefined) return publicUrl;
    return ports.httpsPort === undefined ? `http://${inUrl(host)}:${ports.httpPort}` : `https://${inUrl(heardAt(host))}:${ports.httpsPort}`;
  }

  /** A listener that was given one address hears nobody at others: who came by loopback is told that one, and the other way round. */
  function heardAt(host: string): string {
    const bound = config.ROOST_HTTPS_HOST;
    return isWildcard(bound) || isLoopbackHost(host) === isLoopbackHost(bound) ? host : bound;
  }

  /** Whether the server at an address shows a certificate of the authority that devices are given. */
  function isOurs(url: string): boolean {
    if (publicUrl === undefined || !publicUrl.startsWith("https:")) return true;
    const { hostname, port } = new URL(url);
    const isListener = Number(port === "" ? 443 : port) === ports.httpsPort;
    return isListener && certificates.names().includes(hostname.replace(/^\[(.*)\]$/, "$1"));
  }

  return {
    /** To be called once the listeners are open. */
    listening(open: Listening): void {
      ports = open;
    },
    /** Address of the listener by TLS, for people in the network; absent where there is none. */
    httpsUrl(): string | undefined {
      return ports.httpsPort === undefined ? undefined : `https://${inUrl(heardAt(ownHost()))}:${ports.httpsPort}`;
    },
    now(): Reach {
      const caPem = certificates.caPem();
      return {
        host: ownHost(),
        hosts: certificates.names(),
        mqttPort: ports.mqttPort,
        websocketUrl: (host) => `${httpUrl(host).replace(/^http/, "ws")}/mqtt`,
        httpUrl,
        caPem,
        caMark: (url) => (isOurs(url) ? createHash("sha256").update(new X509Certificate(caPem).raw).digest("base64url") : undefined),
      };
    },
  };
}

function inUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
