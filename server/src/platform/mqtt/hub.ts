import type { Clock } from "../clock.ts";
import type { IntakeGate, PublishRoute, Ticket } from "../intake.ts";
import type { Log } from "../log.ts";
import type { CommitReceipt } from "../receipt.ts";
import { noneExceeded } from "./limits.ts";
import type { Exceeded, LimitName, MqttLimits } from "./limits.ts";
import type { Link } from "./link.ts";
import { encodePublish } from "./message.ts";
import type { Message, Offer } from "./message.ts";
import { Outbox } from "./outbox.ts";
import type { OutboxRules } from "./outbox.ts";
import type { Authenticate, Principal } from "./principal.ts";
import { RetainedStore } from "./retained-store.ts";
import { Session } from "./session.ts";
import type { Subscription } from "./session.ts";
import { SubscriptionTree } from "./subscription-tree.ts";

/** A publish, will or sign-in that was refused; hostile until encoded. */
export interface RefusedPublish {
  readonly principal: Principal | undefined;
  /** `ingest.not_allowed` and so on. */
  readonly code: string;
  readonly topic: string;
  /** Start of the payload as printable text. */
  readonly excerpt: string;
  readonly remoteAddress: string;
}

/**
 * Hears of every refused publish.
 *
 * @param ticket - Only for QoS 1 and 2 of 3.1.1, which cannot be told "no".
 * @returns true where the ticket is kept and settled with the receipt of the commit that recorded the refusal; otherwise the connection is closed.
 */
export type OnRefused = (refused: RefusedPublish, ticket: Ticket | undefined) => boolean | void;

export interface HubDeps {
  readonly authenticate: Authenticate;
  readonly gate: IntakeGate;
  readonly limits: MqttLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRefused: OnRefused;
  readonly onListening?: OnListening | undefined;
}

/** Hears that a client listens: it has subscribed, or came back to subscriptions it had. */
export type OnListening = (principal: Principal) => void;

/** What all connections share: sessions, subscriptions, retained messages, limits and their counters. */
export class Hub implements OutboxRules {
  readonly authenticate: Authenticate;
  readonly gate: IntakeGate;
  readonly limits: MqttLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRefused: OnRefused;
  readonly onListening: OnListening;
  readonly exceeded: Exceeded = noneExceeded();
  readonly sessions = new Map<string, Session>();
  readonly subscriptions = new SubscriptionTree<Subscription>();
  readonly retained = new RetainedStore();
  readonly counters = {
    connects: 0,
    connectsRefused: 0,
    published: 0,
    publishRefused: 0,
    duplicatesHeld: 0,
    retainIgnored: 0,
    delivered: 0,
    deliveryDenied: 0,
    wills: 0,
    willsRefused: 0,
    takeovers: 0,
    revoked: 0,
    sessionsExpired: 0,
    protocolErrors: 0,
  };
  /** Messages handed on whose ticket has not been settled. */
  ticketsInFlight = 0;
  totalBytes = 0;
  /** No will is published and nobody is let in any more. */
  isClosing = false;
  readonly #sessionsOf = new Map<string, number>();

  constructor(deps: HubDeps) {
    this.authenticate = deps.authenticate;
    this.gate = deps.gate;
    this.limits = deps.limits;
    this.clock = deps.clock;
    this.log = deps.log;
    this.onRefused = deps.onRefused;
    this.onListening = deps.onListening ?? (() => undefined);
  }

  get queueMessages(): number {
    return this.limits.queueMessages;
  }
  get queueBytes(): number {
    return this.limits.queueBytes;
  }
  get queueTotalBytes(): number {
    return this.limits.queueTotalBytes;
  }
  get outgoingInflight(): number {
    return this.limits.outgoingInflight;
  }
  nowMs(): number {
    // Whole numbers take no memory of their own in the ten thousands of objects that keep them.
    return Math.floor(this.clock.monotonicMs());
  }

  /** Counts that a limit was met. */
  exceed(limit: LimitName): void {
    this.exceeded[limit] += 1;
  }

  dropped(limit: LimitName): void {
    this.exceed(limit);
  }

  /** A retained message that may still be shown: not expired, and its author has not lost the right to say it (M8). */
  retainedOn(topic: string): Message | undefined {
    const message = this.retained.get(topic);
    if (message === undefined) return undefined;
    if (!isOver(message, this.nowMs())) return message;
    this.retained.delete(topic);
    return undefined;
  }

