import type { Link } from "./link.ts";
import type { Outbox } from "./outbox.ts";
import type { Principal } from "./principal.ts";

export interface Subscription {
  readonly session: Session;
  readonly filter: string;
  readonly qos: 0 | 1;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** MQTT 5 subscription identifier; 0 where there is none. */
  readonly id: number;
}

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly properties: Buffer | undefined;
  readonly expirySeconds: number;
  readonly delaySeconds: number;
}

/** Where an inbound QoS 2 message is: still to be committed (then there is a holder), or waiting for PUBREL. */
export interface Uncommitted {
  /** The connection that wants the PUBREC: the latest one that sent the message. */
  link: Link;
}

/** What outlives a connection: subscriptions, what waits, halves of QoS 2. Empty parts do not exist, for most clients are quiet. */
export class Session {
  readonly key: string;
  readonly clientId: string;
  principal: Principal;
  link: Link | undefined;
  /** Seconds it is kept after the connection ended; 0 ends it at once. */
  expirySeconds = 0;
  /** Monotonic milliseconds after which it ends; counts only while nobody is connected. */
  endsAtMs = 0;
  subscriptions: Map<string, Subscription> | undefined;
  outbox: Outbox | undefined;
  /** By packet id: a message that waits for its commit, or `true` for one that waits for PUBREL. */
  received: Map<number, Uncommitted | true> | undefined;
  will: Will | undefined;
  /** Monotonic milliseconds at which a delayed will is due; 0 where none waits. */
  willDueAtMs = 0;

  constructor(key: string, clientId: string, principal: Principal) {
    this.key = key;
    this.clientId = clientId;
    this.principal = principal;
  }
}
