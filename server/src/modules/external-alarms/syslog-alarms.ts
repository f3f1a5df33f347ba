import { createHash } from "node:crypto";

import type { Severity } from "@roost/contract/alarms";

import type { Clock } from "../../platform/clock.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { line, lines } from "./external-alarm.ts";
import type { Told } from "./external-alarm.ts";
import type { ExternalAlarms } from "./external-alarms.ts";
import { findSender } from "./syslog-sender-store.ts";
import type { SyslogMessage } from "./syslog.ts";

/** Nothing like it came for so long: it is over. */
export const quietMs = 3_600_000;
/** A message that comes again within this is the same occurrence. */
const againMs = 60_000;
const flushMs = 1_000;
const mostWaiting = 1_000;
/** So many different messages of one host are alarms of their own; what else it says is one. */
const mostOfHost = 50;
const senderForMs = 60_000;
const mostSenders = 5_000;

/** By number: emergency, alert and critical; error; warning; notice, information and debug. */
const severityByNumber: readonly Severity[] = ["critical", "critical", "critical", "major", "warning", "info", "info", "info"];

/** Names of syslog, for the configuration; the first is the worst. */
export const syslogSeverities = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] as const;

/** What two messages have in common that differ in numbers alone: addresses, counts, hexadecimal words. */
export function patternOf(text: string): string {
  return text
    .slice(0, 400)
    .toLowerCase()
    .replaceAll(/\b0x[0-9a-f]+\b|\b[0-9a-f]*\d[0-9a-f]*\b|\d+/g, "#")
    .replaceAll(/[#.:/-]*#[#.:/-]*/g, "#")
    .slice(0, 200);
}

interface Waiting {
  readonly address: string;
  readonly host: string;
  message: SyslogMessage;
  count: number;
  at: Date;
}

export interface SyslogAlarmDeps {
  readonly db: Db;
  readonly external: Pick<ExternalAlarms, "take">;
  /** Whose messages they are, at this moment. */
  readonly organisationId: () => string;
  readonly isDevice: (id: string) => boolean;
  /** The mildest that becomes an alarm, by number. */
  readonly mildest: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Turns messages of syslog into alarms: gathers what is alike, and tells it once a second at the most. */
export function createSyslogAlarms({ db, external, organisationId, isDevice, mildest, clock, log }: SyslogAlarmDeps) {
  const waiting = new Map<string, Waiting>();
  const kinds = new Map<string, { keys: Set<string>; sinceMs: number }>();
  const senders = new Map<string, { deviceId: string | undefined; untilMs: number }>();
  let flushing: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let hasTold = false;
  const timer = setInterval(() => void flush(), flushMs).unref();

  function keyOf(host: string, { app = "", messageId, text }: SyslogMessage): string {
    const hash = (pattern: string) =>
      createHash("sha256")
        .update(JSON.stringify([host, app, pattern]))
        .digest("hex")
        .slice(0, 24);
    const key = hash(messageId ?? patternOf(text));
    const nowMs = clock.nowMs();
    let known = kinds.get(host);
    if (known === undefined || known.sinceMs + quietMs < nowMs) kinds.set(host, (known = { keys: new Set(), sinceMs: nowMs }));
    if (kinds.size > mostSenders)
      for (const oldest of kinds.keys()) {
        kinds.delete(oldest);
        break;
      }
    if (known.keys.has(key)) return key;
    if (known.keys.size >= mostOfHost) return hash("*");
    known.keys.add(key);
    return key;
  }

  async function deviceOf(address: string, host: string): Promise<string | undefined> {
    const cacheKey = `${organisationId()} ${address} ${host}`;
    const nowMs = clock.nowMs();
    const known = senders.get(cacheKey);
    if (known !== undefined && known.untilMs > nowMs) return known.deviceId;
    const id = host.toLowerCase();
    const deviceId = (await findSender(db, organisationId(), address, id)) ?? (isDevice(id) ? id : undefined);
    senders.delete(cacheKey);
    senders.set(cacheKey, { deviceId, untilMs: nowMs + senderForMs });
    if (senders.size > mostSenders)
      for (const oldest of senders.keys()) {
        senders.delete(oldest);
        break;
      }
    return deviceId;
  }

  async function toldOf(key: string, { address, host, message, count, at }: Waiting): Promise<Told> {
    const deviceId = await deviceOf(address, host);
    const app = line(message.app ?? "", 48);
    const severity = severityByNumber[message.severity] ?? "info";
    const words = line(message.text, 200) || "an empty message";
    const data = Object.entries(message.data).map(
      ([id, values]) =>
        `${id}: ${Object.entries(values)
          .map(([name, value]) => `${name}=${value}`)
          .join(", ")}`,
    );
    const more = [message.text, ...data, `Host ${host}, from ${address}${count > 1 ? `, ${count} messages like it at once` : ""}`];
    return {
      channel: "syslog",
      key,
      source: deviceId ?? `syslog:${host}`,
      type: `external:syslog:${app === "" ? "message" : app}:${key.slice(0, 12)}`,
      deviceId,
      severity,
      title: line(app === "" ? words : `${app}: ${words}`, 200),
      text: lines(more.join("\n"), 2_000),
      probableCause: undefined,
      labels: Object.fromEntries(
        Object.entries({ alertname: app === "" ? "syslog" : app, host, severity, facility: String(message.facility) }),
      ),
      annotations: {},
      generatorUrl: undefined,
      startsAt: at,
      endsAt: undefined,
      expiresAt: new Date(clock.nowMs() + quietMs),
      sameWithinMs: againMs,
      isRepeated: true,
    };
  }

  async function tell(): Promise<void> {
    const some = [...waiting];
    if (some.length === 0) return;
    waiting.clear();
    try {
      const told = await Promise.all(some.map(([key, one]) => toldOf(key, one)));
      await db.transaction(async (tx) => external.take(tx, organisationId(), told));
      hasTold = false;
    } catch (error) {
      // What is newer by now stands for what could not be written.
      if (isDatabaseAway(error)) for (const [key, one] of some) if (waiting.size < mostWaiting && !waiting.has(key)) waiting.set(key, one);
      if (!hasTold) log.warn({ err: error }, "messages of syslog could not become alarms");
      hasTold = true;
    }
  }

  /** Resolves when all that was heard before the call was tried: what is under way may have begun without the last of it. */
  function flush(): Promise<void> {
    if (flushing !== undefined) {
      next ??= flushing.then(() => {
        next = undefined;
        return flush();
      });
      return next;
    }
    flushing = tell().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  return {
    /** Hears one message. @returns What becomes of it. */
    hear(address: string, message: SyslogMessage): "mild" | "taken" | "full" {
      if (message.severity > mildest) return "mild";
      const host = line(message.host ?? address, 120) || address;
      const key = keyOf(host, message);
      const nowMs = clock.nowMs();
      const said = message.at?.getTime() ?? nowMs;
      // A clock that is far off was never set.
      const at = new Date(said <= nowMs && said > nowMs - 86_400_000 ? said : nowMs);
      const known = waiting.get(key);
      if (known === undefined) {
        if (waiting.size >= mostWaiting) return "full";
        waiting.set(key, { address, host, message, count: 1, at });
        return "taken";
      }
      known.count += 1;
      // The worst is told, of equals the newest.
      if (message.severity <= known.message.severity) Object.assign(known, { message, at: at > known.at ? at : known.at });
      return "taken";
    },
    /** Tells now; by itself it does so each second. */
    flush,
    async close(): Promise<void> {
      clearInterval(timer);
      await flush();
    },
  };
}

export type SyslogAlarms = ReturnType<typeof createSyslogAlarms>;
