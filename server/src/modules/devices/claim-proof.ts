import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * The proof of a claim: HMAC-SHA256(key = the claim secret's 32 bytes, message = device id in lower case as ASCII + the nonce's bytes).
 *
 * @returns 32 bytes.
 * @see docs/guide/claim.md, with vectors to check an implementation against.
 */
export function claimProof(claimSecret: Uint8Array, deviceId: string, nonce: Uint8Array): Buffer {
  return createHmac("sha256", claimSecret).update(deviceId.toLowerCase(), "ascii").update(nonce).digest();
}

/** Compares two proofs in constant time; only whole ones are equal. */
export function isSameProof(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === 32 && other.length === 32 && timingSafeEqual(one, other);
}

/** What is known when a claim comes in. */
export interface ClaimFacts {
  /** The proof fits the device's present claim secret; false for a device that is not known or may not claim. */
  readonly proofFits: boolean;
  /** Tries of the last minute for this id that were no successful repeats. */
  readonly tries: number;
  /** What was stored under this device and nonce. */
  readonly earlier:
    | {
        readonly sameProof: boolean;
        readonly sameFirmware: boolean;
        /** Its answer can still be given: within 300 s, and the credentials it names still work. */
        readonly answerable: boolean;
      }
    | undefined;
}

export type ClaimVerdict = "repeat" | "too_many_tries" | "nonce_conflict" | "refused" | "accept";

export const triesPerMinute = 5;

/**
 * Decides a claim.
 *
 * A repeat is looked at before the limit, so that honest retries are never punished. `nonce_conflict` needs a nonce that
 * succeeded on this very device: who does not hold such a nonce (it is random and travels once, in the claim itself) cannot
 * use it to find out which ids exist; an unknown device and a wrong proof are both `refused`.
 */
export function judgeClaim({ proofFits, tries, earlier }: ClaimFacts): ClaimVerdict {
  if (earlier?.sameProof === true && earlier.sameFirmware && earlier.answerable && proofFits) return "repeat";
  if (tries >= triesPerMinute) return "too_many_tries";
  if (earlier !== undefined) return "nonce_conflict";
  return proofFits ? "accept" : "refused";
}
