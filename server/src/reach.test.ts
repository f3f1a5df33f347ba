import { describe, expect, it } from "vitest";

import { loadConfig } from "./config.ts";
import { claimAnswer, hostFor, labelHostFor } from "./modules/devices/reach.ts";
import { createReach } from "./reach.ts";

// Of a self-signed certificate, and what `openssl x509 -outform DER | openssl dgst -sha256 -binary | base64` says of it.
const caPem = `-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUCWhSzYnecELxCnCbsJwOjt9EejQwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFUm9vc3QwHhcNMjYxMTIxMDkyNTQ1WhcNNDYxMTE2MDkyNTQ1
WjAQMQ4wDAYDVQQDDAVSb29zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABI5S
YCOQPnfRHHgDhAEtk2qfFLTkRJ7YDKnYUgrmZH1/5wq7F1eGeyjV3ZJ/VzxCW7na
OmBvSLz6je+gCgPS5BijUzBRMB0GA1UdDgQWBBScG9/giMfiVKQNpZrCoVv5sJPV
ajAfBgNVHSMEGDAWgBScG9/giMfiVKQNpZrCoVv5sJPVajAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQDSypuWrOdD4oQl8s8sCUblaG7LLeRwRDa0
51nLFKaRVAIhAMObN5exE3u1VKbjGMlDqr8M5pQWt3RN8cDGv95HwUuY
-----END CERTIFICATE-----
`;
const mark = "xH1YoBYp7HF-QQzwxbyc5WZTFCRawsXn0rnpfmgj3no";
const names = ["127.0.0.1", "192.0.2.20", "192.0.2.21", "::1", "2001:db8::5", "garage-pi", "localhost"];

function reachOf(env: Record<string, string> = {}, more: { names?: string[]; lan?: string | undefined } = {}) {
  const reach = createReach({
    config: loadConfig(env),
    certificates: { caPem: () => caPem + caPem.replace("MII", "MIJ"), names: () => more.names ?? names },
    lan: () => ("lan" in more ? more.lan : "192.0.2.20"),
  });
  reach.listening({ httpPort: 8080, httpsPort: env["ROOST_HTTPS"] === "off" ? undefined : 8443, mqttPort: 8883 });
  return reach;
}
const label = (reach: ReturnType<typeof reachOf>, hostHeader?: string) => reach.now().httpUrl(labelHostFor(reach.now(), hostHeader));

describe("the address on a label", () => {
  it("is the listener by TLS at the name a person came by, where the certificate carries it", () => {
    const reach = reachOf();
    expect(label(reach, "garage-pi:8443")).toBe("https://garage-pi:8443");
    expect(label(reach, "[2001:DB8::5]:8443")).toBe("https://[2001:db8::5]:8443");
    expect(label(reach, "evil.example")).toBe("https://192.0.2.20:8443");
  });

  it("is this machine's address in its network for a person who sits at the machine itself", () => {
    for (const host of ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", undefined])
      expect(label(reachOf(), host)).toBe("https://192.0.2.20:8443");
    expect(label(reachOf({ ROOST_PUBLIC_HOSTS: "roost.lan,192.0.2.21" }), "localhost:8080")).toBe("https://roost.lan:8443");
    expect(label(reachOf({}, { lan: undefined }), "localhost:8080")).toBe("https://garage-pi:8443");
    expect(label(reachOf({}, { lan: "198.51.100.9" }), "localhost")).toBe("https://garage-pi:8443");
    expect(label(reachOf({}, { lan: undefined, names: ["*.example.org", "127.0.0.1", "localhost"] }), "localhost")).toBe(
      "https://localhost:8443",
    );
  });

  it("is where the listener hears, when it was given one address", () => {
    expect(label(reachOf({ ROOST_HTTPS_HOST: "192.0.2.21" }), "localhost:8080")).toBe("https://192.0.2.21:8443");
    expect(label(reachOf({ ROOST_HTTPS_HOST: "127.0.0.1" }), "192.0.2.20")).toBe("https://127.0.0.1:8443");
    expect(reachOf({ ROOST_HTTPS_HOST: "192.0.2.21" }).now().httpUrl("127.0.0.1")).toBe("https://192.0.2.21:8443");
  });

  it("is the public address where there is one, and plain where there is no listener by TLS", () => {
    expect(label(reachOf({ ROOST_PUBLIC_URL: "https://roost.example.org/" }), "garage-pi")).toBe("https://roost.example.org");
    expect(label(reachOf({ ROOST_HTTPS: "off" }), "garage-pi")).toBe("http://garage-pi:8080");
    expect(reachOf({ ROOST_HTTPS: "off" }).httpsUrl()).toBeUndefined();
  });

  it("comes with the mark of the authority, unless the server at that address belongs to another", () => {
    const markAt = (env: Record<string, string>) => {
      const reach = reachOf(env);
      return reach.now().caMark?.(label(reach, "localhost"));
    };
    expect(markAt({})).toBe(mark);
    expect(markAt({ ROOST_HTTPS: "off" })).toBe(mark);
    expect(markAt({ ROOST_PUBLIC_URL: "http://roost.example.org" })).toBe(mark);
    expect(markAt({ ROOST_PUBLIC_URL: "https://garage-pi:8443" })).toBe(mark);
    // A proxy with a certificate of its own ends TLS there.
    expect(markAt({ ROOST_PUBLIC_URL: "https://roost.example.org" })).toBeUndefined();
    expect(markAt({ ROOST_PUBLIC_URL: "https://garage-pi" })).toBeUndefined();
  });
});

it("a claim's answer names https, wss and the host the device came by", () => {
  const now = reachOf().now();
  const answer = (hostHeader: string) =>
    claimAnswer({
      reach: now,
      host: hostFor(now, hostHeader),
      deviceId: "coop-1",
      secret: "s",
      configuration: { version: 1, heartbeatSeconds: 60, sampleSeconds: 60 },
    });
  expect(answer("192.0.2.21:8443")).toMatchObject({
    mqtt: { host: "192.0.2.21", port: 8883, websocket_url: "wss://192.0.2.21:8443/mqtt" },
    http: { url: "https://192.0.2.21:8443/api/v1/devices/coop-1/telemetry" },
  });
  // The agent of this machine stays on this machine, whatever its address in the network is tomorrow.
  expect(answer("127.0.0.1:8080").mqtt.host).toBe("127.0.0.1");
});
