import { httpErrors } from "@roost/contract/errors";
import { takesIdempotencyKey } from "@roost/contract/route";
import type { Route } from "@roost/contract/route";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";

import { isDatabaseAway } from "../db.ts";
import { withCorrelationId } from "../log.ts";
import type { Log } from "../log.ts";
import type { Actor } from "../tenancy.ts";
import { authorise, refuseForeignOrigin } from "./access.ts";
import type { Authentication, CredentialRequest, HeldCaller, Origins } from "./access.ts";
import { addressKey } from "./client-address.ts";
import type { Idempotency, WireAnswer } from "./idempotency.ts";
import { isStorable, parseJsonBody } from "./json-body.ts";
import { ownRule } from "./limits.ts";
import type { HttpLimits } from "./limits.ts";
import type { DeviceCaller, Handler, RequestFacts, StreamReply } from "./mount.ts";
import type { RateGate, RateNote } from "./rate-gate.ts";
import { streamUntil } from "./streaming.ts";

export interface RouteHandlerOptions {
  readonly authentication: Authentication;
  readonly origins: Origins;
  readonly gate: RateGate;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
  readonly limits: Pick<HttpLimits, "deadlineMs" | "jsonLevels">;
  readonly log: Log;
  readonly idempotency?: Idempotency | undefined;
}

/** Who a request is, beside Fastify's own; set when it arrives. */
export interface Identity {
  readonly requestId: string;
  readonly correlationId: string;
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  /** How the request stands with the limits. */
  readonly rate: RateNote;
  /** Once it is known. */
  caller?: { readonly organisationId: string; readonly by?: Actor | undefined };
}

/** Turns a route of the contract and its handler into Fastify's form: throttle, origin, access, parts, handler, reply. */
export function routeHandler<R extends Route>(route: R, handler: Handler<R>, options: RouteHandlerOptions) {
  const { gate, origins } = options;
  const count = countingOf(route, gate);
  const takesKey = takesIdempotencyKey(route);
  return async (request: FastifyRequest, reply: FastifyReply, identity: Identity): Promise<void> => {
    await withCorrelationId(identity.correlationId, async () => {
      const address = addressKey(identity.remoteAddress);
      gate.take(identity.rate, route.operation === "sendTelemetry" ? "telemetry" : "everything", address);
      refuseForeignOrigin(request.raw, route, origins);
      const credentials: CredentialRequest = {
        headers: request.headers,
        remoteAddress: identity.remoteAddress,
        isSecure: identity.isSecure,
        addHeader: (name, value) => void reply.header(name, value),
      };
      let status = route.status ?? (route.reply === undefined && route.streams === undefined ? 204 : 200);
      let signal: AbortSignal | undefined;
      const think = async () => {
        const held = await authorise(
          route,
          options.authentication,
          credentials,
          () => origins.forwarded.isDirectLoopback(request.raw),
          (known) => {
            if (known !== undefined) identity.caller = { organisationId: known.organisationId, by: actorOf(known, identity, request) };
            count(identity.rate, address, known);
          },
        );
        const ends = () => (signal ??= endOf(reply, options.closing, held !== undefined && "signal" in held ? held.signal : undefined));
        const caller = held?.kind === "device" || held === undefined ? held : { ...held, by: actorOf(held, identity, request) };
        const facts: RequestFacts = {
          ...identity,
          headers: request.headers,
          rawBody: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          get signal() {
            return ends();
          },
          setHeader: (name, value) => void reply.header(name, value),
          setStatus: (other) => {
            status = other;
          },
        };
        // The types were tied together by `mount`; here only the shapes of the contract are known.
        const run = handler as unknown as (input: object) => Promise<unknown>;
        const input = { ...decodeParts(route, request, options.limits.jsonLevels), caller, request: facts };
        if (route.streams !== undefined) return { caller, ends, stream: await run(input) };
        const work = async (): Promise<WireAnswer> => {
          const answer = await run(input);
          return { status, body: route.reply === undefined ? undefined : JSON.stringify(z.encode(route.reply, answer)) };
        };
        const key = takesKey ? request.headers["idempotency-key"] : undefined;
        if (key === undefined || options.idempotency === undefined || caller === undefined || caller.kind === "device")
          return { caller, ends, told: await work() };
        const asked = { key, requestId: identity.requestId, ...askedBy(route, request, options.limits.jsonLevels) };
        return { caller, ends, told: await options.idempotency.once(caller, asked, work) };
      };
      const { caller, ends, ...answer } = await inTime(think(), options);
      if (answer.told === undefined) {
        const held = caller !== undefined && "hold" in caller ? caller.hold() : undefined;
        if (held !== undefined) reply.raw.once("close", held);
        await sendStream(reply.code(status), route.streams ?? "", answer.stream as StreamReply, ends(), options.log);
        return;
      }
      const { told } = answer;
      if ("repeated" in told && told.repeated) reply.header("x-idempotent-request", "true");
      if (told.body === undefined) await reply.code(told.status).send();
      else await reply.code(told.status).type("application/json; charset=utf-8").send(told.body);
    });
  };
}

