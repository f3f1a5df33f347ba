import { readFileSync } from "node:fs";

import { AppError } from "@roost/contract/errors";
import { z } from "zod";

import { isAllowList } from "./platform/addresses.ts";
import { isOrigin } from "./platform/http/cors.ts";
import { isRateTable } from "./platform/http/limits.ts";
import { makeKeyCommand, readEnvelopeKey } from "./platform/secrets/envelope-key.ts";
import { Secret } from "./platform/secrets/secret.ts";
import type { SecretPlace } from "./platform/secrets/secret.ts";

const port = z.coerce.number().int().min(0).max(65_535);
const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  );
const flag = z.stringbool().default(false);
/** Only these two words: earlier systems took everything but `true` for false, and a typing error must not pass for a choice. */
const variableFlag = z
  .string()
  .trim()
  .toLowerCase()
  .pipe(z.enum(["true", "false"], "Write true or false."))
  .transform((word) => word === "true")
  .optional();

const secret = z
  .string()
  .min(1)
  .transform((text) => new Secret(text));
const envelopeKey = secret.refine(
  (key) => readEnvelopeKey(key.reveal()) !== undefined,
  `Needs 32 random bytes, in hexadecimal or base64. Make one by: ${makeKeyCommand}`,
);

/** Every variable of the server: default, unit in the name, a sentence each. `X_FILE` is read where X is a secret. */
export const configSchema = z.object({
  ROOST_ENV: z
    .enum(["development", "staging", "production"])
    .default("development")
    .describe("Where this runs. `production` refuses to start with settings that are unsafe there; `staging` warns of them."),
  ROOST_DATA_DIR: z.string().default(".roost").describe("Folder of all that Roost keeps: database, certificates, keys."),
  ROOST_DATABASE_URL: secret.optional().describe("An own PostgreSQL, 15 or newer. Absent: Roost runs one of its own in the data folder."),
  ROOST_HTTP_HOST: z.string().default("127.0.0.1").describe("Address the web server listens on without TLS."),
  ROOST_HTTP_PORT: port.default(8080).describe("Port of the web server without TLS; 0 takes a free one."),
  ROOST_HTTPS: z
    .stringbool()
    .default(true)
    .describe("Serve the same by TLS, with the server certificate, for devices and people in the network; `off` for no."),
  ROOST_HTTPS_HOST: z.string().default("0.0.0.0").describe("Address the web server listens on with TLS."),
  ROOST_HTTPS_PORT: port.default(8443).describe("Port of the web server with TLS; 0 takes a free one."),
  ROOST_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Address people and devices use, such as https://roost.example.org; links in messages and labels are made from it alone."),
  ROOST_PUBLIC_HOSTS: list.describe(
    "Names and addresses devices use to reach this machine, comma separated; they go into the server certificate. This machine's own are added.",
  ),
  ROOST_TRUSTED_PROXIES: list.describe("Addresses of proxies whose forwarded headers are believed, comma separated."),
  ROOST_CORS_ORIGINS: list
    .refine((origins) => origins.every(isOrigin), "Each is an origin such as https://tool.example.org, without a path; or `*`.")
    .describe(
      "Origins whose pages may call the API with a browser's cookies, comma separated. `*`: any page may look, with a token of its own.",
    ),
  ROOST_RATE_LIMITS: list
    .refine(isRateTable, "Each is a name of docs/reference/limits.md and its rates, such as changes=120/min 5000/h.")
    .describe(
      "Limits on how often somebody may ask, where they differ from docs/reference/limits.md: `changes=120/min 5000/h, apiKey=5000/min`.",
    ),
  ROOST_MQTT_HOST: z.string().default("0.0.0.0").describe("Address the MQTT door listens on, with TLS."),
  ROOST_MQTT_PORT: port.default(8883).describe("Port of the MQTT door with TLS; 0 takes a free one."),
  ROOST_MQTT_PLAIN_PORT: port.optional().describe("Port for MQTT without TLS. Absent: there is none."),
  ROOST_MQTT_PLAIN_HOST: z.string().default("127.0.0.1").describe("Address for MQTT without TLS."),
  ROOST_MQTT_MAX_CONNECTIONS: z.coerce.number().int().positive().default(20_000).describe("Connections the door holds at once."),
  ROOST_MQTT_MAX_CONNECTIONS_PER_ADDRESS: z.coerce
    .number()
    .int()
    .positive()
    .default(20_000)
    .describe("Connections from one address at once, once signed in."),
  ROOST_MQTT_MAX_UNAUTHENTICATED_PER_ADDRESS: z.coerce
    .number()
    .int()
    .positive()
    .default(100)
    .describe("Connections from one address that have not signed in yet."),
  ROOST_SYSLOG_PORT: port
    .optional()
    .describe("Port for syslog by UDP and TCP, which become alarms of the first organisation; 0 takes a free one. Absent: there is none."),
  ROOST_SYSLOG_HOST: z.string().default("0.0.0.0").describe("Address for syslog."),
  ROOST_SYSLOG_SEVERITY: z
    .enum(["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"])
    .default("err")
    .describe("The mildest message of syslog that becomes an alarm."),
  ROOST_SYSLOG_ALLOW: list
    .refine(isAllowList, "Each is an address, or a network in CIDR form.")
    .describe("Addresses and networks (CIDR) that may send syslog, comma separated. Empty: whoever has a private address."),
  ROOST_TLS_CERT_FILE: z
    .string()
    .optional()
    .describe("An own server certificate chain, PEM, for the MQTT door and the web server with TLS."),
  ROOST_TLS_KEY_FILE: z.string().optional().describe("Its private key, PEM."),
  ROOST_EGRESS_ALLOW: list
    .refine(isAllowList, "Each is a host name, an address, or a network in CIDR form.")
    .describe("Private hosts or networks (CIDR) that outgoing requests may reach, comma separated."),
  ROOST_KITS: list.describe(
    "Kits of this installation, comma separated, such as garden. Absent: all there are. Organisations switch each on and off.",
  ),
  ROOST_SMTP_URL: secret
    .optional()
    .describe("Mail server: smtps://user:password@host, or smtp://user:password@host:587 with STARTTLS. Absent: no mail is sent."),
  ROOST_MAIL_FROM: z.string().optional().describe("Sender of mail, such as Roost <roost@example.org>."),
  ROOST_SESSION_IDLE_HOURS: z.coerce
    .number()
    .positive()
    .max(8_760)
    .default(168)
    .describe("A browser that was not used for so long is signed out."),
  ROOST_SESSION_MAX_HOURS: z.coerce
    .number()
    .positive()
    .max(8_760)
    .default(720)
    .describe("After so long everybody signs in again, used or not: browsers, and programs with refresh tokens."),
  ROOST_BEARER_MINUTES: z.coerce
    .number()
    .positive()
    .max(10_080)
    .default(1_440)
    .describe("How long the bearer token of a login is good; a refresh token gives the next."),
  ROOST_LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info").describe("Least important lines to log."),
  ROOST_LOG_PRETTY: z.stringbool().optional().describe("Log for a person instead of JSON. Absent: where a terminal is attached."),
  ROOST_LOCAL_DEVICE: flag.describe(
    "Add this machine as a device at the first start and leave its claim secret in the data folder for the agent.",
  ),
  ROOST_SETUP_CODE: secret
    .optional()
    .describe("The one-time code of the first administrator. Absent: one is made and shown. At least 16 characters."),
  ROOST_SEAL_KEY: envelopeKey
    .optional()
    .describe(
      "The envelope key: 32 random bytes, hexadecimal or base64. Absent: installation.key in the data folder, or the secret store.",
    ),
  ROOST_SEAL_KEY_PREVIOUS: envelopeKey.optional().describe("The envelope key before this one, while it is being rotated."),
  ROOST_VAULT_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("OpenBao or Vault that holds the envelope key, such as https://vault.example.org:8200."),
  ROOST_VAULT_TOKEN: secret
    .optional()
    .describe("Token for it; its policy needs `read` and `list` of the path, and `read` and `update` of auth/token/*-self."),
  ROOST_VAULT_NAMESPACE: z.string().optional().describe("Its namespace, where it has such."),
  ROOST_VAULT_MOUNT: z.string().default("secret").describe("Where its KV engine of version 2 is mounted."),
  ROOST_VAULT_PATH: z.string().default("roost").describe("The secret whose field `seal_key` is the envelope key."),
  ROOST_VAULT_CA_FILE: z.string().optional().describe("Certificate authority of its server certificate, PEM."),
  ROOST_VAULT_HOLD_SECONDS: z.coerce
    .number()
    .min(0)
    .default(300)
    .describe("How long keys are held in memory while the store is away. A store that is sealed ends that at once."),
  ROOST_ANSWER_SECONDS: z.coerce
    .number()
    .min(1)
    .max(20)
    .default(4.4)
    .describe(
      "How long Roost may think about a request before it answers 503, and the database about a statement. More where the disk or the processor is slow; while the database is away requests wait as long.",
    ),
  ROOST_COMPACT_AFTER_SECONDS: z.coerce
    .number()
    .positive()
    .default(300)
    .describe("How long samples rest in a hot segment before the segment is closed."),
  ROOST_BLOBS_MAX_MB_PER_ORGANISATION: z.coerce
    .number()
    .int()
    .positive()
    .max(1_048_576)
    .default(2_048)
    .describe("Room for the files of one organisation (photos, clips) in the data folder, in MB of 1,048,576 bytes."),
  ROOST_ORGANISATION_REMOVAL_DAYS: z.coerce
    .number()
    .min(0)
    .max(90)
    .default(14)
    .describe("For how many days an organisation that is to be removed is closed, and can be kept, before everything in it goes."),
  ENABLE_IDEMPOTENCY: variableFlag.describe("Sets the flag enable_idempotency, and wins over what people set: `true` or `false`."),
  DISABLE_IDEMPOTENCY_ON_REDIS_FAILURE: variableFlag.describe(
    "Sets the flag disable_idempotency_on_redis_failure. Without effect: there is no Redis, and claims stay protected.",
  ),
  ENABLE_AUTO_REGISTER: variableFlag.describe("Sets the flag enable_auto_register. Without effect yet: unknown devices are refused."),
  FAIL_OPEN_ON_REDIS_ERROR: variableFlag.describe(
    "Sets the flag fail_open_on_redis_error. Without effect: Roost never accepts a claim unprotected.",
  ),
  NORMALIZE_IDS_IN_HMAC: variableFlag.describe(
    "Sets the flag normalize_ids_in_hmac. Without effect yet: ids in a claim's proof are in small letters.",
  ),
});

