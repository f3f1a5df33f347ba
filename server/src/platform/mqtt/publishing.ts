import type { PublishRoute, Ticket } from "../intake.ts";
import type { CommitReceipt } from "../receipt.ts";
import { ackType } from "./ack-buffer.ts";
import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { forwardedProperties } from "./message.ts";
import type { Message } from "./message.ts";
import type { Refusal } from "./principal.ts";
import type { PublishFrame } from "./publish-decoder.ts";
import type { Session, Subscription, Uncommitted } from "./session.ts";
import { excerptOf, isMqttText } from "./text.ts";
import { isTopicName, levelsOf } from "./topic-filter.ts";

/** A topic this client wrote to before, with what was found out about it. */
interface KnownTopic {
  readonly text: string;
  readonly route: PublishRoute;
  /** Version of the subscriptions when `isHeard` was found out. */
  heardAt: number;
  isHeard: boolean;
}

const knownTopics = 6;

/** Takes the messages of one client: finds the route, keeps the order of acknowledgements, holds both halves of QoS 2. */
export class Publishing {
  readonly #hub: Hub;
  readonly #link: Link;
  readonly #session: Session;
  readonly #known: KnownTopic[] = [];
  #nextKnown = 0;
  #aliases: Map<number, string> | undefined;
  // Tickets in the order their messages came: acknowledgements leave in that order, whatever order they are settled in (4.6).
  #first: PublishTicket | undefined;
  #last: PublishTicket | undefined;
  /** QoS 1 messages without PUBACK. */
  #unacknowledged = 0;
  /** Tickets that are not settled. */
  #unsettled = 0;
  /** Topics whose retained message is on its way to be stored, and how many of each. */
  #retaining: Map<string, number> | undefined;

  constructor(hub: Hub, link: Link, session: Session) {
    this.#hub = hub;
    this.#link = link;
    this.#session = session;
  }

  get unsettled(): number {
    return this.#unsettled;
  }

  /** Whether a 3.1.1 client, which knows no Receive Maximum, has sent enough for now. */
  get isFull(): boolean {
    return this.#unsettled >= this.#hub.limits.receiveMaximum;
  }

