import { generate } from "mqtt-packet";

import { RawMqtt } from "../raw-mqtt.ts";
import type { World } from "./stage.ts";

/** A filter somebody tries, and who of them may: `token` stands for tokens that see the device named. */
export interface TriedFilter {
  /** `{own}` the device of A in scope, `{south}` the one out of it, `{foreign}` the one of B. */
  readonly filter: string;
  /** Bytes of the filter, where text cannot say them. */
  readonly bytes?: Buffer;
  readonly mayDevice?: true;
  readonly mayToken?: "everyone" | "own" | "south" | "foreign";
}

const invalid = (bytes: readonly number[]): TriedFilter => ({
  filter: `bytes ${Buffer.from(bytes).toString("hex")}`,
  bytes: Buffer.from(bytes),
});
const text = (value: string) => [...Buffer.from(value)];

/** M9: what a stranger to these topics would try. Sixty and more. */
export const triedFilters: readonly TriedFilter[] = [
  { filter: "#" },
  { filter: "+" },
  { filter: "+/#" },
  { filter: "+/+" },
  { filter: "+/+/+" },
  { filter: "+/+/telemetry" },
  { filter: "+/{foreign}/telemetry" },
  { filter: "+/{own}/telemetry" },
  { filter: "devices" },
  { filter: "devices/" },
  { filter: "devices/#", mayToken: "everyone" },
  { filter: "devices/+" },
  { filter: "devices/+/#", mayToken: "everyone" },
  { filter: "devices/+/+", mayToken: "everyone" },
  { filter: "devices/+/telemetry", mayToken: "everyone" },
  { filter: "devices/+/status", mayToken: "everyone" },
  { filter: "devices/+/telemetry/#" },
  { filter: "devices/+/commands/+" },
  { filter: "devices/+/commands/+/ack" },
  { filter: "devices/+/config" },
  { filter: "devices/+/config/reported" },
  { filter: "devices/+/clips/+" },
  { filter: "devices/+/+/+" },
  { filter: "devices/{own}/telemetry", mayToken: "own" },
  { filter: "devices/{own}/heartbeat", mayToken: "own" },
  { filter: "devices/{own}/#", mayToken: "own" },
  { filter: "devices/{own}/+", mayToken: "own" },
  { filter: "devices/{own}/commands/+", mayDevice: true },
  { filter: "devices/{own}/commands/#" },
  { filter: "devices/{own}/config", mayDevice: true },
  { filter: "devices/{south}/telemetry", mayToken: "south" },
  { filter: "devices/{south}/#", mayToken: "south" },
  { filter: "devices/{south}/commands/+" },
  { filter: "devices/{foreign}/telemetry", mayToken: "foreign" },
  { filter: "devices/{foreign}/status", mayToken: "foreign" },
  { filter: "devices/{foreign}/#", mayToken: "foreign" },
  { filter: "devices/{foreign}/+", mayToken: "foreign" },
  { filter: "devices/{foreign}/commands/+" },
  { filter: "devices/{foreign}/config" },
  { filter: "devices/{foreign}" },
  { filter: "devices/{foreign}/" },
  { filter: "devices/{foreign}/telemetry/" },
  { filter: "devices/no-such-device/telemetry" },
  { filter: "devices/no-such-device/#" },
  { filter: "devices/roost-canary/telemetry" },
  { filter: "devices/roost-canary/#" },
  { filter: "$share/g/#" },
  { filter: "$share/g/devices/#" },
  { filter: "$share/g/devices/{foreign}/#" },
  { filter: "$share/g/devices/{own}/telemetry" },
  { filter: "$share//devices/#" },
  { filter: "$share/devices/#" },
  { filter: "$queue/devices/#" },
  { filter: "$SYS/#" },
  { filter: "$SYS/broker/clients/connected" },
  { filter: "$SYS/+/+" },
  { filter: "/devices/{foreign}/telemetry" },
  { filter: "//devices/#" },
  { filter: "devices//telemetry" },
  { filter: "devices//{foreign}/telemetry" },
  { filter: "devices/{foreign}//telemetry" },
  { filter: "Devices/{foreign}/telemetry" },
  { filter: "devices/{FOREIGN}/telemetry" },
  { filter: "devices/{foreign}/Telemetry" },
  { filter: " devices/{foreign}/telemetry" },
  { filter: "devices/{foreign} /telemetry" },
  { filter: "devices/../devices/{foreign}/telemetry" },
  { filter: "devices%2F{foreign}%2Ftelemetry" },
  { filter: "devıces/{foreign}/telemetry" },
  { filter: "devices/{foreign}∕telemetry" },
  { filter: "ｄevices/{foreign}/telemetry" },
  { filter: "devices/{foreign}#" },
  { filter: "devices/{foreign}/telemetry#" },
  { filter: "devices/+{foreign}/telemetry" },
  { filter: "devices/#/telemetry" },
  invalid([...text("devices/wombat/telemetry"), 0]),
  invalid([...text("devices/wombat"), 0xc0, 0xaf, ...text("telemetry")]),
  invalid([...text("devices/"), 0xff, 0xfe]),
  invalid([...text("devices/"), 0xed, 0xa0, 0x80]),
  invalid([]),
];

