import { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SecureContext } from "node:tls";

import type { Connection } from "./connection.ts";

// OpenSSL's input buffer is as large as the first piece it is given, 64 kB where it reads from the network itself. Half of a client's
// memory would be that buffer, so the first bytes come in pieces that fit the smallest one; busy clients get a larger one in any case.
const pieceBytes = 1_000;

class HelloSocket extends Socket {
  override read(size?: number): Buffer | null {
    return super.read(size ?? (this.readableLength > pieceBytes ? pieceBytes : undefined)) as Buffer | null;
  }
}

const largestHelloBytes = 16_389;

/** A TLS client that has not had its turn yet. Only its socket exists: TLS begins with the client's first bytes at the earliest. */
export class Knock {
  readonly socket: Socket;
  readonly remoteAddress: string;
  /** Monotonic milliseconds. */
  readonly sinceMs: number;
  readonly #answer: KnockAnswer;

  constructor(socket: Socket, remoteAddress: string, sinceMs: number, answer: KnockAnswer) {
    this.socket = socket;
    this.remoteAddress = remoteAddress;
    this.sinceMs = sinceMs;
    this.#answer = answer;
    (socket as Attached)[attachedKey] = this;
    socket.on("readable", onReadable);
    socket.on("close", onKnockClose);
    socket.on("error", onError);
  }

  /** @internal */
  said(): void {
    const bytes = this.socket.readableLength;
    // The end of a stream is told as `readable` too: somebody only looked whether the port is open. And no hello is longer than a record.
    if (bytes === 0 || bytes > largestHelloBytes) {
      this.socket.destroy();
      return;
    }
    this.socket.off("readable", onReadable);
    this.#answer.hello(this);
  }

  /** @internal */
  gone(): void {
    this.#leave();
    this.#answer.left(this);
  }

  /** Begins TLS: from here on a client costs something, and this knock is over. */
  secure(secureContext: SecureContext): TLSSocket {
    this.#leave();
    Object.setPrototypeOf(this.socket, HelloSocket.prototype);
    return new TLSSocket(this.socket, { isServer: true, secureContext });
  }

  #leave(): void {
    (this.socket as Attached)[attachedKey] = undefined;
    this.socket.off("readable", onReadable);
    this.socket.off("close", onKnockClose);
  }
}

/** Hears what becomes of a knock. */
export interface KnockAnswer {
  /** The client spoke; `secure` is to be called when its turn comes. */
  hello(knock: Knock): void;
  /** It went before its turn. */
  left(knock: Knock): void;
}

const attachedKey = Symbol("attached");

interface Attached extends Socket {
  [attachedKey]?: Connection | Knock | undefined;
}

// The listeners are the same functions for every socket, so that an idle client costs no closures.
function onReadable(this: Attached): void {
  const knock = this[attachedKey];
  if (knock instanceof Knock) knock.said();
}
function onKnockClose(this: Attached): void {
  const knock = this[attachedKey];
  if (knock instanceof Knock) knock.gone();
}
function onData(this: Attached, chunk: Buffer): void {
  (this[attachedKey] as Connection | undefined)?.take(chunk);
}
function onClose(this: Attached): void {
  const connection = this[attachedKey] as Connection | undefined;
  this[attachedKey] = undefined;
  connection?.gone();
}
// What went wrong with a socket is the client's affair; `close` follows and says all we need.
function onError(): void {}

/** Ties a socket to its connection; the connection hears that it is `gone` exactly once. */
export function attachSocket(socket: Socket, connection: Connection): void {
  (socket as Attached)[attachedKey] = connection;
  socket.on("data", onData);
  socket.on("close", onClose);
  socket.on("error", onError);
}
