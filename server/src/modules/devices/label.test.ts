import { encode } from "uqr";
import { describe, expect, it } from "vitest";

import { slugOf } from "./device-name.ts";
import { claimUriOf, labelSvg } from "./label.ts";
import { hostFor } from "./reach.ts";
import type { Reach } from "./reach.ts";

const claimSecret = "ab".repeat(32);
const claimUri = claimUriOf({ server: "https://roost.example.org", deviceId: "coop-1", claimSecret });

describe("the label of a device", () => {
  it("says server, device and secret, each part encoded", () => {
    expect(claimUri).toBe(`roost:claim?server=https%3A%2F%2Froost.example.org&device=coop-1&secret=${claimSecret}`);
    const read = new URL(claimUri);
    expect([read.protocol, read.searchParams.get("server"), read.searchParams.get("secret")]).toEqual([
      "roost:",
      "https://roost.example.org",
      claimSecret,
    ]);
  });

  it("carries the mark of the authority where there is one", () => {
    const caMark = "A-_".repeat(14) + "A";
    const read = new URL(claimUriOf({ server: "https://192.0.2.7:8443", deviceId: "coop-1", claimSecret, caMark }));
    expect([...read.searchParams.keys()]).toEqual(["server", "device", "secret", "ca"]);
    expect(read.searchParams.get("ca")).toBe(caMark);
  });

  it("draws every dark square of the code, with a quiet zone of four around it", () => {
    const svg = labelSvg({ claimUri, deviceId: "coop-1", name: "Coop" });
    const { data, size } = encode(claimUri, { ecc: "M", border: 4 });
    const drawn = new Set([...svg.matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => `${x} ${y}`));
    const dark = new Set(data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`${x} ${y}`] : []))));
    expect(drawn).toEqual(dark);
    for (const square of drawn) {
      for (const at of square.split(" ").map(Number)) {
        expect(at).toBeGreaterThanOrEqual(4);
        expect(at).toBeLessThan(size - 4);
      }
    }
  });

  it("carries hostile names as text: no element, attribute or character that XML forbids comes through", () => {
    const hostile = [
      "</text><script>alert(1)</script>",
      '"><image href="https://evil.example/x.png"/>',
      "'onload='alert(1)",
      "&lt;script&gt; & <b>",
      "]]><![CDATA[",
      "\u0000\u0008\uFFFE\uD800 end",
      "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    ];
    const plain = labelSvg({ claimUri, deviceId: "coop-1", name: "x" });
    const tagsOf = (svg: string) => [...svg.matchAll(/<\/?[A-Za-z!?[][^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
    for (const name of hostile) {
      const svg = labelSvg({ claimUri, deviceId: "coop-1", name });
      expect(tagsOf(svg)).toEqual(tagsOf(plain));
      // oxlint-disable-next-line no-control-regex
      expect(svg).not.toMatch(/[\u0000-\u001f\ufffe\uffff]|\p{Cs}/u);
      expect(svg).not.toMatch(/&(?!amp;|lt;|gt;|quot;|apos;)/);
    }
  });

  it("cuts a long name at a whole character", () => {
    const svg = labelSvg({ claimUri, deviceId: "coop-1", name: "👩‍👩‍👧‍👦".repeat(60) });
    expect(svg).toContain(`${"👩‍👩‍👧‍👦".repeat(33)}…`);
  });
});

describe("a readable id", () => {
  it("is made of what ids can have", () => {
    expect(slugOf("  Grüner Käfig №2 ")).toBe("gruner-kafig-no2");
    expect(slugOf("日本")).toBe("");
    expect(slugOf("a".repeat(100))).toHaveLength(48);
  });
});

describe("the host a device is told", () => {
  const reach: Reach = {
    host: "roost.example.org",
    hosts: ["roost.example.org", "192.0.2.7", "2001:db8::1", "garage-pi"],
    mqttPort: 8883,
    httpUrl: (host) => `http://${host}`,
    caPem: "",
  };
  it("is the one it came by, where the certificate carries it, else the installation's own", () => {
    expect(hostFor(reach, "192.0.2.7:8080")).toBe("192.0.2.7");
    expect(hostFor(reach, "[2001:DB8::1]:8080")).toBe("2001:db8::1");
    expect(hostFor(reach, "GARAGE-PI")).toBe("garage-pi");
    for (const header of [undefined, "", "evil.example", "evil.example:80@192.0.2.7", "192.0.2.7.evil.example", "a b", "[", "::1"]) {
      expect(hostFor(reach, header)).toBe("roost.example.org");
    }
  });
});