export function filled(filter: string, world: World): string {
  const id = (place: "aNorth" | "aSouth" | "b") => world.places[place]["deviceId"] ?? "";
  return filter
    .replaceAll("{own}", id("aNorth"))
    .replaceAll("{south}", id("aSouth"))
    .replaceAll("{foreign}", id("b"))
    .replaceAll("{FOREIGN}", id("b").toUpperCase());
}

/** A subscription to one filter as bytes, whatever stands in it. */
export function subscribePacket(filter: string | Buffer, version: 4 | 5): Buffer {
  const name = Buffer.from(filter);
  const properties = version === 5 ? [0] : [];
  const rest = Buffer.concat([Buffer.from([0, 7, ...properties, name.length >> 8, name.length & 0xff]), name, Buffer.from([1])]);
  return Buffer.concat([Buffer.from([0x82, ...lengthOf(rest.length)]), rest]);
}

function lengthOf(bytes: number): number[] {
  return bytes < 128 ? [bytes] : [(bytes % 128) | 0x80, bytes >> 7];
}

/** A connection that keeps every byte it got. */
export interface Listener {
  readonly client: RawMqtt;
  readonly reason: number;
  /** Everything that came after the CONNACK. */
  bytes(): Buffer;
}

export async function listen(
  world: World,
  credentials: { username: string; password: string; clientId: string },
  version: 4 | 5,
  properties: Record<string, unknown> = {},
): Promise<Listener> {
  const { mqttPort } = world.server.ready;
  const client = await RawMqtt.open({ port: mqttPort, ca: world.ca }, version);
  const parts: Buffer[] = [];
  client.socket.on("data", (part: Buffer) => parts.push(part));
  const { username, password, clientId } = credentials;
  client.socket.write(
    generate(
      {
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: version,
        clean: true,
        // It sends nothing by itself, and says so: a story that takes its time does not end it.
        keepalive: 3_600,
        clientId,
        username,
        password: Buffer.from(password),
        ...properties,
      },
      { protocolVersion: version },
    ),
  );
  const connack = await client.next("connack").catch(() => undefined);
  return {
    client,
    reason: connack === undefined ? -1 : (connack.reasonCode ?? connack.returnCode ?? 0),
    bytes: () => Buffer.concat(parts),
  };
}

/** What a subscription came to: the code of the SUBACK, or -1 where the door hung up. */
export async function subscribe(listener: Listener, filter: string | Buffer, version: 4 | 5): Promise<number> {
  listener.client.sendBytes(subscribePacket(filter, version));
  const suback = await listener.client.next("suback").catch(() => undefined);
  const granted = suback?.granted[0];
  return typeof granted === "number" ? granted : -1;
}
