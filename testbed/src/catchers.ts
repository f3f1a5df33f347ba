import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A request that a catcher got. */
export interface Caught {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** How a catcher answers one request; 204 at once unless said. */
export interface CatcherAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Waits before it answers. */
  readonly delayMs?: number;
  /** Sends the body a byte at a time, so often. */
  readonly dripEveryMs?: number;
  /** Keeps the request and hangs up without an answer. */
  readonly drop?: true;
}

/** Stands in for the outside: a web server on loopback that keeps what it gets. */
export interface Catcher {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** In the order they arrived. */
  readonly caught: readonly Caught[];
  /** Connections made to it, with or without a request. */
  readonly connections: () => number;
  /** What it answers next, one after another; afterwards what `otherwise` says. */
  plan(...answers: readonly CatcherAnswer[]): void;
  otherwise(answer: CatcherAnswer | ((request: Caught) => CatcherAnswer)): void;
  forget(): void;
  close(): Promise<void>;
}

/**
 * Starts a catcher.
 *
 * @param tls - Key and certificate in PEM; without them it speaks plain http.
 */
export async function startCatcher({
  host = "127.0.0.1",
  port = 0,
  tls,
}: { host?: string; port?: number; tls?: { readonly key: string; readonly cert: string } } = {}): Promise<Catcher> {
  const caught: Caught[] = [];
  const planned: CatcherAnswer[] = [];
  let fallback: CatcherAnswer | ((request: Caught) => CatcherAnswer) = { status: 204 };
  let connections = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const one: Caught = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(parts).toString("utf8"),
    };
    caught.push(one);
    const answer = planned.shift() ?? (typeof fallback === "function" ? fallback(one) : fallback);
    if (answer.delayMs !== undefined) await sleep(answer.delayMs, undefined, { ref: false });
    if (answer.drop === true) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status ?? 204, answer.headers);
    if (answer.dripEveryMs !== undefined) {
      for (const byte of answer.body ?? "") {
        if (response.destroyed) return;
        response.write(byte);
        await sleep(answer.dripEveryMs, undefined, { ref: false });
      }
      response.end();
    } else response.end(answer.body);
  }

  const listener = (request: IncomingMessage, response: ServerResponse) => {
    // A client that hangs up in the middle is part of what tests do.
    serve(request, response).catch(() => response.destroy());
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    caught,
    connections: () => connections,
    plan: (...answers) => void planned.push(...answers),
    otherwise(answer) {
      fallback = answer;
    },
    forget() {
      caught.length = 0;
      planned.length = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