/** What makes this request the same as another one. */
function askedBy(route: Route, request: FastifyRequest, jsonLevels: number) {
  const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  return {
    method: route.method,
    url: request.url,
    ifMatch: request.headers["if-match"],
    body: route.body === undefined ? bytes : parseJsonBody(bytes, jsonLevels),
  };
}

/** Who is counted by what: the caller where one is known, with all of their organisation; else the address. */
function countingOf({ operation, method }: Route, gate: RateGate) {
  const open = ownRule[operation] ?? "anonymous";
  const isLook = method === "GET";
  return (note: RateNote, address: string, caller: HeldCaller | DeviceCaller | undefined): void => {
    if (caller === undefined) gate.take(note, open, address);
    else if (caller.kind === "device") gate.take(note, "device", caller.id);
    else {
      gate.take(note, caller.kind === "token" ? "apiKey" : isLook ? "looks" : "changes", caller.id);
      gate.take(note, "organisation", caller.organisationId);
    }
  };
}

function actorOf(
  { kind, id, name = id }: Pick<HeldCaller, "id"> & { kind: Actor["kind"]; name?: string },
  { remoteAddress, correlationId }: Identity,
  request: FastifyRequest,
): Actor {
  const userAgent = request.headers["user-agent"]?.slice(0, 256);
  return { kind, id, name, remoteAddress, userAgent, correlationId };
}

interface Fault {
  readonly path: string;
  readonly message: string;
}

function decodeParts(route: Route, request: FastifyRequest, jsonLevels: number): object {
  const faults: Fault[] = [];
  const decode = (schema: z.ZodType | undefined, value: unknown, place: string) => {
    if (schema === undefined) return undefined;
    const read = z.safeDecode(schema, value);
    if (read.success) return read.data;
    for (const issue of read.error.issues) faults.push({ path: [place, ...issue.path].join("."), message: issue.message });
    return undefined;
  };
  for (const [name, value] of [...Object.entries(request.params as object), ...Object.entries(request.query as object)]) {
    if ([value].flat().some((text) => typeof text === "string" && !isStorable(text)))
      faults.push({ path: name, message: "A text holds a NUL or a lone surrogate." });
  }
  if (faults.length > 0) throw httpErrors.invalid({ faults });
  const params = decode(route.params, { ...(request.params as object) }, "params");
  const query = decode(route.query, { ...(request.query as object) }, "query");
  let body: unknown;
  if (route.body !== undefined && route.rawBody !== true) {
    if (!isJson(request.headers["content-type"])) throw httpErrors.unsupported_media();
    body = decode(route.body, parseJsonBody(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), jsonLevels), "body");
  }
  if (faults.length > 0) throw httpErrors.invalid({ faults: faults.slice(0, 50) });
  return { params, query, body };
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(?:;|$)/i.test(contentType ?? "");
}

function endOf(reply: FastifyReply, closing: AbortSignal, right: AbortSignal | undefined): AbortSignal {
  const gone = new AbortController();
  if (reply.raw.destroyed) gone.abort();
  reply.raw.once("close", () => gone.abort());
  return AbortSignal.any([gone.signal, closing, ...(right === undefined ? [] : [right])]);
}

async function sendStream(
  reply: FastifyReply,
  media: string,
  { body, headers = {} }: StreamReply,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const isText = media.startsWith("text/") || media === "application/json";
  void reply.type(isText ? `${media}; charset=utf-8` : media);
  if (media === "text/event-stream") void reply.headers({ "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" });
  void reply.headers(headers);
  if (typeof body === "string" || body instanceof Uint8Array) {
    await reply.send(typeof body === "string" ? body : Buffer.from(body));
    return;
  }
  const parts = streamUntil(body, signal, media === "text/event-stream" ? ":\n\n" : undefined);
  // The status went out long ago: the client sees the connection break, and only the log can say why.
  parts.once("error", (error) => {
    if (!signal.aborted) log[isDatabaseAway(error) ? "warn" : "error"]({ err: error }, "a stream broke off");
  });
  await reply.send(parts);
}

/** Answers 503 in time although a frozen database answers nobody; what comes later is heard, so that it is no unhandled rejection. */
async function inTime<Result>(work: Promise<Result>, { limits, log }: Pick<RouteHandlerOptions, "limits" | "log">): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  let late = false;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(httpErrors.unavailable());
    }, limits.deadlineMs);
  });
  work.catch((error: unknown) => {
    if (late) log.debug({ err: error }, "a handler failed after its deadline");
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
