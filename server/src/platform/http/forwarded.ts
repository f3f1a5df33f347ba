import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { TLSSocket } from "node:tls";

import { AppError } from "@roost/contract/errors";

/** Where a request really came from, with forwarded headers believed from named proxies only. */
export interface Forwarded {
  /** The client's address, without the IPv4-in-IPv6 prefix. */
  addressOf(request: IncomingMessage): string;
  /** Came by TLS: to this server itself, or to a proxy that is believed. */
  isSecure(request: IncomingMessage): boolean;
  /** Scheme and host the client used, such as `https://roost.example.org`; undefined without a usable Host. */
  originOf(request: IncomingMessage): string | undefined;
  /** The host the client asked for, port and all. */
  hostOf(request: IncomingMessage): string | undefined;
  /** An address whose forwarded headers are believed. */
  isProxy(address: string): boolean;
  /** From this machine itself: no proxy in between, and the name asked for is this machine's own (no DNS rebinding). */
  isDirectLoopback(request: IncomingMessage): boolean;
}

const forwardingHeaders = ["x-forwarded-for", "forwarded", "x-real-ip", "via"];
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * @param trustedProxies - Addresses or networks (CIDR).
 * @throws {AppError} `config.invalid` for an entry that is neither.
 */
export function createForwarded(trustedProxies: readonly string[]): Forwarded {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address);
    const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === 6 ? 128 : 32)) {
      throw new AppError("config.invalid", 500, "The configuration has faults. Mend the variables named under details.", {
        faults: [`ROOST_TRUSTED_PROXIES: ${entry} is neither an address nor a network`],
      });
    }
    trusted.addSubnet(address, prefix, family === 6 ? "ipv6" : "ipv4");
  }
  const isTrusted = (address: string) => isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

  function peerOf(request: IncomingMessage): string {
    return plain(request.socket.remoteAddress ?? "");
  }

  function isSecure(request: IncomingMessage): boolean {
    const scheme = isTrusted(peerOf(request)) ? header(request, "x-forwarded-proto") : undefined;
    return scheme === undefined ? request.socket instanceof TLSSocket : scheme.split(",").at(-1)?.trim().toLowerCase() === "https";
  }

  function hostOf(request: IncomingMessage): string | undefined {
    // The last of a list is what the nearest proxy wrote itself.
    const forwarded = isTrusted(peerOf(request)) ? header(request, "x-forwarded-host")?.split(",").at(-1)?.trim() : undefined;
    return forwarded ?? request.headers.host;
  }

  return {
    isSecure,
    hostOf,
    isProxy: isTrusted,
    addressOf(request) {
      let address = peerOf(request);
      if (!isTrusted(address)) return address;
      // From the nearest hop outwards: what a proxy of ours did not write itself, anybody may have written.
      const hops = (header(request, "x-forwarded-for") ?? "").split(",").map((hop) => plain(hop.trim()));
      for (const hop of hops.toReversed()) {
        if (isIP(hop) === 0) break;
        address = hop;
        if (!isTrusted(hop)) break;
      }
      return address;
    },
    originOf(request) {
      const host = hostOf(request);
      const scheme = isSecure(request) ? "https" : "http";
      if (host === undefined || !URL.canParse(`${scheme}://${host}`)) return undefined;
      return new URL(`${scheme}://${host}`).origin;
    },
    isDirectLoopback(request) {
      const peer = peerOf(request);
      const local = peer === "::1" || peer.startsWith("127.");
      if (!local || forwardingHeaders.some((name) => request.headers[name] !== undefined)) return false;
      return loopbackHost.test(request.headers.host ?? "");
    },
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

function plain(address: string): string {
  return address.toLowerCase().startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}
