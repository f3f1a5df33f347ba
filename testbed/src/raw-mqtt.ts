import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { generate, parser } from "mqtt-packet";
import type { IConnackPacket, IConnectPacket, Packet } from "mqtt-packet";

/** Where to knock. `ca` means TLS; `localAddress` lets one machine be many (127.0.0.0/8). */
export interface RawAddress {
  readonly port: number;
  readonly host?: string;
  readonly ca?: string;
  readonly localAddress?: string;
}

/**
 * An MQTT client that does exactly what it is told, wrong things too: sends bytes or packets, and keeps what came back.
 *
 * It acknowledges nothing by itself.
 */
export class RawMqtt {
  readonly socket: Socket;
  /** Everything that came and was not taken by `next` yet. */
  readonly packets: Packet[] = [];
  /** Bytes received in all. */
  receivedBytes = 0;
  isClosed = false;
  readonly #version: 4 | 5;
  readonly #waiting: (() => void)[] = [];

  constructor(socket: Socket, version: 4 | 5) {
    this.socket = socket;
    this.#version = version;
    const reader = parser({ protocolVersion: version });
    reader.on("packet", (packet) => {
      this.packets.push(packet);
      this.#wake();
    });
    reader.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      reader.parse(chunk);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Opens a connection and sends nothing. */
  static async open(at: RawAddress, version: 4 | 5 = 5): Promise<RawMqtt> {
    const { host = "127.0.0.1", port, ca, localAddress } = at;
    const where = { host, port, ...(localAddress === undefined ? {} : { localAddress }) };
    const socket = ca === undefined ? connect(where) : connectTls({ ...where, ca, servername: "localhost" });
    await new Promise<void>((resolve, reject) => {
      socket.once(ca === undefined ? "connect" : "secureConnect", () => resolve());
      socket.once("error", reject);
    });
    return new RawMqtt(socket, version);
  }

  /** Opens a connection and signs in; the CONNACK is returned whatever it says. */
  static async connect(at: RawAddress, packet: Omit<IConnectPacket, "cmd">): Promise<{ client: RawMqtt; connack: IConnackPacket }> {
    const version = packet.protocolVersion === 4 ? 4 : 5;
    const client = await RawMqtt.open(at, version);
    client.send({ cmd: "connect", protocolId: "MQTT", clean: true, keepalive: 60, ...packet, protocolVersion: version });
    const connack = await client.next("connack");
    return { client, connack };
  }

  send(packet: Packet): void {
    this.socket.write(generate(packet, { protocolVersion: this.#version }));
  }

  sendBytes(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes.replaceAll(" ", ""), "hex") : bytes);
  }

  /**
   * The next packet of a kind; others before it stay in `packets`.
   *
   * @throws {Error} when the connection closes first, or nothing comes within the time given.
   */
  async next<Cmd extends Packet["cmd"]>(cmd: Cmd, withinMs = 60_000): Promise<Extract<Packet, { cmd: Cmd }>> {
    const until = performance.now() + withinMs;
    for (;;) {
      const index = this.packets.findIndex((packet) => packet.cmd === cmd);
      if (index !== -1) return this.packets.splice(index, 1)[0] as Extract<Packet, { cmd: Cmd }>;
      if (this.isClosed) throw new Error(`The connection closed before a ${cmd} came.`);
      await this.#change(until, cmd);
    }
  }

  /** Resolves when the other side has closed. */
  async closed(withinMs = 60_000): Promise<void> {
    const until = performance.now() + withinMs;
    while (!this.isClosed) await this.#change(until, "close");
  }

  close(): void {
    this.socket.destroy();
  }

  async #change(untilMs: number, what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`No ${what} came.`)), Math.max(0, untilMs - performance.now()));
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
