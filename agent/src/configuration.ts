import type { ClaimReply } from "@roost/contract/claim";
import { z } from "zod";

const seconds = z.number().min(1).max(86_400);
/** As it is published; what else the server may say one day is passed over. */
const wanted = z.object({ version: z.number().int(), heartbeat_seconds: seconds, sample_seconds: seconds });

/** Reads the configuration the server wants; `undefined` for what is none, and the old one stays in force. */
export function readWanted(payload: string): ClaimReply["configuration"] | undefined {
  try {
    const read = wanted.safeParse(JSON.parse(payload));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
