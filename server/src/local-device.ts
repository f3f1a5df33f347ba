import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { hostname as machineName } from "node:os";
import { join } from "node:path";

import { slugOf } from "./modules/devices/devices.ts";
import type { Devices } from "./modules/devices/devices.ts";
import type { Certificates } from "./platform/certificates.ts";

export interface LocalDeviceOptions {
  readonly devices: Pick<Devices, "add" | "exists" | "get" | "renewClaimSecret">;
  readonly organisationId: string;
  readonly dataDir: string;
  /** Address of the web server as this machine reaches it, without a slash at the end. */
  readonly url: string;
  readonly certificates: Pick<Certificates, "caPem">;
  /** What this machine is called; asked of the system unless given. */
  readonly hostname?: string;
}

/** Seconds between two signs of life of the local agent. */
const heartbeatSeconds = 10;

/**
 * Adds this machine as a device and leaves its claim for the agent in `<dataDir>/local-agent/claim.json`, readable by its owner alone.
 *
 * Done once: while the file is there nothing happens, not even after people removed the device, because they meant it.
 * Where the file was lost and the device is still there, it gets a new claim secret.
 *
 * @returns Where the file is.
 */
export async function ensureLocalDevice({
  devices,
  organisationId,
  dataDir,
  url,
  certificates,
  hostname = machineName(),
}: LocalDeviceOptions): Promise<string> {
  const folder = join(dataDir, "local-agent");
  const path = join(folder, "claim.json");
  if (await isClaim(path)) return path;
  const ticket = await ticketFor(devices, organisationId, hostname);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  const text = JSON.stringify(
    { server: url, ca_pem: certificates.caPem(), device_id: ticket.deviceId, claim_secret: ticket.claimSecret },
    undefined,
    2,
  );
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
  return path;
}

async function isClaim(path: string): Promise<boolean> {
  try {
    const claim = JSON.parse(await readFile(path, "utf8")) as { device_id?: unknown };
    return typeof claim.device_id === "string";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
    return false;
  }
}

async function ticketFor(devices: LocalDeviceOptions["devices"], organisationId: string, hostname: string) {
  const base = slugOf(hostname.split(".")[0] ?? "");
  const id = base.length >= 3 ? base : `host-${base || "local"}`;
  const add = async (wanted: string) =>
    (await devices.add({ organisationId }, { id: wanted, name: hostname.slice(0, 120) || wanted, kind: "linux-host", heartbeatSeconds }))
      .ticket;
  if (!devices.exists(id)) return add(id);
  const known = await devices.get({ organisationId }, id).catch(() => undefined);
  if (known?.kind === "linux-host") return devices.renewClaimSecret({ organisationId }, id);
  // The name is another device's, here or in another organisation.
  return add(`${id}-${randomBytes(3).toString("hex")}`);
}
