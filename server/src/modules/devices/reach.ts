import type { ClaimReply } from "@roost/contract/claim";
import type { DeviceId } from "@roost/contract/ids";
import { deviceTopics } from "@roost/contract/topics";

import { isLoopbackHost } from "../../platform/addresses.ts";

/** How devices reach this installation. Asked anew each time: ports are known once the listeners listen. */
export interface Reach {
  /** The name or address devices use unless they came by another of `hosts`. */
  readonly host: string;
  /** Every name and address the server certificate carries. */
  readonly hosts: readonly string[];
  readonly mqttPort: number;
  /** Path of the door over WebSocket, where there is one. */
  readonly websocketUrl?: (host: string) => string;
  readonly httpUrl: (host: string) => string;
  readonly caPem: string;
  /**
   * SHA-256 of the first certificate in `caPem` (DER), base64url: what labels carry, so that a device can tell our authority from another.
   * `undefined` for an address whose server belongs to another authority.
   */
  readonly caMark?: (url: string) => string | undefined;
}

/**
 * The host to tell a device: the one it came by, if the server certificate carries it, else the installation's own.
 *
 * @param hostHeader - As the device sent it: believed only where it names one of ours.
 */
export function hostFor(reach: Reach, hostHeader: string | undefined): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]+))(?::\d+)?$/i.exec(hostHeader ?? "");
  const name = (match?.[1] ?? match?.[2])?.toLowerCase();
  return reach.hosts.find((host) => host.toLowerCase() === name) ?? reach.host;
}

/** The host to put on a label: as {@link hostFor}, but a person who sits at this very machine does not send devices to themselves. */
export function labelHostFor(reach: Reach, hostHeader: string | undefined): string {
  const host = hostFor(reach, hostHeader);
  return isLoopbackHost(host) ? reach.host : host;
}

/** The answer of a claim: all a device needs to work from here on. */
export function claimAnswer({
  reach,
  host,
  deviceId,
  secret,
  configuration: { version, heartbeatSeconds, sampleSeconds },
}: {
  reach: Reach;
  host: string;
  deviceId: string;
  secret: string;
  configuration: { version: number; heartbeatSeconds: number; sampleSeconds: number };
}): ClaimReply {
  const topics = deviceTopics(deviceId);
  return {
    device_id: deviceId as DeviceId,
    mqtt: {
      host,
      port: reach.mqttPort,
      ...(reach.websocketUrl === undefined ? {} : { websocket_url: reach.websocketUrl(host) }),
      username: deviceId,
      password: secret,
      client_id: deviceId,
    },
    http: { url: `${reach.httpUrl(host)}/api/v1/devices/${deviceId}/telemetry`, token: secret },
    ca_pem: reach.caPem,
    topics: {
      telemetry: topics.telemetry,
      heartbeat: topics.heartbeat,
      event: topics.event,
      status: topics.status,
      config: topics.config,
      config_reported: topics.configReported,
      commands: topics.commands,
      command_ack: topics.commandAck("{commandId}"),
    },
    configuration: { version, heartbeat_seconds: heartbeatSeconds, sample_seconds: sampleSeconds },
  };
}
