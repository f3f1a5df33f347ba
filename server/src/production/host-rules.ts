import { isAbsolute } from "node:path";

import { faultIf, isLoopback } from "./fault.ts";
import type { Rule } from "./fault.ts";
import { weaknessOf } from "./secret-rules.ts";

const database: Rule = ({ ROOST_DATABASE_URL: secret }, { env }) => {
  if (secret === undefined) return [];
  const setting = "ROOST_DATABASE_URL";
  const text = secret.reveal();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol)) {
    return [{ setting, what: "is not of the form postgresql://user:password@host/database", mend: "write it as such an address" }];
  }
  const host = url.searchParams.get("host") ?? url.hostname;
  const isLocal = host === "" || host.startsWith("/") || isLoopback(host);
  const password = decodeURIComponent(url.password);
  const sslMode = url.searchParams.get("sslmode") ?? (/^(?:1|true)$/.test(url.searchParams.get("ssl") ?? "") ? "require" : "");
  const hasProof = password !== "" || url.searchParams.has("sslcert") || (env["PGPASSWORD"] ?? "") !== "";
  const weakness = password === "" ? undefined : weaknessOf(password);
  const user = decodeURIComponent(url.searchParams.get("user") ?? url.username);
  return [
    ...faultIf(
      !isLocal && !/^(?:require|verify-ca|verify-full)$/.test(sslMode),
      setting,
      "reaches another machine without TLS",
      "add ?sslmode=verify-full (and sslrootcert=… for an own authority)",
    ),
    ...faultIf(!isLocal && !hasProof, setting, "has no password", "give the database's user a password, best by ROOST_DATABASE_URL_FILE"),
    ...faultIf(weakness !== undefined, setting, `has a password that ${weakness ?? ""}`, "give the database's user a long random one"),
    ...faultIf(
      user === "postgres",
      setting,
      "uses the database's superuser, whom no rule of the database holds back",
      "make a user of its own for Roost",
    ),
  ];
};

const data: Rule = ({ ROOST_DATA_DIR: folder }) => {
  const setting = "ROOST_DATA_DIR";
  const mend = "set it to an absolute path on a disk that is backed up, such as /var/lib/roost";
  return [
    ...faultIf(!isAbsolute(folder), setting, "is relative: started from elsewhere, Roost would begin anew", mend),
    ...faultIf(/^\/(?:tmp|var\/tmp|dev\/shm|run)(?:\/|$)/.test(folder), setting, "is in a folder that is emptied", mend),
  ];
};

const logging: Rule = ({ ROOST_LOG_LEVEL: level }) => [
  ...faultIf(level === "debug", "ROOST_LOG_LEVEL", "is debug: payloads of devices go into the log", "set it to info or warn"),
  ...faultIf(level === "silent", "ROOST_LOG_LEVEL", "is silent: nobody would see a fault", "set it to info or warn"),
];

const dangerous =
  /^--(?:inspect|debug|insecure-http-parser|tls-keylog|tls-min-v1\.[01]|abort-on-uncaught-exception|allow-natives-syntax|expose-internals)/;

const runtime: Rule = (_config, { env, execArgv }) => [
  ...faultIf(
    (env["NODE_OPTIONS"] ?? "").split(/\s+/).some((option) => dangerous.test(option)),
    "NODE_OPTIONS",
    "switches a debugger on or safety off",
    "take the switch out",
  ),
  ...faultIf(
    execArgv.some((option) => dangerous.test(option)),
    "node",
    "was started with a switch that puts a debugger on or safety off",
    "start it without",
  ),
  ...faultIf(
    env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "is 0: every certificate is believed",
    "take it away; name an own authority where one is needed",
  ),
  ...faultIf((env["NODE_DEBUG"] ?? "") !== "", "NODE_DEBUG", "is set: headers with their secrets go to the log", "take it away"),
];

export const hostRules: readonly Rule[] = [database, data, logging, runtime];
