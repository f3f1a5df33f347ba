import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import type { SecureContext } from "node:tls";

import type { Connection } from "./connection.ts";

/** Certificate chain and key of the door, PEM. */
export interface DoorTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** TLS 1.3, or 1.2 with AEAD suites only; no renegotiation (M11). */
export function secureContextOf({ cert, key }: DoorTls): SecureContext {
  return createSecureContext({
    cert,
    key,
    minVersion: "TLSv1.2",
    ciphers,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  });
}

/** The server's side of TLS on a connection that was just accepted. */
export function secureSocket(socket: Socket, secureContext: SecureContext): TLSSocket {
  return new TLSSocket(socket, { isServer: true, secureContext });
}

const connectionKey = Symbol("connection");

interface Attached extends Socket {
  [connectionKey]?: Connection;
}

// The listeners are the same functions for every socket, so that an idle client costs no closures.
function onData(this: Attached, chunk: Buffer): void {
  this[connectionKey]?.take(chunk);
}
function onDrain(this: Attached): void {
  this[connectionKey]?.drained();
}
function onClose(this: Attached): void {
  const connection = this[connectionKey];
  delete this[connectionKey];
  connection?.gone();
}
// What went wrong with a socket is the client's affair; `close` follows and says all we need.
function onError(): void {}

/** Ties a socket to its connection; the connection hears that it is `gone` exactly once. */
export function attachSocket(socket: Socket, connection: Connection): void {
  (socket as Attached)[connectionKey] = connection;
  socket.on("data", onData);
  socket.on("drain", onDrain);
  socket.on("close", onClose);
  socket.on("error", onError);
}

/** Errors of the TCP socket below TLS come up through TLS; nobody else needs to hear them. */
export function ignoreErrors(socket: Socket): void {
  socket.on("error", onError);
}
