import { createHmac, randomBytes, X509Certificate } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

import { claimDevice, claimReply } from "@roost/contract/claim";
import type { ClaimReply } from "@roost/contract/claim";
import { defineErrors } from "@roost/contract/errors";

import type { ClaimTicket } from "./claim-ticket.ts";

/** Why the agent has no credentials. */
export const agentClaimErrors = defineErrors("agent_claim", {
  unreachable: [503, "The server did not answer the claim. The agent tries again."],
  refused: [401, "The server refused the claim: the device is not known there, or the claim secret is not its newest."],
  too_many_tries: [429, "The server asks to claim less often. The agent waits."],
  unreadable: [502, "The server's answer to the claim is none that this agent understands."],
  foreign_ca: [
    502,
    "The server names another certificate authority than the one the agent was told to trust. The claim's answer was thrown away.",
  ],
});

/** The proof of a claim: HMAC-SHA256 over the device's id in lower case and the nonce's bytes, as hex. @see contract/src/claim.ts */
export function claimProof(ticket: ClaimTicket, nonce: Uint8Array): string {
  return createHmac("sha256", ticket.secret).update(ticket.deviceId, "ascii").update(nonce).digest("hex");
}

const answerLimitBytes = 256 * 1024;
const answerLimitMs = 20_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

function post(url: string, body: string, ca: string | undefined): Promise<Answer> {
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body), accept: "application/json" };
    const sent = request(
      url,
      { method: "POST", headers, agent: false, signal: AbortSignal.timeout(answerLimitMs), ...(ca === undefined ? {} : { ca }) },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > answerLimitBytes) answer.destroy(new Error("too large"));
        });
        answer.once("error", reject);
        answer.once("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

/** How long the server gives the same answer to the same request. */
const repeatableMs = 240_000;

/**
 * Makes the one who claims. While no definite answer came, a try is the same request again, so that a lost answer costs no second set
 * of credentials.
 */
export type Claimer = ReturnType<typeof createClaimer>;

export function createClaimer({ version, ca, monotonicMs }: { version: string; ca: string | undefined; monotonicMs: () => number }) {
  let last: { readonly nonce: Buffer; readonly ticket: ClaimTicket; readonly atMs: number } | undefined;

  function nonceFor(ticket: ClaimTicket): Buffer {
    const again = last !== undefined && last.ticket.secret.equals(ticket.secret) && last.ticket.deviceId === ticket.deviceId;
    if (last === undefined || !again || monotonicMs() - last.atMs > repeatableMs)
      last = { nonce: randomBytes(32), ticket, atMs: monotonicMs() };
    return last.nonce;
  }

  return {
    /**
     * Proves the claim secret and answers the credentials.
     *
     * @throws {AppError} `agent_claim.…`
     */
    async claim(ticket: ClaimTicket): Promise<ClaimReply> {
      const nonce = nonceFor(ticket);
      const body = {
        device_id: ticket.deviceId,
        nonce: nonce.toString("hex"),
        hmac_hex: claimProof(ticket, nonce),
        firmware_version: version,
      };
      let answer: Answer;
      try {
        answer = await post(ticket.server + claimDevice.path, JSON.stringify(body), ca ?? ticket.ca);
      } catch (cause) {
        throw agentClaimErrors.unreachable(
          { server: ticket.server, reason: (cause as NodeJS.ErrnoException).code ?? "no answer" },
          { cause },
        );
      }
      if (answer.status >= 500) throw agentClaimErrors.unreachable({ server: ticket.server, reason: `HTTP ${answer.status}` });
      last = undefined;
      if (answer.status === 429) throw agentClaimErrors.too_many_tries();
      if (answer.status !== 200) throw agentClaimErrors.refused({ status: answer.status });
      return checkReply(answer.text, ca ?? ticket.ca);
    },
  };
}

function checkReply(text: string, ca: string | undefined): ClaimReply {
  let reply: ClaimReply;
  let named: X509Certificate;
  try {
    reply = claimReply.parse(JSON.parse(text));
    named = new X509Certificate(reply.ca_pem);
  } catch (cause) {
    throw agentClaimErrors.unreadable({}, { cause });
  }
  if (ca !== undefined && new X509Certificate(ca).fingerprint256 !== named.fingerprint256) {
    throw agentClaimErrors.foreign_ca({ named: named.fingerprint256 });
  }
  return reply;
}
