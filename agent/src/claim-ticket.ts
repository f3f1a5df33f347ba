import { deviceId } from "@roost/contract/ids";
import type { DeviceId } from "@roost/contract/ids";
import { z } from "zod";

/** What a device needs to claim itself. */
export interface ClaimTicket {
  /** Without a slash at the end. */
  readonly server: string;
  readonly deviceId: DeviceId;
  /** 32 bytes. */
  readonly secret: Buffer;
  /** PEM of the authority the server must name, where the ticket says so. */
  readonly ca?: string;
  /** SHA-256 of that authority's certificate (DER), base64url, as labels carry it. */
  readonly caMark?: string;
}

/** 32 bytes in base64url. */
const markForm = /^[A-Za-z0-9_-]{43}$/;

const ticketFile = z.object({ server: z.string(), device_id: z.string(), claim_secret: z.string(), ca_pem: z.string().optional() });

/**
 * Reads a claim file: the text of a device's label, `roost:claim?server=…&device=…&secret=…&ca=…`, or JSON with `server`, `device_id`,
 * `claim_secret` and, if wanted, `ca_pem`.
 *
 * @returns `undefined` for anything else.
 */
export function parseClaimTicket(text: string): ClaimTicket | undefined {
  const [, query] = /^roost:claim\?(\S+)$/.exec(text.trim()) ?? [];
  if (query !== undefined) {
    const fields = new URLSearchParams(query);
    const ticket = readTicket(fields.get("server"), fields.get("device"), fields.get("secret"));
    const caMark = fields.get("ca");
    if (ticket === undefined || caMark === null) return ticket;
    // A mark that was cut off is no reason to do without one.
    return markForm.test(caMark) ? { ...ticket, caMark } : undefined;
  }
  const file = ticketFile.safeParse(parseJson(text));
  if (!file.success) return undefined;
  const ticket = readTicket(file.data.server, file.data.device_id, file.data.claim_secret);
  return ticket === undefined || file.data.ca_pem === undefined ? ticket : { ...ticket, ca: file.data.ca_pem };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Puts a ticket together from its three parts; `undefined` where one is missing or cannot be right. */
export function readTicket(
  server: string | null | undefined,
  device: string | null | undefined,
  secret: string | null | undefined,
): ClaimTicket | undefined {
  const id = deviceId.safeParse(device);
  if (!id.success || typeof server !== "string" || !/^https?:\/\/[^\s/]+/.test(server)) return undefined;
  if (typeof secret !== "string" || !/^[0-9a-fA-F]{64}$/.test(secret)) return undefined;
  return { server: server.replace(/\/+$/, ""), deviceId: id.data, secret: Buffer.from(secret, "hex") };
}
