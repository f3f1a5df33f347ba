import { STATUS_CODES } from "node:http";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { httpErrors } from "@roost/contract/errors";
import type { AppError } from "@roost/contract/errors";
import type { Route } from "@roost/contract/route";
import fastify from "fastify";
import type { FastifyReply, FastifyRequest } from "fastify";

import type { Config } from "../../config.ts";
import type { Clock } from "../clock.ts";
import { newId } from "../id.ts";
import { listenFault } from "../listen-fault.ts";
import type { Log } from "../log.ts";
import { createThrottle } from "../throttle.ts";
import type { Throttle } from "../throttle.ts";
import type { ServerTls } from "../tls.ts";
import { isForeignOrigin } from "./access.ts";
import type { Authentication } from "./access.ts";
import { toAppError, wireError } from "./faults.ts";
import { createForwarded } from "./forwarded.ts";
import { ownThrottle, withDefaults } from "./limits.ts";
import type { HttpLimits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { Mount } from "./mount.ts";
import { routeHandler, throttleKey } from "./route-handler.ts";
import type { Identity } from "./route-handler.ts";
import { createSecureEntrance } from "./secure-entrance.ts";
import { securityHeaders } from "./security-headers.ts";
import { createWebApp } from "./web-app.ts";

export interface HttpOptions {
  readonly config: Pick<Config, "ROOST_HTTP_HOST" | "ROOST_HTTP_PORT" | "ROOST_PUBLIC_URL" | "ROOST_TRUSTED_PROXIES"> &
    Partial<Pick<Config, "ROOST_HTTPS_HOST" | "ROOST_HTTPS_PORT">>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly authenticate: Authentication;
  /** Folder of the built web app; it may be missing. */
  readonly webRoot: string;
  /** Certificate of the listener by TLS. Absent: there is none. */
  readonly tls?: ServerTls | undefined;
  /** Takes over a WebSocket handshake for `/mqtt`. Absent: there is none. */
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer, remoteAddress: string) => void;
  readonly limits?: Partial<HttpLimits>;
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

/** Builds the web server: contract routes, the web app, one form of error, one set of headers on every answer. */
export function createHttp(options: HttpOptions): Http {
  const { config, clock, log, metrics, authenticate, webRoot, onUpgrade } = options;
  const limits = withDefaults(options.limits);
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

  const perMinute = (requests: number) => createThrottle({ clock, burst: requests, refill: requests, windowMs: 60_000, maxKeys: 20_000 });
  const general = perMinute(limits.requestsPerMinute);
  const alone = new Map([...new Set(Object.values(ownThrottle))].map((name) => [name, perMinute(limits[name])]));
  const throttleOf = (route: Route): Throttle => alone.get(ownThrottle[route.operation] ?? "requestsPerMinute") ?? general;

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
    keepAliveTimeout: 30_000,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 256, caseSensitive: true, ignoreTrailingSlash: false },
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(2_000, limits.headersTimeoutMs),
      maxHeaderSize: limits.headerBytes,
    },
    frameworkErrors: (error, request, reply) => void fail(error, request, reply as unknown as FastifyReply),
    clientErrorHandler(error: NodeJS.ErrnoException, socket) {
      const fault = clientFaults[error.code ?? ""] ?? httpErrors.invalid;
      if (error.code !== "ECONNRESET") answerRaw(socket, fault(), security.all);
    },
  });
  app.server.maxConnections = limits.connections;
  app.server.maxHeadersCount = limits.headers;

  app.addHook("onRequest", (request, reply, done) => {
    const { requestId, correlationId } = identityOf(request.raw);
    reply.headers({ ...security.all, "cache-control": "no-store", "x-request-id": requestId, "x-correlation-id": correlationId });
    if (closing.signal.aborted) reply.header("connection", "close");
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") {
      done(httpErrors.unsupported_media({ contentEncoding: "identity" }));
      return;
    }
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

  async function fail(caught: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const error = toAppError(caught);
    const { requestId, correlationId } = identityOf(request.raw);
    const line = { requestId, correlationId, method: request.method, route: request.routeOptions.url, err: caught };
    if (error.status >= 500 && error.code !== httpErrors.unavailable.code) log.error(line, "a request failed");
    else if (error.status >= 500) log.warn(line, "a request failed because the database is away");
    if (error.status === 401) reply.header("www-authenticate", "Bearer");
    if (error.status === 503) reply.header("retry-after", "2");
    const retryAfter = error.details["retryAfterSeconds"];
    if (error.status === 429 && typeof retryAfter === "number") reply.header("retry-after", String(retryAfter));
    // Errors of the framework come before any hook has run.
    reply.headers({ ...security.all, "cache-control": "no-store", "x-request-id": requestId, "x-correlation-id": correlationId });
    await reply.code(error.status).type("application/json; charset=utf-8").send(wireError(error, requestId));
  }
  app.setErrorHandler(fail);

  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "/";
    const methods = mounted.filter((route) => fits(route.path, path)).map((route) => route.method);
    if (methods.length > 0) {
      void reply.header("allow", [...new Set(methods)].join(", "));
      throw httpErrors.method_not_allowed({ allowed: methods });
    }
    if ((request.method !== "GET" && request.method !== "HEAD") || (!isAppPath(path) && path !== "/api/docs")) throw httpErrors.not_found();
    const waitSeconds = general.take(throttleKey(identityOf(request.raw).remoteAddress));
    if (waitSeconds > 0) throw httpErrors.too_many_requests({ retryAfterSeconds: waitSeconds });
    const file = await webApp.file(path, request.headers["accept-encoding"] ?? "");
    // A missing file is a 404; an address of the app (no dot in its last part) is the page.
    if (file === undefined && /\.[^/]+$/.test(path) && path !== "/index.html") throw httpErrors.not_found();
    const { bytes, headers } = file ?? (await webApp.page());
    void reply.headers(headers);
    if (headers["etag"] !== undefined && request.headers["if-none-match"] === headers["etag"]) await reply.code(304).send();
    else await reply.code(200).send(request.method === "HEAD" ? undefined : bytes);
  });

  const entrance = options.tls === undefined ? undefined : createSecureEntrance({ server: app.server, tls: options.tls, limits, log });

  // Browsers open connections ahead of need: Node counts one that has asked nothing yet as busy when the server closes.
  const silent = new Set<Duplex>();
  app.server.on("connection", (socket: Duplex) => {
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
    else if (isForeignOrigin(request, forwarded, publicOrigin)) answerRaw(socket, httpErrors.foreign_origin(), security.all);
    else onUpgrade(request, socket, head, forwarded.addressOf(request));
  });

  return {
    mount(route, handler) {
      // The types ask for it, but a route may come from a kit that was not checked.
      if ((route.access as string | undefined) === undefined) throw new TypeError("A route says who may call it.");
      const run = routeHandler(route, handler, {
        authentication: authenticate,
        forwarded,
        publicOrigin,
        throttleOf,
        closing: closing.signal,
        limits,
        log,
      });
      mounted.push(route);
      app.route({
        // HEAD is what some watchdogs ask /health with; a stream's head would be a stream.
        method: route.method === "GET" && route.streams === undefined ? ["GET", "HEAD"] : route.method,
        url: route.path,
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

const clientFaults: Readonly<Record<string, () => AppError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: httpErrors.too_slow,
  HPE_HEADER_OVERFLOW: httpErrors.headers_too_large,
};

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

/** Answers where there is no request that the framework could answer: bytes that are no HTTP, and refused upgrades. */
function answerRaw(socket: Duplex, error: AppError, headers: Readonly<Record<string, string>>): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = newId();
  const body = wireError(error, requestId);
  const lines = Object.entries({
    ...headers,
    "cache-control": "no-store",
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    "x-request-id": requestId,
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ""}\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
  // A peer that does not read is not waited for.
  setTimeout(() => socket.destroy(), 1_000).unref();
}
