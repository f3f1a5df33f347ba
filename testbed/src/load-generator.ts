import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";

/** One sender: where it publishes, and how it signs in; without a user name it does not. */
export interface LoadClient {
  readonly clientId: string;
  readonly topic: string;
  readonly username?: string;
  readonly password?: string;
}

export interface LoadOptions {
  readonly port: number;
  /** TLS, believing this authority alone. */
  readonly caPem?: string;
  readonly clients: readonly LoadClient[];
  /** Messages of QoS 1 each client has under way at once. */
  readonly window: number;
  /** Timestamp of the first message of each client, epoch milliseconds; each next one is a millisecond later. */
  readonly firstStampMs: number;
}

/** A load that is running. */
export interface Load {
  /** PUBACKs received so far, over all clients. */
  readonly acknowledged: number;
  /** Stops sending and resolves when all that was sent is acknowledged. */
  stop(): Promise<void>;
}

const metrics = [
  { name: "temperature", from: 18, span: 12, decimals: 2 },
  { name: "humidity", from: 40, span: 30, decimals: 1 },
  { name: "pressure", from: 1001, span: 30, decimals: 2 },
  { name: "battery", from: 3, span: 1, decimals: 3 },
] as const;
const stampDigits = 13;
const atOnce = 50;

/** Names of the metrics the load sends, for rules on them. */
export const loadMetrics: readonly string[] = metrics.map((metric) => metric.name);

/**
 * Sends telemetry as fast as it is acknowledged, with as little work as this can be done: packets are encoded once and patched in
 * place, so that the generator takes the smaller part of a machine it shares with what it measures.
 *
 * Speaks MQTT 3.1.1. Four values a message, decimals as sensors give them, a timestamp of its own for every message of a client.
 */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const secureContext = options.caPem === undefined ? undefined : createSecureContext({ ca: options.caPem });
  const senders: Sender[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let index = next++; index < options.clients.length; index = next++) {
        const client = options.clients[index] as LoadClient;
        senders.push(await Sender.connect(options, client, secureContext, index));
      }
    }),
  );
  for (const sender of senders) sender.start();
  return {
    get acknowledged() {
      return senders.reduce((sum, sender) => sum + sender.acknowledged, 0);
    },
    async stop() {
      await Promise.all(senders.map((sender) => sender.stop()));
    },
  };
}

/** Where in a packet the digits of a value stand, and what they may be. */
interface Digits {
  readonly at: number;
  readonly point: number;
  readonly length: number;
  readonly from: number;
  readonly span: number;
}

class Sender {
  acknowledged = 0;
  readonly #socket: Socket;
  readonly #packets: Buffer;
  readonly #packetBytes: number;
  readonly #window: number;
  readonly #burst: number;
  readonly #digits: readonly Digits[];
  readonly #stampAt: number;
  #stampMs: number;
  #noise: number;
  /** The packet that is sent next; packets are acknowledged in the order they were sent. */
  #next = 0;
  #underWay = 0;
  #partBytes = 0;
  #stopping: (() => void) | undefined;

