import { isIP } from "node:net";

import { isLoopbackHost, isPublicAddress } from "../addresses.ts";
import type { Clock } from "../clock.ts";

export interface OwnNamesOptions {
  readonly publicUrl: string | undefined;
  /** Names and addresses people configured. */
  readonly publicHosts: readonly string[];
  /** What the certificate names and what this machine calls itself; asked now and then, because addresses change. */
  readonly machine: () => readonly string[];
  readonly clock: Clock;
}

/** Says whether a host, as a request names it, is a name of ours. */
export type IsOwnName = (host: string | undefined, localAddress: string | undefined) => boolean;

const lookAgainMs = 10_000;

/**
 * Requests that name another host are refused: their page was led to this machine by a name that is not ours (DNS rebinding), or wants
 * links made of it. Private addresses are taken whoever holds them, for port forwarding and containers: no name leads a page there.
 */
export function createOwnNames({ publicUrl, publicHosts, machine, clock }: OwnNamesOptions): IsOwnName {
  const configured = [...publicHosts, ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])];
  let names = new Set<string>();
  let endings: string[] = [];
  let lookedMs = Number.NEGATIVE_INFINITY;

  function look(): void {
    if (clock.monotonicMs() - lookedMs < lookAgainMs) return;
    lookedMs = clock.monotonicMs();
    const all = [...configured, ...machine()].map(plain);
    // A machine without a name server is called by its own name, by multicast with `.local` behind it.
    names = new Set(all.flatMap((name) => (isIP(name) === 0 && !name.includes(".") ? [name, `${name}.local`] : [name])));
    endings = all.filter((name) => name.startsWith("*.")).map((name) => name.slice(1));
  }

  return (host, localAddress) => {
    if (host === undefined || host === "") return false;
    const name = plain(host.replace(/:\d{1,5}$/, ""));
    if (isLoopbackHost(name) || name.endsWith(".localhost")) return true;
    if (isIP(name) !== 0 && (!isPublicAddress(name) || name === plain(localAddress ?? ""))) return true;
    look();
    return names.has(name) || endings.some((ending) => name.endsWith(ending) && !name.slice(0, -ending.length).includes("."));
  };
}

function plain(host: string): string {
  const bare = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
  return bare.startsWith("::ffff:") && isIP(bare.slice(7)) === 4 ? bare.slice(7) : bare;
}
