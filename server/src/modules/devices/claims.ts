import { randomBytes } from "node:crypto";

import { claimErrors, claimReply } from "@roost/contract/claim";
import type { ClaimReply, ClaimRequest } from "@roost/contract/claim";

import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import { claimProof, isSameProof, judgeClaim } from "./claim-proof.ts";
import type { ClaimVerdict } from "./claim-proof.ts";
import { insertClaim, insertTry, lockClaims, readSituation } from "./claim-store.ts";
import type { ClaimSituation } from "./claim-store.ts";
import { endCredentials, insertCredential } from "./credential-store.ts";
import { hashSecret, makeDeviceSecret } from "./credential.ts";
import { setClaimed } from "./device-store.ts";
import { claimAnswer, hostFor } from "./reach.ts";
import type { Reach } from "./reach.ts";

export interface ClaimOutcome {
  readonly answer: ClaimReply;
  /** The answer of an earlier, equal request. */
  readonly repeated: boolean;
}

type Settled =
  | { readonly verdict: Exclude<ClaimVerdict, "repeat" | "accept"> }
  | { readonly outcome: ClaimOutcome; readonly verdict: "done" };

/** Claims that wait for one id. More than this is no device's honest retrying. */
const waitingPerDevice = 200;

export function claimSecretPurpose(deviceId: string): string {
  return `claim-secret:${deviceId}`;
}

/** Makes the desk where devices claim. */
export function createClaims({
  db,
  seal,
  reach,
  reload,
  repeatSecondsFor,
  log,
}: {
  db: Db;
  seal: Seal;
  reach: () => Reach;
  /** Brings the memory up to date with what a claim has committed. */
  reload: (deviceId: string) => Promise<void>;
  /** How long this device's claim is answered again; 0: not at all, and an honest retry is told that its nonce was used. */
  repeatSecondsFor: (deviceId: string) => number;
  log: Log;
}) {
  // A device that is not known costs the same as one that is: a secret to unseal, a proof to compute, a comparison.
  const nobody = "nobody";
  const nobodysSecret = randomBytes(32);
  const queues = new Map<string, { tail: Promise<unknown>; waiting: number }>();

  /** One claim per id at a time in this process, so that a flood for one id holds one database connection and not all. */
  async function inTurn<Result>(deviceId: string, work: () => Promise<Result>): Promise<Result> {
    const queue = queues.get(deviceId) ?? { tail: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= waitingPerDevice) throw claimErrors.too_many_tries({ retryAfterSeconds: 60 });
    queues.set(deviceId, queue);
    queue.waiting += 1;
    const turn = queue.tail.then(work);
    queue.tail = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      queue.waiting -= 1;
      if (queue.waiting === 0) queues.delete(deviceId);
    }
  }

  async function accept(tx: Transaction, request: ClaimRequest, situation: ClaimSituation, host: string): Promise<ClaimReply> {
    const { device } = situation;
    if (device === undefined) throw new TypeError("A claim that is accepted has a device.");
    const deviceId = request.device_id;
    const nonce = Buffer.from(request.nonce, "hex");
    const secret = makeDeviceSecret();
    // Whoever holds the claim secret is the device: what was handed out before ends, so that there is one set at any time.
    await endCredentials(tx, deviceId);
    const credentialId = await insertCredential(tx, { deviceId, organisationId: device.organisationId, secretHash: hashSecret(secret) });
    await setClaimed(tx, deviceId, request.firmware_version);
    const answer = claimAnswer({ reach: reach(), host, deviceId, secret, configuration: device.configuration });
    await insertClaim(tx, {
      deviceId,
      nonce,
      hmac: Buffer.from(request.hmac_hex, "hex"),
      firmwareVersion: request.firmware_version,
      credentialId,
      answerSealed: seal.seal(Buffer.from(JSON.stringify(answer)), answerPurpose(deviceId, nonce)),
    });
    await emit(tx, { organisationId: device.organisationId, type: "device.claimed", nounId: deviceId });
    return answer;
  }

  async function settle(tx: Transaction, request: ClaimRequest, hostHeader: string | undefined): Promise<Settled> {
    const deviceId = request.device_id;
    const nonce = Buffer.from(request.nonce, "hex");
    const hmac = Buffer.from(request.hmac_hex, "hex");
    await lockClaims(tx, deviceId);
    const situation = await readSituation(tx, deviceId, nonce);
    const mayClaim = situation.claimSecretSealed !== undefined;
    // Sealed anew each time: the key that sealed it at the start may be gone by now.
    const nobodysSecretSealed = seal.seal(nobodysSecret, claimSecretPurpose(nobody));
    const secret = seal.open(situation.claimSecretSealed ?? nobodysSecretSealed, claimSecretPurpose(mayClaim ? deviceId : nobody));
    const proofFits = isSameProof(claimProof(secret, deviceId, nonce), hmac) && mayClaim;
    const earlier = situation.earlier && {
      sameProof: isSameProof(situation.earlier.hmac, hmac),
      sameFirmware: situation.earlier.firmwareVersion === request.firmware_version,
      answerable: situation.earlier.answerSealed !== undefined && isWithin(situation.earlier.ageSeconds, repeatSecondsFor(deviceId)),
    };
    const verdict = judgeClaim({ proofFits, tries: situation.tries, earlier });
    switch (verdict) {
      case "repeat": {
        const bytes = seal.open(situation.earlier?.answerSealed ?? Buffer.alloc(0), answerPurpose(deviceId, nonce));
        return { verdict: "done", outcome: { answer: claimReply.parse(JSON.parse(bytes.toString("utf8"))), repeated: true } };
      }
      case "accept": {
        await insertTry(tx, deviceId);
        return {
          verdict: "done",
          outcome: { answer: await accept(tx, request, situation, hostFor(reach(), hostHeader)), repeated: false },
        };
      }
      case "too_many_tries":
        return { verdict };
      default:
        await insertTry(tx, deviceId);
        return { verdict };
    }
  }

  return {
    /**
     * Settles a claim.
     *
     * @param hostHeader - By which name the device reached this installation.
     * @throws {AppError} `claim.refused`, `claim.nonce_conflict`, `claim.too_many_tries`.
     */
    async claim(request: ClaimRequest, hostHeader: string | undefined): Promise<ClaimOutcome> {
      const deviceId = request.device_id;
      const settled = await inTurn(deviceId, async () => {
        const result = await db.transaction((tx) => settle(tx, request, hostHeader));
        if (result.verdict === "done" && !result.outcome.repeated) await reload(deviceId);
        return result;
      });
      if (settled.verdict !== "done") {
        log.info({ deviceId, verdict: settled.verdict }, "claim not accepted");
        throw claimErrors[settled.verdict](settled.verdict === "too_many_tries" ? { retryAfterSeconds: 60 } : {});
      }
      log.info({ deviceId, repeated: settled.outcome.repeated }, "device claimed");
      return settled.outcome;
    },
  };
}

/** A span of 0 holds nothing, not even what has just happened. */
function isWithin(ageSeconds: number, spanSeconds: number): boolean {
  return spanSeconds > 0 && ageSeconds <= spanSeconds;
}

/** Seals bind the answer of a claim to it. */
export function answerPurpose(deviceId: string, nonce: Buffer): string {
  return `claim-answer:${deviceId}:${nonce.toString("hex")}`;
}