  private constructor(socket: Socket, { window, firstStampMs }: LoadOptions, topic: string, seed: number) {
    const { packet, digits, stampAt } = makePacket(topic, firstStampMs);
    this.#socket = socket;
    this.#window = window;
    this.#burst = Math.ceil(window / 2);
    this.#packetBytes = packet.length;
    this.#digits = digits;
    this.#stampAt = stampAt;
    this.#stampMs = firstStampMs;
    this.#noise = seed * 2_654_435_761;
    this.#packets = Buffer.concat(Array.from({ length: window }, () => packet));
    const idAt = 2 + (packet[1] !== undefined && packet[1] > 127 ? 1 : 0) + 2 + topic.length;
    for (let index = 0; index < window; index += 1) this.#packets.writeUInt16BE(index + 1, index * packet.length + idAt);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => {
      throw error;
    });
    socket.on("close", () => {
      if (this.#stopping === undefined) throw new Error(`The server closed a connection after ${this.acknowledged} messages.`);
    });
  }

  static async connect(
    options: LoadOptions,
    client: LoadClient,
    secureContext: ReturnType<typeof createSecureContext> | undefined,
    seed: number,
  ): Promise<Sender> {
    const at = { host: "127.0.0.1", port: options.port };
    const socket = secureContext === undefined ? connect(at) : connectTls({ ...at, secureContext, servername: "localhost" });
    await new Promise<void>((resolve, reject) => {
      socket.once(secureContext === undefined ? "connect" : "secureConnect", () => resolve());
      socket.once("error", reject);
    });
    socket.setNoDelay(true);
    socket.write(makeConnect(client));
    const connack = await new Promise<Buffer>((resolve, reject) => {
      socket.once("data", resolve);
      socket.once("close", () => reject(new Error("The server closed before its CONNACK.")));
    });
    if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error(`The server refused ${client.clientId}: ${connack.toString("hex")}`);
    socket.removeAllListeners("error");
    socket.removeAllListeners("close");
    return new Sender(socket, options, client.topic, seed + 1);
  }

  start(): void {
    this.#send(this.#window);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#stopping = resolve;
      if (this.#underWay === 0) resolve();
    });
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    // A server says nothing but PUBACKs of four bytes here.
    if (this.#partBytes === 0 && chunk[0] !== 0x40) throw new Error(`Not a PUBACK: ${chunk.toString("hex", 0, 8)}`);
    const bytes = this.#partBytes + chunk.length;
    const count = bytes >> 2;
    this.#partBytes = bytes & 3;
    this.acknowledged += count;
    this.#underWay -= count;
    // Half a window at a time: a server that acknowledges one by one gets no message by message in return, which would cost it
    // and the generator a system call each.
    const free = this.#window - this.#underWay;
    if (this.#stopping === undefined) {
      if (free >= this.#burst) this.#send(free);
    } else if (this.#underWay === 0) this.#stopping();
  }

  #send(count: number): void {
    if (count === 0) return;
    const from = this.#next;
    const end = from + count;
    for (let index = from; index < end; index += 1) this.#patch((index % this.#window) * this.#packetBytes);
    this.#underWay += count;
    this.#next = end % this.#window;
    const size = this.#packetBytes;
    if (end <= this.#window) this.#socket.write(this.#packets.subarray(from * size, end * size));
    else {
      this.#socket.cork();
      this.#socket.write(this.#packets.subarray(from * size));
      this.#socket.write(this.#packets.subarray(0, (end - this.#window) * size));
      this.#socket.uncork();
    }
  }

  #patch(offset: number): void {
    const packets = this.#packets;
    const stamp = this.#stampMs++;
    // The last five digits change at every message, those before them seldom.
    let rest = stamp % 100_000;
    const stampEnd = offset + this.#stampAt + stampDigits - 1;
    for (let place = 0; place < 5; place += 1) {
      packets[stampEnd - place] = 0x30 + (rest % 10);
      rest = (rest / 10) | 0;
    }
    const head = (stamp / 100_000) | 0;
    if (head % 10 !== (packets[stampEnd - 5] as number) - 0x30) packets.write(String(head), offset + this.#stampAt, "latin1");
    for (const digits of this.#digits) {
      this.#noise = (Math.imul(this.#noise, 1_664_525) + 1_013_904_223) >>> 0;
      let value = digits.from + (this.#noise % digits.span);
      for (let place = digits.length - 1; place >= 0; place -= 1) {
        if (place === digits.point) continue;
        packets[offset + digits.at + place] = 0x30 + (value % 10);
        value = (value / 10) | 0;
      }
    }
  }
}

function makePacket(topic: string, stampMs: number): { packet: Buffer; digits: Digits[]; stampAt: number } {
  let payload = "{";
  const digits: Digits[] = [];
  for (const { name, from, span, decimals } of metrics) {
    const text = from.toFixed(decimals);
    payload += `"${name}":`;
    digits.push({
      at: payload.length,
      point: text.indexOf("."),
      length: text.length,
      from: from * 10 ** decimals,
      span: span * 10 ** decimals,
    });
    payload += `${text},`;
  }
  payload += `"timestamp":`;
  const stampAt = payload.length;
  payload += `${stampMs}}`;
  const rest = 2 + topic.length + 2 + payload.length;
  const length = rest < 128 ? [rest] : [(rest & 0x7f) | 0x80, rest >> 7];
  const head = Buffer.concat([Buffer.from([0x32, ...length, 0, topic.length]), Buffer.from(topic), Buffer.alloc(2)]);
  return {
    packet: Buffer.concat([head, Buffer.from(payload)]),
    digits: digits.map((one) => ({ ...one, at: one.at + head.length })),
    stampAt: stampAt + head.length,
  };
}

function makeConnect({ clientId, username, password }: LoadClient): Buffer {
  const field = (text: string) => Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), Buffer.from(text)]);
  const flags = 0x02 | (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  const fields = [clientId, username, password].filter((text) => text !== undefined).map(field);
  const body = Buffer.concat([Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, flags, 0, 0]), ...fields]);
  if (body.length > 127) return Buffer.concat([Buffer.from([0x10, (body.length & 0x7f) | 0x80, body.length >> 7]), body]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}
