import type { Link } from "./link.ts";
import { costOf, encodePublish } from "./message.ts";
import type { Message } from "./message.ts";
import type { Principal } from "./principal.ts";

/** A message that waits for one client, or was sent and waits for its PUBACK. */
interface Waiting {
  readonly message: Message;
  readonly retain: boolean;
  readonly subscriptionIds: readonly number[] | undefined;
}

/** Retained messages a new subscription asks for; looked up when their turn comes, so hardly anything waits here. */
interface RetainedRun {
  readonly filter: string;
  topics: readonly string[] | undefined;
  readonly qos: 0 | 1;
  readonly subscriptionIds: readonly number[] | undefined;
  next: number;
}

/** What one outbox has in common with all others. */
export interface OutboxRules {
  readonly queueMessages: number;
  readonly queueBytes: number;
  readonly queueTotalBytes: number;
  readonly outgoingInflight: number;
  /** Bytes that wait in all outboxes. */
  totalBytes: number;
  nowMs(): number;
  retainedTopics(filter: string): readonly string[];
  retainedOn(topic: string): Message | undefined;
  /** Says a drop, by the limit that was met. */
  dropped(limit: "queueMessages" | "queueBytes" | "queueTotalBytes"): void;
}

/** What waits for one client: bounded in messages and bytes, sent as far as the client's window allows. */
export class Outbox {
  readonly #rules: OutboxRules;
  #queue: Waiting[] = [];
  readonly #inflight = new Map<number, Waiting>();
  #runs: RetainedRun[] = [];
  #bytes = 0;
  #lastPacketId = 0;

  constructor(rules: OutboxRules) {
    this.#rules = rules;
  }

  get messages(): number {
    return this.#queue.length + this.#inflight.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Says whether what is offered under this key waits here, or was sent and not confirmed yet. */
  isHolding(offerKey: string): boolean {
    for (const { message } of this.#inflight.values()) if (message.offer?.key === offerKey) return true;
    return this.#queue.some(({ message }) => message.offer?.key === offerKey);
  }

  /**
   * Puts a QoS 1 message in the row. What was there stays; the new one is dropped and counted where there is no room.
   *
   * @returns Whether there was room.
   */
  enqueue(message: Message, retain: boolean, subscriptionIds: readonly number[] | undefined): boolean {
    const rules = this.#rules;
    const cost = costOf(message);
    const full =
      this.messages >= rules.queueMessages
        ? "queueMessages"
        : this.#bytes + cost > rules.queueBytes
          ? "queueBytes"
          : rules.totalBytes + cost > rules.queueTotalBytes
            ? "queueTotalBytes"
            : undefined;
    if (full !== undefined) {
      rules.dropped(full);
      return false;
    }
    this.#bytes += cost;
    rules.totalBytes += cost;
    this.#queue.push({ message, retain, subscriptionIds });
    return true;
  }

  /** Puts the retained messages of a filter in the row, before everything else; asking again for the same filter starts it anew. */
  addRetained(filter: string, qos: 0 | 1, subscriptionIds: readonly number[] | undefined): void {
    this.#runs = this.#runs.filter((run) => run.filter !== filter);
    this.#runs.push({ filter, topics: undefined, qos, subscriptionIds, next: 0 });
  }

  /** Retained messages of a filter that was unsubscribed are not sent any more. */
  dropRetained(filter: string): void {
    this.#runs = this.#runs.filter((run) => run.filter !== filter);
  }

  /** Sends what may go. The right to receive is asked here, at the moment of delivery. */
  pump(link: Link, principal: Principal): void {
    const window = Math.min(link.receiveMaximum, this.#rules.outgoingInflight);
    while (!link.isCongested && link.isOpen && this.#inflight.size < window) {
      const run = this.#runs[0];
      if (run !== undefined) this.#sendRetained(run, link, principal);
      else {
        const waiting = this.#queue.shift();
        if (waiting === undefined) return;
        if (!this.#send(waiting, link, principal)) this.#forget(waiting);
      }
    }
  }

  /** Says whether a message was sent under this id and waits for its PUBACK. */
  isWaitingFor(packetId: number): boolean {
    return this.#inflight.has(packetId);
  }

  /** A PUBACK came, with its reason code. @returns false for a packet id that nothing was sent under. */
  settled(packetId: number, reason = 0): boolean {
    const waiting = this.#inflight.get(packetId);
    if (waiting === undefined) return false;
    this.#drop(packetId, waiting);
    waiting.message.offer?.answered(reason);
    return true;
  }

  /** Sends again, with DUP, what a former connection did not acknowledge (4.4). */
  resend(link: Link, principal: Principal): void {
    for (const [packetId, waiting] of this.#inflight) {
      const { topic, offer, expiresAtMs } = waiting.message;
      // What is offered is not worth doing any more once it expired; other messages go again, as 4.4 asks.
      const isOver = offer !== undefined && expiresAtMs <= this.#rules.nowMs();
      if (!isOver && principal.mayReceive(topic)) this.#write(waiting, link, packetId, true);
      else this.#drop(packetId, waiting);
    }
  }

  /** Forgets everything; the bytes are given back. */
  clear(): void {
    this.#rules.totalBytes -= this.#bytes;
    this.#bytes = 0;
    this.#queue = [];
    this.#runs = [];
    this.#inflight.clear();
  }

  #sendRetained(run: RetainedRun, link: Link, principal: Principal): void {
    run.topics ??= this.#rules.retainedTopics(run.filter);
    const topic = run.topics[run.next];
    run.next += 1;
    if (topic === undefined) {
      this.#runs.shift();
      return;
    }
    const message = this.#rules.retainedOn(topic);
    if (message === undefined) return;
    const waiting = { message, retain: true, subscriptionIds: run.subscriptionIds };
    if (run.qos === 1 && message.qos > 0) {
      const cost = costOf(message);
      this.#bytes += cost;
      this.#rules.totalBytes += cost;
      if (!this.#send(waiting, link, principal)) this.#forget(waiting);
    } else if (principal.mayReceive(topic)) {
      this.#write(waiting, link, 0, false);
    }
  }

  #send(waiting: Waiting, link: Link, principal: Principal): boolean {
    if (waiting.message.expiresAtMs <= this.#rules.nowMs() || !principal.mayReceive(waiting.message.topic)) return false;
    const packetId = this.#freePacketId();
    if (!this.#write(waiting, link, packetId, false)) return false;
    this.#inflight.set(packetId, waiting);
    return true;
  }

  #write({ message, retain, subscriptionIds }: Waiting, link: Link, packetId: number, dup: boolean): boolean {
    const qos = packetId === 0 ? 0 : 1;
    const packet = encodePublish({ message, qos, retain, dup, packetId, subscriptionIds }, link.version, this.#rules.nowMs());
    // Too large for this client: as if it had been delivered (3.1.2.11.4).
    if (packet.length > link.maximumPacketBytes) return false;
    link.send(packet);
    return true;
  }

  #drop(packetId: number, waiting: Waiting): void {
    this.#inflight.delete(packetId);
    this.#forget(waiting);
  }

  #forget(waiting: Waiting): void {
    const cost = costOf(waiting.message);
    this.#bytes -= cost;
    this.#rules.totalBytes -= cost;
  }

  #freePacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % 65_535) + 1;
    while (this.#inflight.has(this.#lastPacketId));
    return this.#lastPacketId;
  }
}
