import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

import type { Connection } from "./connection.ts";
import type { Wire } from "./wire.ts";

/** A WebSocket that looks like a byte stream, as MQTT wants it (6.0): frames and packets need not end together. */
class WebSocketWire implements Wire {
  readonly #socket: WebSocket;
  #drained: (() => void) | undefined;
  readonly #sent = (): void => {
    const drained = this.#drained;
    if (drained === undefined || this.#socket.bufferedAmount > 0) return;
    this.#drained = undefined;
    drained();
  };

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get writableLength(): number {
    return this.#socket.bufferedAmount;
  }

  write(data: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(data, this.#sent);
  }

  end(): void {
    this.#socket.close(1000);
  }

  destroy(): void {
    this.#socket.terminate();
  }

  once(_event: "drain", listener: () => void): void {
    this.#drained = listener;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

/** How the door takes a WebSocket in: counted like any other connection. */
export interface WebSocketDoor {
  readonly maxMessageBytes: number;
  /** @returns undefined where there is no room. What it returns must be called, or given to `left`. */
  enter(remoteAddress: string): ((wire: Wire) => Connection) | undefined;
  /** The upgrade came to nothing. */
  left(remoteAddress: string): void;
}

/** Answers a handshake that comes to nothing, in the form of the web server it came by. */
export type Refuse = (why: "invalid" | "full") => void;

/**
 * Takes upgrades for MQTT: subprotocol `mqtt`, binary frames, no compression.
 *
 * @returns The handler of a web server's `upgrade` event, for the path the caller chose.
 */
export function createUpgradeHandler(door: WebSocketDoor) {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: door.maxMessageBytes,
    handleProtocols: (protocols) => (protocols.has("mqtt") ? "mqtt" : false),
  });
  // The library answers faulty handshakes by itself, unless it is listened to.
  const refusals = new WeakMap<IncomingMessage, Refuse>();
  server.on("wsClientError", (_error, _socket, request) => refusals.get(request)?.("invalid"));
  return (request: IncomingMessage, socket: Duplex, head: Buffer, address?: string, refuse: Refuse = refuseBy(socket)): void => {
    refusals.set(request, refuse);
    const remoteAddress = address ?? request.socket.remoteAddress ?? "";
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.includes("mqtt")) {
      refuse("invalid");
      return;
    }
    const open = door.enter(remoteAddress);
    if (open === undefined) {
      refuse("full");
      return;
    }
    const left = () => door.left(remoteAddress);
    socket.once("close", left);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off("close", left);
      attach(webSocket, open(new WebSocketWire(webSocket)));
    });
  };
}

/** For a web server that has no words of its own for it. */
function refuseBy(socket: Duplex): Refuse {
  return (why) => {
    const status = why === "full" ? "503 Service Unavailable" : "400 Bad Request";
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  };
}

function attach(socket: WebSocket, connection: Connection): void {
  socket.on("message", (data, isBinary) => {
    // Text is no MQTT (6.0).
    if (!isBinary) socket.close(1003);
    else connection.take(Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]));
  });
  socket.on("close", () => connection.gone());
  socket.on("error", () => socket.terminate());
}