  retainedTopics(filter: string): readonly string[] {
    return this.retained.topicsFor(filter);
  }

  /** Sessions of a principal under other names than its own id. */
  sessionsOf(principalId: string): number {
    return this.#sessionsOf.get(principalId) ?? 0;
  }

  newSession(key: string, clientId: string, principal: Principal): Session {
    const session = new Session(key, clientId, principal);
    this.sessions.set(key, session);
    // The one session under a device's own id needs no counting.
    if (clientId !== principal.id) this.#sessionsOf.set(principal.id, this.sessionsOf(principal.id) + 1);
    return session;
  }

  /** Ends a session: subscriptions, queue and halves of QoS 2 are gone. A will that was waiting is published first. */
  dropSession(session: Session, { withWill }: { withWill: boolean }): void {
    if (session.will !== undefined && withWill) this.fireWill(session);
    session.will = undefined;
    for (const subscription of session.subscriptions?.values() ?? []) this.subscriptions.remove(subscription.filter, subscription);
    session.subscriptions = undefined;
    session.outbox?.clear();
    session.outbox = undefined;
    session.received = undefined;
    if (this.sessions.get(session.key) !== session) return;
    this.sessions.delete(session.key);
    if (session.clientId === session.principal.id) return;
    const left = this.sessionsOf(session.principal.id) - 1;
    if (left > 0) this.#sessionsOf.set(session.principal.id, left);
    else this.#sessionsOf.delete(session.principal.id);
  }

  /** A connection has ended; what that means for its session and will depends on how. */
  disconnected(session: Session, { withWill }: { withWill: boolean }): void {
    session.link = undefined;
    if (!withWill || this.isClosing) session.will = undefined;
    if (session.expirySeconds === 0 || session.principal.revoked) {
      this.dropSession(session, { withWill: true });
      return;
    }
    const now = this.nowMs();
    session.endsAtMs = now + session.expirySeconds * 1_000;
    if (session.will === undefined) return;
    if (session.will.delaySeconds === 0) this.fireWill(session);
    else session.willDueAtMs = now + session.will.delaySeconds * 1_000;
  }

  /** Looks after sessions without a connection: wills that are due, sessions that are over, principals that lost their right. */
  sweepSessions(): void {
    const now = this.nowMs();
    for (const session of this.sessions.values()) {
      if (session.principal.revoked) {
        this.counters.revoked += 1;
        const { link } = session;
        this.dropSession(session, { withWill: true });
        link?.fail(0x87);
      } else if (session.link === undefined) {
        if (session.willDueAtMs !== 0 && session.willDueAtMs <= now) this.fireWill(session);
        if (session.endsAtMs > now) continue;
        this.counters.sessionsExpired += 1;
        this.dropSession(session, { withWill: true });
      }
    }
  }

  outboxOf(session: Session): Outbox {
    return (session.outbox ??= new Outbox(this));
  }

  /** Takes a message that counts: keeps it where it is retained, and hands it to everyone who listens. @returns Sessions it was handed to. */
  publish(message: Message): number {
    if (message.retain) this.retained.set(message);
    return this.deliver(message, this.subscriptions.match(message.topic));
  }

  /** The subscription of a client that is here by which it would get a message at QoS 1, its main connection first. */
  listenerOn(topic: string): (Subscription & { readonly session: { readonly link: Link } }) | undefined {
    const here = this.subscriptions.match(topic).filter(isHere);
    const may = here.filter(({ qos, session }) => qos === 1 && !session.principal.revoked && session.principal.mayReceive(topic));
    return may.find(({ session }) => session.clientId === session.principal.id) ?? may[0];
  }

  /**
   * Offers a message to one client that is here; nobody gets it later in its place.
   *
   * @returns `held`: it is on its way, be it since an earlier offer. `away`: nobody listens, or there is no room. `too_large`: for this client.
   */
  offer(message: Message & { readonly offer: Offer }): "held" | "away" | "too_large" {
    const listener = this.listenerOn(message.topic);
    if (listener === undefined) return "away";
    const { session, id } = listener;
    const outbox = this.outboxOf(session);
    if (outbox.isHolding(message.offer.key)) return "held";
    const subscriptionIds = id === 0 ? undefined : [id];
    const { link } = session;
    const packet = encodePublish({ message, qos: 1, retain: false, dup: false, packetId: 1, subscriptionIds }, link.version, this.nowMs());
    if (packet.length > link.maximumPacketBytes) return "too_large";
    if (!outbox.enqueue(message, false, subscriptionIds)) return "away";
    outbox.pump(link, session.principal);
    this.counters.delivered += 1;
    return "held";
  }

