import { createSocket } from "node:dgram";
import { createServer, isIP } from "node:net";
import type { AddressInfo, Socket } from "node:net";

import { isPublicAddress, parseAllowList } from "../../platform/addresses.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/http/metrics.ts";
import { listenFault } from "../../platform/listen-fault.ts";
import type { Log } from "../../platform/log.ts";
import type { SyslogAlarms } from "./syslog-alarms.ts";
import { createFraming, parseSyslog } from "./syslog.ts";

/** Messages a second that one sender, and all of them together, may send; as many at once. */
const perSender = 100;
const ofAll = 2_000;
const mostSenders = 2_000;
const mostConnections = 200;
const mostConnectionsOfOne = 20;
const idleMs = 600_000;

export interface SyslogListenerDeps {
  readonly alarms: Pick<SyslogAlarms, "hear" | "close">;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Who may send: hosts' addresses and networks. Empty: whoever has a private address. */
  readonly allow: readonly string[];
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Takes syslog by UDP (RFC 5426) and TCP (RFC 6587) on one port. */
export function createSyslogListener({ alarms, host, port, allow, clock, metrics, log }: SyslogListenerDeps) {
  const allowed = parseAllowList(allow);
  const heard = metrics.counter({
    name: "roost_syslog_messages_total",
    help: "Messages of syslog, by what became of them.",
    labels: ["what"],
  });
  const bySender = new Map<string, Bucket>();
  const all = bucket(ofAll, clock);
  const udp = createSocket({ type: host.includes(":") ? "udp6" : "udp4" });
  const sockets = new Map<Socket, string>();
  const tcp = createServer({ pauseOnConnect: true }, accept);

  function mayCome(address: string): boolean {
    return isIP(address) !== 0 && (allow.length === 0 ? !isPublicAddress(address) : allowed.hasAddress(address));
  }

  function take(address: string, bytes: Uint8Array): void {
    let own = bySender.get(address);
    if (own === undefined) {
      bySender.set(address, (own = bucket(perSender, clock)));
      // The one that was first heard longest ago goes: it begins with a full bucket when it comes again.
      if (bySender.size > mostSenders)
        for (const oldest of bySender.keys()) {
          bySender.delete(oldest);
          break;
        }
    }
    if (!own.take() || !all.take()) heard.add(1, { what: "too_many" });
    else heard.add(1, { what: alarms.hear(address, parseSyslog(bytes)) });
  }

  function accept(socket: Socket): void {
    const address = plain(socket.remoteAddress ?? "");
    const ofOne = [...sockets.values()].filter((one) => one === address).length;
    if (!mayCome(address) || sockets.size >= mostConnections || ofOne >= mostConnectionsOfOne) {
      heard.add(1, { what: "refused" });
      socket.destroy();
      return;
    }
    sockets.set(socket, address);
    const framing = createFraming();
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      for (const message of framing.push(bytes)) take(address, message);
    });
    socket.on("end", () => {
      for (const message of framing.end()) take(address, message);
    });
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    socket.resume();
  }

  udp.on("message", (bytes, { address }) => {
    const sender = plain(address);
    if (mayCome(sender)) take(sender, bytes);
    else heard.add(1, { what: "refused" });
  });

  return {
    /** @returns The port. @throws {AppError} `listen.…` where nothing can listen. */
    async listen(): Promise<number> {
      const fault = (error: unknown) => listenFault(error, { host, port, variable: "ROOST_SYSLOG_PORT" });
      await new Promise<void>((resolve, reject) => {
        tcp.once("error", (error) => reject(fault(error)));
        tcp.listen({ host, port }, resolve);
      });
      const taken = (tcp.address() as AddressInfo).port;
      await new Promise<void>((resolve, reject) => {
        udp.once("error", (error) => reject(fault(error)));
        udp.bind({ address: host, port: taken }, resolve);
      });
      for (const one of [tcp, udp]) one.on("error", (error: Error) => log.warn({ err: error }, "the syslog port had a fault"));
      return taken;
    },
    async close(): Promise<void> {
      for (const socket of sockets.keys()) socket.destroy();
      if (tcp.listening) await new Promise((done) => tcp.close(done));
      await new Promise<void>((done) => {
        try {
          udp.close(done);
        } catch {
          // It never listened.
          done();
        }
      });
      await alarms.close();
    },
  };
}

interface Bucket {
  take(): boolean;
}

/** So many a second, and as many at once. */
function bucket(rate: number, clock: Clock): Bucket {
  let left = rate;
  let atMs = clock.monotonicMs();
  return {
    take() {
      const nowMs = clock.monotonicMs();
      left = Math.min(rate, left + ((nowMs - atMs) / 1_000) * rate);
      atMs = nowMs;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}

/** IPv4 as it is, also where it came by a socket of both. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
}
