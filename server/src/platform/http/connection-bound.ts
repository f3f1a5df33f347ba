import type { Socket } from "node:net";

import { addressKey } from "./client-address.ts";

/** Bounds how many connections one address holds at once, over all ways in. */
export interface ConnectionBound {
  /** Counts a connection until it closes. @returns False, and the connection is cut, where its address holds too many. */
  admit(socket: Socket): boolean;
  /** Counts it no more, whatever TLS is around it: somebody else does from here on. */
  release(socket: Socket): void;
}

export function createConnectionBound({
  most,
  isExempt,
  onRefused,
}: {
  most: number;
  /** Addresses that many people share by our own will: named proxies. */
  isExempt: (address: string) => boolean;
  onRefused: (address: string) => void;
}): ConnectionBound {
  const held = new Map<string, number>();
  // By the ends of the connection, which its TLS socket has in common with the one below.
  const counted = new Map<string, string>();
  const endsOf = ({ remoteAddress, remotePort, localPort }: Socket) => `${remoteAddress} ${remotePort} ${localPort}`;

  function forget(ends: string): void {
    const key = counted.get(ends);
    if (key === undefined) return;
    counted.delete(ends);
    const left = (held.get(key) ?? 1) - 1;
    if (left > 0) held.set(key, left);
    else held.delete(key);
  }

  return {
    release: (socket) => forget(endsOf(socket)),
    admit(socket) {
      const address = (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/i, "");
      if (isExempt(address)) return true;
      const key = addressKey(address);
      const now = held.get(key) ?? 0;
      if (now >= most) {
        // Nothing is said to it: a flood is not answered, and by TLS there is nobody to talk to yet.
        socket.destroy();
        onRefused(address);
        return false;
      }
      held.set(key, now + 1);
      const ends = endsOf(socket);
      counted.set(ends, key);
      // A socket that is closed knows its ends no more.
      socket.once("close", () => forget(ends));
      return true;
    },
  };
}
