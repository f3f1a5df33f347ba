import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Networks nobody may be sent to by an address a person typed: private, local, reserved, documentation, multicast. */
const deniedV4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const;

// Of IPv6 only 2000::/3 is given out to the public; these lie within it and are not.
const deniedV6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
] as const;

const denied = new BlockList();
for (const [network, prefix] of deniedV4) denied.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of deniedV6) denied.addSubnet(network, prefix, "ipv6");
const publicV6 = new BlockList();
publicV6.addSubnet("2000::", 3, "ipv6");
const nat64 = new BlockList();
nat64.addSubnet("64:ff9b::", 96, "ipv6");

/** Says whether a host, name or address, is the machine that asks, whichever that is. */
export function isLoopbackHost(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(host);
}

/**
 * Says whether an IP address is one of the public internet.
 *
 * IPv4 inside IPv6 (mapped, NAT64) is judged as the IPv4 address it leads to; 6to4, Teredo and local NAT64 prefixes are never public.
 *
 * @param address - As a resolver answers it. What is no IP address is not public.
 * @see IANA special-purpose address registries, RFC 6890 and RFC 6052
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !denied.check(address, "ipv4");
  const bytes = parseIPv6(address);
  if (bytes === undefined) return false;
  const mapped = mappedIPv4(bytes);
  if (mapped !== undefined) return isPublicAddress(mapped);
  const plain = formatIPv6(bytes);
  if (nat64.check(plain, "ipv6")) return isPublicAddress([...bytes.subarray(12)].join("."));
  return publicV6.check(plain, "ipv6") && !denied.check(plain, "ipv6");
}

/** Hosts and networks that an administrator lets outgoing requests reach although they are private. */
export interface AllowList {
  /** The name is listed: wherever it leads. */
  hasHost(hostname: string): boolean;
  hasAddress(address: string): boolean;
}

/**
 * Reads a list of host names, addresses and CIDR networks.
 *
 * @throws {TypeError} for an entry that is none of these.
 */
export function parseAllowList(entries: readonly string[]): AllowList {
  const hosts = new Set<string>();
  const networks = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix, ...rest] = entry
      .trim()
      .replace(/^\[(.*)\]$/, "$1")
      .split("/");
    const family = isIPv4(address) ? "ipv4" : isIPv6(address) && !address.includes("%") ? "ipv6" : undefined;
    const most = family === "ipv4" ? 32 : 128;
    if (family !== undefined && rest.length === 0) {
      if (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= most)) throw notAnEntry(entry);
      networks.addSubnet(address, prefix === undefined ? most : Number(prefix), family);
    } else if (prefix === undefined && /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/i.test(address) && !/(?:^|\.)\d+\.?$/.test(address)) {
      hosts.add(plainHost(address));
    } else throw notAnEntry(entry);
  }
  return {
    hasHost: (hostname) => hosts.has(plainHost(hostname)),
    hasAddress(address) {
      if (isIPv4(address)) return networks.check(address, "ipv4");
      const bytes = parseIPv6(address);
      if (bytes === undefined) return false;
      const mapped = mappedIPv4(bytes);
      return mapped === undefined ? networks.check(formatIPv6(bytes), "ipv6") : networks.check(mapped, "ipv4");
    },
  };
}

/** Says whether {@link parseAllowList} can read it. */
export function isAllowList(entries: readonly string[]): boolean {
  try {
    parseAllowList(entries);
    return true;
  } catch {
    return false;
  }
}

function notAnEntry(entry: string): TypeError {
  return new TypeError(`Neither a host name, nor an address, nor a network in CIDR form: ${JSON.stringify(entry)}`);
}

function plainHost(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, "");
}

/** The IPv4 address of ::ffff:0:0/96, as text. */
function mappedIPv4(bytes: Uint8Array): string | undefined {
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? [...bytes.subarray(12)].join(".") : undefined;
}

/** The 16 bytes of an IPv6 address; a zone makes it no address we know. */
function parseIPv6(address: string): Uint8Array | undefined {
  if (!isIPv6(address) || address.includes("%")) return undefined;
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((part) => part.toString(16)).join(":"),
  );
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function formatIPv6(bytes: Uint8Array): string {
  return Array.from({ length: 8 }, (_, index) => (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16)).join(":");
}
