import { AckBuffer } from "./ack-buffer.ts";
import type { AckType } from "./ack-buffer.ts";
import type { Census } from "./census.ts";
import { admit, encodeWelcome, keepAliveOf, largestPacketBytes, readConnect } from "./connecting.ts";
import type { ConnectRequest } from "./connecting.ts";
import { FrameBuffer, frameLengthAt, headerBytes } from "./frame-buffer.ts";
import type { Hub } from "./hub.ts";
import { checkHeader } from "./packet-checks.ts";
import { encodeDisconnect, encodeRefusal } from "./packet-codec.ts";
import { handlePacket } from "./packets.ts";
import type { PacketLink, PacketSpan } from "./packets.ts";
import type { PublishFrame } from "./publish-decoder.ts";
import { Publishing } from "./publishing.ts";
import type { Session } from "./session.ts";
import type { GateQueue, GateWaiter, Tick, TickWork } from "./tick.ts";
import type { Wire } from "./wire.ts";

/** What all connections of a door share. */
export interface ConnectionDeps {
  readonly hub: Hub;
  readonly census: Census;
  readonly tick: Tick;
  readonly gates: GateQueue;
  /** One for all: a message is handled before the next one is looked at. */
  readonly frame: PublishFrame;
}

const isNew = 0;
const isAuthenticating = 1;
const isConnected = 2;
const isClosed = 3;

// Why nothing is read at the moment; any of them keeps the socket paused.
const forGate = 1;
const forAuthentication = 2;
const forWindow = 4;
const forDrain = 8;
const forShutdown = 16;

/** How long a closed connection may take to say goodbye. */
const lingerMs = 2_000;

/** One client: takes its bytes apart, answers, and knows why it may have to wait. */
export class Connection implements PacketLink, TickWork, GateWaiter {
  version = 0;
  receiveMaximum = 65_535;
  maximumPacketBytes = largestPacketBytes;
  isCongested = false;
  /** Set by whatever arrives, read and cleared by the sweep: cheaper than a clock for every chunk. */
  hasHeard = false;
  readonly remoteAddress: string;
  readonly #deps: ConnectionDeps;
  readonly #wire: Wire;
  #state: 0 | 1 | 2 | 3 = isNew;
  #waits = 0;
  #toResume = 0;
  #isScheduled = false;
  #isSignedIn = false;
  #partial: FrameBuffer | undefined;
  #held: Buffer | undefined;
  #acks: AckBuffer | undefined;
  #session: Session | undefined;
  #publishing: Publishing | undefined;
  #keepAliveMs = 0;
  /** Start while nobody is signed in, last sign of life then, end at last. Monotonic milliseconds. */
  #sinceMs: number;
  #congestedSinceMs = 0;

  /** @param sinceMs - When the client knocked: the time it has to sign in counts from there. */
  constructor(deps: ConnectionDeps, wire: Wire, remoteAddress: string, sinceMs: number) {
    this.#deps = deps;
    this.#wire = wire;
    this.remoteAddress = remoteAddress;
    this.#sinceMs = sinceMs;
  }

  get isOpen(): boolean {
    return this.#state === isConnected;
  }

  get principalId(): string | undefined {
    return this.#session?.principal.id;
  }

  /** Messages of this connection that wait for their commit. */
  get unsettled(): number {
    return this.#publishing?.unsettled ?? 0;
  }

