import { createHmac } from "node:crypto";

/**
 * What a receiver checks a notice with: HMAC-SHA256 over the time stamp, a dot and the body as sent, with the target's signing secret.
 *
 * @param timestampSeconds - Epoch seconds, as in `X-Roost-Timestamp`.
 * @returns The value of `X-Roost-Signature`.
 */
export function signatureOf(body: string, timestampSeconds: number, secret: string): string {
  return `v1=${createHmac("sha256", secret).update(`${timestampSeconds}.${body}`).digest("hex")}`;
}

/** Headers that go with a notice to a webhook; every try of a delivery carries the same key. */
export function webhookHeaders(delivery: { id: string; type: string }, body: string, nowMs: number, secret: string | undefined) {
  const timestampSeconds = Math.floor(nowMs / 1000);
  return {
    "idempotency-key": delivery.id,
    "x-roost-delivery": delivery.id,
    "x-roost-event": delivery.type,
    "x-roost-timestamp": String(timestampSeconds),
    ...(secret === undefined ? {} : { "x-roost-signature": signatureOf(body, timestampSeconds, secret) }),
  };
}
