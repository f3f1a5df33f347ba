import { isIP } from "node:net";

import { faultIf, isLoopback } from "./fault.ts";
import type { ProductionFault, Rule } from "./fault.ts";

const publicUrl: Rule = ({ ROOST_PUBLIC_URL: url }) => {
  const setting = "ROOST_PUBLIC_URL";
  const mend = "set the https:// address that people and devices use";
  if (url === undefined) return [{ setting, what: "is missing, so links could only be guessed from what strangers send", mend }];
  const { protocol, hostname } = new URL(url);
  const isPlaceholder = /(?:^|\.)(?:example(?:\.(?:com|net|org))?|invalid|test|localhost)$/i.test(hostname);
  return [
    ...faultIf(protocol !== "https:", setting, "is plain HTTP", mend),
    ...faultIf(
      isPlaceholder || isLoopback(hostname) || hostname === "0.0.0.0",
      setting,
      "is a placeholder or leads to this machine alone",
      mend,
    ),
  ];
};

/** Everything that is a list of names or addresses: nobody means everybody. */
const wildcards: Rule = (config) =>
  Object.entries(config).flatMap(([name, value]: [string, unknown]) =>
    faultIf(
      Array.isArray(value) && value.some((item) => typeof item === "string" && item.includes("*")),
      name,
      "has a wildcard, so anybody would fit",
      "list each by its name",
    ),
  );

const plainOrigins: Rule = ({ ROOST_CORS_ORIGINS: origins }) =>
  faultIf(
    origins.some((origin) => origin.startsWith("http:")),
    "ROOST_CORS_ORIGINS",
    "lets pages in that came by plain HTTP, which anybody on the way can alter",
    "list https:// origins alone",
  );

const proxies: Rule = ({ ROOST_TRUSTED_PROXIES: entries }) =>
  entries.flatMap((entry): ProductionFault[] => {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address);
    const setting = "ROOST_TRUSTED_PROXIES";
    if (family === 0)
      return entry.includes("*")
        ? []
        : [{ setting, what: "has an entry that is neither an address nor a network", mend: "list the proxies' addresses" }];
    return faultIf(
      isEverybody(address, bits),
      setting,
      "believes forwarded headers from nearly everybody",
      "list the proxies' own addresses",
    );
  });

function isEverybody(address: string, bits: string | undefined): boolean {
  return /^[0:.]+$/.test(address) || (bits !== undefined && Number(bits) < (isIP(address) === 4 ? 8 : 16));
}

const listeners: Rule = (config) => {
  const hasProxy = config.ROOST_TRUSTED_PROXIES.some((entry) => {
    const [address = "", bits] = entry.split("/");
    return isIP(address) !== 0 && !isEverybody(address, bits);
  });
  return [
    ...faultIf(
      !isLoopback(config.ROOST_HTTP_HOST) && !hasProxy,
      "ROOST_HTTP_HOST",
      "opens plain HTTP to the network",
      "set it to 127.0.0.1, or name the proxy that ends TLS in ROOST_TRUSTED_PROXIES",
    ),
    ...faultIf(
      !config.ROOST_HTTPS && !hasProxy,
      "ROOST_HTTPS",
      "is off and no proxy is named that ends TLS instead",
      "set it on, or name the proxy in ROOST_TRUSTED_PROXIES",
    ),
    ...faultIf(
      config.ROOST_MQTT_PLAIN_PORT !== undefined && !isLoopback(config.ROOST_MQTT_PLAIN_HOST),
      "ROOST_MQTT_PLAIN_HOST",
      "opens MQTT without TLS to the network: passwords of devices can be read",
      "set it to 127.0.0.1, or take ROOST_MQTT_PLAIN_PORT away",
    ),
  ];
};

const egress: Rule = ({ ROOST_EGRESS_ALLOW: entries }) => {
  const isWide = (entry: string) => {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address);
    return family !== 0 && bits !== undefined && Number(bits) < (family === 4 ? 8 : 7);
  };
  const isInner = (entry: string) => /^(?:127\.|169\.254\.|::1(?:\/|$)|fe80:)/i.test(entry) || isLoopback(entry.split("/")[0] ?? "");
  return [
    ...faultIf(entries.some(isWide), "ROOST_EGRESS_ALLOW", "lets webhooks reach every private network", "list the hosts that are needed"),
    ...faultIf(
      entries.some(isInner),
      "ROOST_EGRESS_ALLOW",
      "lets webhooks reach this machine or the cloud's own addresses",
      "take loopback and link-local addresses out",
    ),
  ];
};

const mail: Rule = ({ ROOST_SMTP_URL: url }) => {
  const text = url?.reveal() ?? "";
  if (!URL.canParse(text)) return [];
  const { searchParams } = new URL(text);
  return faultIf(
    searchParams.get("tls") === "off",
    "ROOST_SMTP_URL",
    "sends mail without TLS",
    "use smtps://, or smtp:// without tls=off (STARTTLS)",
  );
};

export const networkRules: readonly Rule[] = [publicUrl, wildcards, plainOrigins, proxies, listeners, egress, mail];