export type Config = Readonly<z.output<typeof configSchema>>;

/** What an environment gave: the configuration as far as it can be read, and every fault. */
export interface ConfigReading {
  /** What has a fault stands at its default here. */
  readonly config: Config;
  readonly faults: readonly string[];
}

/** Reads the configuration out of an environment, whole or with faults. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): ConfigReading {
  const values: Record<string, string> = {};
  const places = new Map<string, SecretPlace>();
  const faults: string[] = [];
  for (const name of Object.keys(configSchema.shape)) {
    const value = env[name];
    const file = env[`${name}_FILE`];
    if (value !== undefined && value !== "") {
      values[name] = value;
      places.set(name, { kind: "environment", variable: name });
    } else if (file !== undefined && file !== "" && !Object.hasOwn(configSchema.shape, `${name}_FILE`)) {
      try {
        values[name] = readFileSync(file, "utf8").trim();
        places.set(name, { kind: "file", path: file });
      } catch (error) {
        faults.push(`${name}_FILE: ${(error as NodeJS.ErrnoException).code ?? "unreadable"}`);
      }
    }
  }
  const known = new Set(Object.keys(configSchema.shape).flatMap((name) => [name, `${name}_FILE`]));
  for (const name of Object.keys(env)) {
    if (name.startsWith("ROOST_") && !known.has(name)) faults.push(`${name}: no such variable`);
  }
  let read = configSchema.safeParse(values);
  if (!read.success) {
    faults.push(...read.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
    for (const { path } of read.error.issues) delete values[String(path[0])];
    read = configSchema.safeParse(values);
  }
  if (!read.success) throw new TypeError("The configuration has no defaults to fall back to.");
  const config = Object.fromEntries(
    Object.entries(read.data).map(([name, value]) => [
      name,
      value instanceof Secret ? new Secret(value.reveal(), places.get(name)) : value,
    ]),
  ) as Config;
  return { config: Object.freeze(config), faults };
}

/**
 * The configuration of an environment, without a fault.
 *
 * @throws {AppError} `config.invalid` with every bad variable at once.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const { config, faults } = readConfig(env);
  if (faults.length > 0) {
    throw new AppError("config.invalid", 500, "The configuration has faults. Mend the variables named under details.", { faults });
  }
  return config;
}
