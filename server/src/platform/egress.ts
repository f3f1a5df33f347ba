import { lookup } from "node:dns/promises";
import { request as requestHttp } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";

import { AppError } from "@roost/contract/errors";
import { egressErrors } from "@roost/contract/notifications";

import { isPublicAddress, parseAllowList } from "./addresses.ts";
import { noteEffect } from "./effects.ts";

/** What is asked of somebody outside. */
export interface EgressRequest {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** For the whole request, redirects included; the door's own time unless given. */
  readonly timeoutMs?: number;
}

/** What came back. */
export interface EgressAnswer {
  readonly status: number;
  /** From `Retry-After`, where the other side sent a sensible one. */
  readonly retryAfterMs?: number;
  /** At most the first 64 KiB. For the program to read, never to be shown or passed on. */
  readonly text: string;
}

export interface EgressOptions {
  /** Private host names, addresses and networks (CIDR) that may be reached nevertheless. */
  readonly allow: readonly string[];
  /** Turns a name into addresses; the system's resolver unless given. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  /** Certificate authorities trusted beside none but these; the built-in ones unless given. */
  readonly ca?: string;
  /** For the whole request, redirects included; 5 s unless given. */
  readonly timeoutMs?: number;
}

const maxRedirects = 3;
const maxBodyBytes = 64 * 1024;
const maxAddressesTried = 4;
const defaultTimeoutMs = 5_000;
/** Time for what a person waits for: their request has to be answered before the edge gives it up. */
export const whileWaitedForMs = 3_500;
const maxRetryAfterMs = 24 * 3_600_000;

