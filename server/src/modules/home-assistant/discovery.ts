import { createHash } from "node:crypto";

import type { ComponentProblem } from "@roost/contract/home-assistant";

import { fieldsOf } from "./abbreviations.ts";
import { originName } from "./announcing.ts";
import { readingOf } from "./measures.ts";
import type { Reading } from "./measures.ts";
import { readTemplate } from "./template.ts";
import type { Template } from "./template.ts";

/** A topic that says whether a device is there, and the words it says it with. */
export interface AvailabilitySource {
  readonly topic: string;
  readonly template: Template;
  readonly available: string;
  readonly notAvailable: string;
}

/** One announced value. */
export interface Component {
  /** Its place in the announcement. */
  readonly id: string;
  readonly name: string;
  readonly platform: "sensor" | "binary_sensor";
  readonly stateTopic: string;
  readonly template: Template | undefined;
  /** Absent for a unit that means nothing here, and for a binary sensor. */
  readonly reading: Reading | undefined;
  readonly announcedUnit: string | undefined;
  /** What its name is made of, the best first. */
  readonly called: readonly string[];
  readonly on: string;
  readonly off: string;
  readonly expireAfterSeconds: number | undefined;
  readonly availability: readonly AvailabilitySource[];
  readonly problem: ComponentProblem | undefined;
  readonly because: string | undefined;
}

/** What one announcement says. */
export interface Announcement {
  /** The same for all announcements of one device. */
  readonly foundId: string;
  readonly name: string | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly components: readonly Component[];
}

/** Announcements are small; what is larger is none. */
export const longestAnnouncementBytes = 65_536;
const mostComponents = 100;
const longestTopicBytes = 512;
const readable = ["sensor", "binary_sensor"] as const;

/** Sensors whose states are words or times. */
const wordClasses = new Set(["enum", "timestamp", "date"]);

/** The topics on which announcements come that Roost reads. */
export function announcementFilters(prefix: string): string[] {
  return ["device", ...readable].flatMap((component) => [`${prefix}/${component}/+/config`, `${prefix}/${component}/+/+/config`]);
}

/**
 * Reads an announcement, of a whole device or of one value.
 *
 * @returns `ours` for what a Roost announced, whichever: taking that in would go in circles; `undefined` for what cannot be read.
 */
export function readAnnouncement(
  { prefix, topic, isOwnState }: { prefix: string; topic: string; isOwnState: (topic: string) => boolean },
  payload: Buffer,
): Announcement | "ours" | undefined {
  const place = /^(device|sensor|binary_sensor)\/((?:[A-Za-z0-9_-]{1,128}\/)?[A-Za-z0-9_-]{1,128})\/config$/.exec(
    topic.slice(prefix.length + 1),
  );
  const [, kind, path] = place ?? [];
  if (kind === undefined || path === undefined || payload.length > longestAnnouncementBytes) return undefined;
  const root = fieldsOf(parse(payload));
  if (root === undefined) return undefined;
  const origin = fieldsOf(root.get("origin"));
  const device = fieldsOf(root.get("device"), "device");
  if (origin?.get("name") === originName || device?.get("manufacturer") === originName) return "ours";
  const components: Component[] = [];
  if (kind === "device") {
    const given = root.get("components");
    if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
    for (const [key, one] of Object.entries(given)) {
      const own = fieldsOf(one);
      const platform = readable.find((known) => known === own?.get("platform"));
      if (own === undefined || platform === undefined || !isKey(key) || components.length >= mostComponents) continue;
      // What stands at the top counts for all of its values that do not say otherwise.
      const all = new Map([...root, ...own]);
      if (!own.has("name")) all.delete("name");
      components.push(componentOf(`${path}/${key}`, key, { platform, fields: all, isOwnState }));
    }
  } else {
    const platform = kind === "sensor" ? "sensor" : "binary_sensor";
    components.push(componentOf(`${platform}/${path}`, path.split("/").at(-1) ?? path, { platform, fields: root, isOwnState }));
  }
  return {
    foundId: digestOf(device, root, `${kind}/${path}`),
    name: wordOf(device?.get("name")) ?? (device === undefined ? wordOf(root.get("name")) : undefined),
    manufacturer: wordOf(device?.get("manufacturer")),
    model: wordOf(device?.get("model")),
    components,
  };
}

/** Which device it is: by what it calls itself, else by its connections, else by the announcement. */
function digestOf(device: ReadonlyMap<string, unknown> | undefined, root: ReadonlyMap<string, unknown>, place: string): string {
  const identifiers = [device?.get("identifiers")].flat().filter((one) => typeof one === "string" || typeof one === "number");
  const connections = [device?.get("connections")].flat(2).filter((one) => typeof one === "string");
  const unique = root.get("unique_id");
  const named =
    identifiers.length > 0
      ? ["ids", String(identifiers[0])]
      : connections.length > 1
        ? ["cns", ...connections.slice(0, 2)]
        : typeof unique === "string"
          ? ["unique", unique]
          : ["place", place];
  return createHash("sha256").update(JSON.stringify(named)).digest("hex").slice(0, 24);
}

