import { isUtf8 } from "node:buffer";

import { commandAck, commandLimits } from "@roost/contract/commands";
import type { CommandAck } from "@roost/contract/commands";
import { configurationBytes, reportedConfiguration } from "@roost/contract/configuration";
import type { ReportedConfiguration } from "@roost/contract/configuration";
import { deviceEvent, heartbeat, status } from "@roost/contract/envelope";
import type { Heartbeat, Status } from "@roost/contract/envelope";
import type { IngestErrorName } from "@roost/contract/ingest";
import type { UpKind } from "@roost/contract/topics";

import { readStamp } from "./stamp.ts";
import type { Stamp } from "./stamp.ts";

/** What a message of any topic but telemetry says. */
export type UpMessage =
  | { readonly kind: "heartbeat"; readonly heartbeat: Heartbeat }
  | { readonly kind: "status"; readonly status: Status }
  | { readonly kind: "commandAck"; readonly ack: CommandAck }
  | { readonly kind: "configReported"; readonly reported: ReportedConfiguration }
  | {
      readonly kind: "event";
      readonly type: string;
      readonly stamp: Stamp;
      readonly data: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "refused"; readonly name: IngestErrorName };

const deepest = 32;
const mostBytes = 128 * 1024;

/**
 * Reads a message of the topics that carry no samples. Never throws.
 *
 * What later parts of the platform use (clips) is an event of that type, so nothing that is acknowledged is lost before they exist.
 *
 * @param item - Id of the command or clip, from the topic.
 * @param latestUs - The latest instant a right clock can show now, in epoch microseconds.
 */
export function readUpMessage(kind: Exclude<UpKind, "telemetry">, item: string | undefined, bytes: Buffer, latestUs: number): UpMessage {
  if (bytes.length > mostBytes) return { kind: "refused", name: "too_large" };
  if (!isUtf8(bytes)) return { kind: "refused", name: "malformed" };
  const text = bytes.toString("utf8");
  if (kind === "status" && (text === "online" || text === "offline")) return { kind: "status", status: { state: text } };
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return { kind: "refused", name: "malformed" };
  }
  if (!isStorable(root, 0)) return { kind: "refused", name: "bad_envelope" };
  switch (kind) {
    case "heartbeat": {
      const read = heartbeat.safeParse(root);
      return read.success ? { kind, heartbeat: read.data } : { kind: "refused", name: "bad_envelope" };
    }
    case "status": {
      const read = status.safeParse(root);
      return read.success ? { kind, status: read.data } : { kind: "refused", name: "bad_envelope" };
    }
    case "event": {
      const read = deviceEvent.safeParse(root);
      if (!read.success) return { kind: "refused", name: "bad_envelope" };
      return { kind, type: read.data.type, stamp: readStamp(read.data.timestamp, latestUs), data: read.data.data };
    }
    case "configReported": {
      const read = reportedConfiguration.safeParse(root);
      if (!read.success) return { kind: "refused", name: "bad_envelope" };
      if (bytes.length > configurationBytes) return { kind: "refused", name: "too_large" };
      return { kind, reported: read.data };
    }
    case "commandAck": {
      const read = commandAck.safeParse(root);
      if (!read.success) return { kind: "refused", name: "bad_envelope" };
      const isLarge = Buffer.byteLength(JSON.stringify(read.data.result ?? null)) > commandLimits.documentBytes;
      return isLarge ? { kind: "refused", name: "too_large" } : { kind, ack: read.data };
    }
    case "clip":
      return asEvent("clip.notice", { clip: item }, root, latestUs);
    default:
      return kind satisfies never;
  }
}

function asEvent(type: string, about: Readonly<Record<string, unknown>>, root: unknown, latestUs: number): UpMessage {
  if (typeof root !== "object" || root === null || Array.isArray(root)) return { kind: "refused", name: "bad_envelope" };
  const body = root as Readonly<Record<string, unknown>>;
  return { kind: "event", type, stamp: readStamp(body["timestamp"], latestUs), data: { ...about, body } };
}

/** Whether the database can keep it as it is: no NUL, no half of a pair, nothing infinite, and not endlessly deep. */
function isStorable(value: unknown, depth: number): boolean {
  if (depth > deepest) return false;
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0");
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).every(([key, item]) => isStorable(key, depth) && isStorable(item, depth + 1));
  }
  return true;
}