interface Hop {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/**
 * The one door for requests to the outside.
 *
 * http and https only; the name is resolved once, every address it has must be a public one (or be on the list of allowed ones), and the
 * connection goes to exactly that address; certificates are checked for the name; at most 3 redirects, each checked likewise.
 */
export function createEgress({ allow, resolve = resolveBySystem, ca, timeoutMs = defaultTimeoutMs }: EgressOptions) {
  const allowed = parseAllowList(allow);

  function checkUrl(text: string | URL): URL {
    const url = URL.canParse(String(text)) ? new URL(text) : undefined;
    if (url === undefined || !(url.protocol === "http:" || url.protocol === "https:") || url.hostname === "") throw egressErrors.bad_url();
    if (url.username !== "" || url.password !== "") throw egressErrors.bad_url();
    return url;
  }

  /** The addresses to connect to, in the order to try them. */
  async function addressesOf(hostname: string): Promise<readonly string[]> {
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    let addresses: readonly string[];
    if (isIP(host) !== 0) addresses = [host];
    else {
      try {
        addresses = await resolve(host);
      } catch (cause) {
        throw egressErrors.unreachable({ because: "name" }, { cause });
      }
    }
    if (addresses.length === 0) throw egressErrors.unreachable({ because: "name" });
    const byName = allowed.hasHost(host);
    for (const address of addresses) {
      const fine = isIP(address) !== 0 && (byName || isPublicAddress(address) || allowed.hasAddress(address));
      // One bad address among good ones is how rebinding begins: the whole name is refused.
      if (!fine) throw egressErrors.refused_address();
    }
    return addresses.slice(0, maxAddressesTried);
  }

  async function connect(hop: Hop, signal: AbortSignal): Promise<IncomingMessage> {
    let failure: unknown;
    for (const address of await addressesOf(hop.url.hostname)) {
      signal.throwIfAborted();
      try {
        return await send(hop, address, ca, signal);
      } catch (error) {
        if (signal.aborted || !isConnectFailure(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async function follow(first: Hop, signal: AbortSignal): Promise<EgressAnswer> {
    let hop = first;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await connect(hop, signal);
      const next = redirectOf(answer, hop);
      if (next === undefined) return await readAnswer(answer);
      answer.destroy();
      if (redirects === maxRedirects) throw egressErrors.too_many_redirects();
      hop = { ...next, url: checkUrl(next.url) };
    }
  }

  return {
    /**
     * Says whether an address may be called as things stand; it is checked again at every call.
     *
     * @throws {AppError} `egress.bad_url`, `egress.refused_address`, `egress.unreachable`, `egress.too_slow`
     */
    async check(url: string): Promise<void> {
      const checked = checkUrl(url);
      await inTime(Math.min(timeoutMs, whileWaitedForMs), undefined, async () => addressesOf(checked.hostname));
    },

    /**
     * The addresses a host may be reached at, in the order to try them: for what is no HTTP, and connects to exactly one of these.
     *
     * @throws {AppError} `egress.refused_address`, `egress.unreachable`, `egress.too_slow`
     */
    async resolveHost(host: string): Promise<readonly string[]> {
      return inTime(timeoutMs, undefined, async () => addressesOf(host));
    },

    /**
     * Sends a request and answers its status, whatever that is.
     *
     * @throws {AppError} `egress.bad_url`, `egress.refused_address`, `egress.too_many_redirects`, `egress.too_slow`,
     * `egress.bad_certificate`, `egress.unreachable`
     */
    async request({ url, method = "GET", headers = {}, body, signal, timeoutMs: ownMs = timeoutMs }: EgressRequest): Promise<EgressAnswer> {
      const hop: Hop = { url: checkUrl(url), method, headers, body };
      noteEffect();
      return inTime(ownMs, signal, async (limit) => follow(hop, limit));
    },
  };
}

export type Egress = ReturnType<typeof createEgress>;

async function inTime<Result>(timeoutMs: number, outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Result>) {
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = outer === undefined ? limit : AbortSignal.any([limit, outer]);
  // The system's resolver cannot be called off, so the wait for it is.
  const over = new Promise<never>((_, reject) => {
    const end = () => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  try {
    return await Promise.race([work(signal), over]);
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (signal.aborted) throw egressErrors.too_slow({}, { cause: error });
    if (isCertificateFailure(error)) throw egressErrors.bad_certificate({}, { cause: error });
    throw egressErrors.unreachable({}, { cause: error });
  }
}

function send(hop: Hop, address: string, ca: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  const secure = hop.url.protocol === "https:";
  const name = hop.url.hostname.replace(/^\[(.*)\]$/, "$1");
  const options: RequestOptions & { servername?: string; ca?: string; rejectUnauthorized?: boolean } = {
    // The address, not the name: nobody resolves a second time.
    host: address,
    port: hop.url.port === "" ? (secure ? 443 : 80) : Number(hop.url.port),
    path: `${hop.url.pathname}${hop.url.search}`,
    method: hop.method,
    agent: false,
    signal,
    maxHeaderSize: 16 * 1024,
    headers: {
      ...hop.headers,
      host: hop.url.host,
      // Compressed answers could grow beyond their limit.
      "accept-encoding": "identity",
      connection: "close",
      ...(hop.body === undefined ? {} : { "content-length": String(Buffer.byteLength(hop.body)) }),
    },
    ...(secure ? { rejectUnauthorized: true, ...(isIP(name) === 0 ? { servername: name } : {}), ...(ca === undefined ? {} : { ca }) } : {}),
  };
  return new Promise((resolve, reject) => {
    const request: ClientRequest = (secure ? requestHttps : requestHttp)(options);
    request.once("response", resolve);
    request.once("error", reject);
    request.end(hop.body);
  });
}

function redirectOf(answer: IncomingMessage, hop: Hop): Hop | undefined {
  const { statusCode = 0, headers } = answer;
  if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return undefined;
  if (!URL.canParse(headers.location, hop.url.href)) throw egressErrors.bad_url();
  const url = new URL(headers.location, hop.url);
  if (hop.url.protocol === "https:" && url.protocol === "http:") throw egressErrors.bad_url();
  // What proves who we are is for the address it was made for.
  const kept = url.origin === hop.url.origin ? hop.headers : withoutProofs(hop.headers);
  if (statusCode === 307 || statusCode === 308) return { ...hop, url, headers: kept };
  return { url, method: "GET", headers: kept, body: undefined };
}

function withoutProofs(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/authorization|cookie|signature|token|api-?key|secret|password/i.test(name)),
  );
}

async function readAnswer(answer: IncomingMessage): Promise<EgressAnswer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    parts.push(part.subarray(0, maxBodyBytes - size));
    size += part.length;
    // Leaving the loop destroys the answer and its socket.
    if (size >= maxBodyBytes) break;
  }
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"]);
  return {
    status: answer.statusCode ?? 0,
    text: Buffer.concat(parts).toString("utf8"),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Seconds, or a date of HTTP; at most a day. */
function readRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}(?:\.\d{1,6})?$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, maxRetryAfterMs) : undefined;
}

async function resolveBySystem(hostname: string): Promise<string[]> {
  // IPv4 first: a machine without IPv6 finds out only by waiting.
  const found = await lookup(hostname, { all: true, order: "ipv4first" });
  return found.map(({ address }) => address);
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : "";
}

function isConnectFailure(error: unknown): boolean {
  return ["ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"].includes(codeOf(error));
}

function isCertificateFailure(error: unknown): boolean {
  return /^(?:CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(codeOf(error));
}