  /** Takes one message. @returns 0, or the reason code to close the connection with. */
  receive(bytes: Buffer, frame: PublishFrame): number {
    const { principal } = this.#session;
    if (principal.revoked) return 0x87;
    if (frame.end - frame.payloadStart > this.#hub.limits.payloadBytes) {
      this.#hub.exceed("payloadBytes");
      return 0x95;
    }
    if (frame.properties.userProperties > this.#hub.limits.userProperties) {
      this.#hub.exceed("userProperties");
      return 0x97;
    }
    const qos = frame.qos;
    if (qos > 0) {
      const verdict = this.#checkWindow(qos, frame.packetId);
      if (verdict !== 0) return verdict < 0 ? 0 : verdict;
    }
    let known = this.#recall(bytes, frame.topicStart, frame.topicEnd);
    if (known === undefined || frame.properties.topicAlias !== 0) {
      const found = this.#resolve(bytes, frame);
      if (typeof found === "number") return found;
      if ("refused" in found) return this.#refuse(found, bytes, frame, found.topic);
      known = found;
    }
    const retain = frame.retain && known.route.mayRetain;
    if (frame.retain) {
      if (!known.route.mayRetain) this.#hub.counters.retainIgnored += 1;
      else if (!this.#mayKeep(known.text, frame.end - frame.payloadStart)) return this.#refuse(retainedFull, bytes, frame, known.text);
    }
    const ticket = qos > 0 ? this.#newTicket(qos, frame.packetId) : undefined;
    this.#hub.counters.published += 1;
    if (!retain && !this.#isHeard(known)) {
      known.route.accept(bytes, frame.payloadStart, frame.end, ticket, false);
      return 0;
    }
    const message = this.#messageOf(known.text, bytes, frame, retain);
    if (ticket !== undefined) {
      ticket.message = message;
      if (retain) (this.#retaining ??= new Map()).set(known.text, (this.#retaining.get(known.text) ?? 0) + 1);
    }
    known.route.accept(bytes, frame.payloadStart, frame.end, ticket, retain);
    if (ticket === undefined) this.#hub.publish(message);
    return 0;
  }

  /** A PUBREL came: the second half of QoS 2. */
  release(packetId: number): void {
    const state = this.#session.received?.get(packetId);
    // A PUBREL before our PUBREC is none of a client that follows the protocol; the message stays held until its commit.
    if (state === true) this.#session.received?.delete(packetId);
    this.#link.acknowledge(ackType.pubcomp, packetId, this.#link.version === 5 && state !== true ? 0x92 : 0);
  }

  /** A ticket was settled; answers it and those behind it that waited for it. */
  settled(ticket: PublishTicket): void {
    this.#unsettled -= 1;
    this.#hub.ticketsInFlight -= 1;
    const { message } = ticket;
    if (message !== undefined) {
      ticket.message = undefined;
      if (message.retain) this.#retained(message.topic);
      if (ticket.reason === 0) this.#hub.publish(message);
    }
    this.#answerInOrder();
    if (this.#unsettled === this.#hub.limits.receiveMaximum >> 1) this.#link.windowFreed();
  }

  /** A message will not be stored: nothing is answered, and the client comes again with it. */
  abandoned(ticket: PublishTicket): void {
    this.#unsettled -= 1;
    this.#hub.ticketsInFlight -= 1;
    if (ticket.message?.retain === true) this.#retained(ticket.message.topic);
    ticket.message = undefined;
    if (this.#session.received?.get(ticket.packetId) === ticket) this.#session.received.delete(ticket.packetId);
    this.#link.fail(0x80);
    ticket.link.fail(0x80);
  }

  #answerInOrder(): void {
    let ticket = this.#first;
    while (ticket?.isSettled === true) {
      const reason = this.#link.version === 5 ? ticket.reason : 0;
      if (ticket.qos === 1) {
        this.#unacknowledged -= 1;
        this.#link.acknowledge(ackType.puback, ticket.packetId, reason);
      } else {
        if (ticket.reason >= 0x80 && ticket.link.version === 5) this.#session.received?.delete(ticket.packetId);
        else this.#session.received?.set(ticket.packetId, true);
        ticket.link.acknowledge(ackType.pubrec, ticket.packetId, reason);
      }
      ticket = ticket.next;
    }
    this.#first = ticket;
    if (ticket === undefined) this.#last = undefined;
  }

  /** @returns 0 to go on, -1 where the message was here before, else the reason code to close with. */
  #checkWindow(qos: number, packetId: number): number {
    const { limits } = this.#hub;
    const received = this.#session.received;
    const held = received?.size ?? 0;
    if (qos === 2) {
      const state = received?.get(packetId);
      if (state !== undefined) {
        this.#hub.counters.duplicatesHeld += 1;
        if (state === true) this.#link.acknowledge(ackType.pubrec, packetId, 0);
        else state.link = this.#link;
        return -1;
      }
      if (held >= limits.qos2Pending) {
        this.#hub.exceed("qos2Pending");
        return 0x93;
      }
    }
    if (this.#link.version === 5 && this.#unacknowledged + held >= limits.receiveMaximum) {
      this.#hub.exceed("receiveMaximum");
      return 0x93;
    }
    return 0;
  }

  #recall(bytes: Buffer, start: number, end: number): KnownTopic | undefined {
    const known = this.#known;
    for (let index = 0; index < known.length; index += 1) {
      const one = known[index] as KnownTopic;
      if (isSameText(bytes, start, end, one.text)) return one;
    }
    return undefined;
  }

  /** The long way to a topic: its text is checked, its alias is kept or looked up, and the principal is asked. */
  #resolve(bytes: Buffer, frame: PublishFrame): KnownTopic | (Refusal & { topic: string }) | number {
    const { limits } = this.#hub;
    const { topicStart, topicEnd } = frame;
    const alias = frame.properties.topicAlias;
    if (alias > limits.topicAliases) {
      this.#hub.exceed("topicAliases");
      return 0x94;
    }
    const topic = topicStart === topicEnd ? this.#aliases?.get(alias) : readTopic(bytes, topicStart, topicEnd);
    if (topic === undefined) return topicStart === topicEnd ? 0x82 : 0x81;
    const tooLong = topicEnd - topicStart > limits.topicBytes;
    if (tooLong || levelsOf(topic) > limits.topicLevels) {
      this.#hub.exceed(tooLong ? "topicBytes" : "topicLevels");
      return { refused: true, code: "ingest.unknown_topic", reason: 0x90, topic: topic.slice(0, limits.topicBytes) };
    }
    if (alias !== 0) (this.#aliases ??= new Map()).set(alias, topic);
    const before = this.#known.find((one) => one.text === topic);
    if (before !== undefined) return before;
    const route = this.#session.principal.mayPublish(topic);
    if ("refused" in route) return { ...route, topic };
    const known = { text: topic, route, heardAt: -1, isHeard: false };
    // Only plain texts are recalled byte by byte; others take the long way each time.
    if (Buffer.byteLength(topic) === topic.length) {
      this.#known[this.#nextKnown] = known;
      this.#nextKnown = (this.#nextKnown + 1) % knownTopics;
    }
    return known;
  }

  #isHeard(known: KnownTopic): boolean {
    const { subscriptions } = this.#hub;
    if (known.heardAt !== subscriptions.version) {
      known.heardAt = subscriptions.version;
      known.isHeard = subscriptions.match(known.text).some((one: Subscription) => !(one.noLocal && one.session === this.#session));
    }
    return known.isHeard;
  }

  #messageOf(topic: string, bytes: Buffer, frame: PublishFrame, retain: boolean): Message {
    const { expirySeconds } = frame.properties;
    return {
      topic,
      payload: Buffer.from(bytes.subarray(frame.payloadStart, frame.end)),
      qos: frame.qos as 0 | 1 | 2,
      retain,
      properties:
        frame.propertiesStart === frame.propertiesEnd ? undefined : forwardedProperties(bytes, frame.propertiesStart, frame.propertiesEnd),
      expiresAtMs: expirySeconds < 0 ? Infinity : this.#hub.nowMs() + expirySeconds * 1_000,
      author: this.#session.principal,
      origin: this.#session,
    };
  }

  #mayKeep(topic: string, payloadBytes: number): boolean {
    if (payloadBytes === 0) return true;
    const { limits, retained } = this.#hub;
    const { principal } = this.#session;
    const share = retained.shareOf(principal.id);
    const before = retained.get(topic);
    const bytes =
      share.bytes + topic.length + payloadBytes - (before?.author?.id === principal.id ? before.payload.length + topic.length : 0);
    if (bytes > limits.retainedBytesPerPrincipal) {
      this.#hub.exceed("retainedBytesPerPrincipal");
      return false;
    }
    if (before !== undefined || this.#retaining?.has(topic) === true) return true;
    if (share.messages + (this.#retaining?.size ?? 0) < limits.retainedPerPrincipal) return true;
    this.#hub.exceed("retainedPerPrincipal");
    return false;
  }

  #retained(topic: string): void {
    const left = (this.#retaining?.get(topic) ?? 0) - 1;
    if (left > 0) this.#retaining?.set(topic, left);
    else this.#retaining?.delete(topic);
  }

  #newTicket(qos: number, packetId: number): PublishTicket {
    const ticket = new PublishTicket(this, this.#link, packetId, qos);
    if (this.#last === undefined) this.#first = ticket;
    else this.#last.next = ticket;
    this.#last = ticket;
    this.#unsettled += 1;
    this.#hub.ticketsInFlight += 1;
    if (qos === 1) this.#unacknowledged += 1;
    else (this.#session.received ??= new Map()).set(packetId, ticket);
    return ticket;
  }

  /** Says no: in MQTT 5 by the reason code, which promises nothing and so needs no receipt; in 3.1.1 by a receipt for the record of it, or by closing. */
  #refuse(refusal: Refusal, bytes: Buffer, frame: PublishFrame, topic: string): number {
    this.#hub.counters.publishRefused += 1;
    const { principal } = this.#session;
    const { remoteAddress } = this.#link;
    const refused = { principal, code: refusal.code, topic, excerpt: excerptOf(bytes, frame.payloadStart, frame.end), remoteAddress };
    if (frame.qos === 0) {
      this.#hub.onRefused(refused, undefined);
      return 0;
    }
    const ticket = this.#newTicket(frame.qos, frame.packetId);
    ticket.reason = refusal.reason;
    if (this.#link.version === 5) {
      this.#hub.onRefused(refused, undefined);
      ticket.end();
      return 0;
    }
    if (this.#hub.onRefused(refused, ticket) === true) return 0;
    this.#hub.ticketsInFlight -= 1;
    this.#unsettled -= 1;
    this.#session.received?.delete(frame.packetId);
    return refusal.reason;
  }
}

const retainedFull: Refusal = { refused: true, code: "ingest.retained_full", reason: 0x97 };

function readTopic(bytes: Buffer, start: number, end: number): string | undefined {
  if (!isMqttText(bytes, start, end)) return undefined;
  const topic = bytes.toString("utf8", start, end);
  return isTopicName(topic) ? topic : undefined;
}

/** Compares from the end, where a device's topics differ. */
function isSameText(bytes: Buffer, start: number, end: number, text: string): boolean {
  const length = end - start;
  if (length !== text.length) return false;
  for (let index = length - 1; index >= 0; index -= 1) if (bytes[start + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** One message of QoS 1 or 2 until it is stored. */
class PublishTicket implements Ticket, Uncommitted {
  reason = 0;
  isSettled = false;
  link: Link;
  message: Message | undefined = undefined;
  next: PublishTicket | undefined = undefined;
  readonly packetId: number;
  readonly qos: number;
  readonly #publishing: Publishing;

  constructor(publishing: Publishing, link: Link, packetId: number, qos: number) {
    this.#publishing = publishing;
    this.link = link;
    this.packetId = packetId;
    this.qos = qos;
  }

  settle(_receipt: CommitReceipt): void {
    this.end();
  }

  abandon(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#publishing.abandoned(this);
  }

  /** Ends it without a receipt: only for answers that say "not stored". */
  end(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#publishing.settled(this);
  }
}
