import { describe, expect, it } from "vitest";

import { isPublicAddress, parseAllowList } from "./addresses.ts";

describe("addresses", () => {
  it.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "0:0:0:0:0:ffff:c0a8:1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "localhost",
    "",
    "127.1",
    "2130706433",
  ])("S10: %s is not public", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.0.1",
    "172.32.0.1",
    "192.169.0.1",
    "198.17.0.1",
    "223.255.255.255",
  ])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
    expect(isPublicAddress(`::ffff:${address}`)).toBe(true);
    expect(isPublicAddress(`64:ff9b::${address}`)).toBe(true);
  });

  it.each(["2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it("an allow-list knows names, addresses and networks, and no more than them", () => {
    const list = parseAllowList(["hooks.lan", "10.1.0.0/16", "192.168.1.7", "fd00::/8", "[2001:db8::7]", "::1"]);
    expect(["hooks.lan", "HOOKS.lan."].map((name) => list.hasHost(name))).toEqual([true, true]);
    expect(["xhooks.lan", "lan", "a.hooks.lan"].map((name) => list.hasHost(name))).toEqual([false, false, false]);
    expect(
      ["10.1.255.1", "::ffff:10.1.0.1", "192.168.1.7", "fd12::1", "::1", "2001:db8::7"].map((address) => list.hasAddress(address)),
    ).toEqual(Array.from({ length: 6 }, () => true));
    expect(["10.2.0.1", "192.168.1.8", "fc00::1", "::2", "hooks.lan", ""].map((address) => list.hasAddress(address))).toEqual(
      Array.from({ length: 6 }, () => false),
    );
  });

  it.each([
    "10.0.0.0/33",
    "10.0.0/8",
    "127.1",
    "2130706433",
    "http://hooks.lan",
    "hooks.lan/8",
    "10.0.0.0/8/8",
    "fe80::1%eth0",
    "*.lan",
    "",
  ])("an allow-list refuses %j", (entry) => {
    expect(() => parseAllowList([entry])).toThrow(TypeError);
  });
});
