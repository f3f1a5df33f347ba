import type { IncomingMessage } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";

import type { Clock } from "../clock.ts";
import type { IntakeGate } from "../intake.ts";
import { listenFault } from "../listen-fault.ts";
import type { ListenAddress } from "../listen-fault.ts";
import type { Log } from "../log.ts";
import { secureContextOf } from "../tls.ts";
import type { ServerTls } from "../tls.ts";
import { Census } from "./census.ts";
import { Connection } from "./connection.ts";
import { Hub, isOver } from "./hub.ts";
import type { OnListening, OnRefused } from "./hub.ts";
import { withDefaults } from "./limits.ts";
import type { MqttLimits } from "./limits.ts";
import type { Message, Offer } from "./message.ts";
import { Pace } from "./pace.ts";
import type { Authenticate } from "./principal.ts";
import { PublishFrame } from "./publish-decoder.ts";
import { attachSocket, Knock } from "./socket-wire.ts";
import type { KnockAnswer } from "./socket-wire.ts";
import { GateQueue, Tick } from "./tick.ts";
import { createUpgradeHandler } from "./websocket-wire.ts";
import type { Refuse } from "./websocket-wire.ts";
import type { Wire } from "./wire.ts";

/** A retained message as it was stored. */
export interface StoredRetained {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** Absent: it does not expire. */
  readonly expiresAt?: Date | undefined;
}

export interface DoorDeps {
  readonly authenticate: Authenticate;
  /** Closed while too much waits for its commit: nothing is read then. */
  readonly gate: IntakeGate;
  /** Retained messages to begin with. */
  readonly retained: readonly StoredRetained[];
  /** Absent: there is no TLS listener. */
  readonly tls?: ServerTls | undefined;
  /** Where to listen; port 0 takes a free one. */
  readonly ports: { readonly tls?: ListenAddress | undefined; readonly plain?: ListenAddress | undefined };
  readonly limits?: Partial<MqttLimits> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRefused: OnRefused;
  readonly onListening?: OnListening | undefined;
}

export type Door = ReturnType<typeof createDoor>;

const goodbyeMs = 1_000;

/**
 * The MQTT door: 3.1.1 and 5 over TLS, plain TCP and WebSocket.
 *
 * Messages go to the routes that principals give; a PUBACK or PUBREC leaves when a message's ticket is settled with a receipt.
 */
