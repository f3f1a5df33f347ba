import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

import type { Connection, Wire } from "./connection.ts";

/** A WebSocket that looks like a byte stream, as MQTT wants it (6.0): frames and packets need not end together. */
class WebSocketWire implements Wire {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get writableLength(): number {
    return this.#socket.bufferedAmount;
  }

  write(data: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(data);
  }

  end(): void {
    this.#socket.close(1000);
  }

  destroy(): void {
    this.#socket.terminate();
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
  /** @returns undefined where there is no room. */
  enter(wire: Wire, remoteAddress: string): Connection | undefined;
  mayEnter(): boolean;
}

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
  return (request: IncomingMessage, socket: Duplex, head: Buffer, remoteAddress?: string): void => {
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.includes("mqtt") || !door.mayEnter()) {
      const status = offered.includes("mqtt") ? "503 Service Unavailable" : "400 Bad Request";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    server.handleUpgrade(request, socket, head, (webSocket) => take(door, webSocket, remoteAddress ?? request.socket.remoteAddress ?? ""));
  };
}

function take(door: WebSocketDoor, socket: WebSocket, remoteAddress: string): void {
  const connection = door.enter(new WebSocketWire(socket), remoteAddress);
  if (connection === undefined) {
    socket.close(1013);
    return;
  }
  socket.on("message", (data, isBinary) => {
    // Text is no MQTT (6.0).
    if (!isBinary) socket.close(1003);
    else connection.take(Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]));
    if (connection.isCongested && socket.bufferedAmount === 0) connection.drained();
  });
  socket.on("close", () => connection.gone());
  socket.on("error", () => socket.terminate());
}
