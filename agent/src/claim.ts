import { createHash, createHmac, randomBytes, X509Certificate } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

import { claimDevice, claimReply, getCa } from "@roost/contract/claim";
import type { ClaimReply } from "@roost/contract/claim";
import { defineErrors } from "@roost/contract/errors";

import type { ClaimTicket } from "./claim-ticket.ts";

/** Why the agent has no credentials. */
export const agentClaimErrors = defineErrors("agent_claim", {
  no_ticket: [
    500,
    "There is nothing to claim with yet. Add this machine as a device and give the text of its label in the file that ROOST_AGENT_CLAIM_FILE names.",
  ],
  unreachable: [503, "The server did not answer the claim. The agent tries again."],
  refused: [401, "The server refused the claim: the device is not known there, or the claim secret is not its newest."],
  too_many_tries: [429, "The server asks to claim less often. The agent waits."],
  unreadable: [502, "The server's answer to the claim is none that this agent understands."],
  wrong_ca: [
    502,
    "The server belongs to another certificate authority than the label or the agent's settings name: it may be another installation, or somebody stands between. Nothing was sent to it.",
  ],
  unknown_ca: [
    502,
    "The server belongs to a certificate authority that nobody told the agent to trust. Use the whole text of the label, which names it, or set ROOST_AGENT_CA_FILE.",
  ],
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

/** What a server must show to be believed; `ca` is PEM, and without it the system's own authorities count. */
interface Trust {
  readonly ca?: string;
  readonly rejectUnauthorized?: false;
}

function exchange(url: string, body: string | undefined, trust: Trust): Promise<Answer> {
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const method = body === undefined ? "GET" : "POST";
    const sent = request(url, { method, headers, agent: false, signal: AbortSignal.timeout(answerLimitMs), ...trust }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerLimitBytes) answer.destroy(new Error("too large"));
      });
      answer.once("error", reject);
      answer.once("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** OpenSSL's words for "signed by somebody I was not told of". */
const strangerCodes = new Set([
  "CERT_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function failureOf(cause: unknown, server: string, wasTold: boolean): Error {
  const { code } = cause as NodeJS.ErrnoException;
  if (code !== undefined && strangerCodes.has(code)) {
    return (wasTold ? agentClaimErrors.wrong_ca : agentClaimErrors.unknown_ca)({ server, reason: code }, { cause });
  }
  return agentClaimErrors.unreachable({ server, reason: code ?? "no answer" }, { cause });
}

function markOfCa(certificate: X509Certificate): string {
  return createHash("sha256").update(certificate.raw).digest("base64url");
}

/**
 * Gets the authority a label names from the server itself, which is not believed yet: what is not the one on the label is thrown away.
 *
 * @returns PEM of that one certificate.
 * @throws {AppError} `agent_claim.wrong_ca`, `unreachable`
 */
async function fetchMarkedCa({ server, caMark }: ClaimTicket): Promise<string> {
  let certificate: X509Certificate;
  try {
    const answer = await exchange(server + getCa.path, undefined, { rejectUnauthorized: false });
    if (answer.status !== 200) throw Object.assign(new Error("no authority"), { code: `HTTP ${answer.status}` });
    certificate = new X509Certificate(answer.text);
  } catch (cause) {
    throw failureOf(cause, server, true);
  }
  const named = markOfCa(certificate);
  if (named !== caMark) throw agentClaimErrors.wrong_ca({ server, wanted: caMark, named });
  return certificate.toString();
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
      const told = ca ?? ticket.ca;
      const isMarked = told === undefined && ticket.caMark !== undefined && ticket.server.startsWith("https:");
      const trusted = isMarked ? await fetchMarkedCa(ticket) : told;
      let answer: Answer;
      try {
        answer = await exchange(ticket.server + claimDevice.path, JSON.stringify(body), trusted === undefined ? {} : { ca: trusted });
      } catch (cause) {
        throw failureOf(cause, ticket.server, trusted !== undefined);
      }
      if (answer.status >= 500) throw agentClaimErrors.unreachable({ server: ticket.server, reason: `HTTP ${answer.status}` });
      last = undefined;
      if (answer.status === 429) throw agentClaimErrors.too_many_tries();
      if (answer.status !== 200) throw agentClaimErrors.refused({ status: answer.status });
      return checkReply(answer.text, told === undefined ? ticket.caMark : markOfCa(new X509Certificate(told)));
    },
  };
}

function checkReply(text: string, caMark: string | undefined): ClaimReply {
  let reply: ClaimReply;
  let named: string;
  try {
    reply = claimReply.parse(JSON.parse(text));
    named = markOfCa(new X509Certificate(reply.ca_pem));
  } catch (cause) {
    throw agentClaimErrors.unreadable({}, { cause });
  }
  if (caMark !== undefined && caMark !== named) throw agentClaimErrors.foreign_ca({ wanted: caMark, named });
  return reply;
}
