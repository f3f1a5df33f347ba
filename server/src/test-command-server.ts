// A server's part in commands, for tests: a real door with real credentials, real ingest and real rows; several of them on one database.
import type { CommandState } from "@roost/contract/commands";
import { sql } from "@roost/contract/sql";
import { RawMqtt } from "@roost/testbed/raw-mqtt";
import type { IPublishPacket } from "mqtt-packet";

import type { CommandDeps } from "./modules/commands/commands.ts";
import { startIngest } from "./modules/ingest/test-ingest.ts";
import { systemClock } from "./platform/clock.ts";
import type { Db } from "./platform/db.ts";
import { IntakeGate } from "./platform/intake.ts";
import { createLog } from "./platform/log.ts";
import { createDoor } from "./platform/mqtt/door.ts";
import { makeCertificate } from "./platform/mqtt/test-door.ts";
import { createAuthenticate } from "./principals.ts";

const certificate = makeCertificate();

/** Starts a server's part. */
export async function startServer(db: Db, options: { manifestsOf?: CommandDeps["manifestsOf"] } = {}) {
  const gate = new IntakeGate({ highBytes: 32 << 20, lowBytes: 16 << 20 });
  const log = createLog({ level: "silent", pretty: false });
  const parts = await startIngest({ db, gate, ...options });
  const { devices, ingest, commands } = parts;
  const tls = await certificate;
  const door = createDoor({
    authenticate: createAuthenticate({ devices, auth: { verifyToken: async () => undefined }, ingest, log }),
    onRefused: ingest.refused,
    onListening: ({ id }) => commands.listening(id),
    gate,
    retained: [],
    tls,
    ports: { tls: { host: "127.0.0.1", port: 0 } },
    clock: systemClock,
    log,
  });
  const { tls: port = 0 } = await door.listen();
  commands.start(door);
  return {
    ...parts,
    door,
    at: { port, ca: tls.cert },
    async stop(): Promise<void> {
      await door.close({ drainMs: 500 });
      await parts.stop();
    },
  };
}
export type TestServer = Awaited<ReturnType<typeof startServer>>;

/** What a device does with a connection: it acknowledges nothing by itself. */
export class TestDevice {
  readonly id: string;
  readonly #password: string;
  constructor(id: string, password: string) {
    this.id = id;
    this.#password = password;
  }

  /** Connects, keeping its session where asked, and listens for commands. */
  async listen(server: Pick<TestServer, "at">, { keep = false, name = this.id, maximumPacketSize = 65_536 } = {}): Promise<RawMqtt> {
    const { client, connack } = await RawMqtt.connect(server.at, {
      clientId: name,
      username: this.id,
      password: Buffer.from(this.#password),
      protocolVersion: 5,
      clean: !keep,
      properties: { sessionExpiryInterval: keep ? 600 : 0, maximumPacketSize },
    });
    if (connack.reasonCode !== 0) throw new Error(`The device was not let in: ${connack.reasonCode}`);
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: `devices/${this.id}/commands/+`, qos: 1 }] });
    await client.next("suback");
    return client;
  }

  /** Says how a command goes, and waits until that is stored. @returns The reason code of the PUBACK. */
  async say(client: RawMqtt, commandId: string, body: object | string, messageId = 7): Promise<number> {
    const payload = typeof body === "string" ? body : JSON.stringify(body);
    client.send({
      cmd: "publish",
      topic: `devices/${this.id}/commands/${commandId}/ack`,
      payload,
      qos: 1,
      messageId,
      dup: false,
      retain: false,
    });
    return (await client.next("puback")).reasonCode ?? 0;
  }
}

/** Takes the next command that came, and confirms it. */
export async function take(client: RawMqtt): Promise<{ id: string; body: Record<string, unknown>; dup: boolean }> {
  const packet = await client.next("publish");
  client.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
  return read(packet);
}

export function read({ topic, payload, dup }: IPublishPacket): { id: string; body: Record<string, unknown>; dup: boolean } {
  return { id: topic.split("/")[3] ?? "", body: JSON.parse(payload.toString()) as Record<string, unknown>, dup };
}

/** A device with credentials. */
export async function addDevice(server: TestServer, organisationId: string, id: string, kind = "generic"): Promise<TestDevice> {
  const whose = { organisationId };
  await server.devices.add(whose, { id, name: id, kind, heartbeatSeconds: 60 });
  const { password } = await server.devices.rotateCredentials(whose, id, 0);
  return new TestDevice(id, password);
}

/** Waits until a command is in a state. */
export async function reach(db: Db, id: string, state: CommandState): Promise<void> {
  const until = performance.now() + 60_000;
  for (;;) {
    const [row] = await db.query<{ state: CommandState }>(sql`select c.state from commands c where c.id = ${id}`);
    if (row?.state === state) return;
    if (performance.now() > until) throw new Error(`The command is ${row?.state}, not ${state}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