export function createDoor(deps: DoorDeps) {
  const { clock, log, ports } = deps;
  const limits = withDefaults(deps.limits);
  const hub = new Hub({ ...deps, limits });
  const census = new Census(limits, hub.exceeded);
  const shared = { hub, census, tick: new Tick(), gates: new GateQueue(deps.gate), frame: new PublishFrame() };
  const connections = new Set<Connection>();
  const knocks = new Set<Knock>();
  const servers: Server[] = [];
  let secureContext: SecureContext | undefined = deps.tls === undefined ? undefined : secureContextOf(deps.tls);
  let sweeps = 0;
  let sweeper: NodeJS.Timeout | undefined;

  for (const stored of deps.retained) hub.retained.set(messageOf(stored, clock));

  /** The connection as the door keeps it: out of the set when it has gone. */
  class Kept extends Connection {
    override gone(): void {
      super.gone();
      connections.delete(this);
    }
  }

  function keep(wire: Wire, remoteAddress: string, sinceMs: number): Connection {
    const connection = new Kept(shared, wire, remoteAddress, sinceMs);
    connections.add(connection);
    return connection;
  }

  const handshakes = new Pace<Knock>({
    perSecond: limits.handshakesPerSecond,
    nowMs: () => hub.nowMs(),
    later: (run, delayMs) => void setTimeout(run, delayMs),
    waits: () => hub.exceed("handshakesPerSecond"),
    run(knock) {
      knocks.delete(knock);
      if (secureContext === undefined) return;
      const wire = knock.secure(secureContext);
      attachSocket(wire, keep(wire, knock.remoteAddress, knock.sinceMs));
    },
  });
  const knocking: KnockAnswer = {
    hello: (knock) => handshakes.add(knock),
    left(knock) {
      knocks.delete(knock);
      handshakes.delete(knock);
      census.leave(knock.remoteAddress, false);
    },
  };

  function accept(socket: Socket, isSecure: boolean): void {
    const { remoteAddress } = socket;
    // Counted before TLS: a stranger's handshake costs more than a stranger's socket.
    if (remoteAddress === undefined || hub.isClosing || !census.enter(remoteAddress)) {
      socket.destroy();
      return;
    }
    if (isSecure) knocks.add(new Knock(socket, remoteAddress, hub.nowMs(), knocking));
    else attachSocket(socket, keep(socket, remoteAddress, hub.nowMs()));
  }

  function listenOn(at: ListenAddress, isSecure: boolean): Promise<AddressInfo> {
    const server = createServer({ allowHalfOpen: false, noDelay: true }, (socket) => accept(socket, isSecure));
    servers.push(server);
    return new Promise((resolve, reject) => {
      const refuse = (error: Error) => reject(listenFault(error, at));
      server.once("error", refuse);
      server.listen({ host: at.host, port: at.port, backlog: 4_096 }, () => {
        server.off("error", refuse);
        // EMFILE and the like: the door stays open for those who are in.
        server.on("error", (error) => log.warn({ err: error }, "the MQTT listener has trouble taking connections"));
        resolve(server.address() as AddressInfo);
      });
    });
  }

  function sweep(): void {
    const now = hub.nowMs();
    for (const knock of knocks) {
      if (now - knock.sinceMs < limits.connectTimeMs) break;
      hub.exceed("connectTimeMs");
      knock.socket.destroy();
    }
    for (const connection of connections) connection.sweep(now);
    hub.sweepSessions();
    // Nobody is shown what is over, so this only gives memory back.
    sweeps += 1;
    if (sweeps % 40 === 0) hub.retained.sweep((message) => isOver(message, now));
  }

  function enterByWeb(remoteAddress: string): ((wire: Wire) => Connection) | undefined {
    if (hub.isClosing || !census.enter(remoteAddress)) return undefined;
    return (wire) => keep(wire, remoteAddress, hub.nowMs());
  }

  const upgrade = createUpgradeHandler({
    maxMessageBytes: limits.packetBytes,
    enter: enterByWeb,
    left: (address) => census.leave(address, false),
  });

  return {
    /**
     * Opens the ports and tells where: `tls` and `plain` are the ports in use.
     *
     * @throws {AppError} `listen.…` where nothing can listen there.
     */
    async listen(): Promise<{ tls: number | undefined; plain: number | undefined }> {
      const tls = ports.tls === undefined || secureContext === undefined ? undefined : await listenOn(ports.tls, true);
      const plain = ports.plain === undefined ? undefined : await listenOn(ports.plain, false);
      // Half a second, or less where limits are: what is to end within seconds is looked at often enough.
      sweeper = setInterval(sweep, Math.min(500, limits.connectTimeMs / 4));
      return { tls: tls?.port, plain: plain?.port };
    },

    /** Takes a WebSocket upgrade over from the web server; the caller has looked at the path and at who may come from where. */
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, remoteAddress?: string, refuse?: Refuse): void {
      upgrade(request, socket, head, remoteAddress, refuse);
    },

    /** New connections get the new certificate; those that are here stay. */
    renewTls(tls: ServerTls): void {
      secureContext = secureContextOf(tls);
    },

    /**
     * Sends a message of the server's own to whoever listens and may receive it.
     *
     * @returns Sessions it was handed to, those that are away included.
     */
    publish({ topic, payload, qos, retain, expirySeconds }: ServerMessage): number {
      return hub.publish({
        topic,
        payload: Buffer.from(payload),
        qos,
        retain,
        properties: undefined,
        expiresAtMs: expirySeconds === undefined ? Infinity : clock.monotonicMs() + expirySeconds * 1_000,
        author: undefined,
        origin: undefined,
      });
    },

    /** Says whether a client is here that would get a message on this topic at QoS 1. */
    hears: (topic: string): boolean => hub.listenerOn(topic) !== undefined,

    /**
     * Offers a message at QoS 1 to one client that is here, and hears its PUBACK. It is offered once over a connection, however often this is
     * called; over another connection of the same session it goes again, marked as a duplicate, with the same packet id.
     */
    offer({ topic, payload, expirySeconds, ...offer }: ServerOffer): "held" | "away" | "too_large" {
      return hub.offer({
        topic,
        payload: Buffer.from(payload),
        qos: 1,
        retain: false,
        properties: undefined,
        expiresAtMs: clock.monotonicMs() + expirySeconds * 1_000,
        author: undefined,
        origin: undefined,
        offer,
      });
    },

    /** Cuts every connection of a principal and drops its sessions. `reason` is an MQTT 5 code, such as 0x98: administrative action. */
    disconnect(principalId: string, reason: number): void {
      for (const session of hub.sessions.values()) {
        if (session.principal.id !== principalId) continue;
        const { link } = session;
        hub.dropSession(session, { withWill: false });
        link?.fail(reason);
      }
    },

    /**
     * Ends cleanly: nobody new, nothing more is read, what was accepted is waited for, then MQTT 5 clients get 0x8B.
     *
     * Wills are not published: a server that stops says nothing about its clients (3.1.2.5).
     */
    async close({ drainMs }: { drainMs: number }): Promise<void> {
      hub.isClosing = true;
      for (const server of servers) server.close();
      for (const knock of knocks) knock.socket.destroy();
      for (const connection of connections) connection.stopReading();
      const until = clock.monotonicMs() + drainMs;
      while (hub.ticketsInFlight > 0 && clock.monotonicMs() < until) await pauseMs(5);
      for (const connection of connections) connection.fail(0x8b);
      const gone = clock.monotonicMs() + Math.min(goodbyeMs, Math.max(100, drainMs));
      while (connections.size > 0 && clock.monotonicMs() < gone) await pauseMs(5);
      clearInterval(sweeper);
      for (const connection of connections) connection.sweep(Infinity);
    },

    /** Counts and gauges, for `/metrics`. `exceeded` has a counter per limit. */
    stats() {
      return {
        connections: census.signedIn,
        unauthenticated: census.unauthenticated,
        sessions: hub.sessions.size,
        retained: hub.retained.count,
        retainedBytes: hub.retained.bytes,
        queuedBytes: hub.totalBytes,
        ticketsInFlight: hub.ticketsInFlight,
        ...hub.counters,
        exceeded: { ...hub.exceeded },
      };
    },
  };
}

/** A message of the server itself. */
export interface ServerMessage {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly expirySeconds?: number | undefined;
}

/** A message of the server itself for one client alone. */
export interface ServerOffer extends Offer {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly expirySeconds: number;
}

function messageOf({ topic, payload, qos, expiresAt }: StoredRetained, clock: Clock): Message {
  const expiresAtMs = expiresAt === undefined ? Infinity : clock.monotonicMs() + expiresAt.getTime() - clock.nowMs();
  return { topic, payload, qos, retain: true, properties: undefined, expiresAtMs, author: undefined, origin: undefined };
}

function pauseMs(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
