import { deviceTopics } from "@roost/contract/topics";

/** The version that nodes report: of what is sent and when, whichever program sends it. */
export const firmwareVersion = "1.0.0";

/** The network that a node opens to be told about the house's Wi-Fi. */
export const portalName = "PlantOps-Setup";

/** Samples that a node keeps in memory while there is no way to send them. */
export const rememberedSamples = 120;

/** Samples in one message of those that were kept: below the 4 KiB buffer of ESPHome's MQTT client, below PubSubClient's of the sketch. */
export const samplesAtOnce = 8;

/**
 * How long after it was handed to the network a sample may still be lost on the way: what is younger when the connection comes back is sent again.
 * One and a half keep-alives of 30 s, the last moment at which a dead connection is noticed, and as long again.
 */
export const uncertainMs = 90_000;

/** Pins of a node, as wired and as compiled. */
export const pins = { air: 4, soil: 34, lightData: 21, lightClock: 22, led: 2, button: 0, battery: 35 } as const;

/** All that a node's program is made of, save its secrets. */
export interface NodeBuild {
  readonly deviceId: string;
  /** As people call it: hostile text. */
  readonly name: string;
  /** By this name or address it reaches us; the server certificate carries it. */
  readonly host: string;
  readonly mqttPort: number;
  /** `undefined`: this installation has no HTTPS address. */
  readonly httpsUrl: string | undefined;
  readonly caPem: string;
  readonly sampleSeconds: number;
  /** 0: it stays awake. */
  readonly sleepSeconds: number;
  /** Whether it measures its battery. */
  readonly hasBattery: boolean;
  /** Whether it takes programs only that are signed with its own key. */
  readonly signedUpdates: boolean;
  readonly soilDryVolts: number;
  readonly soilWetVolts: number;
}

/** What is printed on a node's label or known to it alone. */
export interface NodeSecrets {
  readonly mqttUsername: string;
  readonly mqttPassword: string;
  /** Opens the set-up network. */
  readonly portalPassword: string;
  /** 32 bytes, base64: new programs come over the air under this key only. */
  readonly updateKey: string;
  /** Signs its programs, as PEM; the node has the public half only. */
  readonly signingKeyPem: string;
}

/** A file of a node's program. */
export interface FirmwareText {
  readonly name: string;
  readonly mediaType: string;
  readonly text: string;
}

/** What a sleeping node is awake for at most, when it finds nobody to talk to. */
export const awakeSeconds = 60;

/** Seconds between two heartbeats of a node: what Roost has to wait for. */
export function heartbeatSecondsOf({ sleepSeconds }: { readonly sleepSeconds: number }): number {
  return sleepSeconds === 0 ? 60 : sleepSeconds + awakeSeconds;
}

/** Topics of a node's program; nothing else is ever written or read. */
export function topicsOf(build: Pick<NodeBuild, "deviceId">) {
  return deviceTopics(build.deviceId);
}

/**
 * The host name of a node: what mDNS finds it by, at most 31 of `a-z 0-9 -`.
 *
 * @see https://esphome.io/components/esphome/ `name`: lower-case letters, digits and hyphens, 31 characters.
 */
export function hostNameOf(deviceId: string): string {
  const plain = deviceId.replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  if (plain === deviceId && plain.length <= 31) return plain;
  const start = plain.slice(0, 22).replace(/-+$/, "");
  return `${start === "" ? "node" : start}-${markOf(deviceId)}`;
}

/** The beginning of a node's entries in `secrets.yaml`, which all nodes of a household share. */
export function secretPrefixOf(deviceId: string): string {
  return hostNameOf(deviceId).replaceAll("-", "_");
}

/** The file of the key that a node's programs are signed with. */
export function signingKeyFileOf(deviceId: string): string {
  return `${hostNameOf(deviceId)}-signing-key.pem`;
}

/** Eight hex digits that tell texts apart (FNV-1a); no secret is made of it. */
export function markOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** A name that may stand in any of the files: builders evaluate `$` and quotes in texts, so that only harmless characters are left. */
export function plainNameOf(name: string): string {
  const plain = name
    .normalize("NFC")
    .replaceAll(/[^\p{L}\p{N} ._-]/gu, " ")
    .replaceAll(/ {2,}/g, " ")
    .trim();
  return plain === "" ? "Garden node" : plain.slice(0, 60).trim();
}

/** The lines of a PEM text that are PEM; what else stands in it is left out. */
export function pemLinesOf(pem: string): string[] {
  return pem
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => /^(?:-----(?:BEGIN|END) CERTIFICATE-----|[A-Za-z0-9+/=]+)$/.test(line));
}
