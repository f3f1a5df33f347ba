import { readFileSync } from "node:fs";

import { AppError } from "@roost/contract/errors";
import { deviceId } from "@roost/contract/ids";
import { z } from "zod";

/** Every variable of the agent: default, unit in the name, a sentence each. */
export const agentConfigSchema = z.object({
  ROOST_AGENT_DATA_DIR: z.string().default(".roost-agent").describe("Folder of the agent's credentials and of what waits to be sent."),
  ROOST_AGENT_CLAIM_FILE: z
    .string()
    .optional()
    .describe(
      "File with the text of the device's label, `roost:claim?server=…&device=…&secret=…&ca=…`, or the same as JSON. It is read again whenever the server refuses the agent.",
    ),
  ROOST_AGENT_SERVER: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Address of the server, where there is no claim file."),
  ROOST_AGENT_DEVICE_ID: deviceId.optional().describe("The device's id, where there is no claim file."),
  ROOST_AGENT_CLAIM_SECRET: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, "A claim secret is 64 hex digits.")
    .optional()
    .describe("The device's claim secret, where there is no claim file; better given as `ROOST_AGENT_CLAIM_SECRET_FILE`."),
  ROOST_AGENT_CA_FILE: z
    .string()
    .optional()
    .describe(
      "PEM of the certificate authority the server must belong to. Absent: the one the label names by its `ca`; without that, the one the server names at the claim is trusted from then on.",
    ),
  ROOST_AGENT_MQTT_HOST: z
    .string()
    .optional()
    .describe("Name or address of the server's MQTT door. Absent: what the server said at the claim."),
  ROOST_AGENT_MQTT_PORT: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("Its port, with TLS. Absent: what the server said at the claim."),
  ROOST_AGENT_SAMPLE_SECONDS: z.coerce
    .number()
    .min(1)
    .max(86_400)
    .optional()
    .describe("Seconds between two samples. Absent: what the server said at the claim."),
  ROOST_AGENT_DISK_PATH: z.string().optional().describe("A path on the disk whose room is measured. Absent: the data folder's."),
  ROOST_AGENT_SPOOL_MAX_MB: z.coerce.number().min(1).max(100_000).default(64).describe("Most that waits on disk for the server, in MB."),
  ROOST_AGENT_SPOOL_MAX_RECORDS: z.coerce
    .number()
    .int()
    .min(100)
    .default(1_000_000)
    .describe("Most records that wait on disk for the server."),
  ROOST_AGENT_LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info").describe("Least important lines to log."),
});

export type AgentConfig = Readonly<z.output<typeof agentConfigSchema>>;

/**
 * Reads the configuration out of an environment, once. `X_FILE` may name a file that holds `X`.
 *
 * @throws {AppError} `config.invalid` with every bad variable at once.
 */
export function loadAgentConfig(env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const names = Object.keys(agentConfigSchema.shape);
  const values: Record<string, string> = {};
  const faults: string[] = [];
  for (const name of names) {
    const [value, file] = [env[name], names.includes(`${name}_FILE`) ? undefined : env[`${name}_FILE`]];
    if (value !== undefined && value !== "") values[name] = value;
    else if (file !== undefined && file !== "") {
      try {
        values[name] = readFileSync(file, "utf8").trim();
      } catch (error) {
        faults.push(`${name}_FILE: ${(error as NodeJS.ErrnoException).code ?? "unreadable"}`);
      }
    }
  }
  const known = new Set(names.flatMap((name) => [name, `${name}_FILE`]));
  for (const name of Object.keys(env)) {
    if (name.startsWith("ROOST_AGENT_") && !known.has(name)) faults.push(`${name}: no such variable`);
  }
  const read = agentConfigSchema.safeParse(values);
  if (!read.success) faults.push(...read.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
  if (faults.length > 0 || !read.success) {
    throw new AppError("config.invalid", 500, "The configuration has faults. Mend the variables named under details.", { faults });
  }
  return Object.freeze(read.data);
}
