import { claimDevice, getCa } from "@roost/contract/claim";
import { deviceTopics } from "@roost/contract/topics";

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
  /** What the label says: address, secret, and the mark of the authority where the address belongs to Roost's own. */
  readonly claimUri: string;
}

/**
 * Commands that bring a new device to speak, ready to paste. Server, id, secret and mark are of safe characters only; the label's text
 * is percent-encoded.
 */
export function connectCommands({ deviceId, claimUri }: Connection) {
  const label = new URL(claimUri).searchParams;
  const server = label.get("server") ?? "";
  const mark = label.get("ca");
  const isOwn = server.startsWith("https:") && mark !== null;
  const curl = isOwn ? "curl -fsS --cacert ca.pem" : "curl -fsS";
  const sample = `{"temperature": 21.5}`;
  // The authority comes from a server nobody trusts yet, so only the one that the label names is kept.
  const trust = [
    `curl -fsSk '${server}${getCa.path}' | openssl x509 -out ca.new &&`,
    `openssl x509 -in ca.new -outform DER | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | grep -qxF '${mark ?? ""}=' &&`,
    `mv ca.new ca.pem || echo 'STOP: this server is not the one of the label'`,
  ];
  return {
    claim: {
      about: `${isOwn ? "Fetches Roost’s certificate authority and keeps it if it is the one on the label. " : ""}Proves the secret without sending it, and keeps the answer in claim.json. Needs curl, openssl and perl, which most systems have.`,
      command: [
        ...(isOwn ? trust : []),
        `NONCE=$(openssl rand -hex 16)`,
        `HMAC=$( (printf '%s' '${deviceId}'; perl -e 'print pack "H*", shift' "$NONCE") |`,
        `  openssl dgst -sha256 -mac HMAC -macopt hexkey:${label.get("secret") ?? ""} | sed 's/.*= *//')`,
        `${curl} '${server}${claimDevice.path}' -H 'content-type: application/json' -o claim.json \\`,
        `  -d '{"device_id":"${deviceId}","nonce":"'"$NONCE"'","hmac_hex":"'"$HMAC"'"}' && echo claimed`,
      ].join("\n"),
    },
    mqtt: {
      about: "After the claim. Needs mosquitto_pub (Debian: apt install mosquitto-clients) and jq.",
      command: [
        `jq -r .ca_pem claim.json > ca.pem`,
        `mosquitto_pub -h "$(jq -r .mqtt.host claim.json)" -p "$(jq -r .mqtt.port claim.json)" --cafile ca.pem \\`,
        `  -i "$(jq -r .mqtt.client_id claim.json)" -u "$(jq -r .mqtt.username claim.json)" -P "$(jq -r .mqtt.password claim.json)" \\`,
        `  -q 1 -t '${deviceTopics(deviceId).telemetry}' -m '${sample}'`,
      ].join("\n"),
    },
    http: {
      about: "After the claim, for devices that do not keep a connection. Needs curl and jq.",
      command: [
        `${curl} "$(jq -r .http.url claim.json)" -H "authorization: Bearer $(jq -r .http.token claim.json)" \\`,
        `  -H 'content-type: application/json' -d '${sample}'`,
      ].join("\n"),
    },
    agent: {
      about:
        "Instead of the steps by hand: the agent claims by itself, measures this machine and keeps what it could not send. Run it in Roost’s folder on the device.",
      command: [`(umask 077; printf '%s\\n' '${claimUri}' > claim.txt)`, `ROOST_AGENT_CLAIM_FILE=claim.txt node agent/src/main.ts`].join(
        "\n",
      ),
    },
  } as const;
}
