import type { AckType } from "./ack-buffer.ts";

/** A connection as the rest of the door sees it: what may be told to a client that is here. */
export interface Link {
  /** 4 for 3.1.1, 5 for 5. */
  readonly version: number;
  readonly remoteAddress: string;
  readonly isOpen: boolean;
  /** The client does not take what it was sent; QoS 0 is dropped, QoS 1 waits. */
  readonly isCongested: boolean;
  /** What the client asked for in CONNECT; 65,535 where it did not. */
  readonly receiveMaximum: number;
  /** Largest packet the client takes. */
  readonly maximumPacketBytes: number;
  /** Writes packets that are known to be small enough for the client. */
  send(packets: Uint8Array): void;
  /** Sends an answer; a client that cannot take it is closed. */
  sendPacket(packet: Uint8Array): void;
  /** Answers a message at the end of the tick, together with others. */
  acknowledge(type: AckType, packetId: number, reason: number): void;
  /** Ends the connection: MQTT 5 clients are told the reason; the will is published. */
  fail(reason: number): void;
  /** Earlier messages were acknowledged: reading may go on where it stopped for that. */
  windowFreed(): void;
}
