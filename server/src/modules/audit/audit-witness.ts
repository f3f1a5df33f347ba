import { readFile, rename, writeFile } from "node:fs/promises";

import type { Log } from "../../platform/log.ts";
import type { Checkpoint } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";

/** The newest checkpoint this server has seen, kept outside the database: whoever cuts the end off there does not reach it here. */
export interface Witness {
  see(checkpoint: Checkpoint): Promise<void>;
  /** What was seen, by this process and the ones before it. */
  seen(): Promise<Checkpoint | undefined>;
}

/** @param file - Absent: in memory only. */
export function createWitness({ file, signer, log }: { file: string | undefined; signer: Signer; log: Log }): Witness {
  let known: Promise<Checkpoint | undefined> = file === undefined ? Promise.resolve(undefined) : readSeen(file, signer);
  let complainedAt = 0;
  return {
    async see(checkpoint) {
      const newest = await known;
      if (newest !== undefined && checkpoint.position <= newest.position) {
        if (checkpoint.position < newest.position && complainedAt !== newest.position) {
          complainedAt = newest.position;
          log.error({ was: newest.position, is: checkpoint.position }, "the audit chain is shorter than it was: its end was cut off");
        }
        return;
      }
      known = Promise.resolve(checkpoint);
      if (file === undefined) return;
      try {
        await writeFile(`${file}.new`, `${JSON.stringify(checkpointJson(checkpoint))}\n`, { mode: 0o600 });
        await rename(`${file}.new`, file);
      } catch (error) {
        log.warn({ err: error, file }, "the end of the audit chain could not be noted outside the database");
      }
    },
    seen: () => known,
  };
}

// What is not signed with our key is of another installation, or of nobody.
async function readSeen(file: string, signer: Signer): Promise<Checkpoint | undefined> {
  try {
    const checkpoint = readCheckpointJson(JSON.parse(await readFile(file, "utf8")));
    return signer.isSigned(checkpoint) ? checkpoint : undefined;
  } catch {
    return undefined;
  }
}

/** A checkpoint in the form in which it is handed out. */
export function checkpointJson({ kind, position, mac, at, signature }: Checkpoint) {
  return { kind, position, mac: mac.toString("hex"), at: at.toISOString(), signature: signature.toString("base64") };
}

function readCheckpointJson(value: ReturnType<typeof checkpointJson>): Checkpoint {
  return {
    kind: value.kind,
    position: value.position,
    mac: Buffer.from(value.mac, "hex"),
    at: new Date(value.at),
    signature: Buffer.from(value.signature, "base64"),
  };
}
