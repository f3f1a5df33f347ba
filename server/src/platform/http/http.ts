import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";

import { httpErrors } from "@roost/contract/errors";
import type { Route } from "@roost/contract/route";
import fastify from "fastify";
import type { FastifyReply, FastifyRequest } from "fastify";

import type { Config } from "../../config.ts";
import type { Clock } from "../clock.ts";
import { newId } from "../id.ts";
import { listenFault } from "../listen-fault.ts";
import type { Log } from "../log.ts";
import { createRateLimits } from "../rate-limits.ts";
import type { RateLimits } from "../rate-limits.ts";
import type { ServerTls } from "../tls.ts";
import { isForeignOrigin } from "./access.ts";
import type { Authentication, Origins } from "./access.ts";
import { addressKey } from "./client-address.ts";
import { createConnectionBound } from "./connection-bound.ts";
import { createCors } from "./cors.ts";
import { toAppError, wireError } from "./faults.ts";
import { createForwarded } from "./forwarded.ts";
import type { Idempotency } from "./idempotency.ts";
import { readRateTable, withDefaults } from "./limits.ts";
import type { HttpLimits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { Mount } from "./mount.ts";
import { createOwnNames } from "./own-names.ts";
import { createRateGate } from "./rate-gate.ts";
import { answerRaw, clientFault } from "./raw-answer.ts";
import { routeHandler } from "./route-handler.ts";
import type { Identity } from "./route-handler.ts";
import { createSecureEntrance } from "./secure-entrance.ts";
import { createSecurityEvents } from "./security-events.ts";
import type { SecurityEvent, SecurityEventKind } from "./security-events.ts";
import { securityHeaders } from "./security-headers.ts";
import { createWebApp } from "./web-app.ts";

export interface HttpOptions {
  readonly config: Pick<Config, "ROOST_HTTP_HOST" | "ROOST_HTTP_PORT" | "ROOST_PUBLIC_URL" | "ROOST_TRUSTED_PROXIES"> &
    Partial<
      Pick<
        Config,
        "ROOST_ANSWER_SECONDS" | "ROOST_HTTPS_HOST" | "ROOST_HTTPS_PORT" | "ROOST_PUBLIC_HOSTS" | "ROOST_CORS_ORIGINS" | "ROOST_RATE_LIMITS"
      >
    >;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly authenticate: Authentication;
  /** Folder of the built web app; it may be missing. */
  readonly webRoot: string;
  /** Certificate of the listener by TLS. Absent: there is none. */
  readonly tls?: ServerTls | undefined;
  /** Takes over a WebSocket handshake for `/mqtt`. Absent: there is none. */
  readonly onUpgrade?: (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    remoteAddress: string,
    refuse: (why: "invalid" | "full") => void,
  ) => void;
  readonly limits?: Partial<HttpLimits>;
  /** Counts requests, over all nodes. Absent: this node counts alone, by the configured rates. */
  readonly rateLimits?: RateLimits | undefined;
  /** Keeps what was answered to requests with an `Idempotency-Key`. Absent: the header is not looked at. */
  readonly idempotency?: Idempotency | undefined;
  /** Names this machine goes by, beside those configured: what its certificate names. Absent: none. */
  readonly ownNames?: () => readonly string[];
  /** Told what was refused, gathered by kind, address and minute. */
  readonly onSecurityEvent?: (event: SecurityEvent) => void;
}

/** The way in by HTTP. */
export interface Http {
  /** Ties routes to handlers, before `listen`. */
  readonly mount: Mount;
  /** @throws {AppError} `listen.…` where nothing can listen. */
  listen(): Promise<HttpPlaces>;
  /** New connections by TLS get the new certificate; those that are here stay. */
  renewTls(tls: ServerTls): void;
  /** Takes no more requests, ends streams, lets open requests finish for up to `drainMs`. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** Where the web server listens. */
export interface HttpPlaces {
  /** What people open: the public address where there is one, else `localUrl`. */
  readonly url: string;
  /** As this machine itself reaches it, without TLS. */
  readonly localUrl: string;
  readonly port: number;
  /** Of the listener by TLS, where there is one. */
  readonly httpsPort: number | undefined;
}

const noShapes = (): never => {
  throw new TypeError("Shapes are checked by the contract, not by the framework.");
};
// Routes bring no shapes for the framework; left to itself it would load its compilers all the same.
const ownShapesOnly = { buildValidator: noShapes, buildSerializer: noShapes };

/** Builds the web server: contract routes, the web app, one form of error, one set of headers on every answer. */
export function createHttp(options: HttpOptions): Http {
  const { config, clock, log, metrics, authenticate, webRoot, onUpgrade } = options;
  const { ROOST_ANSWER_SECONDS: answerSeconds } = config;
  const limits = withDefaults({ ...(answerSeconds === undefined ? {} : { deadlineMs: answerSeconds * 1_000 }), ...options.limits });
  const publicOrigin = config.ROOST_PUBLIC_URL === undefined ? undefined : new URL(config.ROOST_PUBLIC_URL).origin;
  const isPublicSecure = publicOrigin?.startsWith("https:") === true;
  const security = securityHeaders(isPublicSecure);
  const forwarded = createForwarded(config.ROOST_TRUSTED_PROXIES);
  const webApp = createWebApp(webRoot, security);
  const closing = new AbortController();
  const mounted: Route[] = [];
  const answered = metrics.counter({
    name: "roost_http_requests_total",
    help: "Requests answered.",
    labels: ["method", "route", "status"],
  });
  const took = metrics.histogram({
    name: "roost_http_request_duration_seconds",
    help: "Time from the headers' arrival to the end of the answer; streams are left out.",
    labels: ["route"],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });

  const rates = readRateTable(config.ROOST_RATE_LIMITS);
  const rateLimits = options.rateLimits ?? createRateLimits({ clock, log, metrics, rates });
  const gate = createRateGate(rateLimits, rates);
  const cors = createCors(config.ROOST_CORS_ORIGINS ?? []);
  const origins: Origins = { forwarded, publicOrigin, isListed: cors.isListed };
  const isOwnName = createOwnNames({
    publicUrl: config.ROOST_PUBLIC_URL,
    publicHosts: config.ROOST_PUBLIC_HOSTS ?? [],
    machine: options.ownNames ?? (() => []),
    clock,
  });
  const events = createSecurityEvents({ clock, report: (event) => options.onSecurityEvent?.(event) });
  const cut = metrics.counter({
    name: "roost_http_connections_refused_total",
    help: "Connections that were cut because their address held too many.",
  });
  const bound = createConnectionBound({
    most: limits.connectionsPerAddress,
    isExempt: forwarded.isProxy,
    onRefused(remoteAddress) {
      cut.add();
      events.note({ kind: "too_many_connections", remoteAddress });
    },
  });

  const identities = new WeakMap<IncomingMessage, Identity & { readonly startedMs: number }>();
  const identityOf = (request: IncomingMessage) => {
    let identity = identities.get(request);
    if (identity === undefined) {
      const asked = request.headers["x-correlation-id"];
      const requestId = newId();
      const correlationId = typeof asked === "string" && /^[A-Za-z0-9._:-]{1,64}$/.test(asked) ? asked : requestId;
      identity = {
        requestId,
        correlationId,
        remoteAddress: forwarded.addressOf(request),
        isSecure: isPublicSecure || forwarded.isSecure(request),
        rate: {},
        startedMs: clock.monotonicMs(),
      };
      identities.set(request, identity);
    }
    return identity;
  };

  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.stalledMs,
    keepAliveTimeout: 30_000,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    exposeHeadRoutes: false,
    // How long a part may be is for its schema to say.
    schemaController: { compilersFactory: ownShapesOnly },
    routerOptions: { maxParamLength: limits.headerBytes, caseSensitive: true, ignoreTrailingSlash: false },
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(2_000, limits.headersTimeoutMs),
      maxHeaderSize: limits.headerBytes,
      // Node would answer what has no Host by itself, without our headers.
      requireHostHeader: false,
      // HTTP/2 in clear and the like are not spoken here: such a request is answered as if it had not asked.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
    },
    frameworkErrors: (error, request, reply) => void fail(error, request, reply as unknown as FastifyReply),
    clientErrorHandler(error: NodeJS.ErrnoException, socket) {
      if (error.code !== "ECONNRESET") answerRaw(socket, clientFault(error.code), security.all);
    },
  });
  app.server.maxConnections = limits.connections;
  app.server.maxHeadersCount = limits.headers;

  const underWay = new WeakMap<Socket, number>();
  app.addHook("onRequest", (request, reply, done) => {
    const { socket } = request.raw;
    const now = (underWay.get(socket) ?? 0) + 1;
    underWay.set(socket, now);
    reply.raw.once("close", () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1));
    if (now > limits.underWay) {
      reply.hijack();
      socket.destroy();
      return;
    }
    reply.headers(commonFields(request));
    if (closing.signal.aborted) reply.header("connection", "close");
    if (!isProbe(request.url) && !isAskedRightly(request.raw)) {
      done(httpErrors.wrong_host());
      return;
    }
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") {
      done(httpErrors.unsupported_media({ contentEncoding: "identity" }));
      return;
    }
    done();
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    reply.headers(gate.fieldsOf(identityOf(request.raw).rate));
    // Files of the web app name what they depend on too.
    const vary = reply.getHeader("vary");
    if (config.ROOST_CORS_ORIGINS !== undefined && config.ROOST_CORS_ORIGINS.length > 0 && !String(vary).includes("origin"))
      reply.header("vary", vary === undefined ? "origin" : `${String(vary)}, origin`);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "none";
    const tookMs = clock.monotonicMs() - identityOf(request.raw).startedMs;
    answered.add(1, { method: request.method, route, status: String(reply.statusCode) });
    if (!String(reply.getHeader("content-type") ?? "").startsWith("text/event-stream")) took.observe(tookMs / 1_000, { route });
    const { requestId, correlationId, remoteAddress } = identityOf(request.raw);
    const line = {
      requestId,
      correlationId,
      remoteAddress,
      method: request.method,
      route,
      status: reply.statusCode,
      tookMs: Math.round(tookMs),
    };
    if (request.method === "GET" || request.method === "HEAD") log.debug(line, "request answered");
    else log.info(line, "request answered");
    done();
  });

  // Bodies stay bytes until a route's own schema says that they are JSON.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  function commonFields({ raw }: FastifyRequest): Readonly<Record<string, string>> {
    const { requestId, correlationId } = identityOf(raw);
    return {
      ...security.all,
      ...cors.fieldsFor(raw.headers),
      "cache-control": "no-store",
      "x-request-id": requestId,
      "x-correlation-id": correlationId,
    };
  }

  /** By a name of ours, and by one only: of two, a proxy on the way may have read the other. */
  function isAskedRightly(request: IncomingMessage): boolean {
    if (!isOwnName(forwarded.hostOf(request), request.socket.localAddress)) return false;
    return request.rawHeaders.reduce((count, name, index) => (index % 2 === 0 && /^host$/i.test(name) ? count + 1 : count), 0) === 1;
  }

  function noteRefusal(kind: SecurityEventKind, { raw }: FastifyRequest, operation: string | undefined): void {
    const { remoteAddress, caller } = identityOf(raw);
    events.note({ kind, remoteAddress, operation, organisationId: caller?.organisationId, by: caller?.by });
  }

  async function fail(caught: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const error = toAppError(caught);
    const { requestId, correlationId } = identityOf(request.raw);
    const isGuess = error.status === 404 && identityOf(request.raw).caller !== undefined;
    const kind = refusalKinds[error.code] ?? (isGuess ? "not_there" : undefined);
    // Who shows nothing is on the way to the sign-in page; who shows something that is not valid may be trying.
    const { authorization, cookie } = request.headers;
    if (kind !== undefined && (kind !== "bad_credential" || authorization !== undefined || cookie !== undefined))
      noteRefusal(kind, request, (request.routeOptions.config as { operation?: string } | undefined)?.operation);
    const line = { requestId, correlationId, method: request.method, route: request.routeOptions.url, err: caught };
    if (error.status >= 500 && error.code !== httpErrors.unavailable.code) log.error(line, "a request failed");
    else if (error.status >= 500) log.warn(line, "a request failed because the database is away");
    if (error.status === 401) reply.header("www-authenticate", "Bearer");
    if (error.status === 503) reply.header("retry-after", "2");
    const retryAfter = error.details["retryAfterSeconds"];
    if (typeof retryAfter === "number") reply.header("retry-after", String(retryAfter));
    // Errors of the framework come before any hook has run.
    reply.headers(commonFields(request));
    await reply.code(error.status).type("application/json; charset=utf-8").send(wireError(error, requestId));
  }
  app.setErrorHandler(fail);

  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "/";
    const methods = mounted.filter((route) => fits(route.path, path)).map((route) => route.method);
    const preflight = request.method === "OPTIONS" ? cors.preflight(request.headers, methods) : undefined;
    if (preflight !== undefined) {
      await reply.code(204).headers(preflight).send();
      return;
    }
    const { rate, remoteAddress } = identityOf(request.raw);
    gate.take(rate, "everything", addressKey(remoteAddress));
    if (!isAppPath(path)) gate.take(rate, "anonymous", addressKey(remoteAddress));
    if (methods.length > 0) {
      void reply.header("allow", [...new Set(methods)].join(", "));
      throw httpErrors.method_not_allowed({ allowed: methods });
    }
    if ((request.method !== "GET" && request.method !== "HEAD") || (!isAppPath(path) && path !== "/api/docs")) throw httpErrors.not_found();
    const file = await webApp.file(path, request.headers["accept-encoding"] ?? "");
    // A missing file is a 404; an address of the app (no dot in its last part) is the page.
    if (file === undefined && /\.[^/]+$/.test(path) && path !== "/index.html") throw httpErrors.not_found();
    const { bytes, headers } = file ?? (await webApp.page());
    void reply.headers(headers);
    if (headers["etag"] !== undefined && request.headers["if-none-match"] === headers["etag"]) await reply.code(304).send();
    else await reply.code(200).send(request.method === "HEAD" ? undefined : bytes);
  });

  const entrance =
    options.tls === undefined ? undefined : createSecureEntrance({ server: app.server, tls: options.tls, limits, bound, log });

  // Browsers open connections ahead of need: Node counts one that has asked nothing yet as busy when the server closes.
  const silent = new Set<Duplex>();
  app.server.on("connection", (socket: Socket) => {
    // By TLS it was counted before its handshake.
    if (!(socket instanceof TLSSocket) && !bound.admit(socket)) return;
    // A handshake that was under way when the server began to close: nobody would ask anything any more, and the end would wait for it.
    if (closing.signal.aborted) {
      socket.destroy();
      return;
    }
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  app.server.on("request", (request) => silent.delete(request.socket));
  // Sockets that were handed over belong to no request any more, yet the server waits for them when it closes.
  const handedOver = new Set<Duplex>();
  app.server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    silent.delete(socket);
    handedOver.add(socket);
    socket.once("close", () => handedOver.delete(socket));
    const path = request.url?.split("?", 1)[0];
    if (onUpgrade === undefined || path !== "/mqtt" || closing.signal.aborted) answerRaw(socket, httpErrors.not_found(), security.all);
    else if (!isAskedRightly(request)) answerRaw(socket, httpErrors.wrong_host(), security.all);
    else if (isForeignOrigin(request, origins)) {
      events.note({ kind: "foreign_origin", remoteAddress: forwarded.addressOf(request), operation: "mqtt" });
      answerRaw(socket, httpErrors.foreign_origin(), security.all);
    } else {
      // The door has bounds and times of its own.
      request.socket.setTimeout(0);
      if (socket instanceof Socket) bound.release(socket);
      const refuse = (why: "invalid" | "full") =>
        answerRaw(socket, why === "full" ? httpErrors.full() : httpErrors.invalid(), security.all);
      onUpgrade(request, socket, head, forwarded.addressOf(request), refuse);
    }
  });

  return {
    mount(route, handler) {
      // The types ask for it, but a route may come from a kit that was not checked.
      if ((route.access as string | undefined) === undefined) throw new TypeError("A route says who may call it.");
      const run = routeHandler(route, handler, {
        authentication: authenticate,
        origins,
        gate,
        closing: closing.signal,
        limits,
        log,
        idempotency: options.idempotency,
      });
      mounted.push(route);
      app.route({
        // HEAD is what some watchdogs ask /health with; a stream's head would be a stream.
        method: route.method === "GET" && route.streams === undefined ? ["GET", "HEAD"] : route.method,
        url: route.path,
        config: { operation: route.operation },
        ...(route.maxBodyBytes === undefined ? {} : { bodyLimit: route.maxBodyBytes }),
        handler: async (request, reply) => run(request, reply, identityOf(request.raw)),
      });
    },
    async listen() {
      const at = { host: config.ROOST_HTTP_HOST, port: config.ROOST_HTTP_PORT };
      await app.listen(at).catch((error: unknown) => {
        throw listenFault(error, { ...at, variable: "ROOST_HTTP_PORT" });
      });
      const address = app.server.address();
      const port = typeof address === "object" && address !== null ? address.port : at.port;
      const localUrl = `http://${localHost(at.host)}:${port}`;
      const httpsPort = await entrance?.listen({
        host: config.ROOST_HTTPS_HOST ?? "127.0.0.1",
        port: config.ROOST_HTTPS_PORT ?? 0,
        variable: "ROOST_HTTPS_PORT",
      });
      return { url: publicOrigin ?? localUrl, localUrl, port, httpsPort };
    },
    renewTls: (tls) => entrance?.renewTls(tls),
    async close({ drainMs = 8_000 } = {}) {
      closing.abort();
      const secureOnesGone = entrance?.close();
      // A connection that is busy now falls idle later, and would be kept for its next request.
      const idle = setInterval(() => app.server.closeIdleConnections(), 50);
      for (const socket of silent) socket.destroy();
      const rest = setTimeout(() => {
        app.server.closeAllConnections();
        for (const socket of handedOver) socket.destroy();
        entrance?.destroyAll();
      }, drainMs);
      await app.close();
      await secureOnesGone;
      events.close();
      if (options.rateLimits === undefined) await rateLimits.close();
      clearInterval(idle);
      clearTimeout(rest);
    },
  };
}

/** A host as this machine puts it into an address of its own. */
function localHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

const refusalKinds: Readonly<Record<string, SecurityEventKind>> = {
  [httpErrors.too_many_requests.code]: "rate_limited",
  [httpErrors.foreign_origin.code]: "foreign_origin",
  [httpErrors.wrong_host.code]: "wrong_host",
  [httpErrors.unauthenticated.code]: "bad_credential",
  [httpErrors.forbidden.code]: "forbidden",
  [httpErrors.invalid.code]: "faulty_requests",
};

/** Watchdogs ask by whatever name they were given, and are told nothing that is worth a name. */
function isProbe(url: string): boolean {
  return /^\/(?:health|ready)(?:[/?]|$)/.test(url);
}

/** Addresses that belong to the web app; all else under /api and the health pages is either a route or nothing. */
function isAppPath(path: string): boolean {
  return !/^\/(?:api|health|ready|metrics|mqtt|monitoring)(?:\/|$)/.test(path);
}

function fits(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return (
    wanted.length === given.length && wanted.every((part, index) => (part.startsWith(":") ? given[index] !== "" : part === given[index]))
  );
}
