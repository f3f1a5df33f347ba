/** The topics a device may write, by what they carry. */
export type UpKind = "telemetry" | "heartbeat" | "event" | "status" | "configReported" | "commandAck" | "clip";

/** A device's topic, taken apart. `item` is the command's or clip's id where the topic has one. */
export type DeviceTopic =
  | { readonly deviceId: string; readonly direction: "up"; readonly kind: UpKind; readonly item?: string }
  | { readonly deviceId: string; readonly direction: "down"; readonly kind: "command" | "config"; readonly item?: string };

/** Said once for people, the reference page and the tests: every topic, who writes it, what it carries. */
export const topicTable = [
  {
    topic: "devices/{id}/telemetry",
    direction: "up",
    retained: false,
    qos: "1",
    carries: 'One sample `{"temperature":21.5,"timestamp":…,"seq":17}` or an array of them.',
  },
  {
    topic: "devices/{id}/heartbeat",
    direction: "up",
    retained: false,
    qos: "0 or 1",
    carries: '`{"timestamp","uptime","rssi",…}`: the device is alive.',
  },
  {
    topic: "devices/{id}/event",
    direction: "up",
    retained: false,
    qos: "1",
    carries: '`{"type","timestamp","data"}`: something happened.',
  },
  {
    topic: "devices/{id}/status",
    direction: "up",
    retained: true,
    qos: "1",
    carries: '`{"state":"online"|"offline","firmware_version"}`; also the last will.',
  },
  {
    topic: "devices/{id}/commands/{commandId}",
    direction: "down",
    retained: false,
    qos: "1",
    carries: '`{"name","params","expires_at"}`; `{"cancel":true}` asks to stop it.',
  },
  {
    topic: "devices/{id}/commands/{commandId}/ack",
    direction: "up",
    retained: false,
    qos: "1",
    carries: '`{"state":"accepted"|"progress"|"done"|"failed"|"cancelled","result","code","progress"}`.',
  },
  { topic: "devices/{id}/config", direction: "down", retained: true, qos: "1", carries: "The configuration wanted, with its version." },
  {
    topic: "devices/{id}/config/reported",
    direction: "up",
    retained: false,
    qos: "1",
    carries: "The configuration in force, with its version.",
  },
  { topic: "devices/{id}/clips/{clipId}", direction: "up", retained: false, qos: "1", carries: "Notice of a clip that HTTP brings." },
] as const;

/** The topics of one device, built; the id must already be checked. */
export function deviceTopics(deviceId: string) {
  const root = `devices/${deviceId}`;
  return {
    telemetry: `${root}/telemetry`,
    heartbeat: `${root}/heartbeat`,
    event: `${root}/event`,
    status: `${root}/status`,
    config: `${root}/config`,
    configReported: `${root}/config/reported`,
    command: (commandId: string) => `${root}/commands/${commandId}`,
    commandAck: (commandId: string) => `${root}/commands/${commandId}/ack`,
    clip: (clipId: string) => `${root}/clips/${clipId}`,
    /** Filters a device subscribes to: all it may read. */
    commands: `${root}/commands/+`,
  } as const;
}

/** Says whether a topic lies below a device's own root, be it one of the table or not. */
export function isTopicBelow(deviceId: string, topic: string): boolean {
  return topic.startsWith(`devices/${deviceId}/`);
}

const item = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Takes a topic apart. Case matters, nothing is trimmed.
 *
 * @returns `undefined` for what is no device topic of the table above.
 */
export function parseDeviceTopic(topic: string): DeviceTopic | undefined {
  const parts = topic.split("/");
  const [root, deviceId, noun, fourth, fifth] = parts;
  if (root !== "devices" || deviceId === undefined || !/^[a-z0-9_-]{3,64}$/.test(deviceId)) return undefined;
  if (parts.length === 3) {
    switch (noun) {
      case "telemetry":
      case "heartbeat":
      case "event":
      case "status":
        return { deviceId, direction: "up", kind: noun };
      case "config":
        return { deviceId, direction: "down", kind: "config" };
      default:
        return undefined;
    }
  }
  if (parts.length === 4 && fourth !== undefined) {
    if (noun === "config" && fourth === "reported") return { deviceId, direction: "up", kind: "configReported" };
    if (noun === "commands" && item.test(fourth)) return { deviceId, direction: "down", kind: "command", item: fourth };
    if (noun === "clips" && item.test(fourth)) return { deviceId, direction: "up", kind: "clip", item: fourth };
    return undefined;
  }
  if (parts.length === 5 && noun === "commands" && fourth !== undefined && item.test(fourth) && fifth === "ack") {
    return { deviceId, direction: "up", kind: "commandAck", item: fourth };
  }
  return undefined;
}
