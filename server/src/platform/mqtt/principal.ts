import type { PublishRoute } from "../intake.ts";

/** Why a client or a message was refused; `code` is one of the contract's, `reason` the MQTT 5 reason code. */
export interface Refusal {
  readonly refused: true;
  readonly code: string;
  readonly reason: number;
}

/** Who is behind a connection and what it may touch. Asked at the moment of use: at CONNECT, SUBSCRIBE, PUBLISH, delivery, will and retained. */
export interface Principal {
  readonly kind: "device" | "token";
  /** The device's id or the token's. */
  readonly id: string;
  readonly organisationId: string;
  /** Turns true when its right ends; the door then cuts the connection and drops its session. */
  readonly revoked: boolean;
  /** Devices: the only client id it may use, or a pattern for tokens. */
  mayUseClientId(clientId: string): boolean;
  mayPublish(topic: string): PublishRoute | Refusal;
  maySubscribe(filter: string): boolean;
  mayReceive(topic: string): boolean;
}

export interface Credentials {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly remoteAddress: string;
}

/** Checks credentials; asked once per CONNECT. */
export type Authenticate = (credentials: Credentials) => Promise<Principal | Refusal>;