  /** Takes what arrived. */
  take(chunk: Buffer): void {
    this.hasHeard = true;
    if (this.#state === isClosed) return;
    if (this.#waits !== 0) {
      this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
      return;
    }
    try {
      this.#run(chunk);
    } catch (error) {
      this.#deps.hub.log.error({ err: error }, "handling an MQTT packet failed; the connection is closed");
      this.fail(0x83);
    }
  }

  #run(chunk: Buffer): void {
    let at = 0;
    while (this.#partial !== undefined && at < chunk.length) {
      const partial = this.#partial;
      at = partial.fill(chunk, at, this.#maxFrameBytes());
      if (partial.fault) {
        this.#refuseFrame(partial.fault);
        return;
      }
      if (!partial.isComplete) return;
      this.#partial = undefined;
      this.#consume(partial.bytes, 0, partial.length);
      if (this.#waits !== 0) break;
    }
    if (this.#waits === 0) at = this.#consume(chunk, at, chunk.length);
    if (this.#state === isClosed || at >= chunk.length) return;
    if (this.#waits !== 0) this.#held = at === 0 ? chunk : chunk.subarray(at);
    else this.#partial = new FrameBuffer(chunk, at);
  }

  /** Handles whole packets. @returns The position of the first byte that belongs to no whole packet, or must wait. */
  #consume(bytes: Buffer, start: number, end: number): number {
    const { hub, frame, gates } = this.#deps;
    let at = start;
    while (at < end) {
      const first = bytes[at] as number;
      if (this.#state !== isConnected) {
        if (this.#state !== isNew || first !== 0x10) {
          this.#refuseFrame(0x82);
          return end;
        }
      } else {
        const fault = checkHeader(first, this.version);
        if (fault !== 0) {
          this.#refuseFrame(fault);
          return end;
        }
      }
      const length = frameLengthAt(bytes, at, end, this.#maxFrameBytes());
      if (length <= 0) {
        if (length === 0) return at;
        this.#refuseFrame(-length);
        return end;
      }
      const frameEnd = at + length;
      if (frameEnd > end) return at;
      const body = at + headerBytes(length);
      if (first >> 4 === 3) {
        if (gates.isClosed) {
          this.#wait(forGate);
          gates.wait(this);
          return at;
        }
        let fault = frame.decode(bytes, first, body, frameEnd, this.version);
        if (fault === 0) fault = this.#inbound().receive(bytes, frame);
        if (fault !== 0) this.#refuseFrame(fault);
        else if (this.version === 4 && this.#inbound().isFull) this.#waitForWindow(hub);
      } else {
        const span = { bytes, start: at, body, end: frameEnd };
        if (this.#session === undefined) this.#connect(span);
        else {
          const fault = handlePacket(hub, this.#session, this, span);
          if (fault !== 0) this.#refuseFrame(fault);
        }
      }
      at = frameEnd;
      if (this.#waits !== 0 || this.#isClosed()) return at;
    }
    return at;
  }

  /** The second half of a QoS 2 message. */
  release(packetId: number): void {
    this.#inbound().release(packetId);
  }

  leave(how: { withWill: boolean }): void {
    this.#close(how);
  }

  #connect(span: PacketSpan): void {
    const { hub, census } = this.#deps;
    const request = readConnect(span, hub);
    if ("fault" in request) {
      hub.counters.protocolErrors += 1;
      if (request.version === 0) this.#close({ withWill: false });
      else this.#refuseConnect(request.version, request.reason);
      return;
    }
    if (!census.mayConnect(hub.nowMs())) {
      this.#refuseConnect(request.version, 0x9f);
      return;
    }
    this.#state = isAuthenticating;
    this.#wait(forAuthentication);
    const { clientId, username, password } = request;
    hub.authenticate({ clientId, username, password, remoteAddress: this.remoteAddress }).then(
      (principal) => {
        if (this.#state !== isAuthenticating) return;
        if ("refused" in principal) this.#refuseConnect(request.version, principal.reason);
        else this.#welcome(request, principal);
      },
      (error: unknown) => {
        hub.log.error({ err: error }, "checking MQTT credentials failed");
        if (this.#state === isAuthenticating) this.#refuseConnect(request.version, 0x88);
      },
    );
  }

  #welcome(request: ConnectRequest, principal: Parameters<typeof admit>[2]): void {
    const { hub, census } = this.#deps;
    if (hub.isClosing) {
      this.#refuseConnect(request.version, 0x8b);
      return;
    }
    if (!census.signIn(this.remoteAddress)) {
      this.#refuseConnect(request.version, 0x97);
      return;
    }
    this.#isSignedIn = true;
    this.version = request.version;
    this.receiveMaximum = request.receiveMaximum;
    this.maximumPacketBytes = request.maximumPacketBytes;
    const admission = admit(hub, request, principal, this);
    if (typeof admission === "number") {
      this.#refuseConnect(request.version, admission);
      return;
    }
    this.#session = admission.session;
    this.#keepAliveMs = keepAliveOf(request, hub.limits) * 1_500;
    this.#sinceMs = hub.nowMs();
    this.#state = isConnected;
    hub.counters.connects += 1;
    hub.log.debug({ principal: principal.id, remoteAddress: this.remoteAddress, version: this.version }, "an MQTT client signed in");
    this.sendPacket(encodeWelcome(request, admission, hub.limits));
    const { outbox } = admission.session;
    outbox?.resend(this, principal);
    outbox?.pump(this, principal);
    if ((admission.session.subscriptions?.size ?? 0) > 0) hub.onListening(principal);
    this.#resumeSoon(forAuthentication);
  }

  #refuseConnect(version: number, reason: number): void {
    const { hub } = this.#deps;
    hub.counters.connectsRefused += 1;
    hub.log.debug({ remoteAddress: this.remoteAddress, reason }, "an MQTT client was not let in");
    this.#wire.write(encodeRefusal(version, reason));
    this.#close({ withWill: false });
  }

  send(packet: Uint8Array): void {
    if (this.#state === isClosed) return;
    this.#wire.write(packet);
    if (!this.isCongested && this.#wire.writableLength > this.#deps.hub.limits.outBufferBytes) {
      this.isCongested = true;
      this.#wire.once("drain", () => this.#drained());
      this.#congestedSinceMs = this.#deps.hub.nowMs();
      // What it sends would have to be answered too.
      this.#wait(forDrain);
    }
  }

  sendPacket(packet: Uint8Array): void {
    // Nothing longer than the client takes may be sent (3.1.2.11.4), and what answers a packet cannot be left out.
    if (packet.length > this.maximumPacketBytes) this.#close({ withWill: true });
    else this.send(packet);
  }

  acknowledge(type: AckType, packetId: number, reason: number): void {
    if (this.#state !== isConnected) return;
    this.#acks ??= new AckBuffer();
    this.#acks.add(type, packetId, reason);
    this.#schedule();
  }

  fail(reason: number): void {
    if (this.#state === isClosed) return;
    if (this.#state === isConnected) {
      this.#flushAcks();
      if (this.version === 5) this.send(encodeDisconnect(reason));
    }
    this.#close({ withWill: true });
  }

  windowFreed(): void {
    if ((this.#waits & forWindow) !== 0) this.#resumeSoon(forWindow);
  }

  gateOpened(): void {
    this.#resumeSoon(forGate);
  }

  #drained(): void {
    if (!this.isCongested) return;
    this.isCongested = false;
    const session = this.#session;
    if (session !== undefined && this.isOpen) session.outbox?.pump(this, session.principal);
    if (!this.isCongested) this.#resumeSoon(forDrain);
  }

  /** The wire is gone. */
  gone(): void {
    this.#close({ withWill: true });
    this.#deps.census.leave(this.remoteAddress, this.#isSignedIn);
  }

  /** Nothing more is read, so that what was accepted can be committed. */
  stopReading(): void {
    this.#wait(forShutdown);
  }

  onTick(): void {
    this.#isScheduled = false;
    this.#flushAcks();
    if (this.#toResume === 0) return;
    this.#waits &= ~this.#toResume;
    this.#toResume = 0;
    if (this.#waits !== 0 || this.#state === isClosed) return;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.take(held);
    if (this.#waits === 0) this.#wire.resume();
  }

  /** Looks after time: connect time, keep-alive, stalled clients, goodbyes that take too long. */
  sweep(nowMs: number): void {
    const { limits } = this.#deps.hub;
    const idleMs = nowMs - this.#sinceMs;
    if (this.#state === isClosed) {
      if (idleMs > lingerMs) this.#wire.destroy();
    } else if (this.#state !== isConnected) {
      if (idleMs < limits.connectTimeMs) return;
      this.#deps.hub.exceed("connectTimeMs");
      this.#close({ withWill: false });
      this.#wire.destroy();
    } else if (this.isCongested && nowMs - this.#congestedSinceMs > limits.stalledSeconds * 1_000) {
      this.#deps.hub.exceed("stalledSeconds");
      this.#close({ withWill: true });
      this.#wire.destroy();
    } else if (this.isCongested && this.#wire.writableLength === 0) {
      this.#drained();
    } else if (this.hasHeard || this.#waits !== 0) {
      this.hasHeard = false;
      this.#sinceMs = nowMs;
    } else if (idleMs > this.#keepAliveMs) {
      this.#deps.hub.exceed("keepAliveSeconds");
      this.fail(0x8d);
    }
  }

  #inbound(): Publishing {
    return (this.#publishing ??= new Publishing(this.#deps.hub, this, this.#session as Session));
  }

  /** Asked by a call, for handling a packet may have changed it. */
  #isClosed(): boolean {
    return this.#state === isClosed;
  }

  #maxFrameBytes(): number {
    const { limits } = this.#deps.hub;
    return this.#state === isConnected ? limits.packetBytes : limits.packetBytesBeforeAuth;
  }

  #refuseFrame(reason: number): void {
    const { hub } = this.#deps;
    if (this.#state === isClosed) return;
    if (reason === 0x95 && this.#partial === undefined) hub.exceed(this.#state === isConnected ? "packetBytes" : "packetBytesBeforeAuth");
    hub.counters.protocolErrors += 1;
    hub.log.debug({ principal: this.principalId, remoteAddress: this.remoteAddress, reason }, "an MQTT client broke the rules");
    this.fail(reason);
  }

  #wait(reason: number): void {
    if (this.#waits === 0) this.#wire.pause();
    this.#waits |= reason;
    this.#toResume &= ~reason;
  }

  #waitForWindow(hub: Hub): void {
    hub.exceed("receiveMaximum");
    this.#wait(forWindow);
  }

  /** Goes on at the end of the tick, never inside somebody else's call: a commit being settled must not be handed new messages. */
  #resumeSoon(reason: number): void {
    this.#toResume |= reason;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#deps.tick.schedule(this);
  }

  #flushAcks(): void {
    const acks = this.#acks;
    if (acks === undefined || acks.count === 0 || this.#state === isClosed) return;
    const packet = Buffer.allocUnsafe(acks.bytes);
    acks.writeTo(packet, 0);
    this.send(packet);
  }

  #close({ withWill }: { withWill: boolean }): void {
    if (this.#state === isClosed) return;
    this.#flushAcks();
    this.#state = isClosed;
    this.#sinceMs = this.#deps.hub.nowMs();
    this.#partial = undefined;
    this.#held = undefined;
    const session = this.#session;
    if (session?.link === this) this.#deps.hub.disconnected(session, { withWill });
    this.#wire.end();
    // What still arrives is thrown away; unread bytes would turn our goodbye into a reset.
    this.#wire.resume();
  }
}
