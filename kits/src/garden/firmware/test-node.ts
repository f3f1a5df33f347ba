import type { NodeBuild, NodeSecrets } from "./node-build.ts";

const pem = `-----BEGIN CERTIFICATE-----
MIIBszCCAVmgAwIBAgIUZmFrZS1idXQtd2VsbC1mb3JtZWQwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
`;

/** A node for tests of what is made of one. */
export function aBuild(with_: Partial<NodeBuild> = {}): NodeBuild {
  return {
    deviceId: "balcony-1",
    name: "Balcony",
    host: "roost.example",
    mqttPort: 8883,
    httpsUrl: "https://roost.example",
    caPem: pem,
    sampleSeconds: 60,
    sleepSeconds: 0,
    hasBattery: false,
    signedUpdates: false,
    soilDryVolts: 3.3,
    soilWetVolts: 1.209,
    ...with_,
  };
}

export const someSecrets: NodeSecrets = {
  mqttUsername: "balcony-1",
  mqttPassword: 'correct "horse" $battery',
  portalPassword: "k7mw-q2xr",
  updateKey: "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
  signingKeyPem: "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n",
};