  /** Hands a message to subscribers: once per session, at the highest QoS any of its filters was granted. */
  deliver(message: Message, subscriptions: readonly Subscription[]): number {
    if (subscriptions.length === 0) return 0;
    if (subscriptions.length === 1) return this.#deliverTo(subscriptions, message);
    const bySession = Map.groupBy(subscriptions, (subscription) => subscription.session);
    let handed = 0;
    for (const own of bySession.values()) handed += this.#deliverTo(own, message);
    return handed;
  }

  #deliverTo(own: readonly Subscription[], message: Message): number {
    const counted = own.filter((one) => !(one.noLocal && one.session === message.origin));
    const session = counted[0]?.session;
    if (session === undefined) return 0;
    const { principal, link } = session;
    if (principal.revoked || !principal.mayReceive(message.topic)) {
      this.counters.deliveryDenied += 1;
      return 0;
    }
    const qos = message.qos > 0 && counted.some((one) => one.qos === 1) ? 1 : 0;
    const retain = message.retain && counted.some((one) => one.retainAsPublished);
    const ids = counted.filter((one) => one.id !== 0).map((one) => one.id);
    const subscriptionIds = ids.length === 0 ? undefined : ids;
    if (qos === 1) {
      const outbox = this.outboxOf(session);
      outbox.enqueue(message, retain, subscriptionIds);
      if (link !== undefined) outbox.pump(link, principal);
    } else {
      if (link === undefined || !link.isOpen) return 0;
      if (link.isCongested) {
        this.exceed("outBufferBytes");
        return 0;
      }
      const packet = encodePublish({ message, qos, retain, dup: false, packetId: 0, subscriptionIds }, link.version, this.nowMs());
      if (packet.length > link.maximumPacketBytes) return 0;
      link.send(packet);
    }
    this.counters.delivered += 1;
    return 1;
  }

  /** Publishes the will of a session, once. The right is asked again: it may have ended since CONNECT. */
  fireWill(session: Session): void {
    const { will, principal } = session;
    session.will = undefined;
    session.willDueAtMs = 0;
    if (will === undefined || this.isClosing) return;
    const route = principal.revoked ? undefined : principal.mayPublish(will.topic);
    if (route === undefined || "refused" in route) {
      this.counters.willsRefused += 1;
      this.onRefused(
        { principal, code: route?.code ?? "ingest.not_allowed", topic: will.topic, excerpt: "", remoteAddress: "" },
        undefined,
      );
      return;
    }
    this.counters.wills += 1;
    const retain = will.retain && route.mayRetain;
    const expiresAtMs = will.expirySeconds < 0 ? Infinity : this.nowMs() + will.expirySeconds * 1_000;
    const { topic, payload, qos, properties } = will;
    this.#accept(route, { topic, payload, qos, retain, properties, expiresAtMs, author: principal, origin: session });
  }

  #accept(route: PublishRoute, message: Message): void {
    const ticket = message.qos === 0 ? undefined : new HubTicket(this, message);
    if (ticket !== undefined) this.ticketsInFlight += 1;
    route.accept(message.payload, 0, message.payload.length, ticket, message.retain);
    if (ticket === undefined) this.publish(message);
  }
}

function isHere(subscription: Subscription): subscription is Subscription & { readonly session: { readonly link: Link } } {
  return subscription.session.link?.isOpen === true;
}

/** A message is over when it expired or its author lost the right to say it. */
export function isOver(message: Message, nowMs: number): boolean {
  return message.expiresAtMs <= nowMs || message.author?.revoked === true;
}

/** The ticket of a will: nobody waits for an answer, but it is shown to others only when it is stored. */
class HubTicket implements Ticket {
  reason = 0;
  readonly #hub: Hub;
  #message: Message | undefined;

  constructor(hub: Hub, message: Message) {
    this.#hub = hub;
    this.#message = message;
  }

  settle(_receipt: CommitReceipt): void {
    const message = this.#message;
    if (message === undefined) return;
    this.#message = undefined;
    this.#hub.ticketsInFlight -= 1;
    if (this.reason === 0) this.#hub.publish(message);
  }

  abandon(): void {
    if (this.#message !== undefined) this.#hub.ticketsInFlight -= 1;
    this.#message = undefined;
  }
}
