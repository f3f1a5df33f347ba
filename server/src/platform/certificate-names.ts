import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { domainToASCII } from "node:url";

import { AppError } from "@roost/contract/errors";

/** What this machine calls itself, and the addresses it has now. Link-local IPv6 is left out: it needs a zone no certificate can name. */
export function machineNames(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map((one) => one.address.toLowerCase())
    .filter((address) => !address.startsWith("fe80:"));
  return ["localhost", "127.0.0.1", "::1", hostname(), ...addresses];
}

// Bridges and tunnels that programs make: nobody in the field reaches this machine through them.
const innerInterface = /^(?:docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|cali|lxc|lxd|podman|tun|tap|utun|wg|zt|tailscale)/;

/** This machine's address in its network: the first that is no loopback, link-local or inner one, IPv4 before IPv6. */
export function lanAddress(): string | undefined {
  const found = Object.entries(networkInterfaces())
    .filter(([name]) => !innerInterface.test(name))
    .flatMap(([, list]) => list ?? [])
    .filter((one) => !one.internal && !/^(?:169\.254\.|fe80:)/i.test(one.address));
  return (found.find((one) => one.family === "IPv4") ?? found[0])?.address.toLowerCase();
}

/** A name that certificates can carry; address or DNS name, in the form TLS clients compare with. */
export function certificateName(host: string): { type: "dns" | "ip"; value: string } | undefined {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) === 4) return { type: "ip", value: bare };
  // The URL parser writes an IPv6 address in its one shortest form.
  if (isIP(bare) === 6) return bare.includes("%") ? undefined : { type: "ip", value: new URL(`http://[${bare}]/`).hostname.slice(1, -1) };
  const ascii = domainToASCII(bare).toLowerCase();
  const isName =
    ascii.length <= 253 && /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(ascii);
  return isName && !/^[\d.]+$/.test(ascii) ? { type: "dns", value: ascii } : undefined;
}

/**
 * The names of the server certificate, sorted and each once: those people configured, then this machine's.
 *
 * @throws {AppError} `certificates.bad_host` for a configured host that is neither a name nor an address.
 */
export function certificateNames(hosts: readonly string[], machine: readonly string[]): { type: "dns" | "ip"; value: string }[] {
  const wanted = hosts.map((host) => {
    const name = certificateName(host);
    if (name === undefined) {
      throw new AppError(
        "certificates.bad_host",
        500,
        "ROOST_PUBLIC_HOSTS has an entry that is neither a host name nor an address. Give names without scheme, port or path.",
        { host },
      );
    }
    return name;
  });
  const all = [...wanted, ...machine.flatMap((host) => certificateName(host) ?? [])];
  return [...new Map(all.map((name) => [name.value, name])).values()].sort((one, other) => (one.value < other.value ? -1 : 1));
}