function componentOf(
  id: string,
  key: string,
  {
    platform,
    fields,
    isOwnState,
  }: { platform: Component["platform"]; fields: ReadonlyMap<string, unknown>; isOwnState: (topic: string) => boolean },
): Component {
  const base = fields.get("~");
  const topicOf = (value: unknown) => expand(value, typeof base === "string" ? base : undefined);
  const deviceClass = wordOf(fields.get("device_class"));
  const announcedUnit = wordOf(fields.get("unit_of_measurement"));
  const stateTopic = topicOf(fields.get("state_topic"));
  const template = readTemplate(templateText(fields.get("value_template")));
  const reading = platform === "sensor" ? readingOf(announcedUnit, deviceClass) : undefined;
  const fault = faultOf({
    stateTopic,
    template,
    platform,
    deviceClass,
    reading,
    announcedUnit,
    isOwnState,
    text: fields.get("value_template"),
  });
  const expiry = fields.get("expire_after");
  return {
    id,
    name: wordOf(fields.get("name")) ?? deviceClass ?? key,
    platform,
    stateTopic: stateTopic ?? "",
    template,
    reading,
    announcedUnit,
    called: [deviceClass, wordOf(fields.get("name")), key].filter((one) => one !== undefined),
    on: payloadWord(fields.get("payload_on"), "ON"),
    off: payloadWord(fields.get("payload_off"), "OFF"),
    expireAfterSeconds: typeof expiry === "number" && expiry > 0 && expiry <= 31_536_000 ? expiry : undefined,
    availability: availabilityOf(fields, topicOf),
    problem: fault?.[0],
    because: fault?.[1],
  };
}

interface Judged {
  readonly stateTopic: string | undefined;
  readonly template: Template | undefined;
  readonly platform: Component["platform"];
  readonly deviceClass: string | undefined;
  readonly reading: Reading | undefined;
  readonly announcedUnit: string | undefined;
  readonly isOwnState: (topic: string) => boolean;
  readonly text: unknown;
}

function faultOf(one: Judged): [ComponentProblem, string] | undefined {
  if (one.stateTopic === undefined) return ["topic", "It names no topic that its states could be read from."];
  if (one.isOwnState(one.stateTopic)) return ["own_topic", "Its states would be those that Roost itself publishes."];
  if (one.template === undefined) {
    return [
      "template",
      `Its template is computed by Home Assistant in a way Roost does not know: ${(wordOf(one.text) ?? "").slice(0, 200)}`,
    ];
  }
  if (one.platform === "sensor" && one.deviceClass !== undefined && wordClasses.has(one.deviceClass))
    return ["text", "Its states are words or times, and no numbers."];
  if (one.platform === "sensor" && one.reading === undefined)
    return ["unit", `Its unit ${one.announcedUnit ?? ""} is none of Roost's. Say which it shall have.`];
  return undefined;
}

function availabilityOf(fields: ReadonlyMap<string, unknown>, topicOf: (value: unknown) => string | undefined): AvailabilitySource[] {
  const list = [fields.get("availability")].flat().map((one) => fieldsOf(one));
  const single = fields.has("availability_topic")
    ? [new Map(fields).set("topic", fields.get("availability_topic")).set("value_template", fields.get("availability_template"))]
    : [];
  return [...list, ...single].slice(0, 8).flatMap((one) => {
    const topic = topicOf(one?.get("topic"));
    const template = readTemplate(templateText(one?.get("value_template")));
    if (one === undefined || topic === undefined || template === undefined) return [];
    const word = (name: string, otherwise: string) => payloadWord(one.get(name) ?? fields.get(name), otherwise);
    return [{ topic, template, available: word("payload_available", "online"), notAvailable: word("payload_not_available", "offline") }];
  });
}

/** A topic to subscribe to: no wildcard, nothing of the broker's own, with the base put in. */
function expand(value: unknown, base: string | undefined): string | undefined {
  if (typeof value !== "string") return undefined;
  let topic = value;
  if (base !== undefined && topic.startsWith("~")) topic = base + topic.slice(1);
  else if (base !== undefined && topic.endsWith("~")) topic = topic.slice(0, -1) + base;
  const isFine =
    topic !== "" &&
    Buffer.byteLength(topic) <= longestTopicBytes &&
    topic.isWellFormed() &&
    !/[+#\p{Cc}]/u.test(topic) &&
    !topic.startsWith("$");
  return isFine ? topic : undefined;
}

/** Words of others for people to read: short, well-formed, without what would steer a terminal or turn a line around. */
function wordOf(value: unknown): string | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const word = String(value)
    .slice(0, 400)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, "")
    .trim()
    .slice(0, 120);
  return word === "" ? undefined : word;
}

/** Whatever JSON says, compared as text, the way templates of Home Assistant write it. */
function payloadWord(value: unknown, otherwise: string): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "string" || typeof value === "number" ? String(value).slice(0, 256) : otherwise;
}

function templateText(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : typeof value === "string" ? value : "{{ unreadable }}";
}

function isKey(key: string): boolean {
  return key.length <= 64 && /^[A-Za-z0-9_.:-]+$/.test(key);
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch {
    return undefined;
  }
}
