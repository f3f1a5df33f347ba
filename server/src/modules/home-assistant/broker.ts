import { connect as connectTcp, isIP } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { AppError, isAppError } from "@roost/contract/errors";
import { homeAssistantErrors } from "@roost/contract/home-assistant";
import mqtt from "mqtt";

import type { Egress } from "../../platform/egress.ts";
import { PacketLimit } from "./packet-limit.ts";

/** Where the broker is and how it is spoken to. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly caPem?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export interface BrokerOptions {
  readonly egress: Pick<Egress, "resolveHost">;
  readonly clientId: string;
  /** Said by the broker, retained, when the connection breaks. */
  readonly will?: { readonly topic: string; readonly payload: string };
  readonly onMessage?: (topic: string, payload: Buffer, isRetained: boolean) => void;
  readonly onLost?: () => void;
  readonly timeoutMs?: number;
  /** Gives a try up. */
  readonly signal?: AbortSignal;
}

const defaultTimeoutMs = 8_000;
const keepAliveSeconds = 30;
const goodbyeMs = 500;
const longestPacketBytes = 1024 * 1024;
const notAuthorised = new Set([4, 5]);

/** One connection to a broker. */
export interface BrokerSession {
  readonly isUp: () => boolean;
  /** Resolves when the broker has it. @throws {AppError} `home_assistant.lost` */
  publish(topic: string, payload: string, options: { retain: boolean }): Promise<void>;
  subscribe(topics: readonly string[]): Promise<void>;
  unsubscribe(topics: readonly string[]): Promise<void>;
  /** Says goodbye, so that the will is not said. */
  end(): Promise<void>;
}

/**
 * Connects to a broker once. The name is resolved by the rules for outgoing connections, and the connection goes to exactly that address.
 *
 * @throws {AppError} of `home_assistant.*`, with what is wrong in words
 */
export async function connectBroker(address: BrokerAddress, options: BrokerOptions): Promise<BrokerSession> {
  const [target] = await orGivenUp(options.egress.resolveHost(address.host), options.signal).catch((cause: unknown) => {
    throw homeAssistantErrors.refused_address(isAppError(cause) ? { because: cause.code } : {}, { cause });
  });
  if (target === undefined) throw homeAssistantErrors.refused_address();
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const client = new mqtt.MqttClient(() => openSocket(address, target), {
    clientId: options.clientId,
    protocolVersion: 4,
    clean: true,
    keepalive: keepAliveSeconds,
    connectTimeout: timeoutMs,
    // Trying again is the link's work: the name is resolved anew each time.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(options.will === undefined
      ? {}
      : { will: { topic: options.will.topic, payload: Buffer.from(options.will.payload), qos: 1, retain: true } }),
  });
  let failure: unknown;
  let isLost = false;
  client.on("error", (error) => {
    failure ??= error;
  });
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => settle(homeAssistantErrors.no_answer()), timeoutMs);
    const giveUp = () => settle(homeAssistantErrors.lost());
    options.signal?.addEventListener("abort", giveUp, { once: true });
    const settle = (fault?: AppError) => {
      clearTimeout(late);
      options.signal?.removeEventListener("abort", giveUp);
      client.off("connect", onUp);
      client.off("close", onDown);
      if (fault === undefined) return resolve();
      client.end(true);
      reject(fault);
    };
    const onUp = () => settle();
    const onDown = () => settle(faultOf(failure, address.tls));
    client.once("connect", onUp);
    client.once("close", onDown);
  });
  client.on("message", (topic, payload, packet) => options.onMessage?.(topic, payload, packet.retain));
  client.on("close", () => {
    if (isLost) return;
    isLost = true;
    client.end(true);
    options.onLost?.();
  });

  const done = async (work: Promise<unknown>): Promise<void> => {
    if (isLost || !client.connected) throw homeAssistantErrors.lost();
    // Whatever waits for an answer when the connection breaks is never answered.
    let onClose: () => void = () => undefined;
    const broken = new Promise<never>((_, reject) => {
      onClose = () => reject(homeAssistantErrors.lost());
      client.once("close", onClose);
    });
    try {
      await Promise.race([work, broken]);
    } catch (cause) {
      throw cause instanceof AppError ? cause : homeAssistantErrors.lost({}, { cause });
    } finally {
      client.off("close", onClose);
    }
  };
  client.setMaxListeners(0);

  return {
    isUp: () => !isLost && client.connected,
    publish: async (topic, payload, { retain }) => {
      if (isLost || !client.connected) throw homeAssistantErrors.lost();
      await done(client.publishAsync(topic, payload, { qos: 1, retain }));
    },
    subscribe: async (topics) => {
      if (isLost || !client.connected) throw homeAssistantErrors.lost();
      if (topics.length > 0) await done(client.subscribeAsync([...topics], { qos: 1 }));
    },
    unsubscribe: async (topics) => {
      if (isLost || !client.connected) throw homeAssistantErrors.lost();
      if (topics.length > 0) await done(client.unsubscribeAsync([...topics]));
    },
    async end() {
      isLost = true;
      const { stream } = client;
      if (stream.destroyed) return;
      const over = new Promise<void>((resolve) => stream.once("close", () => resolve()));
      client.end(false);
      // A goodbye waits for what is not acknowledged yet, for ever if it has to.
      const late = setTimeout(() => stream.destroy(), goodbyeMs);
      await over;
      clearTimeout(late);
    },
  };
}

/** The system's resolver cannot be called off, so the wait for it is. */
async function orGivenUp<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  let giveUp: () => void = () => undefined;
  const over = new Promise<never>((_, reject) => {
    giveUp = () => reject(homeAssistantErrors.lost());
    signal.addEventListener("abort", giveUp, { once: true });
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function openSocket({ host, port, tls, caPem }: BrokerAddress, target: string): Socket {
  const socket = tls
    ? connectTls({
        // The address, not the name: nobody resolves a second time.
        host: target,
        port,
        rejectUnauthorized: true,
        minVersion: "TLSv1.2",
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(caPem === undefined ? {} : { ca: caPem }),
      })
    : connectTcp({ host: target, port });
  // What is published goes at once, and does not wait for the answer to what went before.
  socket.setNoDelay(true);
  const limit = new PacketLimit(longestPacketBytes);
  socket.on("data", (bytes: Buffer) => {
    if (!limit.accepts(bytes)) socket.destroy(new Error("the broker sent a packet that is too large"));
  });
  return socket;
}

/** What went wrong before there was a connection, in the house's words. */
function faultOf(failure: unknown, tls: boolean): AppError {
  const options = failure === undefined ? undefined : { cause: failure };
  const code = failure instanceof Error ? (failure as { code?: unknown }).code : undefined;
  if (typeof code === "number")
    return notAuthorised.has(code) ? homeAssistantErrors.wrong_password({}, options) : homeAssistantErrors.refused({ code }, options);
  if (typeof code !== "string") return homeAssistantErrors.no_answer({}, options);
  if (/^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(code))
    return homeAssistantErrors.untrusted({}, options);
  if (/^(?:ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT)$/.test(code))
    return homeAssistantErrors.unreachable({}, options);
  if (tls && /^(?:ERR_SSL_|EPROTO|ECONNRESET|ERR_TLS_)/.test(code)) return homeAssistantErrors.no_tls({}, options);
  return homeAssistantErrors.no_answer({}, options);
}
