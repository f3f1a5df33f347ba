import type { Config } from "./config.ts";
import type { DoorDeps } from "./platform/mqtt/door.ts";

/** Where the MQTT door listens, and how many it lets in. */
export function doorSettings(config: Config): Pick<DoorDeps, "ports" | "limits"> {
  return {
    ports: {
      tls: { host: config.ROOST_MQTT_HOST, port: config.ROOST_MQTT_PORT, variable: "ROOST_MQTT_PORT" },
      ...(config.ROOST_MQTT_PLAIN_PORT === undefined
        ? {}
        : { plain: { host: config.ROOST_MQTT_PLAIN_HOST, port: config.ROOST_MQTT_PLAIN_PORT, variable: "ROOST_MQTT_PLAIN_PORT" } }),
    },
    limits: {
      connections: config.ROOST_MQTT_MAX_CONNECTIONS,
      connectionsPerAddress: config.ROOST_MQTT_MAX_CONNECTIONS_PER_ADDRESS,
      unauthenticatedPerAddress: config.ROOST_MQTT_MAX_UNAUTHENTICATED_PER_ADDRESS,
    },
  };
}
