import type { Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:tls";

import { listenFault } from "../listen-fault.ts";
import type { ListenAddress } from "../listen-fault.ts";
import type { Log } from "../log.ts";
import { secureOptionsOf } from "../tls.ts";
import type { ServerTls } from "../tls.ts";
import type { ConnectionBound } from "./connection-bound.ts";

/** The way in by TLS to a web server. */
export interface SecureEntrance {
  /** @returns The port in use. @throws {AppError} `listen.…` where nothing can listen there. */
  listen(at: ListenAddress): Promise<number>;
  /** New connections get the new certificate; those that are here stay. */
  renewTls(tls: ServerTls): void;
  /** Takes nobody new; resolves when all who are in have gone. */
  close(): Promise<void>;
  /** Ends those who are still in, handshakes under way included. */
  destroyAll(): void;
}

/**
 * A TLS listener whose connections, once they are secure, are handed to `server`: there is one web server with one set of routes,
 * limits and time-outs, and two ways in.
 */
export function createSecureEntrance({
  server,
  tls,
  limits,
  bound,
  log,
}: {
  server: Server;
  tls: ServerTls;
  limits: { readonly headersTimeoutMs: number; readonly connections: number };
  /** Asked for each connection, before its handshake. */
  bound: Pick<ConnectionBound, "admit">;
  log: Log;
}): SecureEntrance {
  const entrance = createServer(
    { ...secureOptionsOf(tls), ALPNProtocols: ["http/1.1"], handshakeTimeout: limits.headersTimeoutMs, noDelay: true },
    (socket) => void server.emit("connection", socket),
  );
  entrance.maxConnections = limits.connections;
  const sockets = new Set<Socket>();
  entrance.on("connection", (socket: Socket) => {
    if (!bound.admit(socket)) return;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  // Old TLS, no TLS, a scanner: the client's affair. Who is too slow is told here too, and stays unless it is sent away.
  entrance.on("tlsClientError", (error, socket) => {
    log.debug({ err: error }, "a TLS handshake failed");
    socket.destroy();
  });

  return {
    listen: (at) =>
      new Promise((resolve, reject) => {
        const refuse = (error: Error) => reject(listenFault(error, at));
        entrance.once("error", refuse);
        entrance.listen({ host: at.host, port: at.port }, () => {
          entrance.off("error", refuse);
          // EMFILE and the like: those who are in stay.
          entrance.on("error", (error) => log.warn({ err: error }, "the web server has trouble taking connections by TLS"));
          resolve((entrance.address() as AddressInfo).port);
        });
      }),
    renewTls: (renewed) => entrance.setSecureContext(secureOptionsOf(renewed)),
    close: () => (entrance.listening ? new Promise((resolve) => void entrance.close(() => resolve())) : Promise.resolve()),
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
