import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

import type { Log } from "../../platform/log.ts";
import { slugOf } from "./device-name.ts";
import type { Devices } from "./devices.ts";

export interface LocalDeviceOptions {
  readonly devices: Pick<Devices, "add" | "exists" | "get" | "renewClaimSecret">;
  readonly organisationId: string;
  readonly dataDir: string;
  /** What this machine is called. */
  readonly hostname: string;
  /** Address of the web server as this machine reaches it, without a slash at the end. */
  readonly server: string;
  readonly caPem: string;
  readonly log: Log;
}

/** Seconds between two signs of life of the local agent. */
const heartbeatSeconds = 10;

/**
 * Adds this machine as a device and leaves its claim for the agent in `<dataDir>/local-agent/claim.json`, readable by its owner alone.
 *
 * Done once: while the file is there nothing happens, not even after people removed the device, because they meant it.
 * Where the file was lost and the device is still there, it gets a new claim secret.
 *
 * @returns The device's id.
 */
export async function ensureLocalDevice(options: LocalDeviceOptions): Promise<string | undefined> {
  const { devices, organisationId, dataDir, hostname, server, caPem, log } = options;
  const folder = join(dataDir, "local-agent");
  const path = join(folder, "claim.json");
  const earlier = await readEarlier(path);
  if (earlier !== undefined) return earlier;
  const ticket = await ticketFor(devices, organisationId, hostname);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  const text = JSON.stringify({ server, ca_pem: caPem, device_id: ticket.deviceId, claim_secret: ticket.claimSecret }, undefined, 2);
  // Whole or not at all: an agent that starts at the same time must not read half a file.
  const draft = `${path}.${randomBytes(4).toString("hex")}.new`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  log.info({ deviceId: ticket.deviceId }, "this machine is a device now; its agent claims with local-agent/claim.json");
  return ticket.deviceId;
}

async function readEarlier(path: string): Promise<string | undefined> {
  try {
    const claim = JSON.parse(await readFile(path, "utf8")) as { device_id?: unknown };
    if (typeof claim.device_id === "string") return claim.device_id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

async function ticketFor(devices: LocalDeviceOptions["devices"], organisationId: string, hostname: string) {
  const base = slugOf(hostname.split(".")[0] ?? "");
  const id = base.length >= 3 ? base : `host-${base || "local"}`;
  const add = async (wanted: string) =>
    (await devices.add(organisationId, { id: wanted, name: hostname.slice(0, 120) || wanted, kind: "linux-host", heartbeatSeconds }))
      .ticket;
  if (!devices.exists(id)) return add(id);
  const known = await devices.get(organisationId, id).catch(() => undefined);
  if (known?.kind === "linux-host") return devices.renewClaimSecret(organisationId, id);
  // The name is another device's, here or in another organisation.
  return add(`${id}-${randomBytes(3).toString("hex")}`);
}

/** The id of the platform's own device that readiness is judged by. */
export const canaryDeviceId = "roost-canary";

/** The hidden device whose readings prove the pipeline, with a password that lives in memory alone and ends with the next start. */
export function ensureCanaryDevice(
  devices: Pick<Devices, "ensureHidden">,
  organisationId: string,
): Promise<{ deviceId: string; password: string }> {
  return devices.ensureHidden(organisationId, canaryDeviceId, 60);
}
