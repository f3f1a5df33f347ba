import { createHmac, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { claimDevice, claimErrors } from "@roost/contract/claim";
import type { ClaimReply } from "@roost/contract/claim";
import type { Call } from "@roost/contract/client";
import { addDevice, deviceErrors, renewClaimSecret } from "@roost/contract/devices";
import { httpErrors, isAppError } from "@roost/contract/errors";

const atOnce = 6;
const mostTries = 6;

/** The proof of a claim: HMAC-SHA256 over the device's id and the nonce, with the claim secret as key. */
export function proofOf(deviceId: string, claimSecretHex: string, nonce: Buffer): string {
  return createHmac("sha256", Buffer.from(claimSecretHex, "hex")).update(deviceId, "ascii").update(nonce).digest("hex");
}

/** What simulated devices are. */
export interface FleetKind {
  readonly kind: string;
  readonly nameOf: (deviceId: string) => string;
  readonly heartbeatSeconds: number;
}

async function claimSecretOf(call: Call, deviceId: string, { kind, nameOf, heartbeatSeconds }: FleetKind): Promise<string> {
  try {
    const { ticket } = await call(addDevice, { body: { id: deviceId, name: nameOf(deviceId), kind, heartbeatSeconds } });
    return ticket.claimSecret;
  } catch (error) {
    if (!isAppError(error, deviceErrors.already_exists.code)) throw error;
    // Left over from an earlier run, or somebody's own: the owner of the token may give it a new secret either way.
    const ticket = await call(renewClaimSecret, { params: { deviceId } });
    return ticket.claimSecret;
  }
}

async function claimOne(call: Call, deviceId: string, fleet: FleetKind, signal: AbortSignal): Promise<ClaimReply> {
  const claimSecret = await patiently(signal, () => claimSecretOf(call, deviceId, fleet));
  const nonce = randomBytes(16);
  const body = { device_id: deviceId, nonce: nonce.toString("hex"), hmac_hex: proofOf(deviceId, claimSecret, nonce) };
  return patiently(signal, () => call(claimDevice, { body }));
}

/** Tries again while the platform asks for patience. */
async function patiently<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const busy = [httpErrors.too_many_requests, httpErrors.unavailable, claimErrors.too_many_tries].some(({ code }) =>
        isAppError(error, code),
      );
      if (!busy || tries === mostTries || signal.aborted) throw error;
      await sleep(tries * 3_000, undefined, { signal });
    }
  }
}

/** Adds devices through the API, where they are not there yet, and claims each as it would itself. In the order of `deviceIds`. */
export async function claimFleet(
  call: Call,
  deviceIds: readonly string[],
  { signal, onClaimed, ...fleet }: FleetKind & { signal: AbortSignal; onClaimed: (done: number) => void },
): Promise<ClaimReply[]> {
  const replies: ClaimReply[] = [];
  let next = 0;
  let done = 0;
  const work = async () => {
    for (let index = next++; index < deviceIds.length; index = next++) {
      signal.throwIfAborted();
      replies[index] = await claimOne(call, deviceIds[index] ?? "", fleet, signal);
      onClaimed((done += 1));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, deviceIds.length) }, work));
  return replies;
}
