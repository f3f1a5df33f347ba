import type { CommitReceipt } from "./receipt.ts";

/**
 * A message that waits for its acknowledgement: an MQTT packet of QoS 1 or 2, or an HTTP request.
 *
 * Whoever stores messages keeps the tickets of a batch and hands them to {@link acknowledge} with the receipt of the commit.
 */
export interface Ticket {
  /** MQTT 5 reason code to answer; 0 = stored. Set before settling: 0x99 payload refused, 0x87 not allowed, 0x97 quota. */
  reason: number;
  settle(receipt: CommitReceipt): void;
  /** It will never be stored: the sender is to send it again. The door closes the connection, for that is when MQTT clients do. */
  abandon?(): void;
}

/** The one function that emits PUBACK, PUBREC or a 2xx for readings; nothing is acknowledged without a receipt. */
export function acknowledge(receipt: CommitReceipt, tickets: readonly Ticket[]): void {
  for (const ticket of tickets) ticket.settle(receipt);
}

/** What a principal may publish to: found once per connection and topic, then used for every message. */
export interface PublishRoute {
  /**
   * Takes one message. `bytes` is valid during the call only.
   *
   * @param ticket - Absent for QoS 0, which carries no promise.
   */
  accept(bytes: Buffer, start: number, end: number, ticket: Ticket | undefined, retain: boolean): void;
  /** Whether the topic may be retained. */
  readonly mayRetain: boolean;
}

/**
 * Counts the bytes that were read but are not committed yet, and closes the way in while there are too many:
 * memory is bounded in bytes, whatever the number of devices.
 */
export class IntakeGate {
  readonly #highBytes: number;
  readonly #lowBytes: number;
  #bytes = 0;
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor({ highBytes, lowBytes }: { highBytes: number; lowBytes: number }) {
    this.#highBytes = highBytes;
    this.#lowBytes = lowBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True while nobody should read more. */
  get closed(): boolean {
    return this.#closed;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= this.#highBytes) this.#closed = true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    if (!this.#closed || this.#bytes > this.#lowBytes) return;
    this.#closed = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const open of waiting) open();
  }

  /** Calls back once, when the way is open again; a socket that was paused resumes there. */
  whenOpen(open: () => void): void {
    if (this.#closed) this.#waiting.push(open);
    else open();
  }
}
