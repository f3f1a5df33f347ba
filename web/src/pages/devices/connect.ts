/** A device id made of a name: `Greenhouse north!` gives `greenhouse-north`; empty where too little is left. */
export function suggestId(name: string): string {
  const id = name
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
    .slice(0, 64)
    .replace(/-$/, "");
  return id.length >= 3 ? id : "";
}

interface Connection {
  readonly deviceId: string;
  readonly claimSecret: string;
  /** Where Roost is reached, without a slash at the end. */
  readonly server: string;
}

/**
 * Commands that bring a new device to speak, ready to paste. The id and the secret are of safe characters only; the server is the
 * address of this page.
 */
export function connectCommands({ deviceId, claimSecret, server }: Connection) {
  const topic = `devices/${deviceId}/telemetry`;
  const sample = `{"temperature": 21.5}`;
  return {
    claim: {
      about:
        "Proves the secret without sending it, and keeps the answer in claim.json. Needs curl, openssl and perl, which most systems have.",
      command: [
        `NONCE=$(openssl rand -hex 16)`,
        `HMAC=$( (printf '%s' '${deviceId}'; perl -e 'print pack "H*", shift' "$NONCE") |`,
        `  openssl dgst -sha256 -mac HMAC -macopt hexkey:${claimSecret} | sed 's/.*= *//')`,
        `curl -fsS '${server}/api/v1/devices/claim' -H 'content-type: application/json' -o claim.json \\`,
        `  -d '{"device_id":"${deviceId}","nonce":"'"$NONCE"'","hmac_hex":"'"$HMAC"'"}' && echo claimed`,
      ].join("\n"),
    },
    mqtt: {
      about: "After the claim. Needs mosquitto_pub (Debian: apt install mosquitto-clients) and jq.",
      command: [
        `jq -r .ca_pem claim.json > ca.pem`,
        `mosquitto_pub -h "$(jq -r .mqtt.host claim.json)" -p "$(jq -r .mqtt.port claim.json)" --cafile ca.pem \\`,
        `  -i "$(jq -r .mqtt.client_id claim.json)" -u "$(jq -r .mqtt.username claim.json)" -P "$(jq -r .mqtt.password claim.json)" \\`,
        `  -q 1 -t '${topic}' -m '${sample}'`,
      ].join("\n"),
    },
    http: {
      about: "After the claim, for devices that do not keep a connection. Needs curl and jq.",
      command: [
        `curl -fsS '${server}/api/v1/${topic}' -H "authorization: Bearer $(jq -r .http.token claim.json)" \\`,
        `  -H 'content-type: application/json' -d '${sample}'`,
      ].join("\n"),
    },
    agent: {
      about:
        "Instead of the steps by hand: the agent claims by itself, measures this machine and keeps what it could not send. Run it in Roost’s folder on the device.",
      command: [
        `ROOST_AGENT_SERVER='${server}' ROOST_AGENT_DEVICE_ID='${deviceId}' ROOST_AGENT_CLAIM_SECRET='${claimSecret}' \\`,
        `  node agent/src/main.ts`,
      ].join("\n"),
    },
  } as const;
}
